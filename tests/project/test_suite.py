"""The suite itself: where helpers are, who reads VOICEBAND_PROVE, what is collected, and asserts under python -O."""

import ast
import re
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


def test_no_module_imports_a_test_module():
    wrong = []
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        if re.search(r"^\s*(import|from)\b.*\b(test_|conftest)", text, re.MULTILINE):  # or it is within a text
            wrong += [
                (path.name, name) for name in imported(ast.parse(text)) if re.search(r"\b(test_\w+|conftest)$", name)
            ]
    assert wrong == []


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


# What tests use that is not public, by file: the names, and why no public one would do.
OF_OTHER_LIBRARIES = {
    "_support/deadly.py": {"_exit"},  # a function of `os`
    "dsp/test_threads.py": {"_is_gil_enabled"},  # a function of `sys`
    "emulator/carrier/test_emulator_rest.py": {"_content"},  # an answer of `requests`, which has no constructor for it
    "frameworks/livekit/test_livekit_processor.py": {"_process", "_close"},  # what LiveKit has a processor override
    "frameworks/pipecat/test_pipecat_parts.py": {"_params", "_model", "_predict_endpoint"},  # likewise pipecat
    "servers/test_read_meter.py": {"_buffer"},  # of asyncio's reader, to drop what nobody asks for
    "project/test_public_names.py": {"_is_protocol"},  # of `typing`
}
OUR_OWN = {
    "load/test_load_parts.py": {"_pieces"},  # how much memory is held does not show from outside
    "session/test_session_recorder.py": {"_left", "_right"},  # likewise
    "session/test_session_observers.py": {"_write"},  # where a full disk is felt, whatever method comes to write
    "servers/test_workers.py": {"_processes", "_children", "_ear", "_hear", "_look_after_all", "_obey"},  # no process
    "conftest.py": {"_processes"},  # modules that are shared within the package, and of no use to others
    "batch/test_batch_folder.py": {"_processes"},
    "commands/test_cli.py": {"_catalog", "_console"},
    "project/test_docs.py": {"_arguments", "_catalog", "_actions"},  # the last is argparse's
}


def private_names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (part for name in (node.module or "", *(a.name for a in node.names)) for part in name.split("."))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("setattr", "getattr", "failing")):
            yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def test_tests_use_public_names():
    found = {}
    for path in MODULES:
        names = {*private_names(ast.parse(path.read_text(encoding="utf-8")))}
        private = {n for n in names if re.fullmatch(r"_[a-z]\w*(?<!_)", n) and n != "_support"}
        if private:
            found[path.relative_to(TESTS).as_posix()] = private
    assert found == OF_OTHER_LIBRARIES | OUR_OWN
