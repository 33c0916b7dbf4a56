"""A report as a page of Markdown: docs/performance.md is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks.costs.limits import Limits, Work, works
from benchmarks.costs.rivals.packages import versions

from voiceband.bench import tables
from voiceband.bench.results import calls_a_core
from voiceband.bench.sessions import CALLS, GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from voiceband.bench.results import BenchReport, Row

MISSING = "–"
HEAD = ("", "us", "±", "of limit")
TEXT = """\
# Performance

Made by `python -m benchmarks.costs{options} --markdown` on {date}.

- On: {machine}.
- Limits: {limits}.
- Others: {versions}.

Every figure is the processor's time for 20 ms of audio, in microseconds, through Python: the median of {passes} passes,
and half of their interquartile range. The columns of the others show how many times as long they take.

![How many times as long others take, on a logarithmic scale](plots/costs.svg)

## Calls on a core

Fifty frames a second each way through a `Session`: audio and protocol alone, without sockets and agents.

{calls}
"""
BY_HAND = "<!-- What follows is written by hand"
"""What begins so in an older page is kept."""
LIMIT_TEXT = """\
## The limit

"Of limit" is the least time that the work can take on this machine, divided by the time it takes. The least time is
the longer of two:

- Bytes: each sample or character of input and output is moved once, as fast as numpy copies 128 KiB within a core's
  own cache; a kernel can be quicker than that copy.
- Multiply-adds, as fast as numpy's matrix product of float32 does them, fused where possible; the kernels fuse none.
  Resampling: the taps that are not zero. Suppression: two real transforms of 48 ms every 10 ms, at 1.25 N log2 N, the
  window twice, and four for each bin.
"""


class Costs(NamedTuple):
    """All that one run found: the report of `voiceband bench` with rivals, and the machine's limits."""

    report: BenchReport
    limits: Limits
    works: dict[tuple[str, str], Work]

    def limit_us(self, row: Row) -> float | None:
        """Return the least time of a case, in microseconds, where its work can be counted."""
        work = self.works.get((row.group, row.name))
        return None if work is None else self.limits.seconds(work) * 1e6


def costs(report: BenchReport, limits: Limits) -> Costs:
    """Return a report beside what the machine could do."""
    return Costs(report, limits, works())


def page(found: Costs) -> str:
    """Return the whole page as Markdown, ending with a newline."""
    report = found.report
    head = TEXT.format(
        options=" --quick" if report.quick else "",
        date=report.date,
        machine=tables.machine(report),
        limits=limits_line(found.limits),
        versions=", ".join(f"{name} {version}" for name, version in versions().items()) or "none installed",
        passes=report.passes,
        calls=_calls(report),
    )
    parts = [head]
    for group, rows in tables.groups(report).items():
        parts.append(f"## {group[0].upper()}{group[1:]}\n\n{_rows(found, rows)}\n")
    return "\n".join([*parts, LIMIT_TEXT])


def limits_line(limits: Limits) -> str:
    """Return the machine's limits in one line."""
    return (
        f"a core copies {limits.bytes_s / 1e9:.0f} GB/s, read and written, in its own cache, and does "
        f"{limits.multiply_adds_s / 1e9:.0f} billion multiply-adds a second"
    )


def _rows(found: Costs, rows: Sequence[Row]) -> str:
    """Return a table with a column for each of the others, or with one for all where they differ from row to row."""
    ratios = [
        {name: f"{tables.number(ratio)}x" for name, ratio in row.others.items() if ratio is not None} for row in rows
    ]
    if all(row.keys() == ratios[0].keys() for row in ratios):
        others = tuple(ratios[0])
        cells = [tuple(row.values()) for row in ratios]
    else:
        others = ("the others",)
        cells = [(", ".join(f"{name} {times}" for name, times in row.items()),) for row in ratios]
    return _table((*HEAD, *others), ((*_ours(found, row), *more) for row, more in zip(rows, cells, strict=True)))


def _ours(found: Costs, row: Row) -> tuple[str, ...]:
    limit_us = found.limit_us(row)
    share = None if limit_us is None else limit_us / row.us
    return *tables.cells(row), MISSING if share is None else f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"


def _calls(report: BenchReport) -> str:
    rows = {row.name: row for row in report.rows if row.group == GROUP}
    names = list(dict.fromkeys(name for one in report.calls for name in rows[CALLS[one.kind][0]].others))
    table = []
    for one in report.calls:
        parts = [rows[name] for name in CALLS[one.kind]]
        cells = [one.kind, f"{one.calls:,}"]
        for rival in names:
            us = [part.us * ratio for part in parts if (ratio := part.others.get(rival)) is not None]
            cells.append(f"{calls_a_core(sum(us)):,}" if len(us) == len(parts) else MISSING)
        table.append(cells)
    shown = [k for k in range(2 + len(names)) if k < 2 or any(cells[k] != MISSING for cells in table)]
    head = ("call", "voiceband", *names)
    return _table([head[k] for k in shown], ([cells[k] for k in shown] for cells in table))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
