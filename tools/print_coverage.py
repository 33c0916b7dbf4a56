"""Print lines and branches by room, of what coverage.py and gcovr counted. Usage: print_coverage.py PYTHON_JSON C_JSON.

A room is csrc, or a folder of src/voiceband; what lies beside the folders is called voiceband. Cython has no branches.
"""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path


def python_rooms(path):
    """Yield each file's room, and what coverage.py counted in it."""
    for name, file in json.loads(Path(path).read_text(encoding="utf-8"))["files"].items():
        parts = Path(name).parts
        inside = parts[parts.index("voiceband") + 1 :] if "voiceband" in parts else ()
        total = file["summary"]
        yield (
            inside[0] if len(inside) > 1 else parts[0] if parts[0] != "src" else "voiceband",
            {
                "lines": total["num_statements"],
                "lines_run": total["covered_lines"],
                "branches": total.get("num_branches", 0),
                "branches_run": total.get("covered_branches", 0),
            },
        )


def c_rooms(path):
    """Yield a room for each file of C, and what gcovr counted in it."""
    for file in json.loads(Path(path).read_text(encoding="utf-8"))["files"]:
        lines = [line for line in file["lines"] if not line.get("gcovr/excluded")]
        branches = [branch for line in lines for branch in line["branches"]]
        yield (
            "csrc",
            {
                "lines": len(lines),
                "lines_run": sum(line["count"] > 0 for line in lines),
                "branches": len(branches),
                "branches_run": sum(branch["count"] > 0 for branch in branches),
            },
        )


def row(name, counts):
    """Format a room's counts and shares."""
    cells = [f"{name:<12}"]
    for kind in ("lines", "branches"):
        run, total = counts[f"{kind}_run"], counts[kind]
        cells.append(f"{run:>7} of {total:<6}{f'{100 * run / total:.1f} %' if total else '-':>8}")
    return "  ".join(cells).rstrip()


if __name__ == "__main__":
    rooms = defaultdict(Counter)
    for room, counts in [*c_rooms(sys.argv[2]), *python_rooms(sys.argv[1])]:
        rooms[room].update(counts)
    print(f"{'room':<12}  {'lines':>10}{'':>16}{'branches':>10}")
    for room in sorted(rooms):
        print(row(room, rooms[room]))
    print(row("all", sum(rooms.values(), Counter())))
