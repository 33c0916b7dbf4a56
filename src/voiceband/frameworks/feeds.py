"""The caller's audio in exactly the pieces that a detector or a recogniser takes: its rate, length and type.

Each feed takes blocks of any length, such as the `samples` of `Audio` events, and returns what is complete. The pieces
of a stream do not depend on how it was cut into blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband._checks import check_integer
from voiceband.dsp._shared.convert import as_samples
from voiceband.dsp.l16 import l16_encode, to_float
from voiceband.dsp.rechunk import Rechunker
from voiceband.dsp.resample import Resampler

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import SupportsIndex

    from numpy.typing import NDArray
    from typing_extensions import Buffer

__all__ = ["Feed", "SmartTurnFeed", "assemblyai", "flux", "silero"]

SILERO = {8000: 256, 16000: 512}
FLUX_MS = 80
ASSEMBLYAI_MS = 50
SMART_TURN_HZ = 16000
SMART_TURN_S = 8


class Feed:
    """Pieces of one length, at one rate and of one type, out of blocks of any length.

    `silero`, `flux` and `assemblyai` make the feeds of those consumers.

    Parameters
    ----------
    rate_in : int, Hz
        Rate of the blocks, such as the `rate` of a `Session`.
    rate : int, Hz
        Rate of the pieces.
    n : int
        Samples in a piece.
    convert : callable, optional
        Makes a piece of `n` samples, int16, into what the consumer takes. Without it, pieces are int16 arrays.

    Raises
    ------
    TypeError
        If a rate or `n` is not an integer.
    ValueError
        If `n` is below 1, or the rates cannot be converted into one another.

    Notes
    -----
    Latency: that of the resampler, and `n` - 1 samples at most.
    Threads: one object belongs to one thread at a time.

    Examples
    --------
    >>> feed = Feed(8000, 16000, 160)
    >>> [piece.shape for piece in feed.process(np.zeros(100, np.int16))]
    [(160,)]
    """

    def __init__(
        self,
        rate_in: SupportsIndex,
        rate: SupportsIndex,
        n: SupportsIndex,
        convert: Callable[[NDArray[np.int16]], Any] | None = None,
    ) -> None:
        self._resampler = Resampler(rate_in, rate)
        self._rechunker = Rechunker(n, rate=rate)
        self._convert = convert
        self._begun = False  # whether anything came

    @property
    def rate(self) -> int:
        """Rate of the pieces, in Hz."""
        return self._rechunker.rate or 0

    @property
    def n(self) -> int:
        """Samples in a piece."""
        return self._rechunker.n

    def process(self, x: Buffer | NDArray[Any]) -> list[Any]:
        """Take a block of samples and return the pieces that it completes.

        Parameters
        ----------
        x : array-like or buffer, shape (m,), int16 or float32
            Samples at `rate_in`; floats have a full scale of 1.0.

        Returns
        -------
        pieces : list
            None to many, in order.
        """
        samples = as_samples(x, np.dtype(np.int16))
        self._begun = self._begun or len(samples) > 0
        return self._pieces(self._resampler.process(samples))

    def flush(self) -> list[Any]:
        """End the stream: return what is left, the last piece padded with silence, and begin again.

        Returns
        -------
        pieces : list
            Empty if nothing was left.
        """
        left: list[Any] = []
        if self._begun:
            left = self._pieces(self._resampler.flush())
            left += [self._made(block.samples) for block in self._rechunker.flush(pad=True)]
        self.reset()
        return left

    def reset(self) -> None:
        """Reset to the initial state; what was not complete is dropped."""
        self._begun = False
        self._resampler.reset()
        self._rechunker.reset()

    def _pieces(self, pcm: NDArray[Any]) -> list[Any]:
        return [self._made(block.samples) for block in self._rechunker.process(pcm)]

    def _made(self, samples: NDArray[np.int16]) -> Any:
        return samples if self._convert is None else self._convert(samples)


def silero(rate_in: SupportsIndex, rate: SupportsIndex | None = None) -> Feed:
    """Return a feed for Silero's voice activity detector: 256 samples at 8 kHz or 512 at 16 kHz, float32.

    Parameters
    ----------
    rate_in : int, Hz
        Rate of the blocks.
    rate : {8000, 16000}, optional
        Rate of the model; default: 8000 for blocks at 8000 Hz, 16000 for all others.

    Raises
    ------
    ValueError
        If the model has no such rate.

    Examples
    --------
    >>> feed = silero(8000)
    >>> [(piece.shape, piece.dtype.name) for piece in feed.process(np.zeros(320, np.int16))]
    [((256,), 'float32')]
    """
    chosen = rate if rate is not None else 8000 if rate_in == 8000 else 16000
    n = SILERO.get(check_integer("rate", chosen, 1))
    if n is None:
        raise ValueError(f"rate must be 8000 or 16000, which Silero's models have, not {chosen!r}")
    return Feed(rate_in, chosen, n, to_float)


def flux(rate_in: SupportsIndex, rate: SupportsIndex | None = None) -> Feed:
    """Return a feed for Deepgram Flux: pieces of 80 ms, which it recommends, as little-endian L16 bytes.

    Parameters
    ----------
    rate_in : int, Hz
        Rate of the blocks.
    rate : int, Hz, optional
        The ``sample_rate`` of the connection, whose ``encoding`` is ``linear16``; default: `rate_in`.

    Examples
    --------
    >>> [len(piece) for piece in flux(8000).process(np.zeros(1300, np.int16))]
    [1280, 1280]
    """
    return _bytes(rate_in, rate, FLUX_MS)


def assemblyai(rate_in: SupportsIndex, rate: SupportsIndex | None = None) -> Feed:
    """Return a feed for AssemblyAI's streaming: pieces of 50 ms, the least that it takes, as little-endian L16 bytes.

    Parameters
    ----------
    rate_in : int, Hz
        Rate of the blocks.
    rate : int, Hz, optional
        The ``sample_rate`` of the connection, whose ``encoding`` is ``pcm_s16le``; default: `rate_in`.

    Examples
    --------
    >>> feed = assemblyai(16000)
    >>> [len(piece) for piece in feed.process(np.zeros(900, np.int16))], len(feed.flush()[0])
    ([1600], 1600)
    """
    return _bytes(rate_in, rate, ASSEMBLYAI_MS)


def _bytes(rate_in: SupportsIndex, rate: SupportsIndex | None, ms: int) -> Feed:
    chosen = check_integer("rate", rate_in if rate is None else rate, 1)
    if chosen * ms % 1000:
        raise ValueError(f"rate must give whole samples in {ms} ms, such as 8000 or 16000, not {chosen}")
    return Feed(rate_in, chosen, chosen * ms // 1000, l16_encode)


class SmartTurnFeed:
    """The last 8 seconds of the caller's turn for Smart Turn: 128000 samples at 16 kHz, float32, silence in front.

    Give it the caller's audio, ask `window` when the caller pauses, and `reset` it when the turn has ended.

    Parameters
    ----------
    rate_in : int, Hz
        Rate of the blocks.

    Notes
    -----
    Threads: one object belongs to one thread at a time. Memory: 256 KB.

    Examples
    --------
    >>> feed = SmartTurnFeed(8000)
    >>> feed.process(np.full(8000, 8192, np.int16))
    >>> window = feed.window()
    >>> window.shape, float(window[0]), round(float(window[-200]), 3)
    ((128000,), 0.0, 0.25)
    """

    def __init__(self, rate_in: SupportsIndex) -> None:
        self._resampler = Resampler(rate_in, SMART_TURN_HZ)
        self._ring = np.zeros(SMART_TURN_HZ * SMART_TURN_S, np.int16)
        self._at = 0  # where the next sample goes, which is where the oldest one is

    def process(self, x: Buffer | NDArray[Any]) -> None:
        """Take a block of samples.

        Parameters
        ----------
        x : array-like or buffer, shape (m,), int16 or float32
            Samples at `rate_in`; floats have a full scale of 1.0.
        """
        pcm = self._resampler.process(as_samples(x, np.dtype(np.int16)))
        pcm, size = pcm[-len(self._ring) :], len(self._ring)
        first = min(len(pcm), size - self._at)
        self._ring[self._at : self._at + first] = pcm[:first]
        self._ring[: len(pcm) - first] = pcm[first:]
        self._at = (self._at + len(pcm)) % size

    def window(self) -> NDArray[np.float32]:
        """Return the last 8 seconds, oldest first.

        Returns
        -------
        window : ndarray, shape (128000,), float32
            A copy, full scale 1.0.
        """
        return to_float(np.concatenate((self._ring[self._at :], self._ring[: self._at])))

    def reset(self) -> None:
        """Reset to the initial state: nothing but silence."""
        self._resampler.reset()
        self._ring[:] = 0
        self._at = 0
