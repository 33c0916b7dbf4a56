"""Every example in a docstring, in README.md and in docs/ runs."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
import shlex
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import voiceband
from broken_servers import Server
from pages import run_page
from voiceband.cli import main

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parent.parent
MODULES = [m.name for m in pkgutil.walk_packages(voiceband.__path__, "voiceband.") if ".examples" not in m.name]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


# Pages and modules about frameworks that have an environment, and a make target, of their own.
ELSEWHERE = {"pipecat": "pipecat.serializers", "livekit": "livekit.agents"}


def has(framework):
    try:
        return importlib.util.find_spec(ELSEWHERE[framework]) is not None
    except ModuleNotFoundError:
        return False


def documented():
    for module_name in ("voiceband", *MODULES):
        if any(f".{name}" in module_name and not has(name) for name in ELSEWHERE):
            continue
        module = importlib.import_module(module_name)
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) != module_name or not callable(value):
                continue
            places = {name: value}
            if isinstance(value, type):
                places |= {f"{name}.{n}": v for n, v in vars(value).items() if not n.startswith("_")}
            for place, item in places.items():
                doc = getattr(item, "__doc__", None) or ""
                if ">>>" in doc and doc != type(item).__doc__:  # a number has its type's
                    yield pytest.param(module, item, id=f"{module_name}.{place}")


@pytest.mark.parametrize(("module", "item"), list(documented()))
def test_docstring_examples(module, item):
    names = {**vars(voiceband), **vars(module), "np": np}
    test = doctest.DocTestParser().get_doctest(item.__doc__, names, item.__name__, None, None)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test).failed == 0


def test_examples_are_found():
    assert len(list(documented())) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_pages_run(page):
    if page.stem in ELSEWHERE and not has(page.stem):
        pytest.skip(f"needs {page.stem}: make test-{page.stem} runs it")
    run_page(page)


def blocks(page, language):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found]


def test_the_tests_that_a_page_shows_pass(pytester):
    source = "\n".join(blocks("call.md", "python"))
    pytester.makepyfile(source)
    result = pytester.runpytest_inprocess("-p", "no:benchmark")
    result.assert_outcomes(passed=len(re.findall(r"^def test_", source, re.MULTILINE)))


def test_the_commands_that_a_page_shows_run(tmp_path, monkeypatch, capsys, dose):
    names: dict[str, object] = {}
    exec(blocks("call.md", "python")[0], names)
    (tmp_path / "caller.yaml").write_text(*blocks("call.md", "yaml"))
    monkeypatch.chdir(tmp_path)
    commands = [line for block in blocks("call.md", "sh") for line in block.splitlines()]
    # Times differ from call to call.
    shown = re.split(r"[…\n]|\d\.\d\d s", "".join(blocks("call.md", "text")))
    with Server(names["agent"]) as agent:
        # The others differ in options that have tests of their own.
        for command in dose(commands[:1], [commands[0], commands[-1]]):
            words = shlex.split(command.replace("ws://127.0.0.1:8000/ws", agent.url))
            monkeypatch.setattr(sys, "argv", words)
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code == 1
            said = capsys.readouterr().err
            assert [text for text in shown if text.strip() not in said] == []
    assert commands == [line for line in commands if line.startswith("voiceband call ws://")]
    assert {path.name for path in (tmp_path / "call").iterdir()} == {"call.wav", "wire.jsonl", "summary.json"}


def test_the_readme_names_what_the_makefile_has():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = {a or b for a, b in re.findall(r"^make (\w+)|`make (\w+)`", readme, re.MULTILINE)}
    assert {"demo", "test"} <= targets
    assert targets <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))


def test_public_names_are_documented():
    for name in voiceband.__all__:
        assert (getattr(voiceband, name).__doc__ or "").strip(), name
