"""What comes out: for every case its cost, its ratios and its limit, and the calls that fit on a core."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import msgspec

from voiceband.bench.limits import Limits
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
    rivals : dict of str to float or None
        How many times as long each of them takes; None for what was not measured.
    share : float or None
        The share of the limit that is reached, where the work can be counted; about 1 at most.
    bound : str
        What limits it: "bytes" or "multiply-adds"; "" where the work cannot be counted.
    yardstick : list of float
        Of each pass, how many times as long as ours the yardstick took: what a comparison compares.
    """

    group: str
    name: str
    us: float
    spread_us: float
    rivals: dict[str, float | None]
    share: float | None
    bound: str
    yardstick: list[float]


class Calls(msgspec.Struct, frozen=True):
    """How many calls of a kind fit on a core: audio and protocol alone, without sockets and agents."""

    kind: str
    calls: int
    rivals: dict[str, int]


class Report(msgspec.Struct, frozen=True):
    """All that one run found; as JSON it is the baseline for later ones."""

    machine: Machine
    date: str
    quick: bool
    passes: int
    limits: Limits
    rows: list[Row]
    calls: list[Calls]

    def row(self, group: str, name: str) -> Row | None:
        """Return a case's row, or None if it was not measured."""
        return next((row for row in self.rows if (row.group, row.name) == (group, name)), None)

    def to_json(self) -> str:
        """Return it as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
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


def summarise(passes: Sequence[Pass], *, date: str, quick: bool) -> Report:
    """Make a report of some passes over the same cases."""
    limits = Limits(
        max(one.limits.bytes_s for one in passes), max(one.limits.multiply_adds_s for one in passes)
    )  # whatever disturbs makes slower, so the fastest is nearest to what the machine can do
    rows = [_row(case, limits) for case in zip(*(one.timed for one in passes), strict=True)]
    groups = list(dict.fromkeys(row.group for row in rows))
    rows.sort(key=lambda row: groups.index(row.group))
    return Report(this_machine(), date, quick, len(passes), limits, rows, _calls(rows))


def _row(timed: Sequence[Timed], limits: Limits) -> Row:
    first = timed[0]
    us = [one.seconds * 1e6 for one in timed]
    low, median, high = statistics.quantiles(us, n=4) if len(us) > 1 else us * 3
    ratios = {name: [one.rivals[name] for one in timed] for name in first.rivals}
    return Row(
        group=first.group,
        name=first.name,
        us=median,
        spread_us=(high - low) / 2,
        rivals={name: _median(figures) for name, figures in ratios.items()},
        share=None if first.work is None else limits.seconds(first.work) * 1e6 / median,
        bound="" if first.work is None else limits.bound(first.work),
        yardstick=[one.yardstick for one in timed],
    )


def _median(figures: Sequence[float | None]) -> float | None:
    there = [figure for figure in figures if figure is not None]
    return statistics.median(there) if there else None


def _calls(rows: Sequence[Row]) -> list[Calls]:
    """Return how many calls fit: a core has a second for 50 frames each way of every call."""
    session = {row.name: row for row in rows if row.group == GROUP}
    found = []
    for kind, names in CALLS.items():
        if not all(name in session for name in names):
            continue
        parts = [session[name] for name in names]
        rivals: dict[str, int] = {}
        for rival in parts[0].rivals:
            each: list[Any] = [part.rivals.get(rival) for part in parts]
            if None not in each:
                rivals[rival] = _fit(sum(part.us * ratio for part, ratio in zip(parts, each, strict=True)))
        found.append(Calls(kind, _fit(sum(part.us for part in parts)), rivals))
    return found


def _fit(us: float) -> int:
    return round(1e6 / FRAMES_A_SECOND / us)
