"""A report as a page of Markdown: docs/performance.md is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiceband.bench import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voiceband.bench.results import Report

TEXT = """\
# Performance

Made by `voiceband bench{options} --markdown` on {date}; [bench.md](bench.md) says how to repeat it, and how to tell
what has got slower.

- On: {machine}.
- Limits: {limits}.
- Others: {versions}.

Every figure is the processor's time for 20 ms of audio, in microseconds, through Python: the median of {passes} passes,
each in a process of its own, and half of the range in which the middle half of them lies. All who do the same work take
turns in one process; "the others take" is how many times as long, by neighbours in time. A dash: not installed.

## Calls on a core

Fifty frames a second each way through a `Session`: audio and protocol alone, without sockets and agents.
`voiceband load` measures whole servers.

{calls}
"""
LIMIT_TEXT = """\
## The limit

"Of limit" is the least time that the work can take on this machine, divided by the time it takes. The least time is
the longer of two:

- Bytes: each sample or character of input and output is moved once, as fast as numpy copies 128 KiB within a core's
  own cache; a kernel that is quicker than that copy has more than 100 %. Where one frame goes through Python, nearly
  all that is left is the call.
- Multiply-adds, as fast as numpy's matrix product of float32 does them, with fused multiply-adds where the processor
  has them; the kernels use none, so that all machines make the same bits. Resampling: the taps that are not zero,
  counted in the response to an impulse at every phase. Suppression: two real transforms of 48 ms every 10 ms, at
  1.25 N log2 N, the window twice, and four for each bin; the tracker and the gain rule are not counted.

Both limits are the best of all passes. A dash: the work cannot be counted in either.
"""


def page(report: Report) -> str:
    """Return the whole page.

    Parameters
    ----------
    report : Report
        What to show.

    Returns
    -------
    text : str
        Markdown, ending with a newline.
    """
    head = TEXT.format(
        options=" --quick" if report.quick else "",
        date=report.date,
        machine=tables.machine(report),
        limits=tables.limits(report),
        versions=tables.versions(report),
        passes=report.passes,
        calls=_table(("call", "voiceband", "others"), map(tables.calls, report.calls)),
    )
    parts = [head]
    for group, rows in tables.groups(report).items():
        table = _table(tables.HEAD, map(tables.cells, rows))
        parts.append(f"## {group[0].upper()}{group[1:]}\n\n{table}\n")
    return "\n".join([*parts, LIMIT_TEXT])


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
