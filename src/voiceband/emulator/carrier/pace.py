"""The pace of one stream: when its media messages leave, and how far an agent is behind in taking them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiceband.protocol.limits import FRAME_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

DEGRADED_AT = (0.3, 0.6, 0.9)
"""Shares of the backlog's limit at which the carrier complains of a slow connection."""


class MediaClock:
    """Cuts the time from a stream's start into media messages.

    Parameters
    ----------
    lengths_ms : iterator of int, optional
        The length of every message, 1 to 1000 ms, without end; 20 without it.

    Attributes
    ----------
    chunk : int
        The number of the message that is being spoken, from 1 on; 0 before `begin`.
    begin_ms, end_ms : int
        Where in the stream it begins and ends; it leaves when its last sample has been spoken.
    """

    def __init__(self, lengths_ms: Iterator[int] | None) -> None:
        self.chunk = 0
        self.begin_ms = self.end_ms = 0
        self._lengths_ms = lengths_ms

    def begin(self) -> None:
        """Set out the next one."""
        ms = FRAME_MS if self._lengths_ms is None else next(self._lengths_ms)
        if not 1 <= ms <= 1000:
            raise ValueError(f"frame_ms must give 1 to 1000 ms, not {ms!r}")
        self.chunk += 1
        self.begin_ms, self.end_ms = self.end_ms, self.end_ms + ms


class Backlog:
    """How old the oldest message is that an agent has not taken.

    Parameters
    ----------
    limit_s : float
        The most that the carrier tolerates.

    Attributes
    ----------
    age_s : float
        As it was last told.
    """

    def __init__(self, limit_s: float) -> None:
        self.age_s = 0.0
        self._limit_s = limit_s
        self._complaints = 0

    def told(self, age_s: float) -> list[int]:
        """Take the age; return the percentages of the limit that it has reached, once each until all was taken."""
        self.age_s = age_s
        if age_s <= 0:
            self._complaints = 0
        reached = sum(age_s >= share * self._limit_s for share in DEGRADED_AT)
        new = DEGRADED_AT[self._complaints : reached]
        self._complaints = max(self._complaints, reached)
        return [round(share * 100) for share in new]

    @property
    def full(self) -> bool:
        """Whether the limit is reached."""
        return self.age_s >= self._limit_s
