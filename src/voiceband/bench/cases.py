"""A case: one piece of work on 20 ms of audio."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiceband.bench.race import Contender


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Parameters
    ----------
    group, name : str
        Where the row stands and what it says; the pair is unique.
    ours : Contender
        The work.
    frames : float
        How many times 20 ms of audio it works on.
    others : mapping of str to Contender or None
        Other ways to the same result, which take turns with it; None for one that is not installed. The benchmarks of
        the checkout add them.
    """

    group: str
    name: str
    ours: Contender
    frames: float = 1.0
    others: Mapping[str, Contender | None] = field(default_factory=dict)

    @property
    def bulk(self) -> bool:
        """Whether it is about much audio at once: then the cost of a call does not count."""
        return self.frames > 1
