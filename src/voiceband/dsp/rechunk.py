"""Blocks of one size out of pushes of any size, for consumers that want 10, 30 or 32 ms at a time."""

from __future__ import annotations

import threading
from operator import index
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsFloat, SupportsIndex

import numpy as np

from voiceband._checks import check_integer, check_number
from voiceband.dsp._shared.convert import as_samples

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from typing_extensions import Buffer


MAX_MS = 1e15
"""Timestamps are nearer to their origin than this."""


class Block(NamedTuple):
    """Exactly `n` samples of a stream.

    Attributes
    ----------
    samples : ndarray, shape (n,)
        The block's own copy.
    start : int
        Index of its first sample in the stream; a padded block counts like a full one.
    timestamp_ms : float or None
        When its first sample is due, in milliseconds; None when the rechunker has no rate.
    """

    samples: NDArray[Any]
    start: int
    timestamp_ms: float | None


class Rechunker:
    """Cut a stream of samples into blocks of exactly `n`.

    Parameters
    ----------
    n : int
        Samples a block, at least 1: 256 or 512 for Silero's detector at 8 or 16 kHz, 160 for 10 ms at 16 kHz.
    rate : int, Hz, optional
        Gives the blocks timestamps in milliseconds.
    dtype : {"int16", "float32"} or the numpy type, optional
        Of the samples.

    Raises
    ------
    TypeError
        If `n` or `rate` is not an integer or `dtype` is no type.
    ValueError
        If `n` or `rate` is below 1, or `dtype` is neither int16 nor float32.

    Notes
    -----
    Latency: a sample leaves with the push that completes its block, `n` - 1 samples later at most.
    Threads: one object is for one thread at a time; a second one gets a RuntimeError.
    Pickling keeps the state.

    Examples
    --------
    >>> rechunker = Rechunker(256, rate=8000)
    >>> [len(rechunker.process(np.zeros(160, np.int16))) for _ in range(4)]
    [0, 1, 0, 1]
    >>> [(block.start, block.timestamp_ms) for block in rechunker.process(np.zeros(512, np.int16))]
    [(512, 64.0), (768, 96.0)]
    """

    def __init__(self, n: SupportsIndex, *, rate: SupportsIndex | None = None, dtype: DTypeLike = "int16") -> None:
        self._n = check_integer("n", n, 1)
        self._rate = None if rate is None else check_integer("rate", rate, 1)
        try:
            self._dtype = np.dtype(dtype)
        except TypeError:
            raise TypeError(f"dtype must be int16 or float32, not {dtype!r}") from None
        if self._dtype not in (np.dtype(np.int16), np.dtype(np.float32)):
            raise ValueError(f"dtype must be int16 or float32, not {self._dtype}")
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._pending = np.empty(self._n, self._dtype)
        self._held = 0  # samples of the block that is being filled
        self._start = 0  # its index in the stream
        # (index, timestamp) pairs: those that a future block's start can still fall behind, oldest first.
        self._stamps: list[tuple[int, float]] = [(0, 0.0)]

    @property
    def n(self) -> int:
        """Samples a block."""
        return self._n

    @property
    def rate(self) -> int | None:
        """Sample rate in Hz, or None."""
        return self._rate

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples."""
        return self._dtype

    @property
    def pending(self) -> int:
        """Samples that wait for their block to be completed."""
        return self._held

    def process(self, x: Buffer | NDArray[Any], timestamp_ms: SupportsFloat | None = None) -> list[Block]:
        """Take the next samples; return the blocks that they complete.

        Parameters
        ----------
        x : ndarray or buffer, shape (m,) or (m, 1), of the rechunker's dtype
            Samples, any m. Other widths and strides are converted as by `Resampler.process`. Buffers of bytes hold
            samples in the machine's byte order.
        timestamp_ms : float, optional
            When x[0] is due; needs a `rate`. Without it the clock goes on from the last one that was given, or from 0
            at the beginning of the stream.

        Returns
        -------
        list of Block
            In order; each has `samples`, `start` and `timestamp_ms`, the latter that of the block's own first sample.

        Raises
        ------
        TypeError
            If `x` has no buffer or `timestamp_ms` is no number.
        ValueError
            If `x` has more than one channel, is not finite or holds no samples, or `timestamp_ms` is not finite or
            given without a `rate`. The state is as before then.
        RuntimeError
            If another thread is using this object.

        Examples
        --------
        >>> [block.timestamp_ms for block in Rechunker(80, rate=8000).process(np.zeros(160, np.int16), 500)]
        [500.0, 510.0]
        """
        if type(x) is np.ndarray and x.ndim == 1 and x.dtype == np.int16 == self._dtype:
            samples = x
        else:
            samples = as_samples(x, self._dtype)
        if timestamp_ms is not None:
            if self._rate is None:
                raise ValueError(f"timestamp_ms={timestamp_ms!r} needs a rate: Rechunker(n, rate=...)")
            timestamp_ms = check_number("timestamp_ms", timestamp_ms, -MAX_MS, MAX_MS, unit="ms")
        self._enter()
        try:
            if timestamp_ms is not None:
                self._stamp(timestamp_ms)
            blocks = []
            at = 0
            while len(samples) - at >= self._n - self._held:
                taken = self._n - self._held
                self._pending[self._held :] = samples[at : at + taken]
                at += taken
                blocks.append(self._complete())
            left = len(samples) - at
            self._pending[self._held : self._held + left] = samples[at:]
            self._held += left
            return blocks
        finally:
            self._lock.release()

    def flush(self, *, pad: bool = True) -> list[Block]:
        """Return what is pending as a last block, and begin a new stream.

        Parameters
        ----------
        pad : bool, optional
            True fills the block up with zeros; False drops it, for consumers to whom silence is not the same as
            nothing.

        Returns
        -------
        list of Block
            One block, or none when nothing was pending or it was dropped.

        Raises
        ------
        RuntimeError
            If another thread is using this object.

        Examples
        --------
        >>> rechunker = Rechunker(4)
        >>> rechunker.process(np.array([7], np.int16))
        []
        >>> rechunker.flush()[0].samples.tolist()
        [7, 0, 0, 0]
        """
        self._enter()
        try:
            blocks = []
            if pad and self._held:
                self._pending[self._held :] = 0
                blocks.append(self._complete())
            self._clear()
            return blocks
        finally:
            self._lock.release()

    def reset(self) -> None:
        """Drop what is pending and begin a new stream.

        Raises
        ------
        RuntimeError
            If another thread is using this object.
        """
        self.flush(pad=False)

    def _enter(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise RuntimeError(
                "this Rechunker is in use by another thread; give each stream (and thread) a Rechunker of its own"
            )

    def _stamp(self, timestamp_ms: float) -> None:
        at = self._start + self._held
        if self._stamps[-1][0] == at:
            self._stamps.pop()
        self._stamps.append((at, timestamp_ms))

    def _complete(self) -> Block:
        """Make the filled block, and begin the next."""
        timestamp_ms = None
        if self._rate is not None:
            while len(self._stamps) > 1 and self._stamps[1][0] <= self._start:
                del self._stamps[0]
            at, stamp = self._stamps[0]
            timestamp_ms = stamp + (self._start - at) * 1000 / self._rate
        block = Block(self._pending, self._start, timestamp_ms)
        self._pending = np.empty(self._n, self._dtype)
        self._held = 0
        self._start += self._n
        return block

    def __getstate__(self) -> dict[str, Any]:
        self._enter()
        try:
            return {**{k: v for k, v in self.__dict__.items() if k != "_lock"}, "_pending": self._pending[: self._held]}
        finally:
            self._lock.release()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["_n"], rate=state["_rate"], dtype=state["_dtype"])  # type: ignore[misc]
        held, start, stamps = np.asarray(state["_pending"]), index(state["_start"]), list(state["_stamps"])
        if held.ndim != 1 or held.dtype != self._dtype or len(held) >= self._n or not stamps or start < 0:
            raise ValueError(f"the pickled state does not belong to Rechunker({self._n})")
        self._pending[: len(held)] = held
        self._held, self._start, self._stamps = len(held), start, [(index(at), float(ms)) for at, ms in stamps]

    def __repr__(self) -> str:
        return f"Rechunker({self._n}, rate={self._rate}, dtype={self._dtype.name!r})"
