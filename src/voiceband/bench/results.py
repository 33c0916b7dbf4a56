"""Results: the cost of every case, and how many calls fit on a core."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import msgspec

from voiceband.bench.machine import Machine, this_machine
from voiceband.bench.sessions import CALLS, FRAMES_A_SECOND, GROUP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiceband.bench.passes import Pass, Timed


class Row(msgspec.Struct, frozen=True):
    """One case over all passes.

    Parameters
    ----------
    group, name : str
        Which case.
    us : float
        Microseconds for 20 ms of audio, the median of all passes.
    spread_us : float
        Half of the range in which the middle half of the passes lies.
    yardstick : list of float
        For each pass, how many times as long as ours the yardstick took: what a comparison compares.
    others : dict of str to float or None
        How many times as long other ways take; None for one that was not measured.
    """

    group: str
    name: str
    us: float
    spread_us: float
    yardstick: list[float]
    others: dict[str, float | None]


class Calls(msgspec.Struct, frozen=True):
    """How many calls of a kind fit on a core: audio and protocol alone, without sockets and agents."""

    kind: str
    calls: int


class BenchReport(msgspec.Struct, frozen=True):
    """All that one run found; as JSON it is the baseline for later ones."""

    machine: Machine
    date: str
    quick: bool
    passes: int
    rows: list[Row]
    calls: list[Calls]

    def row(self, group: str, name: str) -> Row | None:
        """Return a case's row, or None if it was not measured."""
        return next((row for row in self.rows if (row.group, row.name) == (group, name)), None)

    def to_json(self) -> str:
        """Return it as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> BenchReport:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError
            If it is no such report.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError as error:  # ValidationError is one
            raise ValueError(f"not a report of voiceband bench: {error}") from None


def summarise(passes: Sequence[Pass], *, date: str, quick: bool) -> BenchReport:
    """Make a report of some passes over the same cases."""
    rows = [_row(case) for case in zip(*passes, strict=True)]
    groups = list(dict.fromkeys(row.group for row in rows))
    rows.sort(key=lambda row: groups.index(row.group))
    return BenchReport(this_machine(), date, quick, len(passes), rows, _calls(rows))


def _row(timed: Sequence[Timed]) -> Row:
    first = timed[0]
    us = [one.seconds * 1e6 for one in timed]
    low, median, high = statistics.quantiles(us, n=4) if len(us) > 1 else us * 3
    return Row(
        group=first.group,
        name=first.name,
        us=median,
        spread_us=(high - low) / 2,
        yardstick=[one.yardstick for one in timed],
        others={name: _median([one.others[name] for one in timed]) for name in first.others},
    )


def _median(figures: Sequence[float | None]) -> float | None:
    there = [figure for figure in figures if figure is not None]
    return statistics.median(there) if there else None


def _calls(rows: Sequence[Row]) -> list[Calls]:
    """Return how many calls of each kind fit on a core."""
    us = {row.name: row.us for row in rows if row.group == GROUP}
    return [
        Calls(kind, calls_a_core(sum(us[name] for name in names)))
        for kind, names in CALLS.items()
        if us.keys() >= set(names)
    ]


def calls_a_core(us: float) -> int:
    """Return how many calls fit on a core where 20 ms of one, both ways, take `us` microseconds."""
    return round(1e6 / FRAMES_A_SECOND / us)
