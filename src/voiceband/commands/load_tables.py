"""What `voiceband load` prints for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from voiceband.load.capacity import Capacity
    from voiceband.load.figures import Figures
    from voiceband.load.results import Report

SHOWN_REASONS = 5
SHOWN_CALLS = 5


def print_report(report: Report) -> None:
    """Print a load test's figures, the worst calls, and what should not be overlooked."""
    console = Console(soft_wrap=True, highlight=False)
    states = report.states
    console.print(
        f"{states['good']} of {report.wanted} calls good, {states['failed']} failed, {states['lost']} lost"
        + (f", {report.silent} heard nothing" if report.silent else "")
        + (" (interrupted)" if report.interrupted else "")
    )
    for reason, count in report.reasons.most_common(SHOWN_REASONS):
        console.print(f"  {count} x {reason}", markup=False)
    table = Table("ms", "p50", "p95", "p99", "max", "of", box=None, pad_edge=False)
    for column in table.columns[1:5]:
        column.justify = "right"
    _row(table, "longest gap in a second", report.gaps, "seconds of speech")
    _row(table, "longest gap in a call", report.worst, "calls")
    _row(table, "response", report.delays, "answers")
    _row(table, "lateness of sending", report.late, "frames")
    console.print(table)
    unanswered = sum(call.unanswered for call in report.calls)
    if unanswered:
        console.print(f"no answer in ten seconds: {unanswered} times")
    if report.echo and report.states["good"]:
        console.print(f"audio that did not come back: {report.missing_s:.2f} s")
    worst = [call for call in sorted(report.calls, key=lambda call: -call.gaps.max) if call.gaps.max][:SHOWN_CALLS]
    for call in worst:
        each = call.gaps.summary()
        console.print(
            f"  call {call.number}: gaps p50 {each['p50']:.0f}, p95 {each['p95']:.0f}, p99 {each['p99']:.0f}, "
            f"max {each['max']:.0f} ms"
        )
    if report.server is not None:
        console.print(
            "server: CPU {cpu_percent:.0f} % of a core, {cpu_percent_max:.0f} % at most; memory {memory_mb:.0f} MiB at "
            "most".format(**report.server)
        )
    processes = f"{report.processes} process" + ("es" if report.processes > 1 else "")
    console.print(
        f"generator: {processes}, {report.frame_us:.1f} us of CPU a frame sent and its answer, "
        f"busiest core {report.busiest:.0%}"
    )
    if report.generator_late:
        console.print(
            f"warning: the generator itself sent late (p99 {report.late.percentile(99):.1f} ms): use more processes or "
            "another machine; the figures are not the server's alone",
            style="yellow",
        )


def _row(table: Table, name: str, figures: Figures, of: str) -> None:
    each = figures.summary()
    values = [f"{each[key]:.1f}" for key in ("p50", "p95", "p99", "max")] if figures.n else ["-"] * 4
    table.add_row(name, *values, f"{figures.n} {of}")


def print_capacity(found: Capacity) -> None:
    """Print a search's steps and its end."""
    console = Console(soft_wrap=True, highlight=False)
    server = any(report.server for _, report in found.steps)
    table = Table("calls", "gaps p99", "gaps max", "response p99", "lateness p99", box=None, pad_edge=False)
    if server:
        table.add_column("server CPU")
        table.add_column("memory")
    table.add_column("")
    for column in table.columns[:-1]:
        column.justify = "right"
    for n, report in found.steps:
        figures = (
            report.gaps.percentile(99),
            report.gaps.max,
            report.delays.percentile(99),
            report.late.percentile(99),
        )
        row = [str(n), *(f"{ms:.1f} ms" for ms in figures)]
        if server:
            used = report.server or {}
            row += [f"{used.get('cpu_percent', 0):.0f} %", f"{used.get('memory_mb', 0):.0f} MiB"]
        table.add_row(*row, "interrupted" if report.interrupted else report.held() or "held")
    console.print(table)
    ends = {
        "found": f"not {found.failed}: {found.why}",
        "most calls": "the most that were to be tried",
        "time": f"time is up; {f'not {found.failed}: {found.why}' if found.failed else 'more were not tried'}",
        "generator": f"the generator's own limit: {found.why}",
        "interrupted": "interrupted",
    }
    console.print(f"holds {found.held} calls ({ends[found.limit]})", markup=False)
