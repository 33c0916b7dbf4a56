"""The words and figures of a report, as rows of text: for terminals and for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voiceband.bench.results import Calls, Report, Row

MISSING = "–"
HEAD = ("", "us", "±", "of limit", "the others take")


def groups(report: Report) -> dict[str, list[Row]]:
    """Return the rows by their group, both in order."""
    found: dict[str, list[Row]] = {}
    for row in report.rows:
        found.setdefault(row.group, []).append(row)
    return found


def cells(row: Row) -> tuple[str, str, str, str, str]:
    """Return a row's texts, in the order of `HEAD`."""
    share = MISSING if row.share is None else f"{row.share:.0%}" if row.share >= 0.01 else f"{row.share:.1%}"
    return row.name, number(row.us), number(row.spread_us), share, rivals(row)


def rivals(row: Row) -> str:
    """Return what the rivals take, as multiples of ours."""
    return ", ".join(
        f"{name} {MISSING if ratio is None else f'{number(ratio)}x'}" for name, ratio in row.rivals.items()
    )


def number(x: float) -> str:
    """Return a figure with three digits, or whole."""
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}" if x >= 0.1 else f"{x:.3f}"


def calls(one: Calls) -> tuple[str, str, str]:
    """Return the texts of a kind of call: its name, how many fit, and how many of each rival."""
    others = ", ".join(f"{name} {n:,}" for name, n in one.rivals.items())
    return one.kind, f"{one.calls:,}", others or MISSING


def machine(report: Report) -> str:
    """Return in one line what was measured on."""
    about = report.machine
    cores = f"{about.cores} core" + ("s" if about.cores > 1 else "")
    return (
        f"{about.processor}, {cores}, {about.system}, SIMD level {about.simd}; {about.python}, numpy {about.numpy}, "
        f"voiceband {about.voiceband}"
    )


def limits(report: Report) -> str:
    """Return the machine's limits in one line."""
    return (
        f"a core copies {report.limits.bytes_s / 1e9:.0f} GB/s, read and written, in its own cache, and does "
        f"{report.limits.multiply_adds_s / 1e9:.0f} billion multiply-adds a second"
    )


def versions(report: Report) -> str:
    """Return the rivals' versions in one line."""
    return ", ".join(f"{name} {version}" for name, version in report.machine.rivals.items()) or "none installed"
