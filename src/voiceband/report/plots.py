"""Pictures of a recording: its level as a path, its spectrogram as a PNG, figures over time as a path.

Paths and pictures are `Strip`s: so many columns wide as the recording has, the last one perhaps not whole.
"""

from __future__ import annotations

import base64
import io
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from voiceband.report.errors import ReportError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.report.traffic import Series

MAX_COLUMNS = 2400
COLUMN_S = 0.01
FLOOR_DB, TOP_DB = -70.0, 0.0
SPECTRUM_DB = (-100.0, -30.0)
SHADES = 32
"""Fewer shades than eyes can tell apart make a picture half as large."""
WINDOW_S = 0.032
FRAMES_AT_ONCE = 4096


class Strip(NamedTuple):
    """Something drawn over time: SVG path data or the URI of a picture, and its width in columns."""

    data: str
    width: float
    columns: int


def level(pcm: NDArray[np.int16], rate: int, most: int = MAX_COLUMNS) -> Strip:
    """Return the level over time as a filled path, 100 high: the root mean square of each column, -70 to 0 dBFS."""
    size = _column(len(pcm), rate, most)
    tops = []
    for first in range(0, len(pcm), size):
        x = pcm[first : first + size].astype(np.float64) / 32768
        power = float(np.dot(x, x)) / len(x)
        db = 10 * math.log10(power) if power else FLOOR_DB
        tops.append(100 * (1 - (min(max(db, FLOOR_DB), TOP_DB) - FLOOR_DB) / (TOP_DB - FLOOR_DB)))
    steps = "".join(f"V{top:.0f}h1" for top in tops)
    return Strip(f"M0 100{steps}V100Z", len(pcm) / size, len(tops))


def spectrogram(pcm: NDArray[np.int16], rate: int) -> Strip:
    """Return the spectrogram, as a PNG in a data URI: low frequencies below, a column as in `level`.

    Raises
    ------
    ReportError
        If matplotlib is missing.
    """
    try:
        from matplotlib.image import imsave
    except ModuleNotFoundError:
        raise ReportError("plots need matplotlib; pip install 'voiceband[report]' brings it") from None
    size = _column(len(pcm), rate)
    columns = math.ceil(len(pcm) / size)
    n = round(WINDOW_S * rate)
    # As many windows in a column as it takes to overlook nothing, each around its own part of the column.
    windows = max(1, round(2 * size / n))
    window = np.hanning(n).astype(np.float32)
    scale = 4 / (float(window.sum()) * 32768) ** 2
    power = np.zeros((columns, n // 2 + 1), np.float32)
    at_once = max(1, FRAMES_AT_ONCE // windows)
    for first in range(0, columns, at_once):
        rows = np.arange(first, min(first + at_once, columns))
        centres = (rows[:, None] * size + (np.arange(windows) + 0.5) * size / windows).astype(np.int64)
        begin, end = int(centres[0, 0]) - n, int(centres[-1, -1]) + n
        # What lies before the start and behind the end is silent.
        piece = np.pad(pcm[max(0, begin) : end], (max(0, -begin), max(0, end - max(len(pcm), begin))))
        at = centres - n // 2 - begin
        frames = np.lib.stride_tricks.sliding_window_view(piece, n)[at.ravel()] * window
        spectra = np.abs(np.fft.rfft(frames, axis=1)) ** 2
        power[rows] = spectra.reshape(len(rows), windows, -1).mean(axis=1) * scale
    db = 10 * np.log10(power.T[::-1] + 1e-12)
    low, high = SPECTRUM_DB
    shade = np.floor(np.clip((db - low) / (high - low), 0, 1) * (SHADES - 1)) / (SHADES - 1)
    file = io.BytesIO()
    imsave(file, shade, cmap="magma", vmin=0, vmax=1, format="png")
    uri = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    return Strip(uri, len(pcm) / size, columns)


def dots(series: Series, duration_s: float, top: float, *, least: bool = False) -> Strip:
    """Return values over time as small marks in a path, 100 high, from zero to `top`.

    Where there are more than columns, each column has its largest value, or its least.
    """
    columns = min(MAX_COLUMNS, max(1, math.ceil(duration_s / COLUMN_S)))
    found: dict[int, float] = {}
    for at_s, value in series:
        column = min(columns - 1, max(0, int(at_s / duration_s * columns)))
        known = found.get(column, value)
        found[column] = min(known, value) if least else max(known, value)
    # A line without length, with round ends, is a dot however the picture is stretched.
    path = "".join(f"M{c} {95 - 90 * min(max(v / top, 0), 1):.1f}h0" for c, v in found.items())
    return Strip(path, columns, columns)


def _column(n: int, rate: int, most: int = MAX_COLUMNS) -> int:
    """Return how many samples a column has."""
    return max(1, round(rate * COLUMN_S), math.ceil(n / most))
