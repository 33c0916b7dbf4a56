"""The suite itself: where helpers are, who reads VOICEBAND_PROVE, what is collected, and asserts under python -O."""

import ast
from itertools import groupby
from pathlib import Path

import pytest

from _support.order import early
from _support.programs import python

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
MODULES = sorted(TESTS.rglob("*.py"))
pytestmark = pytest.mark.source_tree


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_no_module_imports_a_test_module(path):
    names = imported(ast.parse(path.read_text(encoding="utf-8")))
    assert [name for name in names if name.rpartition(".")[2].startswith(("test_", "conftest"))] == []


def test_one_place_reads_what_make_prove_sets():
    readers = [path for path in MODULES if 'environ.get("VOICEBAND_PROVE"' in path.read_text(encoding="utf-8")]
    assert [path.relative_to(TESTS).as_posix() for path in readers if path != Path(__file__)] == ["_support/dose.py"]


class Item:
    def __init__(self, path, waits):
        self.path, self.waits = path, waits

    def get_closest_marker(self, name):
        return self.waits and name == "waits"


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_what_waits_begins_early_and_files_stay_together(workers):
    items = [Item(f"{k}", k % 5 == 4 and n < 3) for k in range(20) for n in range(5 + k)]
    ordered = early(items, workers)
    assert sorted(map(id, ordered)) == sorted(map(id, items))
    share = len(items) / workers
    assert all((at + 3) % share < 0.7 * share for at, item in enumerate(ordered) if item.waits)  # about the share
    assert all(len({*group}) == 3 for waits, group in groupby(ordered, lambda item: item.waits) if waits)
    paths = [path for path, _ in groupby(item.path for item in ordered if not item.waits)]
    assert len(paths) == len({*paths})
    assert early([], workers) == []


@pytest.mark.prove
def test_asserts_count_though_python_leaves_its_own_out(tmp_path):
    (tmp_path / "test_false.py").write_text(
        "def test_here():\n    assert 1 == 2\n"
        "def test_in_support():\n    from _support.report_pages import Page\n    Page('<p>')\n"
    )
    options = (
        "-q",
        "-p",
        "no:randomly",
        "-p",
        "conftest",
        "-c",
        ROOT / "pyproject.toml",
        "--rootdir",
        tmp_path,
        tmp_path,
    )
    result = python("-O", "-m", "pytest", *options, tmp_path, cwd=tmp_path)
    assert "2 failed" in result.stdout, result.stdout + result.stderr


@pytest.mark.prove
def test_workers_collect_nothing_that_is_ignored():
    pytest.importorskip("xdist")
    result = python("-m", "pytest", "-q", "-n1", TESTS, "--ignore-glob=*/test_*.py", cwd=ROOT)
    assert (result.returncode, "no tests ran" in result.stdout) == (5, True), result.stdout + result.stderr
