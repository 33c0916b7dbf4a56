"""`voiceband bench`: what everything costs on this machine, and what got slower."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich import progress
from rich.console import Console
from rich.table import Table

from voiceband.bench import tables
from voiceband.bench.compare import Change, find_slower
from voiceband.bench.passes import BenchError, Plan, every_case, run_passes
from voiceband.bench.results import Report, summarise

PLANS = {
    False: Plan(passes=9, rounds=30, round_s=0.005),
    True: Plan(passes=9, rounds=15, round_s=0.002),
}


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="A minute instead of several; the spread is larger.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a baseline for --compare.")] = False,
    baseline: Annotated[
        Path | None,
        typer.Option("--compare", metavar="FILE", help="List only what became more than 15 % slower than in FILE."),
    ] = None,
) -> None:
    """Measure what 20 ms of audio cost on this machine: in every kernel, in messages and in sessions.

    Exit code 0: done, and with --compare nothing is slower. 1: something is. 2: it could not be run. 130: Ctrl-C.
    """
    console = Console(stderr=True)
    try:
        if baseline is not None:
            changes = find_slower(
                Report.from_json(baseline.read_bytes()),
                lambda only: _report(quick, only, console, "making sure" if only else "comparing"),
            )
            _print_changes(changes, as_json)
            code = int(any(change.slower for change in changes))
        else:
            _print_report(_report(quick, (), console, "measuring"), as_json)
            code = 0
    except (BenchError, OSError, ValueError) as error:
        console.print(f"voiceband bench: {error}", style="bold red", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    raise typer.Exit(code)


def _report(quick: bool, only: Collection[tuple[str, str]], console: Console, doing: str) -> Report:
    with _bar(console, doing) as show:
        passes = run_passes(PLANS[quick], only, every_case, show)
    return summarise(passes, date=datetime.now(UTC).date().isoformat(), quick=quick)


@contextmanager
def _bar(console: Console, doing: str) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on a terminal."""
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(30),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _print_report(report: Report, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(report.to_json() + "\n")
        return
    console = Console(highlight=False, markup=False)
    console.print(tables.machine(report), soft_wrap=True)
    table = _table(tables.HEAD)
    for group, rows in tables.groups(report).items():
        table.add_row(group, style="bold")
        for row in rows:
            name, *rest = tables.cells(row)
            table.add_row(f"  {name}", *rest)
    table.add_row("calls on a core", style="bold")
    for one in report.calls:
        table.add_row(f"  {one.kind}", f"{one.calls:,}")
    console.print(table)


def _print_changes(changes: list[Change], as_json: bool) -> None:
    if as_json:
        found = [{**msgspec.structs.asdict(change), "slower": change.slower} for change in changes]
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
        return
    console = Console(highlight=False, markup=False)
    slower = [change for change in changes if change.slower]
    if slower:
        table = _table(("more than 15 % slower", "cost now", "pairs"))
        for group in dict.fromkeys(change.group for change in slower):
            table.add_row(group, style="bold")
            for change in slower:
                if change.group == group:
                    table.add_row(f"  {change.name}", f"{change.factor:.2f}x", f"{change.pairs:.0%}")
        console.print(table)
    console.print(f"{len(slower)} of {len(changes)} cases are more than 15 % slower than they were")


def _table(head: tuple[str, ...]) -> Table:
    table = Table(head[0], box=None, pad_edge=False)
    for name in head[1:]:
        table.add_column(name, justify="right", no_wrap=True)
    return table
