"""The resampler of one direction of a pipecat call."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from voiceband.dsp.resample import Resampler

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Rates:
    """The resampler of one direction, made when its rates are known."""

    def __init__(self, clear_after_s: float | None) -> None:
        self._clear_after_s = float("inf") if clear_after_s is None else clear_after_s
        self._resampler: Resampler | None = None
        self._used_at = 0.0

    def process(self, pcm: NDArray[Any], rate_in: int, rate_out: int) -> NDArray[Any]:
        """Return samples at the other rate; after a pause, as from the beginning."""
        resampler = self._resampler
        if resampler is None or resampler.rate_in != rate_in or resampler.rate_out != rate_out:
            resampler = self._resampler = Resampler(rate_in, rate_out)
        now = time.monotonic()
        if now - self._used_at > self._clear_after_s:
            resampler.reset()
        self._used_at = now
        return resampler.process(pcm)

    def restart(self) -> None:
        """Reset to the initial state."""
        if self._resampler is not None:
            self._resampler.reset()
