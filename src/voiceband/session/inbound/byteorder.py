"""Finds out the order of the two bytes of L16 samples.

Speech moves in small steps, and its swapped bytes jump. Over the audible messages so far the sum of the differences of
neighbouring samples is taken in both orders; the smaller one wins once the other is four times as large and more than
256 a sample, which tones of up to 3.4 kHz and DTMF in the right order never are. Samples that are all multiples of 256
in one order, as those of 8-bit recordings, say nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from voiceband.formats import ByteOrder

RATIO = 4.0
AUDIBLE = 256


class ByteOrderDetector:
    """Decides on the order of the two bytes of L16 samples."""

    __slots__ = ("_big", "_little", "_n", "order")

    def __init__(self) -> None:
        self._little = self._big = 0
        self._n = 0
        self.order: ByteOrder | None = None

    def push(self, payload: bytes) -> bool:
        """Take a message; return whether it is audible, so that the order matters to it."""
        n = len(payload) // 2
        if n < 2 or not (any(payload[: 2 * n : 2]) and any(payload[1::2])):  # one byte of each pair is zero
            return False
        both = np.empty((2, n), np.int32)
        both[0] = np.frombuffer(payload, "<i2", n)
        both[1] = np.frombuffer(payload, ">i2", n)
        steps = both[:, 1:] - both[:, :-1]
        little, big = np.abs(steps, out=steps).sum(axis=1).tolist()
        if max(little, big) <= n * AUDIBLE:
            return False
        self._little += little
        self._big += big
        self._n += n
        if max(self._little, self._big) > self._n * AUDIBLE:
            if self._big > RATIO * self._little:
                self.order = "little"
            elif self._little > RATIO * self._big:
                self.order = "big"
        return True
