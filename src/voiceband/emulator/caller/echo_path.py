"""How telephones give back what they play: how late, how much softer, and how far from a straight line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from voiceband.emulator.caller.bandpass import on_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOVED_AT_S = 30
"""When a caller moves their phone."""


AGC_BELOW_DBFS = -40.0
"""Power of 10 ms below which an automatic gain rises, and above which it falls."""
AGC_STEPS_A_DB = 50
"""A gain rises by one step in 10 ms, which is 2 dB in a second, and falls by 1 dB."""


class Echo(NamedTuple):
    """An echo's path: its loss, its delay, how far the loudspeaker is overdriven, and what is lost once it has moved.

    The loss is that of soft sounds; one of full scale loses a further 20 log10(1 + overdrive) dB. `agc_db` is by how
    much the phone turns its microphone up while little comes from it, echo and all.
    """

    loss_db: float
    delay_ms: float
    overdrive: float = 0.0
    moved_db: float = 0.0
    agc_db: float = 0.0


ECHOES = {
    "handset": Echo(35, 80, moved_db=-3, agc_db=9),
    "speakerphone": Echo(13, 180, overdrive=3.0, moved_db=5),
    "car": Echo(18, 260, overdrive=1.5, moved_db=-3),
    "bluetooth": Echo(26, 340, overdrive=0.5, moved_db=3),
}
"""Paths by the names of what makes them."""


class EchoPath:
    """Makes an echo of what was played; the same bits for any split."""

    def __init__(self, echo: Echo, rate: int) -> None:
        self.delay = round(echo.delay_ms * rate / 1000)
        self._echo = echo
        losses = (echo.loss_db, echo.loss_db + echo.moved_db)
        self._gains = [float(on_grid(np.array(10 ** (-loss_db / 20)))) for loss_db in losses]
        self._moved_at = MOVED_AT_S * rate

    def of(self, played: NDArray[np.int16], first: int) -> NDArray[np.float64]:
        """Return the echo of samples, which the line brings from sample `first` on."""
        before = min(max(self._moved_at - first, 0), len(played))
        x = played.astype(np.float64)
        if self._echo.overdrive:
            x = on_grid(x / (1 + self._echo.overdrive * np.abs(x) / 32768))
        x[:before] *= self._gains[0]
        x[before:] *= self._gains[1]
        return on_grid(x) if self._echo.overdrive else x


class AutomaticGain:
    """The gain of a microphone: slowly up while little comes, down at once for a voice. The same bits in any split."""

    def __init__(self, most_db: float, rate: int) -> None:
        self._gains = [float(on_grid(np.array(10 ** (k / AGC_STEPS_A_DB / 20)))) for k in range(_steps(most_db) + 1)]
        self._hop = rate // 100
        self._below = self._hop * 32768**2 * 10 ** (AGC_BELOW_DBFS / 10)
        self._step = 0
        self._taken = 0  # samples of the present 10 ms, and their energy
        self._energy = 0.0

    def process(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the microphone makes of the next samples."""
        out, at = np.empty(len(x)), 0
        while at < len(x):
            piece = x[at : at + self._hop - self._taken]
            out[at : at + len(piece)] = piece * self._gains[self._step]
            self._energy += float(np.sum(np.square(np.rint(piece))))  # of integers: exact in any order
            self._taken += len(piece)
            at += len(piece)
            if self._taken == self._hop:
                by = 1 if self._energy < self._below else -AGC_STEPS_A_DB
                self._step = min(max(self._step + by, 0), len(self._gains) - 1)
                self._taken, self._energy = 0, 0.0
        return on_grid(np.clip(out, -32768.0, 32767.0))


def _steps(db: float) -> int:
    return round(db * AGC_STEPS_A_DB)
