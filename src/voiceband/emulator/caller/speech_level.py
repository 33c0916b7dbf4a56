"""Active speech level: how loud someone speaks while speaking, pauses not counted (ITU-T P.56, method B)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMOOTHING_S = 0.03
HANGOVER_S = 0.2
MARGIN_DB = 15.9
STEPS_PER_S = 1000  # the envelope is followed in steps of a millisecond, short beside its 30 ms


def active_level_dbfs(x: NDArray[Any], rate: int) -> float:
    """Return the active speech level of samples on the int16 scale.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Samples, full scale 32768.
    rate : int
        Hz.

    Returns
    -------
    dbfs : float
        dB relative to a root mean square of 32768 (ITU's dBov): a full-scale sine is at -3. -inf without any activity.

    References
    ----------
    .. [1] ITU-T P.56 (12/2011), clause 7.

    Examples
    --------
    >>> t = np.arange(16000) / 8000
    >>> tone = 3276.8 * np.sin(2 * np.pi * 1000 * t)
    >>> round(active_level_dbfs(tone, 8000), 1)
    -23.0
    >>> round(active_level_dbfs(np.concatenate([tone, np.zeros(80_000)]), 8000), 1)  # pauses do not count
    -23.6
    """
    step = rate // STEPS_PER_S
    x = np.asarray(x, np.float64) / 32768
    energy = float(np.dot(x, x))
    magnitude = np.abs(x[: len(x) // step * step]).reshape(-1, step).mean(axis=1)
    if not energy or not len(magnitude):
        return -math.inf
    envelope = np.array(_smooth_twice(magnitude.tolist()))
    steps = np.arange(len(envelope))
    hangover = round(HANGOVER_S * STEPS_PER_S)
    previous = (math.inf, 0.0)  # level minus threshold, level
    for bits in range(15, 0, -1):
        last = np.maximum.accumulate(np.where(envelope >= 2.0**-bits, steps, -hangover - 1))
        active = int(np.count_nonzero(steps - last <= hangover))
        if not active:
            return previous[1] if previous[0] < math.inf else -math.inf
        level = 10 * math.log10(energy / (active * step))
        margin = level - 20 * math.log10(2.0**-bits)
        if margin <= MARGIN_DB:
            if previous[0] == math.inf:
                return level
            part = (previous[0] - MARGIN_DB) / (previous[0] - margin)
            return previous[1] + part * (level - previous[1])
        previous = (margin, level)
    return previous[1]


def _smooth_twice(magnitude: list[float]) -> list[float]:
    g = math.exp(-1 / (SMOOTHING_S * STEPS_PER_S))
    p = q = 0.0
    envelope = []
    for value in magnitude:
        p = g * p + (1 - g) * value
        q = g * q + (1 - g) * p
        envelope.append(q)
    return envelope
