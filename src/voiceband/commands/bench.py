"""`voiceband bench`: what everything costs on this machine, beside what else does the same, and what got slower."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich import progress
from rich.console import Console
from rich.table import Table

from voiceband.bench import tables
from voiceband.bench.compare import Change, find_slower
from voiceband.bench.page import page
from voiceband.bench.passes import BenchError, Plan, every_case, run_passes
from voiceband.bench.plot import draw
from voiceband.bench.results import Report, summarise

PICTURES = (".png", ".svg", ".pdf")
PLANS = {
    False: Plan(passes=9, rounds=20, round_s=0.005),
    True: Plan(passes=9, rounds=6, round_s=0.002),
}
COMPARING = {
    False: Plan(passes=9, rounds=30, round_s=0.005, rivals=False),
    True: Plan(passes=9, rounds=15, round_s=0.002, rivals=False),
}


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="A minute instead of several; the spread is larger.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a baseline for --compare.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="PICTURE", help="Draw it too (.png, .svg, .pdf).")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="PAGE", help="Write it as a page too (.md).")] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--compare", metavar="JSON", help="Say what is more than 15 % slower than it was, instead."),
    ] = None,
) -> None:
    """Measure the cost of 20 ms of audio, for every kernel, for messages and for sessions, on this machine.

    What else does the same work takes turns with it, where it is installed: pip install 'voiceband[bench]' brings all.

    Exit code 0: done, and with --compare nothing is slower. 1: something is. 2: it could not be run. 130: Ctrl-C.
    """
    console = Console(stderr=True)
    try:
        figure = None if plot is None else _figure(plot)
        for path in (plot, markdown):
            if path is not None and not path.absolute().parent.is_dir():
                raise ValueError(f"cannot write {path}: no such folder")
        if baseline is not None:
            if plot is not None or markdown is not None:
                raise ValueError("--compare writes no picture and no page")
            changes = find_slower(
                Report.from_json(baseline.read_bytes()),
                lambda only: _report(COMPARING[quick], only, quick, console, "making sure" if only else "comparing"),
            )
            _print_changes(changes, as_json)
            code = int(any(change.slower for change in changes))
        else:
            report = _report(PLANS[quick], (), quick, console, "measuring")
            if plot is not None and figure is not None:
                draw(figure, plot, report)
            if markdown is not None:
                markdown.write_text(page(report), encoding="utf-8")
            _print_report(report, as_json)
            code = 0
    except (BenchError, OSError, ValueError, ModuleNotFoundError) as error:
        console.print(f"voiceband bench: {error}", style="bold red", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    raise typer.Exit(code)


def _figure(path: Path) -> Any:
    if path.suffix.lower() not in PICTURES:
        raise ValueError(f"cannot write {path}: {', '.join(PICTURES)} only")
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise ModuleNotFoundError("--plot needs matplotlib; pip install 'voiceband[plot]' brings it") from None
    return Figure(layout="constrained")


def _report(plan: Plan, only: Collection[tuple[str, str]], quick: bool, console: Console, doing: str) -> Report:
    with _bar(console, doing) as show:
        passes = run_passes(plan, only, every_case, show)
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
    console.print(f"limits: {tables.limits(report)}", soft_wrap=True)
    console.print(f"others: {tables.versions(report)}", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for i, name in enumerate(tables.HEAD):
        table.add_column(name, justify="right" if 0 < i < 4 else "left", no_wrap=i < 4)
    for group, rows in tables.groups(report).items():
        table.add_row(group, style="bold")
        for row in rows:
            name, *rest = tables.cells(row)
            table.add_row(f"  {name}", *rest)
    console.print(table)
    table = Table("calls on a core", "", "others", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for one in report.calls:
        table.add_row(*tables.calls(one))
    console.print(table)


def _print_changes(changes: list[Change], as_json: bool) -> None:
    if as_json:
        found = [{**msgspec.structs.asdict(change), "slower": change.slower} for change in changes]
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
        return
    console = Console(highlight=False, markup=False)
    table = Table("", "cost now", "pairs slower", "", box=None, pad_edge=False)
    for column in table.columns[1:3]:
        column.justify = "right"
    for group in dict.fromkeys(change.group for change in changes):
        table.add_row(group, style="bold")
        for change in changes:
            if change.group == group:
                said = "SLOWER" if change.slower else ""
                table.add_row(f"  {change.name}", f"{change.factor:.2f}x", f"{change.pairs:.0%}", said)
    console.print(table)
    n = sum(change.slower for change in changes)
    console.print(f"{n} of {len(changes)} cases are more than 15 % slower than they were")
