"""What is heard around a caller: a loop of noise, in the telephone band, at a root mean square of one.

Loops are made once and shared by all lines; where a line begins in its loop is drawn from the line's seed. Filtering is
circular, so the loop has no seam.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.emulator.caller.bandpass import band_pass_taps

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("white", "street", "hum")
LOOP_S = 20
MAINS_HZ = 50


@functools.cache
def noise_loop(kind: str, rate: int, band_pass: bool) -> NDArray[np.float64]:
    """Return 20 s of one of `KINDS`, read-only.

    white
        Gaussian, the same power at every frequency: a bad line, a shower, a fan.
    street
        Gaussian with a power falling by 6 dB an octave above 200 Hz, as traffic has, in which eight vehicles a loop
        pass by: swells of up to 8 dB, 1 to 3 s long.
    hum
        Mains at 50 Hz with harmonics up to 2 kHz, odd ones stronger, amplitudes falling as 1/k: a bad power supply.
    """
    if kind not in KINDS:
        raise ValueError(f"noise must be one of {', '.join(KINDS)}, an array or a sound file, not {kind!r}")
    n = LOOP_S * rate
    rng = np.random.default_rng([KINDS.index(kind), rate])
    if kind == "hum":
        t = np.arange(n) / rate
        x = np.zeros(n)
        for k in range(1, 2000 // MAINS_HZ + 1):
            x += (1.0 if k % 2 else 0.2) / k * np.sin(2 * np.pi * MAINS_HZ * k * t + rng.uniform(0, 2 * np.pi))
    else:
        x = rng.standard_normal(n)
    if kind == "street":
        f = np.fft.rfftfreq(n, 1 / rate)
        x = np.fft.irfft(np.fft.rfft(x) / np.maximum(f / 200, 1), n) * _vehicles(n, rate, rng)
    return _finish(x, rate, band_pass)


def _vehicles(n: int, rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    t = np.arange(n) / rate
    swell_db = np.zeros(n)
    for _ in range(8):
        at, width, height_db = rng.uniform(0, LOOP_S), rng.uniform(0.5, 1.5), rng.uniform(3, 8)
        away = np.abs(t - at)
        away = np.minimum(away, LOOP_S - away)  # the loop goes round
        swell_db = np.maximum(swell_db, height_db * np.exp(-((away / width) ** 2)))
    return np.asarray(10 ** (swell_db / 20))


def own_loop(pcm: NDArray[Any], rate: int, band_pass: bool) -> NDArray[np.float64]:
    """Make a loop of a recording; ValueError if it is empty, not one-dimensional, not finite or silent."""
    x = np.asarray(pcm, np.float64)
    if x.ndim != 1 or not len(x) or not np.isfinite(x).all():
        raise ValueError(f"noise must be a one-dimensional array of finite samples, not of shape {x.shape}")
    return _finish(x, rate, band_pass)


def _finish(x: NDArray[np.float64], rate: int, band_pass: bool) -> NDArray[np.float64]:
    if not np.any(x):
        raise ValueError("noise must not be silent")
    before = np.sqrt(np.mean(np.square(x)))
    if band_pass:
        taps = band_pass_taps(rate)
        x = np.tile(x, -(-len(taps) // len(x)))
        x = np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(taps, len(x)), len(x))
    rms = np.sqrt(np.mean(np.square(x)))
    # Below that it would be the filter's own leakage that is turned up.
    if rms < 0.01 * before:
        raise ValueError("noise must not be silent between 300 and 3400 Hz")
    x = x / rms
    x.setflags(write=False)
    return x
