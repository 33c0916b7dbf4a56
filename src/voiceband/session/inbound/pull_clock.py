"""The jitter buffer's clock: it gives its audio at an even pace, whenever the session is asked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from voiceband.dsp.jitter import JitterBuffer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voiceband.dsp.jitter import Pulled

WINDOW_S = 2.0
"""How much a jitter buffer that was not asked gives at once: as much as it keeps."""


class EvenPace:
    """Plays one jitter buffer.

    Parameters
    ----------
    rate : int
        Of the wire, in Hz.
    """

    __slots__ = ("_rate", "_tick_s", "buffer", "next_pull")

    def __init__(self, rate: int) -> None:
        self.buffer = JitterBuffer(rate)
        self.next_pull = math.inf  # when it gives its next audio; it begins with the first message
        self._rate = rate
        self._tick_s = self.buffer.tick_ms / 1000

    def until(self, now: float) -> Iterator[Pulled]:
        """Give what is due up to `now`."""
        while self.next_pull <= now:
            yield self._pull()

    def rest(self) -> Iterator[Pulled]:
        """Give what waits, due or not."""
        while self.buffer.buffered_ms > 0:
            yield self._pull()

    def stood_still(self, now: float) -> bool:
        """Whether nobody has asked for longer than what is made up for."""
        return now - self.next_pull > WINDOW_S

    def catch_up(self) -> Iterator[Pulled]:
        """Give what waits, due or not, but no more than the window."""
        end = self.next_pull + WINDOW_S
        while self.buffer.buffered_ms > 0 and self.next_pull < end:
            yield self._pull()

    def skip(self, now: float) -> int:
        """Leave out the time up to the last tick before `now`; return how many samples that is."""
        skipped = max(0, math.ceil((now - self.next_pull) / self._tick_s) - 1)
        self.next_pull += skipped * self._tick_s
        return round(skipped * self._tick_s * self._rate)

    def _pull(self) -> Pulled:
        pulled = self.buffer.pull(self.next_pull)
        self.next_pull += self._tick_s
        return pulled
