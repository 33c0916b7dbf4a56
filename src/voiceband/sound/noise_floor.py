"""`NoiseFloor`: how loud a track must be to count as speech where steady noise plays without end, such as an office.

level   ...|::::|||:|||::|||::::::::::::::::::::|||:||||
blocks             no two alike  [2 s of equal ones]        of 100 ms
limit   ___________________________                         -45 dBFS until noise has been heard alone,
                                 ~~~~~~~~~~~~~~~~~~~~~~~~   and above the noise from its first block on

Only what sounds alike for two seconds, is not louder than -27 dBFS and has no pitch is noise. Speech never raises the
limit, however long it goes on without a pause; nor does music, or a tone. Noise that ceases lowers it again.
"""

from __future__ import annotations

import bisect
import math
import operator
from typing import TYPE_CHECKING

import numpy as np

from voiceband.sound.speech import LOUD, STEP_MS, frame_energies

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_FRAMES = 10
ALONE_BLOCKS = 20
"""So many blocks that are alike are noise."""
ODD_BLOCKS = 2
"""So many of them may be unlike the others: a door, a word from afar."""
SURE_BLOCKS = 5
"""Before so many, a block that is unlike begins a new row."""
ALIKE = 10**0.5
"""By what factor of power blocks may differ from their mean: 5 dB."""
STEADY_DB = 2.0
"""Standard deviation of their levels, without the lowest and the highest, above which sound swells as speech does."""
USUAL = LOUD**2
"""The power above which a frame is speech where there is no noise."""
QUIETEST = USUAL * 10**-0.5
LOUDEST = 32768**2 * 10**-2.7
MARGIN = 10**0.1
"""How far the limit is above the loud frames of the noise alone: 1 dB."""
LEAST, MOST = 10**0.5, 10**0.9
"""How far it is above the mean of the noise, at least and at most: 5 and 9 dB."""
SWELL = 10**0.5
"""A block that is not so far above the mean of the noise, 5 dB, is noise, whatever knocks or clicks in it."""
FADES = 0.7
"""The mean falls to this part of itself at most, each time that noise is heard alone."""
CEASED = 0.1
"""Noise that falls below this part of its power, for `CEASED_BLOCKS`, has ceased."""
CEASED_BLOCKS = 3
VOICE_HZ = (300.0, 3400.0)
WINDOW_MS = 64
NOTE_WINDOWS = 8
NEIGHBOURS = 8
"""Bins on each side among which a line of a spectrum stands out."""
LINE = 6.0
"""How far a line is above the lower quartile of its neighbours."""
TONAL = 0.5
"""Sound with more of its power in lines has a pitch."""
RUMBLE = 0.1
"""Sound with less of its power in the band of the voice is hum, whatever its pitch."""

_position = operator.itemgetter(0)


