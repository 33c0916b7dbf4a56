"""The capacity search: how many calls a server holds, by doubling and then halving the distance."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiceband.load.results import LoadReport

RESOLUTION = 0.05
"""The search ends when what fails is at most that much more than what held."""


@dataclass
class Capacity:
    """What a search found.

    Attributes
    ----------
    held : int
        The most calls that the server held; 0 if none.
    failed : int or None
        The fewest that it did not hold; None if it held all.
    why : str
        Why it did not hold those.
    limit : str
        What ended the search: "found", "most calls", "time", "generator" or "interrupted".
    steps : list
        Every (number of calls, report), in order.
    """

    held: int = 0
    failed: int | None = None
    why: str = ""
    limit: str = "found"
    steps: list[tuple[int, LoadReport]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return it as JSON would have it."""
        return {
            "capacity": self.held,
            "failed_at": self.failed,
            "why": self.why,
            "limit": self.limit,
            "steps": [{"calls": n, "held": not r.held(), **r.summary(calls=False)} for n, r in self.steps],
        }


def find_capacity(
    measure: Callable[[int], LoadReport],
    *,
    first: int,
    most: int,
    time_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> Capacity:
    """Search for the number of calls from which a server does not hold them any more.

    Parameters
    ----------
    measure : callable
        Runs a load of so many calls.
    first, most : int
        The number to begin with, and the greatest that is tried.
    time_s : float
        After that no other load is begun.
    clock : callable, optional
        The time in seconds.

    Notes
    -----
    What is measured while the generator itself was too late says nothing about the server, and ends the search; but for
    calls that failed or were lost, and for an echo without gaps, which shows that all was sent.
    """
    found = Capacity()
    until = clock() + time_s
    n = min(first, most)
    while True:
        report = measure(n)
        found.steps.append((n, report))
        if report.interrupted:
            found.limit = "interrupted"
            return found
        why = report.held()
        if report.generator_late and not report.refused and (why or not report.echo):
            found.limit, found.why = "generator", f"{why or 'no gap'} at {n} calls, but the generator itself was late"
            return found
        if not why:
            found.held = n
        else:
            found.failed, found.why = n, why
        if found.failed is None:
            if n >= most:
                found.limit = "most calls"
                return found
            n = min(2 * n, most)
        elif found.failed - found.held <= max(1, int(RESOLUTION * found.held)):
            return found
        else:
            n = (found.held + found.failed) // 2
        if clock() >= until:
            found.limit = "time"
            return found
