"""Every example in a docstring, in README.md and in docs/ runs."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
import shlex
import sys
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import voiceband
from _support.dose import dose
from _support.pages import blocks, run_page
from _support.terminal import Terminal
from voiceband.commands._arguments import parser_of
from voiceband.commands._catalog import COMMANDS as COMMANDS_LISTED
from voiceband.commands._catalog import command

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]
MODULES = [m.name for m in pkgutil.walk_packages(voiceband.__path__, "voiceband.") if ".examples" not in m.name]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(page for page in DOCS.rglob("*.md") if page.parent.name != "reference")]
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = set(PROJECT["optional-dependencies"])
COMMANDS = "test_the_commands_of_a_page_run"
FIRST = {"README", "quickstart"}  # their commands run with each `make test`, the others with `make prove`
SHOWN = {"call", "quickstart"}  # what these show a command to say, it says
# Of the blocks that say that they are not run, and why, how many a page has.
NOT_RUN = {"README.md": 2, "performance.md": 2, "quickstart.md": 1}

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
def test_docstring_examples(module, item, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where an example's files go
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


def test_the_tests_that_a_page_shows_pass(pytester):
    source = "\n".join(block.text for block in blocks(DOCS / "call.md", "python"))
    pytester.makepyfile(source)
    result = pytester.runpytest_inprocess("-p", "no:benchmark")
    result.assert_outcomes(passed=len(re.findall(r"^def test_", source, re.MULTILINE)))


@pytest.fixture(scope="module")
def terminals(request, tmp_path_factory):
    """All pages' commands, each page in a folder of its own, several pages at a time."""
    chosen = [item.callspec.params["page"] for item in request.session.items if item.originalname == COMMANDS]
    chosen.sort(key=lambda page: -page.read_text(encoding="utf-8").count("voiceband call"))  # the longest first
    with ThreadPoolExecutor(8) as pool:
        made = {}
        for page in chosen:
            folder = tmp_path_factory.mktemp(page.stem)
            names = run_page(page) if "calls the agent above" in page.read_text(encoding="utf-8") else {}
            made[page] = pool.submit(Terminal(page, folder, names).run)
        yield made


@pytest.mark.waits
@pytest.mark.installed_program
@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")
@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p, "sh") and dose(p.stem in FIRST, True)], ids=lambda p: p.name
)
def test_the_commands_of_a_page_run(page, terminals):
    said = plain("".join(terminals[page].result().said))
    if page.stem in SHOWN:
        for block in blocks(page, "text"):
            assert [text for text in re.split(r"[…\n]", plain(block.text)) if text.strip() not in said] == []


def plain(text):
    """Without numbers that differ from call to call."""
    return re.sub(r"\d+(\.\d+)?(?= (s|ms)\b)", "N", text)


def test_few_blocks_are_not_run():
    marks = [(page.name, b.mark) for page in PAGES for b in blocks(page) if b.mark.startswith("not run")]
    assert Counter(name for name, _ in marks) == NOT_RUN
    assert all(re.fullmatch(r"not run, \w[^.]{10,}", mark) for _, mark in marks)


def test_every_block_says_what_it_is():
    """So that no command hides in a block without a language; what has none here is a drawing or somebody's words."""
    for page in PAGES:
        for block in blocks(page):
            assert block.language in {"", "python", "sh", "text", "yaml", "diff"}, (page, block)
            assert block.language or not re.search(r"^(voiceband|python|pip|make) ", block.text, re.MULTILINE), block
        indented = re.findall(r"(?<=\n\n)    (?:voiceband|python|pip|make) .*", page.read_text(encoding="utf-8"))
        assert indented == [], page


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_in_the_text_are_such_as_there_are(page):
    text = page.read_text(encoding="utf-8")
    inline = re.findall(r"(?<![`\w])`(?:\.venv/bin/)?((?:voiceband|python|pip|make) [^`]+)`", text.replace("\n", " "))
    not_run = [line for b in blocks(page, "sh") if b.mark.startswith("not run") for line in b.text.splitlines()]
    for line in (*inline, *not_run):
        assert complaint(line) is None, (page.name, line)


def complaint(line):
    """Say what a command would stumble over, or None: its program, its options, its extra, its target."""
    words = shlex.split(line.replace("python -m voiceband", "voiceband --help"), comments=True)
    options = {word.split("=")[0] for word in re.findall(r"(?<![\w-])--[a-z][a-z-]*", line)}
    if words[0] == "make":
        names = [word for word in words[1:] if "=" not in word]
        return next((name for name in names if name not in TARGETS), None)
    if words[0] == "pip":
        extras = re.findall(r"\[([\w,-]+)\]", line)
        return next((e for names in extras for e in names.split(",") if e not in EXTRAS and "voiceband" in line), None)
    if words[0] == "voiceband":
        known = known_options(words[1])
        return "no such command" if known is None else next(iter(options - known), None)
    if missing := [word for word in words[1:] if word.startswith("benchmarks/") and not (ROOT / word).exists()]:
        return missing[0]
    return next(iter(options - script_options(words)), None)


def known_options(name):
    """Return the options of a subcommand; None if there is none of that name."""
    if name.startswith("--"):
        return {"--version", "--help", "--completion"}
    if name not in COMMANDS_LISTED:
        return None
    return {option for action in parser_of(name, command(name))._actions for option in action.option_strings}


def script_options(words):
    """Return the options that a script of the checkout, or pytest, takes."""
    if words[1] == "-m" and words[2] == "pytest":
        return {"--benchmark-enable", "--cov"}
    if words[1] == "-m":
        path = ROOT / Path(*words[2].removeprefix("voiceband.").split("."))
        path = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    else:
        path = ROOT / words[1]
    return set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"', path.read_text(encoding="utf-8")))


def test_the_readme_names_what_the_makefile_has():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = {a or b for a, b in re.findall(r"^make ([\w-]+)|`make ([\w-]+)`", readme, re.MULTILINE)}
    assert {"demo", "test", "docs"} <= targets
    assert targets <= TARGETS


def test_public_names_are_documented():
    for name in voiceband.__all__:
        assert (getattr(voiceband, name).__doc__ or "").strip(), name


def test_a_page_that_is_wrong_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```sh\nvoiceband convert nothing.wav out.wav --rate 16000\n```\n")
    (tmp_path / "folder").mkdir()
    with pytest.raises(AssertionError, match=r"page.md: voiceband convert .*: exit [12]"):
        Terminal(page, tmp_path / "folder").run()
    assert complaint("voiceband call ws://a/ --noise street --nonsense") == "--nonsense"
    assert complaint("voiceband nothing") == "no such command"
    assert complaint("python tools/make_llms.py --nonsense") == "--nonsense"
    assert complaint("python -m benchmarks.load --repeats 3 --nonsense") == "--nonsense"
    assert complaint("pip install 'voiceband[cli,nothing]'") == "nothing"
    assert complaint("make nothing") == "nothing"
