"""What make says when something that it needs is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.source_tree, pytest.mark.skipif(os.name == "nt", reason="a POSIX shell script")]


def check(python, *more, **environment):
    script = ROOT / "tools" / "check_toolchain.sh"
    return subprocess.run(
        ["/bin/sh", script, python, *more],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **environment},
    )


def fake_python(folder, answers):
    """Make an interpreter whose answers to some questions are changed."""
    lines = ["#!/bin/sh", 'case "$2" in']
    lines += [f"  *{key}*) {answer} ;;" for key, answer in answers.items()]
    lines += [f'  *) exec "{sys.executable}" "$@" ;;', "esac"]
    path = folder / "python"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o755)
    return str(path)


def test_a_good_machine_is_silent():
    result = check(sys.executable)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        ({"version_info": "exit 1"}, "too old; Python 3.11 or newer is needed"),
        ({"ensurepip": "exit 1"}, "cannot make virtual environments; install python3-venv"),
        (
            {"include": "echo /nowhere"},
            "no Python headers in /nowhere; install them (Debian, Ubuntu: apt install python3-dev)",
        ),
    ],
)
def test_what_the_interpreter_lacks(tmp_path, answers, line):
    result = check(fake_python(tmp_path, answers))
    assert result.returncode == 1
    assert line in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_no_interpreter_and_no_compiler():
    assert "no python9.9; install it" in check("python9.9").stderr
    result = check(sys.executable, CC="nosuchcc")
    assert result.returncode == 1
    assert result.stderr.startswith("voiceband: no C compiler (nosuchcc); install one")
    assert len(result.stderr.splitlines()) == 1


def test_no_git(tmp_path):
    assert check(sys.executable, PATH=str(tmp_path), CC="/bin/sh").returncode == 0
    result = check(sys.executable, "git", PATH=str(tmp_path), CC="/bin/sh")
    assert result.returncode == 1
    assert result.stderr.startswith("voiceband: no git; install it (Debian, Ubuntu: apt install git")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("says", "line"),
    [
        (
            "WARNING: Retrying after NewConnectionError: x\nERROR: No matching distribution",
            "pip reaches no package index",
        ),
        ("ERROR: no space left", "ERROR: no space left"),
    ],
)
def test_pip_fails_in_one_line(tmp_path, says, line):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho '{says}'\nexit 1\n")
    python.chmod(0o755)
    script = ROOT / "tools" / "pip.sh"
    result = subprocess.run(["/bin/sh", script, python, "install", "x"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert line in result.stderr
    assert len(result.stderr.splitlines()) == 1
