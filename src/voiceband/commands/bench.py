"""`voiceband bench`: what everything costs on this machine, and what got slower."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from voiceband.bench import tables
from voiceband.bench.compare import Change, find_slower
from voiceband.bench.passes import BenchError, PassPlan, every_case, run_passes
from voiceband.bench.results import BenchReport, summarise
from voiceband.commands import _console
from voiceband.commands._arguments import Option

PLANS = {
    False: PassPlan(passes=9, rounds=30, round_s=0.005),
    True: PassPlan(passes=9, rounds=15, round_s=0.002),
}


def bench(
    quick: Annotated[bool, Option("--quick", help="Take a minute instead of several; the spread is larger.")] = False,
    as_json: Annotated[bool, Option("--json", help="Print JSON, which can be a baseline for --compare.")] = False,
    baseline: Annotated[
        Path | None,
        Option("--compare", metavar="FILE", help="List only what became more than 15 % slower than in FILE."),
    ] = None,
) -> int:
    """Measure what 20 ms of audio costs on this machine: in each kernel, in messages and in sessions.

    Exit code 0: done, and with --compare nothing got slower. 1: something did. 2: it could not run. 130: Ctrl-C.
    """
    with _console.refusing(BenchError, ValueError):
        if baseline is None:
            _print_report(_report(quick, (), "measuring"), as_json)
            return _console.DONE
        changes = find_slower(
            BenchReport.from_json(baseline.read_bytes()),
            lambda only: _report(quick, only, "making sure" if only else "comparing"),
        )
    _print_changes(changes, as_json)
    return _console.WRONG if any(change.slower for change in changes) else _console.DONE


def _report(quick: bool, only: Collection[tuple[str, str]], doing: str) -> BenchReport:
    with _bar(doing) as show:
        passes = run_passes(PLANS[quick], only, every_case, show)
    return summarise(passes, date=datetime.now(UTC).date().isoformat(), quick=quick)


@contextmanager
def _bar(doing: str) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(30), TaskProgressColumn(), TimeRemainingColumn())
    with _console.progress(*columns) as bar:
        task = bar.add_task(doing, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _print_report(report: BenchReport, as_json: bool) -> None:
    if as_json:
        _console.put(report.to_json())
        return
    for line in textwrap.wrap(tables.machine(report), _console.width()):
        _console.put(line)
    rows: list[tuple[str, ...]] = []
    for group, some in tables.groups(report).items():
        rows.append((group,))
        for row in some:
            name, *rest = tables.cells(row)
            rows.append((f"  {name}", *rest))
    rows.append(("calls on a core",))
    rows += [(f"  {one.kind}", f"{one.calls:,}", "") for one in report.calls]
    _console.put_table(tables.HEAD, rows)


def _print_changes(changes: list[Change], as_json: bool) -> None:
    slower = [change for change in changes if change.slower]
    if as_json:
        _console.put_json([{**msgspec.structs.asdict(change), "slower": change.slower} for change in changes])
        return
    if slower:
        rows: list[tuple[str, ...]] = []
        for group in dict.fromkeys(change.group for change in slower):
            rows.append((group,))
            rows += [
                (f"  {change.name}", f"{change.factor:.2f}x", f"{change.pairs:.0%}")
                for change in slower
                if change.group == group
            ]
        _console.put_table(("more than 15 % slower", "cost now", "pairs"), rows)
    _console.put(f"{len(slower)} of {len(changes)} cases are more than 15 % slower than they were")
