"""A report as a picture: the cost of each case, ours and the others'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiceband.bench import tables

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from voiceband.bench.results import Report


def draw(figure: Figure, path: Path, report: Report) -> None:
    """Draw a line for each case, on a logarithmic scale, and save the picture.

    Parameters
    ----------
    figure : Figure
        Empty, of matplotlib; its size is set.
    path : Path
        Where to save; the suffix says the format.
    report : Report
        What to draw.
    """
    rows = report.rows
    names = list(dict.fromkeys(name for row in rows for name, ratio in row.rivals.items() if ratio is not None))
    figure.set_size_inches(11, 2 + 0.24 * len(rows))
    axes = figure.subplots()
    places = range(len(rows))
    for k, name in enumerate(names):
        found = [(row.us * ratio, y) for y, row in enumerate(rows) if (ratio := row.rivals.get(name)) is not None]
        axes.scatter(
            [us for us, _ in found],
            [y for _, y in found],
            s=18,
            marker="osD^v<>pP*"[k % 10],
            color=f"C{1 + k % 9}",
            label=name,
        )
    limit = [(row.us * row.share, y) for y, row in enumerate(rows) if row.share is not None]
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
    axes.set_title(tables.machine(report), fontsize=7)
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1))
    figure.savefig(path, dpi=120)
