"""A public module is one on a page of docs/reference: its `__all__` is what is documented, importable and stubbed."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
PAGES = (ROOT / "docs" / "reference").glob("*.md")
MODULES = sorted({name for page in PAGES for name in re.findall(r"^::: (\S+)", page.read_text(), re.MULTILINE)})
SHOWN = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.py")]
ANY = inspect.Parameter
pytestmark = pytest.mark.source_tree


def source_of(module):
    """Return the file that a type checker and the site read."""
    path = SRC.joinpath(*module.split("."))
    return next(p for p in (path / "__init__.py", path.with_suffix(".pyi"), path.with_suffix(".py")) if p.exists())


def names_of(path):
    """Return `__all__` of a file, or None, and what else it defines with a docstring and without an underscore.

    Those the site shows. In a stub, which has no docstrings, that is whatever it defines.
    """
    body = ast.parse(path.read_text(encoding="utf-8")).body
    exported, shown = None, set()
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names, documented = [node.name], ast.get_docstring(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if names == ["__all__"]:
                exported = ast.literal_eval(node.value)
        else:
            continue
        if documented or path.suffix == ".pyi":
            shown |= {name for name in names if not name.startswith("_")}
    return exported, shown


def imported(module):
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:  # an extra that is not installed
        if "pip install" not in str(error):
            raise
        pytest.skip(str(error))


def test_the_pages_name_modules():
    assert len(MODULES) > 15
    assert "voiceband" in MODULES


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_exports_is_what_its_page_shows(module):
    exported, shown = names_of(source_of(module))
    assert exported is not None, f"{source_of(module)} has no __all__"
    assert len(set(exported)) == len(exported)
    assert shown <= set(exported), "public by its name, but not in __all__"


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_exports_can_be_imported_and_has_a_docstring(module):
    found = imported(module)
    exported, _ = names_of(source_of(module))
    assert list(found.__all__) == exported, "the stub and the module differ"
    taken = {}
    exec(f"from {module} import *", taken)
    assert set(exported) <= set(taken)
    for name in exported:
        value = taken[name]
        if inspect.isclass(value) or inspect.isroutine(value):
            assert value.__doc__, name


@pytest.mark.parametrize("stub", sorted(SRC.rglob("*.pyi")), ids=lambda path: path.relative_to(SRC).as_posix())
def test_a_stub_has_the_names_of_its_module(stub):
    module = imported(".".join(stub.relative_to(SRC).with_suffix("").parts))
    exported, defined = names_of(stub)
    assert exported is None or list(module.__all__) == exported
    here = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }
    assert here <= defined | set(exported or ())
    assert {name for name in defined if not hasattr(module, name)} == set()


@pytest.mark.parametrize("package", sorted(SRC.rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_no_name_hides_a_module(package):
    modules = {path.stem for path in package.parent.iterdir() if path.suffix in {".py", ".pyx"} or path.is_dir()}
    body = ast.walk(ast.parse(package.read_text(encoding="utf-8")))
    taken = [(node.module, alias) for node in body if isinstance(node, ast.ImportFrom) for alias in node.names]
    inner = ".".join(package.parent.relative_to(SRC).parts)
    assert not [a.name for module, a in taken if (a.asname or a.name) in modules and module != inner]


def test_what_the_pages_and_examples_import_is_public():
    wrong = []
    for page in SHOWN:
        text = page.read_text(encoding="utf-8")
        for module, names in re.findall(r"^\s*(?:>>> )?from (voiceband[\w.]*) import (\([^)]*\)|.*)$", text, re.M):
            if module.startswith("voiceband.examples"):
                continue
            public = names_of(source_of(module))[0] or [] if module in MODULES else []
            for name in re.findall(r"(\w+)(?: as \w+)?", re.sub(r"#.*", "", names)):
                if name not in public and f"{module}.{name}" not in MODULES:
                    wrong.append(f"{page.relative_to(ROOT)}: from {module} import {name}")
    assert wrong == []


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_exports_has_a_readable_signature(module):
    found = imported(module)
    for name in found.__all__:
        value = getattr(found, name)
        if not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        if inspect.isclass(value) and (
            issubclass(value, dict | BaseException) or getattr(value, "_is_protocol", False)
        ):
            continue  # their constructors are not ours
        parameters = inspect.signature(value).parameters.values()
        assert [parameter.kind for parameter in parameters] != [ANY.VAR_POSITIONAL, ANY.VAR_KEYWORD], name


# What may stand more than once, for what is the same in each of its places.
SHARED_NAMES = {
    "a command is called as it is typed": {"call", "convert", "denoise"},
    "both halves of a session have one": {"chain"},
    "each driver has one": {"connection", "server"},
    "each room has its own": {"errors", "events", "options", "results", "worker"},
}


def test_a_file_name_stands_twice_for_a_reason_only():
    stems = [path.stem for path in SRC.rglob("*.py*") if path.suffix in {".py", ".pyx"} and path.stem != "__init__"]
    assert {stem for stem in stems if stems.count(stem) > 1} == set().union(*SHARED_NAMES.values())


def test_a_class_name_stands_once():
    sources = [path.read_text(encoding="utf-8") for path in SRC.rglob("*.py*") if path.suffix in {".py", ".pyx"}]
    names = [name for text in sources for name in re.findall(r"^(?:cdef )?class ([A-Z]\w+)", text, re.MULTILINE)]
    assert {name for name in names if names.count(name) > 1} == {"Dtmf"}  # the carrier's message, and the agent's event
