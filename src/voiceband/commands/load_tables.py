"""What `voiceband load` prints for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiceband.commands._console import put, put_table, say

if TYPE_CHECKING:
    from voiceband.load.capacity import Capacity
    from voiceband.load.distribution import Distribution
    from voiceband.load.results import LoadReport

SHOWN_REASONS = 5
SHOWN_CALLS = 5


def print_report(report: LoadReport) -> None:
    """Print a load test's figures, the worst calls, and what should not be overlooked."""
    states = report.states
    put(
        f"{states['good']} of {report.wanted} calls good, {states['failed']} failed, {states['lost']} lost"
        + (f", {states['stalled']} stalled" if states["stalled"] else "")
        + (f", {report.silent} heard nothing" if report.silent else "")
        + (" (interrupted)" if report.interrupted else "")
    )
    for reason, count in report.reasons.most_common(SHOWN_REASONS):
        put(f"  {count} x {reason}")
    put_table(
        ("ms", "p50", "p95", "p99", "max", "of"),
        [
            _row("longest gap in a second", report.gaps, "seconds of speech"),
            _row("longest gap in a call", report.worst, "calls"),
            _row("response", report.delays, "answers"),
            _row("lateness of sending", report.late, "frames"),
        ],
        left=(0, 5),
    )
    unanswered = sum(call.unanswered for call in report.calls)
    if unanswered:
        put(f"no answer in ten seconds: {unanswered} times")
    if report.echo and report.states["good"]:
        put(f"audio that did not come back: {report.missing_s:.2f} s")
    _print_worst(report)
    if report.server is not None:
        put("server: CPU {cpu_percent:.0f} % of a core, at most {cpu_percent_max:.0f} %".format(**report.server))
        put("  memory at most {memory_mb:.0f} MiB".format(**report.server))
    processes = f"{report.processes} process" + ("es" if report.processes > 1 else "")
    put(f"generator: {processes}, busiest core {report.busiest:.0%}")
    put(f"  {report.frame_us:.1f} us of CPU for a frame sent and its answer")
    if report.generator_late:
        say(
            f"the generator itself sent late (p99 {report.late.percentile(99):.1f} ms), so the figures are not the "
            "server's alone; use more processes or another machine"
        )


def _row(name: str, figures: Distribution, of: str) -> tuple[str, ...]:
    each = figures.summary()
    values = [f"{each[key]:.1f}" for key in ("p50", "p95", "p99", "max")] if figures.n else ["-"] * 4
    return (name, *values, f"{figures.n:,} {of}")


def _print_worst(report: LoadReport) -> None:
    worst = [call for call in sorted(report.calls, key=lambda call: -call.gaps.max) if call.gaps.max][:SHOWN_CALLS]
    if worst:
        each = [(call.number, call.gaps.summary()) for call in worst]
        rows = [
            (f"  call {number}", *(f"{gaps[key]:.0f}" for key in ("p50", "p95", "p99", "max"))) for number, gaps in each
        ]
        put_table(("gaps of the worst calls, ms", "p50", "p95", "p99", "max"), rows)


def print_capacity(found: Capacity) -> None:
    """Print a search's steps and its end."""
    server = any(report.server for _, report in found.steps)
    head = ["calls", "gaps p99", "gaps max", "response p99", "lateness p99"]
    head += ["CPU", "MiB", ""] if server else [""]
    rows = []
    for n, report in found.steps:
        figures = (
            report.gaps.percentile(99),
            report.gaps.max,
            report.delays.percentile(99),
            report.late.percentile(99),
        )
        row = [f"{n:,}", *(f"{ms:.1f}" for ms in figures)]
        if server:
            used = report.server or {}
            row += [f"{used.get('cpu_percent', 0):.0f} %", f"{used.get('memory_mb', 0):.0f}"]
        rows.append((*row, "interrupted" if report.interrupted else report.held() or "held"))
    put("times in ms")
    put_table(head, rows, left=(len(head) - 1,))
    ends = {
        "found": f"not {found.failed}: {found.why}",
        "most calls": "the upper bound of the search",
        "time": f"time is up; {f'not {found.failed}: {found.why}' if found.failed else 'more were not tried'}",
        "generator": f"the generator's own limit: {found.why}",
        "interrupted": "interrupted",
    }
    put(f"holds {found.held} calls ({ends[found.limit]})")
