"""What a case is: one piece of work, ours and the rivals', with the least that it must take."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voiceband.bench.race import Contender


class Work(msgspec.Struct, frozen=True):
    """The least work in 20 ms of audio: bytes that are read or written once, and multiplications with an addition."""

    moved: float
    multiply_adds: float = 0.0


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Parameters
    ----------
    group, name : str
        Where the row stands and what it says; the pair is unique.
    ours : Contender
        Our way.
    rivals : mapping of str to Contender or None
        Other ways to the same result; None where a package is not installed.
    frames : float
        How many times 20 ms of audio `ours` works on; so do all rivals.
    work : Work or None
        The least work in 20 ms, if it can be counted.
    """

    group: str
    name: str
    ours: Contender
    rivals: Mapping[str, Contender | None] = field(default_factory=dict)
    frames: float = 1.0
    work: Work | None = None

    @property
    def bulk(self) -> bool:
        """Whether it is about much audio at once: then the cost of a call does not count."""
        return self.frames > 1


def real_transform(points: int) -> float:
    """Return the multiply-adds of a real Fourier transform: 2.5 N log2 N operations, two of them to each."""
    return 1.25 * points * math.log2(points)
