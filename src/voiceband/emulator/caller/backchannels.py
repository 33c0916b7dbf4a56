"""Sounds of a caller that are no turn: a cough, the "mhm" of somebody who listens, an answering machine's beep."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16000
COUGH_S, MHM_S, BEEP_S = 0.3, 0.45, 0.5
PITCH_HZ, BEEP_HZ = 115.0, 1000.0


def cough() -> NDArray[np.int16]:
    """Return a cough: a burst of breath that dies away."""
    n = round(COUGH_S * RATE)
    breath = np.convolve(np.random.default_rng(1).standard_normal(n), np.hanning(9), "same")
    at = np.arange(n) / RATE
    return _at_level(breath * np.minimum(1, at / 0.008) * np.exp(-at / 0.1))


def mhm() -> NDArray[np.int16]:
    """Return an "mhm": a hum that rises in its second half, with a breath between the two."""
    at = np.arange(round(MHM_S * RATE)) / RATE
    pitch = PITCH_HZ * (1 + 0.25 * (at > MHM_S / 2))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    hum = sum(np.sin(k * phase) / k**2 for k in range(1, 9))
    halves = np.abs(np.sin(2 * np.pi * at / MHM_S)) ** 0.5
    return _at_level(hum * halves)


def beep() -> NDArray[np.int16]:
    """Return the beep of an answering machine."""
    return _at_level(np.sin(2 * np.pi * BEEP_HZ * np.arange(round(BEEP_S * RATE)) / RATE))


def _at_level(x: NDArray[np.float64]) -> NDArray[np.int16]:
    pcm: NDArray[np.int16] = np.rint(x * (12000 / np.abs(x).max())).astype(np.int16)
    return pcm
