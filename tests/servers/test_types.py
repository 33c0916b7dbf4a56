"""Type checkers accept what is right in an agent's server, and refuse what is not."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AGENTS = Path(__file__).parent / "data" / "typed_agents.py"


def lines_that(*patterns):
    lines = AGENTS.read_text(encoding="utf-8").splitlines()
    return {n for n, line in enumerate(lines, 1) if any(re.search(pattern, line) for pattern in patterns)}


def mypy():
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", f"--config-file={ROOT}/pyproject.toml"]
    result = subprocess.run([*command, str(AGENTS)], capture_output=True, text=True, cwd=ROOT)
    return {int(n): text for n, text in re.findall(r"typed_agents\.py:(\d+): error: (.*)", result.stdout)}


def pyright():
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(AGENTS)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    found = [one for one in json.loads(result.stdout)["generalDiagnostics"] if one["severity"] == "error"]
    return {one["range"]["start"]["line"] + 1: one["message"] for one in found}


@pytest.mark.prove
@pytest.mark.source_tree
@pytest.mark.parametrize("checker", [mypy, pyright], ids=lambda checker: checker.__name__)
def test_wrong_names_and_types_are_refused_and_nothing_else(checker):
    if importlib.util.find_spec(checker.__name__) is None:
        pytest.skip(f"{checker.__name__} is not installed")
    found = checker()
    wrong = lines_that("# wrong$")
    assert len(wrong) > 10
    assert {n: text for n, text in found.items() if n not in wrong} == {}
    assert wrong - found.keys() == set()
