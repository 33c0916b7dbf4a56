"""A build in place compiles once, and then what has changed."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.source_tree, pytest.mark.skipif(os.name == "nt", reason="it gives a compiler that fails")]

FILES = {
    "pyproject.toml": '[project]\nname = "voiceband"\nversion = "1"\ndynamic = ["readme"]\n'
    '[project.urls]\nSource = "https://code.example.com/v"\n[tool.setuptools.package-dir]\n"" = "src"\n',
    "README.md": "![p](docs/p.png) [a](docs/a.md#b) ![q](https://q.example.com/q) [c](https://c.example.com) [d](#d)\n",
    "csrc/one.h": "int one(void);\n",
    "csrc/one.c": '#include "one.h"\nint one(void) { return 1; }\n',
    "csrc/two.c": "int two(void) { return 2; }\n",
    "src/voiceband/__init__.py": "",
    "src/voiceband/sums.pyx": 'cdef extern from "one.h":\n    int one()\n\ndef added(x):\n    return x + one()\n',
}


def build(folder, **environment):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "setup.py", "-q", "build_ext", "--inplace"],
        cwd=folder,
        env={**os.environ, "VOICEBAND_BUILD": "", **environment},
        capture_output=True,
        text=True,
    )


def ask(folder):
    code = "from voiceband.sums import added; print(added(1))"
    out = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": "src"}, cwd=folder, stdout=-1)
    return out.stdout.split()


@pytest.mark.prove  # Cython and a compiler run six times
def test_only_what_has_changed_is_compiled_again(tmp_path):
    folder = tmp_path / "a checkout ü"
    checkout(folder)
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ask(folder) == [b"2"]
    objects = {path.stem: path for path in (folder / "build").rglob("*.o")}
    assert sorted(objects) == ["one", "sums", "two"]
    before = {name: path.stat().st_mtime_ns for name, path in objects.items()}

    assert build(folder, CC="false").returncode == 0  # there is nothing to compile

    (folder / "csrc/one.c").write_text('#include "one.h"\nint one(void) { return 10; }\n')
    assert build(folder, CC="false").returncode != 0
    assert build(folder).returncode == 0
    assert ask(folder) == [b"11"]
    assert [n for n, path in objects.items() if path.stat().st_mtime_ns != before[n]] == ["one"]

    os.utime(folder / "csrc/one.h")
    assert build(folder).returncode == 0
    assert sorted(n for n, path in objects.items() if path.stat().st_mtime_ns != before[n]) == ["one", "sums"]


def test_the_kind_of_build_is_checked(tmp_path):
    done = build(ROOT, VOICEBAND_BUILD="sanitise")
    assert "VOICEBAND_BUILD must be one of sanitize, coverage, not 'sanitise'" in done.stderr


def run_setup(folder, code="pass", **environment):
    """Build where something is missing, as pip does."""
    return subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            f"import sys; {code}; sys.argv = ['setup.py', '-q', 'bdist_wheel']\n{RUN}",
        ],
        cwd=folder,
        env={**{k: v for k, v in os.environ.items() if k not in {"CC", "VOICEBAND_BUILD"}}, **environment},
        capture_output=True,
        text=True,
    )


RUN = "import runpy, sys; sys.argv = ['setup.py', '-q', 'bdist_wheel']; runpy.run_path('setup.py', run_name='__main__')"


def checkout(folder):
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    shutil.copyfile(ROOT / "setup.py", folder / "setup.py")
    return folder


def test_without_a_compiler_one_line_says_so(tmp_path):
    folder = checkout(tmp_path)
    done = run_setup(folder, PATH=str(tmp_path))  # the shell of somebody without gcc
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert re.fullmatch(
        r"voiceband cannot be compiled: there is no C compiler \(\S+\); install .*apt install gcc;.*", line
    )
    (line,) = run_setup(folder, CC="nosuchcc -O1").stderr.splitlines()
    assert "there is no C compiler (nosuchcc); install" in line


def test_without_python_headers_one_line_says_so(tmp_path):
    gone = "import sysconfig; sysconfig.get_path = lambda *a, **k: '/nowhere'"
    (line,) = run_setup(checkout(tmp_path), gone).stderr.splitlines()
    assert "there are no Python headers in /nowhere; install" in line
    assert "apt install python3-dev;" in line


def test_the_sdist_is_the_same_bytes_each_time_and_its_page_links_to_the_repository(tmp_path):
    made = []
    for name, mode in (("one", 0o600), ("two", 0o644)):
        if made:
            time.sleep(1.1)  # the times in an archive are whole seconds
        folder = checkout(tmp_path / name)
        for more in ("pytest_voiceband.py", "voiceband/examples/__init__.py"):
            (folder / "src" / more).parent.mkdir(exist_ok=True)
            (folder / "src" / more).write_text("")
        (folder / "src/voiceband/__init__.py").chmod(mode)
        command = [sys.executable, "-W", "ignore", "setup.py", "-q", "sdist"]
        subprocess.run(command, cwd=folder, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}, check=True)
        (archive,) = (folder / "dist").glob("*.tar.gz")
        made.append(archive.read_bytes())
    assert made[0] == made[1]
    with tarfile.open(archive) as opened:
        (info,) = (m for m in opened if m.name.count("/") == 1 and m.name.endswith("/PKG-INFO"))
        metadata = opened.extractfile(info).read().decode()
    # On a package index there is nothing beside the page.
    assert metadata.endswith(
        "![p](https://code.example.com/v/raw/main/docs/p.png) [a](https://code.example.com/v/blob/main/docs/a.md#b) "
        "![q](https://q.example.com/q) [c](https://c.example.com) [d](#d)\n"
    )
