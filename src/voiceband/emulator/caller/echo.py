"""How telephones give back what they play: how late, how much softer, and how far from a straight line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from voiceband.emulator.caller.bandpass import on_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOVED_AT_S = 30
"""When a caller moves his phone."""


class Echo(NamedTuple):
    """An echo's path: its loss, its delay, how far the loudspeaker is overdriven, and what is lost once it has moved.

    The loss is that of soft sounds; one of full scale loses a further 20 log10(1 + overdrive) dB.
    """

    loss_db: float
    delay_ms: float
    overdrive: float = 0.0
    moved_db: float = 0.0


ECHOES = {
    "handset": Echo(35, 80, moved_db=-3),
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
