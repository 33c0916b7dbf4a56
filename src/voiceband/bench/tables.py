"""The words and figures of a report, as rows of text: for terminals and for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voiceband.bench.results import BenchReport, Row

HEAD = ("us for 20 ms of audio", "median", "±")


def groups(report: BenchReport) -> dict[str, list[Row]]:
    """Return the rows by their group, both in order."""
    found: dict[str, list[Row]] = {}
    for row in report.rows:
        found.setdefault(row.group, []).append(row)
    return found


def cells(row: Row) -> tuple[str, str, str]:
    """Return a row's texts, in the order of `HEAD`."""
    return row.name, number(row.us), number(row.spread_us)


def number(x: float) -> str:
    """Return a figure with three digits, or whole."""
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}" if x >= 0.1 else f"{x:.3f}"


def machine(report: BenchReport) -> str:
    """Return in one line what was measured on."""
    about = report.machine
    cores = f"{about.cores} core" + ("s" if about.cores > 1 else "")
    return (
        f"{about.processor}, {cores}, {about.system}, SIMD level {about.simd}; {about.python}, numpy {about.numpy}, "
        f"voiceband {about.voiceband}"
    )
