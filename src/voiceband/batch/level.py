"""Bring speech to one level as it goes by: a slow gain that knows the past only, and a limiter that cannot wrap.

p[k]  power of hop k (20 ms);  e  mean power of the speech so far, over the last 10 s of it at most
hop k is speech if p[k] is above -55 dBFS and at most 15 dB below e
g[k]  goes to sqrt(target / e), within +-max_gain, by at most 6 dB/s upwards and 60 dB/s downwards
y     = limit(x g), g on a straight line from g[k-1] to g[k] over the hop
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.sound.limiter import limit

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOPS_A_SECOND = 50
GATE = 10 ** (-55 / 10)
SPREAD = 10 ** (-15 / 10)
MEMORY = 10 * HOPS_A_SECOND
FORGET = 1 - 1 / (30 * HOPS_A_SECOND)  # so that quiet speech after something loud is heard again
RISE = 10 ** (6 / HOPS_A_SECOND / 20)
FALL = 10 ** (-60 / HOPS_A_SECOND / 20)


class Leveller:
    """The gain of one channel."""

    def __init__(self, rate: int, dbfs: float, max_gain_db: float, dtype: str) -> None:
        self.clipped = 0
        self._hop = max(1, rate // HOPS_A_SECOND)
        self._ramp = np.arange(1, self._hop + 1) / self._hop
        self._target = 10 ** (dbfs / 10)
        self._most = 10 ** (max_gain_db / 20)
        self._mean, self._heard, self._gain = 0.0, 0, 1.0
        self._rest: NDArray[Any] = np.empty(0, dtype)  # of a hop that is not complete

    def process(self, x: NDArray[Any]) -> NDArray[Any]:
        """Take the next samples, and return what is done."""
        x = np.concatenate((self._rest, x))
        whole = len(x) - len(x) % self._hop
        self._rest = x[whole:].copy()
        return self._level(x[:whole].reshape(-1, self._hop))

    def flush(self) -> NDArray[Any]:
        """Return the rest; the stream has ended."""
        rest = self._rest
        return self._level(np.pad(rest, (0, self._hop - len(rest)))[None])[: len(rest)]

    def _level(self, hops: NDArray[Any]) -> NDArray[Any]:
        x = hops.astype(np.float64)
        if hops.dtype == np.int16:
            x /= 32768
        # Rows are summed one by one and in order, so that no split of the stream changes a bit.
        power = np.einsum("ij,ij->i", x, x) / self._hop
        gains = np.array([self._gain, *map(self._follow, power.tolist())])
        x *= gains[:-1, None] + np.diff(gains)[:, None] * self._ramp
        x = limit(x.reshape(-1))
        if hops.dtype == np.int16:
            return np.minimum(np.rint(x * 32768), 32767).astype(np.int16)
        return x.astype(np.float32)

    def _follow(self, power: float) -> float:
        if power > GATE:
            if power >= self._mean * SPREAD:
                self._heard = min(self._heard + 1, MEMORY)
                self._mean += (power - self._mean) / self._heard
            else:
                self._mean *= FORGET
            goal = min(max(math.sqrt(self._target / self._mean), 1 / self._most), self._most)
            self._gain = min(max(goal, self._gain * FALL), self._gain * RISE)
        return self._gain
