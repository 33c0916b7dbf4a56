"""The sound of the keys: dual tones of ITU-T Q.23."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from voiceband._checks import check_number, check_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOW_HZ = (697, 770, 852, 941)
HIGH_HZ = (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
FREQUENCIES = {key: (LOW_HZ[i], HIGH_HZ[j]) for i, row in enumerate(KEYS) for j, key in enumerate(row)}
EDGE_MS = 2.0  # soft edges: the keys click less, and stay within what a detector takes


def dtmf_tones(
    digits: str,
    rate: int,
    *,
    tone_ms: float = 100,
    pause_ms: float = 100,
    low_dbfs: float = -16,
    twist_db: float = 2,
) -> NDArray[np.float64]:
    """Make the tones of some keys, each followed by a pause.

    Parameters
    ----------
    digits : str
        Of ``0-9*#A-D``.
    rate : int
        Hz.
    tone_ms, pause_ms : float, optional
        Length of a tone and of the silence behind it, 10 to 5000 and 0 to 5000. Detectors need some 40 ms of both.
    low_dbfs : float, optional
        Level of the low tone, dB relative to a root mean square of full scale, -60 to -6.
    twist_db : float, optional
        How much louder the high tone is, -12 to 12. Telephones send some 2 dB, since lines weaken high tones.

    Returns
    -------
    tones : ndarray, shape (n,), float64
        Samples on the int16 scale; a loud pair with much twist may go beyond it, and clips on the wire.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    .. [1] ITU-T Q.23 (11/88), clauses 4 to 6.
    """
    if not check_text("digits", digits, "a text of 0-9*#A-D") or set(digits) - set(FREQUENCIES):
        raise ValueError(f"digits must be a text of 0-9*#A-D, not {digits!r}")
    for name, value, low, high in (
        ("tone_ms", tone_ms, 10, 5000),
        ("pause_ms", pause_ms, 0, 5000),
        ("low_dbfs", low_dbfs, -60, -6),
        ("twist_db", twist_db, -12, 12),
    ):
        check_number(name, value, low, high)
    n = round(tone_ms * rate / 1000)
    t = np.arange(n) / rate
    edge = max(1, round(EDGE_MS * rate / 1000))
    gate = np.ones(n)
    gate[:edge] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    gate[n - edge :] = gate[:edge][::-1]
    amplitudes = [32768 * math.sqrt(2) * 10 ** (dbfs / 20) for dbfs in (low_dbfs, low_dbfs + twist_db)]
    pause = np.zeros(round(pause_ms * rate / 1000))
    pieces: list[NDArray[np.float64]] = []
    for digit in digits:
        low_tone, high_tone = (
            a * np.sin(2 * np.pi * hz * t) for a, hz in zip(amplitudes, FREQUENCIES[digit], strict=True)
        )
        pieces += [(low_tone + high_tone) * gate, pause]
    return np.concatenate(pieces)