class NoiseFloor:
    """Follows what is played on one track; all splits of the same samples give the same limits, up to rounding.

    Parameters
    ----------
    rate : int
        Hz.
    keep : int, optional
        How many changes of the limit are remembered; all of them without it.

    Attributes
    ----------
    at : int
        How many samples have been pushed.
    undecided : bool
        Whether the latest of them count as speech now, but may turn out to be noise.
    noisy : bool
        Whether noise has been found anywhere.
    """

    __slots__ = (
        "_energies",
        "_keep",
        "_left",
        "_loud",
        "_mean",
        "_odd",
        "_quiet",
        "_rate",
        "_row",
        "_row_at",
        "_row_loud",
        "_size",
        "_sound",
        "_sound_at",
        "_steps",
        "_sum",
        "at",
        "noisy",
        "undecided",
    )

    def __init__(self, rate: int, keep: int | None = None) -> None:
        self.at = 0
        self.undecided = self.noisy = False
        self._rate = rate
        self._size = rate * STEP_MS // 1000
        self._steps: list[tuple[int, float]] = [(0, USUAL)]  # from which sample on which limit holds
        self._keep = keep
        self._mean = 0.0  # power of the noise; 0 for none
        self._quiet = 0  # blocks in a row without it
        self.pause()

    def pause(self) -> None:
        """Take note that nothing is played for a while: what comes then is alike to nothing before it."""
        self._energies: list[float] = []  # of the whole frames of a block that is not whole
        self._left: NDArray[np.float32] | None = None  # less than a frame
        self._loud = self.undecided = False  # `_loud`: something in these is above the limit
        self._sound: list[NDArray[np.float32]] = []  # what a pitch would be found in
        self._sound_at = self.at
        self._forget()

    def _forget(self) -> None:
        self._row: list[list[float]] = []  # energies of the blocks that are alike
        self._row_at = 0
        self._row_loud = False  # something in it is above the limit
        self._sum = 0.0
        self._odd = 0

    @property
    def undecided_at(self) -> float:
        """The sample from which on sound may yet turn out to be noise; inf if nothing is undecided."""
        return self._open_at() if self.undecided else math.inf

    def _open_at(self) -> int:
        """Return where the row begins, or the block that is not whole."""
        return self._row_at if self._row else self._block_at()

    def _block_at(self) -> int:
        left = 0 if self._left is None else len(self._left)
        return self.at - left - len(self._energies) * self._size

    def push(self, pcm: NDArray[np.int16]) -> list[float] | None:
        """Take the next samples; return the energies of the frames of a usual message, of 20 ms."""
        x = pcm.astype(np.float32)
        size, n = self._size, len(x)
        found: list[float] | None = None
        if self._left is None and n == 2 * size:
            a, b = x[:size], x[size:]
            found = [float(np.dot(a, a)), float(np.dot(b, b))]
            self._energies += found
            most = self._steps[-1][1] * size
            loud = found[0] > most or found[1] > most
        else:
            y = x if self._left is None else np.concatenate([self._left, x])
            new = frame_energies(y, size).tolist()
            self._energies += new
            left = y[len(new) * size :]
            self._left = left if len(left) else None
            rest = float(np.dot(left, left))
            loud = max(new, default=0.0) > self._steps[-1][1] * size or rest > self._steps[-1][1] * min(len(left), size)
        self.at += n
        self._sound.append(x)
        self._loud = self._loud or loud
        if len(self._energies) >= BLOCK_FRAMES:
            self._blocks()
        # A block that is too loud already begins no noise; one that is too quiet so far is no speech.
        self.undecided = self._row_loud or (
            self._loud and (bool(self._row) or self._mean > 0.0 or sum(self._energies) <= LOUDEST * BLOCK_FRAMES * size)
        )
        return found

    def _blocks(self) -> None:
        size, energies, at = self._size, self._energies, self._block_at()
        whole = len(energies) // BLOCK_FRAMES * BLOCK_FRAMES
        for first in range(0, whole, BLOCK_FRAMES):
            block = sorted(energies[first : first + BLOCK_FRAMES])
            if self._row or self._mean or block[BLOCK_FRAMES // 2] >= QUIETEST * size:
                self._take(block, at + first * size)
        del energies[:whole]
        # What is left over is less than a block, and may be loud by a part of a frame.
        limit = self._steps[-1][1]
        self._loud = any(energy > limit * size for energy in energies)
        if self._left is not None:
            self._loud = self._loud or float(np.dot(self._left, self._left)) > limit * len(self._left)
        begin = self._open_at()
        while self._sound and self._sound_at + len(self._sound[0]) <= begin:
            self._sound_at += len(self._sound.pop(0))

    def _take(self, energies: list[float], at: int) -> None:
        """Take the energies of a block's frames, in their order of size."""
        size = self._size
        power, peak = energies[BLOCK_FRAMES // 2] / size, energies[-1] / size
        if self._mean:
            self._hush(energies, at)
            self._quiet = self._quiet + 1 if power < self._mean * CEASED else 0
            if self._quiet == CEASED_BLOCKS:
                self._mean = 0.0
                self._step(at - (CEASED_BLOCKS - 1) * BLOCK_FRAMES * size, USUAL)
        if self._row:
            mean = self._sum / (len(self._row) - self._odd)
            if mean / ALIKE <= power <= mean * ALIKE:
                self._sum += power
            elif len(self._row) >= SURE_BLOCKS and self._odd < ODD_BLOCKS:
                self._odd += 1
            else:
                self._forget()
        if not self._row:
            if not QUIETEST <= power <= LOUDEST:
                return
            self._row_at, self._sum = at, power
        self._row.append(energies)
        self._row_loud = self._row_loud or peak > self._steps[-1][1]
        if len(self._row) == ALONE_BLOCKS:
            self._learn()
            self._forget()

    def _learn(self) -> None:
        size = self._size
        first = self._row_at - self._sound_at
        sound = np.concatenate(self._sound)[first : first + ALONE_BLOCKS * BLOCK_FRAMES * size]
        levels = 10 * np.log10(np.sort([block[BLOCK_FRAMES // 2] + 1.0 for block in self._row])[1:-1])
        swells = levels.std() > STEADY_DB
        if swells or self._sum / (ALONE_BLOCKS - self._odd) > LOUDEST or has_pitch(sound, self._rate):
            return
        energies = sorted(energy for block in self._row for energy in block)
        # Noise that swells and fades is as loud as it has just been.
        mean = max(sum(energies) / len(energies) / size, self._mean * FADES)
        loud = energies[len(energies) * 95 // 100] / size
        limit = min(max(loud * MARGIN, mean * LEAST), mean * MOST)
        if limit > USUAL:
            self._mean, self.noisy = mean, True
            self._step(self._row_at, limit)
            for i, block in enumerate(self._row):
                self._hush(block, self._row_at + i * BLOCK_FRAMES * size)

    def _hush(self, energies: list[float], at: int) -> None:
        """Let a block of noise be none but noise, though some frames of it are above the limit."""
        peak, limit = energies[-1] / self._size, self._steps[-1][1]
        block = BLOCK_FRAMES * self._size
        if limit < peak and sum(energies) < self._mean * SWELL * block:
            self._step(at, peak)
            self._step(at + block, limit)

    def _step(self, at: int, limit: float) -> None:
        while self._steps and self._steps[-1][0] >= at:
            self._steps.pop()
        self._steps.append((at, limit))
        if self._keep is not None and len(self._steps) > self._keep:
            del self._steps[0]

    def limit(self, at: int) -> float:
        """Return the power above which the frame at a sample is speech."""
        steps = self._steps
        if steps[-1][0] <= at:
            return steps[-1][1]
        return steps[max(bisect.bisect_right(steps, at, key=_position) - 1, 0)][1]

    def limits(self, at: int, n: int, size: int) -> NDArray[np.float64] | float:
        """Return the same of `n` frames of `size` samples; a number if it is the same for all."""
        steps = self._steps
        if len(steps) == 1 or steps[-1][0] <= at:
            return steps[-1][1]
        found = np.searchsorted([step[0] for step in steps], at + size * np.arange(n), side="right") - 1
        return np.array([step[1] for step in steps])[np.maximum(found, 0)]


def has_pitch(x: NDArray[np.float32], rate: int) -> bool:
    """Return whether steady sound has a pitch in the band of the voice, or is a mere offset: it is no noise then."""
    if np.var(x) < np.square(x).mean() / 2:
        return True
    n = rate * WINDOW_MS // 1000
    windows = np.lib.stride_tricks.sliding_window_view(x - x.mean(), n)[:: n // 2]
    power = np.square(np.abs(np.fft.rfft(windows * np.hanning(n), axis=1)))
    first, last = (round(hz * n / rate) for hz in VOICE_HZ)
    band = power[:, first:last]
    if band.sum() < RUMBLE * power.sum():
        return False
    # A note lasts for a few windows, in which chance evens out.
    band = band[: len(band) // NOTE_WINDOWS * NOTE_WINDOWS].reshape(-1, NOTE_WINDOWS, last - first).mean(axis=1)
    padded = np.pad(band, ((0, 0), (NEIGHBOURS, NEIGHBOURS)), mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * NEIGHBOURS + 1, axis=1)
    lines = band > LINE * np.sort(around, axis=2)[:, :, NEIGHBOURS // 2]
    return float(band[lines].sum()) > TONAL * float(band.sum())
