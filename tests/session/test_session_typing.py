"""What a type checker makes of a session, and the signatures that a reader sees."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import voiceband
from voiceband.session import Session, SessionOptions

HERE = Path(__file__).parent
PAGES = [HERE / "typing" / "sessions.py", HERE.parent / "dsp" / "typing" / "kernels.py"]


def marked():
    return {
        (page.name, i)
        for page in PAGES
        for i, line in enumerate(page.read_text().splitlines(), 1)
        if line.endswith("# refused")
    }


@pytest.mark.prove  # make lint runs one on the package; this one reads all that numpy declares, too
@pytest.mark.source_tree
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_type_checker_refuses_what_is_wrong_and_nothing_else(checker, tmp_path):
    pytest.importorskip(checker)
    options = {"mypy": ["--strict", "--cache-dir", str(tmp_path)], "pyright": ["--pythonpath", sys.executable]}[checker]
    source = str(HERE.parents[1] / "src")
    result = subprocess.run(
        [sys.executable, "-m", checker, *options, *map(str, PAGES)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": source, "PYTHONPATH": source},
    )
    errors = re.findall(r"(\w+\.py):(\d+)(?::\d+)?:? (?:- )?error", result.stdout)
    found = {(page, int(line)) for page, line in errors}
    assert found == marked(), result.stdout + result.stderr


def test_the_options_are_the_parameters():
    parameters = inspect.signature(Session).parameters
    assert set(SessionOptions.__annotations__) == set(parameters)
    assert SessionOptions.__total__ is False
    assert all(p.default is not inspect.Parameter.empty for p in parameters.values())
    assert not any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters.values())


def test_the_package_gives_it_when_it_is_asked_for():
    assert voiceband.Session is Session
    assert "Session" in voiceband.__all__
    assert "Session" in dir(voiceband)
    with pytest.raises(AttributeError, match="module 'voiceband' has no attribute 'Sessions'"):
        _ = voiceband.Sessions
    code = "import sys, voiceband; print('voiceband.session' in sys.modules, voiceband.Session.__name__)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False", "Session"]
