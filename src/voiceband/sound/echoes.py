"""Finds where one side of a recording brings nothing but the other side's voice back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from voiceband.dsp.echo import EchoGuard
from voiceband.dsp.rechunk import Rechunker

if TYPE_CHECKING:
    from numpy.typing import NDArray

BOUND_MS = 60.0
"""How far apart the two sides of a recording may be."""
SURE = 0.5
"""Score from which a frame is echo."""
LEAST_MS, JOIN_MS = 300.0, 500.0
"""The shortest echo that counts, and the longest pause within one."""


class EchoSpan(msgspec.Struct, frozen=True):
    """A stretch of nothing but echo.

    Attributes
    ----------
    start_ms, end_ms : float
        From and until when it is heard, since the beginning of the sound.
    lag_ms : float
        How much later than the other side said it.
    """

    start_ms: float
    end_ms: float
    lag_ms: float


class EchoFinder:
    """Hears both sides of a recording as they pass.

    Parameters
    ----------
    rate : {8000, 16000}
        In Hz.
    dtype : {"int16", "float32"}, optional
        Of the samples.

    Attributes
    ----------
    spans : list of EchoSpan
        What is over.
    """

    def __init__(self, rate: int, dtype: str = "int16") -> None:
        self.spans: list[EchoSpan] = []
        self._guard = EchoGuard(rate)
        self._near, self._far = Rechunker(rate // 50, dtype=dtype), Rechunker(rate // 50, dtype=dtype)
        self._heard_ms = 0.0
        self._begin_ms = self._end_ms = self._lag_ms = 0.0

    def hear(self, near: NDArray[Any], far: NDArray[Any]) -> None:
        """Take the next samples of both sides, as many of one as of the other."""
        for ours, theirs in zip(self._near.process(near), self._far.process(far), strict=True):
            score = self._guard.process(ours.samples, theirs.samples, bound_ms=BOUND_MS)
            lag_ms = self._guard.lag_ms
            begin_ms, self._heard_ms = self._heard_ms, self._heard_ms + 20.0
            if score < SURE or lag_ms is None:
                continue
            if not self._end_ms or begin_ms - self._end_ms > JOIN_MS:
                self.end()
                self._begin_ms = begin_ms
            self._end_ms, self._lag_ms = self._heard_ms, lag_ms

    def end(self) -> None:
        """End the present stretch, as the end of the sound does."""
        if self._end_ms - self._begin_ms >= LEAST_MS:
            self.spans.append(EchoSpan(self._begin_ms, self._end_ms, self._lag_ms))
        self._begin_ms = self._end_ms = 0.0
