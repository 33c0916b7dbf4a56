"""Cuts recordings into the sentences of a caller who takes turns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from voiceband.protocol.limits import FRAME_MS
from voiceband.sound.speech import loud_runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def split_at_pauses(pcm: NDArray[np.int16], rate: int, *, pause_ms: float = 180) -> list[NDArray[np.int16]]:
    """Cut a clip into what lies between pauses of `pause_ms` and more, in frames of 20 ms; the pauses are left out."""
    size = rate * FRAME_MS // 1000
    runs = loud_runs(pcm, size, math.ceil(pause_ms / FRAME_MS))
    # A frame more on both sides keeps soft beginnings and ends.
    return [pcm[max(0, (first - 1) * size) : (last + 2) * size] for first, last in runs]
