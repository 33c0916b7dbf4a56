"""The rooms of src/voiceband lie on floors: imports point down or along, never up, and there is no circle of files.

An import counts wherever it stands: in a function, under TYPE_CHECKING, as a cimport.
"""

import ast
import re
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
pytestmark = pytest.mark.source_tree

# From the ground up. A room may import from its own floor and from those below; "" is voiceband/__init__.py.
FLOORS = [
    {
        "_certificates",
        "_checks",
        "_processes",
        "_values",
        "_whole_files",
        "dsp",
        "formats",
        "protocol",
        "markup",
        "callbacks",
        "api",
        "sound",
    },
    {"session"},
    {""},
    {"servers", "frameworks"},
    {"emulator"},
    {"load", "report", "batch", "bench"},
    {"commands", "examples", "pytest_voiceband"},
    {"cli"},
    {"__main__"},
]
# The wings of the emulator likewise; here an arrow stays in its wing or points down, never to a neighbour.
WINGS = [{"_html", "carrier", "network"}, {"caller", "judge", "run"}, {"call"}]
FILES_IN_A_FOLDER = 24  # a module and what belongs to it (.pxd, .pyi) count as one


def modules():
    """Return the files of each module, by its name below voiceband."""
    found = defaultdict(list)
    for path in sorted(SRC.rglob("*.*")):
        if path.suffix in {".py", ".pyx", ".pxd", ".pxi"}:
            parts = path.relative_to(SRC).with_suffix("").parts
            found[".".join(parts[parts[0] == "voiceband" : len(parts) - (parts[-1] == "__init__")])].append(path)
    return found


def imported(path, module):
    """Return what a file imports: pairs of a module and a name that is taken from it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        names = r"([\w.]+)[ \t]+c?import[ \t]+(\([^)]*\)|.*)"
        pairs = [
            (m[1], name)
            for m in re.finditer(rf"^\s*from[ \t]+{names}", text, re.M)
            for name in re.findall(r"\w+|\*", m[2])
        ]
        return pairs + [(m[1], "") for m in re.finditer(r"^\s*c?import[ \t]+([\w.]+)", text, re.M)]
    pairs = []
    package = ["voiceband", *module.split(".")][: None if path.name == "__init__.py" else -1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            pairs += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            pairs += [(".".join([*above, *filter(None, [node.module])]), alias.name) for alias in node.names]
    return pairs


@pytest.fixture(scope="module")
def arrows():
    """Return the modules that each module imports."""
    known = modules()
    graph = {}
    for module, paths in known.items():
        graph[module] = set()
        for base, name in (pair for path in paths for pair in imported(path, module)):
            top, _, below = base.partition(".")
            if top == "voiceband":
                inner = f"{below}.{name}".lstrip(".")
                graph[module].add(inner if inner in known else below)
        graph[module] -= {module}
    return graph


def room(module):
    return module.partition(".")[0]


def floor(module):
    return next(level for level, rooms in enumerate(FLOORS) if room(module) in rooms)


def test_every_room_has_a_floor(arrows):
    assert {room(module) for module in arrows} | {"examples"} == set().union(*FLOORS)


def test_no_arrow_points_up(arrows):
    assert not {(a, b) for a, below in arrows.items() for b in below if floor(b) > floor(a)}


def test_no_arrow_points_to_a_higher_or_a_neighbouring_wing(arrows):
    def wing(module):
        return module.split(".")[1]

    def level(module):
        return next(level for level, wings in enumerate(WINGS) if wing(module) in wings)

    inner = {a: {b for b in below if b.startswith("emulator")} for a, below in arrows.items() if "emulator." in a}
    assert {wing(module) for module in inner} == set().union(*WINGS)
    assert not {(a, b) for a, below in inner.items() for b in below if b == "emulator"}
    assert not {(a, b) for a, below in inner.items() for b in below if wing(a) != wing(b) and level(b) >= level(a)}


def test_no_circle_of_files(arrows):
    reach = {module: {module} for module in arrows}
    for _ in arrows:  # until nothing is added; the longest way is no longer than this
        grown = {m: reach[m].union(*(reach[b] for b in arrows[m] if b in reach)) for m in arrows}
        if grown == reach:
            break
        reach = grown
    circles = {frozenset(b for b in reach[a] if a in reach[b]) for a in arrows}
    circles = [sorted(circle) for circle in circles if len(circle) > 1]
    assert not circles, circles


def test_no_circle_of_rooms(arrows):
    graph = defaultdict(set)
    for a, below in arrows.items():
        graph[room(a)] |= {room(b) for b in below} - {room(a)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"rooms that import one another: {error.args[1]}")


def test_no_folder_is_crowded():
    stems = defaultdict(set)
    for path in SRC.rglob("*.*"):
        if path.suffix in {".py", ".pyx", ".pxd", ".pxi", ".pyi"}:
            stems[path.parent.relative_to(SRC).as_posix()].add(path.stem)
    assert not {folder for folder, names in stems.items() if len(names) > FILES_IN_A_FOLDER}
