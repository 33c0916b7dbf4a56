"""A report as a picture: the cost of each case, ours and the others'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from voiceband.bench import tables

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.costs.page import Costs


def draw(path: Path, found: Costs) -> None:
    """Draw a line for each case, on a logarithmic scale, and save the picture.

    Parameters
    ----------
    path : Path
        Where to save; the suffix says the format.
    found : Costs
        What to draw.
    """
    figure = Figure(layout="constrained")
    rows = found.report.rows
    names = list(dict.fromkeys(name for row in rows for name, ratio in row.others.items() if ratio is not None))
    figure.set_size_inches(11, 2 + 0.24 * len(rows))
    axes = figure.subplots()
    places = range(len(rows))
    for k, name in enumerate(names):
        points = [(row.us * ratio, y) for y, row in enumerate(rows) if (ratio := row.others.get(name)) is not None]
        axes.scatter(
            [us for us, _ in points],
            [y for _, y in points],
            s=18,
            marker="osD^v<>pP*"[k % 10],
            color=f"C{1 + k % 9}",
            label=name,
        )
    limit = [(us, y) for y, row in enumerate(rows) if (us := found.limit_us(row)) is not None]
    if limit:
        axes.scatter(
            [us for us, _ in limit], [y for _, y in limit], s=40, marker="|", color="grey", label="limit of the machine"
        )
    axes.scatter([row.us for row in rows], places, s=36, color="C0", label="voiceband", zorder=3)
    axes.set_xscale("log")
    axes.set_yticks(places, [f"{row.group}: {row.name}" for row in rows], fontsize=7)
    axes.set_ylim(len(rows), -1)
    axes.set_xlabel("us for 20 ms of audio")
    axes.grid(visible=True, alpha=0.3)
    axes.set_title(tables.machine(found.report), fontsize=7)
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1))
    figure.savefig(path, dpi=120)
