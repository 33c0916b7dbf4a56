"""A whole sound file as samples of one channel, for callers and their lines."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from voiceband.dsp.l16 import to_int16
from voiceband.sound.errors import FileError, SoundWarning
from voiceband.sound.source import SoundSource

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_mono(
    source: str | os.PathLike[str] | BinaryIO, *, max_s: float, channel: int | None = None, **options: Any
) -> tuple[NDArray[np.int16], int]:
    """Read a sound file that is not long; one of its channels, or all of them mixed into one.

    Parameters
    ----------
    source : path-like or binary file
        Whatever `SoundSource` reads.
    max_s : float
        The longest that is read, seconds.
    channel : int or None, optional
        Which one, from 1 on; None for the mean of all.
    **options
        Of `SoundSource`.

    Returns
    -------
    pcm : ndarray, shape (n,), int16
        The samples.
    rate : int
        Their rate, Hz.

    Raises
    ------
    FileError
        As `SoundSource` does, and if it is longer or has no such channel.

    Warns
    -----
    SoundWarning
        With each note of `SoundSource`, if `source` is a path.
    """
    with SoundSource(source, max_s=max_s, **options) as file:
        if channel is not None and not 1 <= channel <= file.channels:
            raise FileError(f"channel must be 1 to {file.channels}, as many as it has, not {channel!r}")
        kept = slice(None) if channel is None else slice(channel - 1, channel)
        blocks = [
            mixed([part if part.dtype == np.int16 else to_int16(part) for part in block[kept]])
            for block in file.blocks()
        ]
    if isinstance(source, (str, os.PathLike)):
        for note in file.notes:
            warnings.warn(f"{source}: {note}", SoundWarning, stacklevel=2)
    return np.concatenate([np.empty(0, np.int16), *blocks]), file.rate


def mixed(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Return the mean of channels of one type, which cannot clip."""
    if len(parts) == 1:
        return parts[0]
    mean: NDArray[Any] = np.asarray(np.mean(parts, axis=0, dtype=np.float64))
    return np.rint(mean).astype(np.int16) if parts[0].dtype == np.int16 else mean.astype(np.float32)
