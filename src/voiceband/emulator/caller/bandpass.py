"""The telephone band: 300 to 3400 Hz, as a linear-phase FIR filter whose result does not depend on how it is called.

A windowed sinc: the ideal band from 240 to 3460 Hz under a Kaiser window that gives 50 dB and transitions of 120 Hz.

    below 180 Hz          at least 45 dB down
    300 to 3400 Hz        within 0.1 dB
    above 3520 Hz         at least 45 dB down

Samples and taps are multiples of powers of two and small enough for every sum to be exact in a double, so the order of
summation, and with it the split into blocks, the CPU and the library below numpy, cannot change a bit.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

EDGES_HZ = (240.0, 3460.0)
TRANSITION_HZ = 120.0
ATTENUATION_DB = 50.0
TAP_BITS = 15
SAMPLE_BITS = 12
"""Fraction bits a sample may have. 16 before the point, 12 behind it, 15 of the tap and 9 of the sum make 52 of 53."""


@functools.cache
def band_pass_taps(rate: int) -> NDArray[np.float64]:
    """Return the taps at `rate` Hz: odd in number, symmetric, multiples of 2^-15."""
    width = 2 * math.pi * TRANSITION_HZ / rate
    half = math.ceil((ATTENUATION_DB - 8) / (2.285 * width) / 2)
    n = np.arange(-half, half + 1)
    low, high = (2 * f / rate for f in EDGES_HZ)
    beta = 0.5842 * (ATTENUATION_DB - 21) ** 0.4 + 0.07886 * (ATTENUATION_DB - 21)
    taps = (high * np.sinc(high * n) - low * np.sinc(low * n)) * np.kaiser(2 * half + 1, beta)
    taps = np.asarray(np.rint(taps * 2**TAP_BITS) / 2**TAP_BITS, np.float64)
    taps.setflags(write=False)
    return taps


def on_grid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round samples to the grid on which the filter is exact."""
    return np.asarray(np.rint(x * 2**SAMPLE_BITS) / 2**SAMPLE_BITS)


class BandPass:
    """The filter as a stream; any split into blocks gives the same bits.

    Parameters
    ----------
    rate : int
        8000 or 16000 Hz.
    """

    def __init__(self, rate: int) -> None:
        self._taps = band_pass_taps(rate)
        self._history = np.zeros(len(self._taps) - 1)
        self._zeros = len(self._history)  # how many zeros the history ends with, as far as is known

    @property
    def latency_samples(self) -> int:
        """Delay in samples: half the filter, about 12 ms."""
        return len(self._taps) // 2

    def process(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Filter samples within +/-65536 that `on_grid` leaves alone; returns as many."""
        self._zeros = 0
        return self._run(x)

    def silence(self, n: int) -> NDArray[np.float64] | None:
        """Filter `n` zeros; None once the last sample has rung out, which costs nothing."""
        if self._zeros >= len(self._history):
            return None
        self._zeros += n
        return self._run(np.zeros(n))

    def _run(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        if not len(x):
            return np.zeros(0)
        joined = np.concatenate([self._history, x])
        self._history = joined[len(x) :]
        return np.convolve(joined, self._taps, "valid")
