"""Every example in a docstring, in README.md and in docs/ runs."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import voiceband
from pages import run_page

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


def test_the_readme_names_what_the_makefile_has():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = {a or b for a, b in re.findall(r"^make (\w+)|`make (\w+)`", readme, re.MULTILINE)}
    assert {"demo", "test"} <= targets
    assert targets <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))


def test_public_names_are_documented():
    for name in voiceband.__all__:
        assert (getattr(voiceband, name).__doc__ or "").strip(), name
