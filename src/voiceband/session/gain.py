"""Gain with a limiter behind it: a table, so that any split of the audio gives the same bits."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.sound.limiter import limit

if TYPE_CHECKING:
    from numpy.typing import NDArray


@functools.lru_cache(maxsize=16)
def _table(gain_db: float) -> NDArray[np.int16]:
    x = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.float64) / 32768
    table = np.clip(np.rint(_curve(x, gain_db) * 32768), -32768, 32767).astype(np.int16)
    table.flags.writeable = False
    return table


def _curve(x: NDArray[np.float64], gain_db: float) -> NDArray[np.float64]:
    y = x * 10 ** (gain_db / 20)
    return limit(y) if gain_db > 0 else y


def apply_gain(pcm: NDArray[Any], gain_db: float) -> NDArray[Any]:
    """Return samples with a gain, limited to full scale.

    Parameters
    ----------
    pcm : ndarray, shape (n,), int16 or float32
        Samples.
    gain_db : float
        0 leaves them as they are.

    Returns
    -------
    pcm : ndarray, shape (n,), same dtype
        Never beyond full scale when the gain is positive.

    Examples
    --------
    >>> apply_gain(np.array([1000, 30000, -32768], np.int16), 6.0).tolist()
    [1995, 31700, -31829]
    """
    if gain_db == 0:
        return pcm
    if pcm.dtype == np.int16:
        return _table(gain_db)[pcm.view(np.uint16)]
    return _curve(pcm.astype(np.float64), gain_db).astype(np.float32)
