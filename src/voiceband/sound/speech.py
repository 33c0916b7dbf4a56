"""Where there is speech in a track, by its energy: frames above -45 dBFS, pauses of less than 200 ms included.

samples   ..:.|||:||||..||||||||:....................||||:...
frames        [--][--]  [--][--]                     [--]      louder than -45 dBFS
speech         ^                ^                     ^         begins and ends at the loud samples themselves
begins           ends                  begins    (after 200 ms without any)
"""

from __future__ import annotations

import bisect
import itertools
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPEECH_DBFS = -45.0
"""A frame that is louder counts as speech; silence that an agent streams, and a quiet line, do not."""
STEP_MS = 10
PAUSE_MS = 200.0
"""Silence that is shorter belongs to the speech around it, as in ITU-T P.56."""
LOUD = 32768 * 10 ** (SPEECH_DBFS / 20)

Intervals = list[tuple[float, float]]
"""Beginnings and ends in milliseconds, in order, apart from each other."""


class Activity:
    """Follows one track, frame by frame.

    Parameters
    ----------
    rate : int
        Hz.

    Attributes
    ----------
    noted : list of (str, float)
        What has turned out since the caller emptied it: "speech begins" or "speech ends", and when, in ms from the
        first sample. An end turns out when 200 ms of quiet frames have followed.
    """

    def __init__(self, rate: int) -> None:
        self.noted: list[tuple[str, float]] = []
        self._rate = rate
        self._at = 0  # samples so far
        self._begin = -1  # of the speech that runs, in samples; -1 for none
        self._latest = (0, np.zeros(0))  # its last loud frame and where that begins
        self._end = 0  # of that frame
        self._hold = round(PAUSE_MS * rate / 1000)
        self._done: Intervals = []

    def push(self, pcm: NDArray[Any] | None, n: int) -> None:
        """Take the next `n` samples on the int16 scale; None for silence."""
        if pcm is not None:
            x = np.asarray(pcm, np.float64)
            if loud_enough(x):
                if self._begin < 0:
                    self._begin = self._at + int(np.argmax(np.abs(x) >= LOUD))
                    self.noted.append(("speech begins", self._begin / self._rate * 1000))
                self._latest = (self._at, x)
                self._end = self._at + n
        self._at += n
        if self._begin >= 0 and self._at - self._end >= self._hold:
            self._done.append(self._interval())
            self.noted.append(("speech ends", self._done[-1][1]))
            self._begin = -1

    @property
    def intervals(self) -> Intervals:
        """The speech so far, what still runs included."""
        return [*self._done, self._interval()] if self._begin >= 0 else list(self._done)

    def _interval(self) -> tuple[float, float]:
        at, frame = self._latest
        end = at + int(np.flatnonzero(np.abs(frame) >= LOUD)[-1]) + 1
        return self._begin / self._rate * 1000, end / self._rate * 1000


def speech_intervals(pcm: NDArray[np.int16], rate: int, limits: NDArray[np.float64] | float = LOUD**2) -> Intervals:
    """Return where there is speech in a whole recording: frames of more power than their limit."""
    size = rate * STEP_MS // 1000
    runs = loud_runs(pcm, size, round(PAUSE_MS / STEP_MS), limits)
    return [
        (_edge(pcm, first, size, 0) / rate * 1000, (_edge(pcm, last, size, -1) + 1) / rate * 1000)
        for first, last in runs
    ]


def frame_energies(pcm: NDArray[Any], size: int) -> NDArray[np.float32]:
    """Return the sum of squares of each whole frame of `size` samples."""
    frames = np.asarray(pcm[: len(pcm) // size * size], np.float32).reshape(-1, size)
    energies: NDArray[np.float32] = np.einsum("ij,ij->i", frames, frames)
    return energies


def loud_runs(
    pcm: NDArray[np.int16], size: int, pause: int, limits: NDArray[np.float64] | float = LOUD**2
) -> list[tuple[int, int]]:
    """Return the first and last frame of each run of loud frames of `size` samples; `pause` quiet ones end a run."""
    loud = np.flatnonzero(frame_energies(pcm, size) > size * limits)
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) > pause)
    firsts = [loud[0], *loud[breaks + 1]]
    lasts = [*loud[breaks], loud[-1]]
    return [(int(first), int(last)) for first, last in zip(firsts, lasts, strict=True)]


def overlaps(a: Intervals, b: Intervals) -> Intervals:
    """Return where two tracks have speech at the same time."""
    both: Intervals = []
    j = 0
    for begin, end in a:
        while j < len(b) and b[j][1] <= begin:
            j += 1
        k = j
        while k < len(b) and b[k][0] < end:
            both.append((max(begin, b[k][0]), min(end, b[k][1])))
            k += 1
    return both


def within(intervals: Intervals, begin: float, end: float) -> Intervals:
    """Return those that are in a stretch of time, at least partly; `intervals` may be many."""
    first = bisect.bisect_right(intervals, begin, key=operator.itemgetter(1))
    return list(itertools.takewhile(lambda interval: interval[0] < end, itertools.islice(intervals, first, None)))


def overlap_ms(a: Intervals, b: Intervals) -> float:
    """Return for how long two tracks have speech at the same time."""
    return sum(end - begin for begin, end in overlaps(a, b))


def loud_enough(pcm: NDArray[Any], limit: float = LOUD**2) -> bool:
    """Return whether a piece, on the int16 scale, has more power than a limit as a whole: without one, -45 dBFS."""
    x = np.asarray(pcm, np.float64)
    return float(np.dot(x, x)) > len(x) * limit


def _edge(pcm: NDArray[np.int16], frame: int, size: int, which: int) -> int:
    """Return the number of the first (0) or last (-1) loud sample of a loud frame."""
    piece = pcm[frame * size : (frame + 1) * size].astype(np.int32)
    return int(frame * size + np.flatnonzero(np.abs(piece) >= LOUD)[which])
