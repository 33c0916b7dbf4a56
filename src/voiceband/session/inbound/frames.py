"""Whole frames of 20 ms out of messages of any length, for what hears the caller frame by frame.

A `Rechunker` would do, but each of its blocks is a copy with an index and a time, for three times as many instructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.protocol.limits import FRAME_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray


_NONE: NDArray[Any] = np.zeros(0, np.int16)


class Frames:
    """Cuts one stream of samples.

    Parameters
    ----------
    rate : int
        In Hz.

    Attributes
    ----------
    size : int
        Samples a frame.
    """

    __slots__ = ("_left", "size")

    def __init__(self, rate: int) -> None:
        self.size = rate * FRAME_MS // 1000
        self._left = _NONE

    @property
    def n_left(self) -> int:
        """How many samples wait for the rest of their frame."""
        return len(self._left)

    def cut(self, pcm: NDArray[Any]) -> list[NDArray[Any]]:
        """Take samples; return the frames that are whole now."""
        if len(self._left):
            pcm = np.concatenate([self._left, pcm])
        size = self.size
        whole = len(pcm) - len(pcm) % size
        # A copy: the agent, who gets the samples too, may write into his.
        self._left = _NONE if whole == len(pcm) else pcm[whole:].copy()
        return [pcm[at : at + size] for at in range(0, whole, size)]

    def drop(self) -> None:
        """Forget what is left."""
        self._left = _NONE
