"""What sounds at the caller's ear: what was sent, placed in time by the playout clock."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from voiceband.session.outbound.playout import PlayoutClock

KEPT_S = 2.0
"""How long what has sounded is kept at least."""
PRUNE_S = 1.0
"""How much longer it may lie there, so that not each frame that leaves looks for what has."""

Placed = tuple[float, float, float, int]
"""When a stretch begins and ends in seconds, by how much that may be off, and the position of its first sample."""
Kept = tuple[int, bytearray]
"""The position of a first sample, and what was sent from there on."""


class Far(msgspec.Struct, frozen=True, gc=False, eq=False):
    """What sounds at the caller's ear by the playout clock.

    Attributes
    ----------
    samples : ndarray, shape (n,), int16
        At the wire's rate; zeros where nothing sounds.
    start_ms : float
        When the first of them sounds, on the session's clock (`now` in milliseconds).
    bound_ms : float
        How far the clock may be off, either way: of what sounds there, or else of what sounded last; 0 if nothing was
        played within the last 2 s.
    rate : int
        Samples per second.
    """

    samples: NDArray[np.int16]
    start_ms: float
    bound_ms: float
    rate: int

    def __repr__(self) -> str:
        return (
            f"Far(<{len(self.samples)} samples>, start_ms={self.start_ms:g}, bound_ms={self.bound_ms:g}, "
            f"rate={self.rate})"
        )


def silence(now: float, ms: float, rate: int) -> Far:
    """Return as much of nothing."""
    return Far(np.zeros(round(ms * rate / 1000), np.int16), now * 1000 - ms, 0.0, rate)


class FarEnd:
    """Keeps what was sent until 2 s after it has sounded.

    Parameters
    ----------
    rate : int
        Of the wire, in Hz.
    sample_bytes : int
        How much a sample takes on the wire.
    decode : callable
        Turns the wire's bytes into int16 samples.
    clock : PlayoutClock
        Of the player that gets them.
    """

    def __init__(
        self, rate: int, sample_bytes: int, decode: Callable[[bytes], NDArray[Any]], clock: PlayoutClock
    ) -> None:
        self._rate = rate
        self._sample_bytes = sample_bytes
        self._decode = decode
        self._clock = clock
        self._first = 0  # position of the first sample of what is kept
        self._kept = bytearray()
        self._prune_at = -math.inf
        # What players had when they were cleared: until when that counts, the stretches and what was sent.
        self._past: collections.deque[tuple[float, list[Placed], Kept]] = collections.deque()

    def sent(self, position: int, frames: bytes, now: float) -> None:
        """Keep what leaves for the player, from a position on."""
        if not self._kept:
            self._first = position
        self._kept += frames
        if now >= self._prune_at:
            self._prune(now)

    def cut(self, at: float) -> None:
        """Note that the player stops at `at`; to be told before the clock is cleared."""
        placed = [
            (begin, min(end, at), bound, position)
            for begin, end, bound, position in self._clock.placed()
            if begin - bound < at
        ]
        self._past.append((at + KEPT_S, placed, (self._first, self._kept)))
        self._kept = bytearray()

    def _prune(self, now: float) -> None:
        self._prune_at = now + PRUNE_S
        while self._past and self._past[0][0] < now:
            self._past.popleft()
        over = self._clock.played_by(now - KEPT_S) - self._first
        if over > 0:
            del self._kept[: over * self._sample_bytes]
            self._first += over

    def _all(self) -> Iterator[tuple[Placed, Kept]]:
        for _, placed, kept in self._past:
            for stretch in placed:
                yield stretch, kept
        for stretch in self._clock.placed():
            yield stretch, (self._first, self._kept)

    def far(self, now: float, ms: float) -> Far:
        """Return what sounds in the `ms` before `now`."""
        if now >= self._prune_at:
            self._prune(now)
        rate = self._rate
        since = now - ms / 1000
        samples = np.zeros(round(ms * rate / 1000), np.int16)
        here = last = 0.0
        for (begin, end, bound, position), kept in self._all():
            if end + bound + KEPT_S <= since or begin - bound >= now:
                continue
            last = bound
            if end + bound <= since:
                continue
            here = max(here, bound)
            first, until = max(begin, since), min(end, now)
            if until > first:
                at = round((first - since) * rate)
                n = min(round((until - first) * rate), len(samples) - at)
                self._put(samples[at : at + n], position + round((first - begin) * rate), kept)
        return Far(samples, since * 1000, 1000 * (here or last), rate)

    def _put(self, samples: NDArray[np.int16], position: int, kept: Kept) -> None:
        """Fill samples with what was sent from a position on."""
        start, frames = kept
        size = self._sample_bytes
        first, last = max(position, start), min(position + len(samples), start + len(frames) // size)
        if first < last:
            pcm = self._decode(bytes(frames[(first - start) * size : (last - start) * size]))
            samples[first - position : last - position] = pcm
