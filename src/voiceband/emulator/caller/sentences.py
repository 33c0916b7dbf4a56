"""Cuts recordings into the sentences of a caller who takes turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPEECH_DBFS = -45.0
FRAME_MS = 20


def split_at_pauses(pcm: NDArray[np.int16], rate: int, *, pause_ms: float = 180) -> list[NDArray[np.int16]]:
    """Cut a clip into what lies between pauses, by the energy of 20 ms frames; the pauses are left out."""
    size = rate * FRAME_MS // 1000
    frames = pcm[: len(pcm) // size * size].reshape(-1, size).astype(np.float64) / 32768
    loud = np.flatnonzero(10 * np.log10(np.mean(frames**2, axis=1) + 1e-12) > SPEECH_DBFS)
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) * FRAME_MS > pause_ms)
    firsts = [loud[0], *loud[breaks + 1]]
    lasts = [*loud[breaks], loud[-1]]
    # A frame more on both sides keeps soft beginnings and ends.
    return [pcm[max(0, (a - 1) * size) : (b + 2) * size] for a, b in zip(firsts, lasts, strict=True)]
