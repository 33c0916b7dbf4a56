"""What got slower since a baseline, told from noise.

A case's figure is how many times as long as ours a yardstick takes, each in its fastest round: what slows the whole
machine slows both. Each pass gives one figure. A case seems slower when two things hold: the medians say so by more
than 15 %, and so do three quarters of the pairs of one old and one new pass, by any amount. The first is the size that
matters; the second is the Mann-Whitney test [1]_, which asks nothing of the noise but that it is the same in both runs,
and is not moved much by passes in which something else went on. What seems slower is measured once more, and is slower
if it seems so again. With nine passes on all sides, chance alone gets by the pairs once in 26 times, and hardly ever by
all of it.

References
----------
.. [1] H. B. Mann, D. R. Whitney, "On a test of whether one of two random variables is stochastically larger than the
   other", Annals of Mathematical Statistics 18, 1947.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from voiceband.bench.results import BenchReport, Row

    Measure = Callable[[Collection[tuple[str, str]]], BenchReport]

LIMIT = 1.15
"""Times the former cost: up to here nothing is said."""
PAIRS = 0.75
"""The share of pairs of passes that must agree."""
FEWEST = 7
"""Passes on either side, without which the pairs agree by chance too often."""


class Change(msgspec.Struct, frozen=True):
    """What became of a case: its cost now as a multiple of what it was, and the share of pairs that say slower."""

    group: str
    name: str
    factor: float
    pairs: float

    @property
    def case(self) -> tuple[str, str]:
        """Which case it is."""
        return self.group, self.name

    @property
    def slower(self) -> bool:
        """Whether the case seems to have got slower, rather than the noise louder."""
        return self.factor > LIMIT and self.pairs >= PAIRS


def find_slower(baseline: BenchReport, measure: Measure) -> list[Change]:
    """Measure and compare, and measure again what seems slower: what chance did once, it does not do twice.

    Parameters
    ----------
    baseline : BenchReport
        What it was like before.
    measure : callable
        Makes a report of some cases, given their (group, name); of all cases, given none.

    Returns
    -------
    changes : list of Change
        Of all cases that both have; those that are slower are so.

    Raises
    ------
    ValueError
        As `compare` does.
    """
    changes = compare(baseline, measure(()))
    suspects = {change.case for change in changes if change.slower}
    if not suspects:
        return changes
    again = {change.case: change for change in compare(baseline, measure(suspects))}
    return [again[change.case] if change.slower else change for change in changes]


def compare(baseline: BenchReport, report: BenchReport) -> list[Change]:
    """Compare the cases that both reports have.

    Parameters
    ----------
    baseline, report : BenchReport
        Before and now, of the same machine, with at least 7 passes each.

    Returns
    -------
    changes : list of Change
        In the order of `report`.

    Raises
    ------
    ValueError
        If the two cannot be compared; the text says why.
    """
    unlike = report.machine.unlike(baseline.machine)
    if unlike:
        raise ValueError(f"the baseline is of another machine: here it is {'; '.join(unlike)}")
    for name, one in (("the baseline", baseline), ("this run", report)):
        if one.passes < FEWEST:
            raise ValueError(f"{name} has {one.passes} passes: a comparison needs at least {FEWEST}")
    pairs = [(baseline.row(row.group, row.name), row) for row in report.rows]
    changes = [_change(before, now) for before, now in pairs if before is not None]
    if not changes:
        raise ValueError("the baseline has none of the cases that there are now")
    return changes


def _change(before: Row, now: Row) -> Change:
    slower = sum(n < b for b in before.yardstick for n in now.yardstick)
    return Change(
        now.group,
        now.name,
        statistics.median(before.yardstick) / statistics.median(now.yardstick),
        slower / (len(before.yardstick) * len(now.yardstick)),
    )
