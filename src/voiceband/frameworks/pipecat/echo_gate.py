"""Mutes what is nothing but the bot's own voice coming back, for a voice detector behind it."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.dsp.echo import EchoGuard
from voiceband.dsp.rechunk import Rechunker
from voiceband.sound.echoes import BOUND_MS, SURE

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEPT_S = 0.5
"""How long what was played is kept; the caller's audio may be so late."""
HOLE_S = 1.0
"""Silence of the caller's, after which their time is that of the messages again."""


class EchoGate:
    """Hears both directions of a stream, whose rate is 8000 or 16000 Hz.

    What is sent is taken to sound at once, or after what was sent before; how much later the caller's phone brings it
    back is the echo's delay, which the guard finds.
    """

    def __init__(self, rate: int) -> None:
        self._guard, self._rate, self._size = EchoGuard(rate), rate, rate // 50
        self._played: collections.deque[tuple[float, NDArray[Any]]] = collections.deque()
        self._end = -math.inf  # of what was sent
        self._heard = -math.inf  # when the caller's latest sample was spoken, but for a constant
        self._rechunker = Rechunker(self._size)
        self._mutes = False

    def play(self, pcm: NDArray[Any], now: float) -> None:
        """Note samples that are sent."""
        begin = max(self._end, now)
        self._end = begin + len(pcm) / self._rate
        self._played.append((begin, pcm))
        while self._played[0][0] + len(self._played[0][1]) / self._rate < now - KEPT_S:
            self._played.popleft()

    def clear(self, now: float) -> None:
        """Note that what was sent, and has not sounded yet, never will."""
        self._played = collections.deque(
            (begin, pcm[: round((now - begin) * self._rate)]) for begin, pcm in self._played if begin < now
        )
        self._end = min(self._end, now)

    def hear(self, pcm: NDArray[Any], now: float) -> NDArray[Any]:
        """Return the caller's samples, or as many zeros where they are echo."""
        end = self._heard + len(pcm) / self._rate
        self._heard = end = end if now - HOLE_S < end <= now else now
        begin = end - (self._rechunker.pending + len(pcm)) / self._rate
        verdicts = []
        for k, near in enumerate(self._rechunker.process(pcm)):
            far = self._far(begin + k * self._size / self._rate)
            verdicts.append(self._guard.process(near.samples, far, bound_ms=BOUND_MS) >= SURE)
        self._mutes = all(verdicts) if verdicts else self._mutes
        return np.zeros_like(pcm) if self._mutes else pcm

    def _far(self, since: float) -> NDArray[np.int16]:
        """Return what sounds in the 20 ms from a time on."""
        far = np.zeros(self._size, np.int16)
        for begin, pcm in reversed(self._played):
            first = round((begin - since) * self._rate)
            if first + len(pcm) <= 0:
                break
            if first < self._size:
                low, high = max(first, 0), min(first + len(pcm), self._size)
                far[low:high] = pcm[low - first : high - first]
        return far
