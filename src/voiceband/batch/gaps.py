"""Find packets that a recorder has written as zeros, and fill them in.

A hole is a run of exact zeros that lasts whole packets (a few samples more, as its neighbours may be zero too), next to
sound: pauses of speech fade, holes are cut out. Runs longer than `longest` are silence that was meant, or too long to
make up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.dsp.conceal import Concealer

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEXT_S = 0.035  # what the filling of a hole looks at behind it
EDGE_S = 0.005
LOUD = 100.0  # mean |x| at an edge, of 32768: -50 dBFS


class Gaps:
    """Fills the holes of one channel. What could still become a hole is held back."""

    def __init__(self, rate: int, packet_ms: float, longest_ms: float) -> None:
        self.clipped = 0
        self._concealer = Concealer(rate)
        self._packet = round(packet_ms * rate / 1000)
        self._slack = self._packet // 8
        self._longest = round(longest_ms * rate / 1000)
        self._next = round(NEXT_S * rate)
        self._edge = round(EDGE_S * rate)
        # A run that begins this long before the end of what is known has ended, with enough behind it, or is no hole.
        self._ahead = self._longest + self._slack + self._next + self._packet
        self._known = np.empty(0, np.int16)  # the last samples that are done, `_past` of them, and what is held back
        self._past = 0

    def process(self, x: NDArray[Any]) -> NDArray[Any]:
        """Take the next samples, and return what is done."""
        self._known = np.concatenate([self._known, x])
        return self._advance(len(self._known) - self._ahead)

    def flush(self) -> NDArray[Any]:
        """Return the rest; the stream has ended."""
        return self._advance(len(self._known))

    def _advance(self, limit: int) -> NDArray[Any]:
        """Give out all before `limit`, and the rest of a hole that lies across it."""
        x, at = self._known, self._past
        out = [x[:0]]
        starts, ends = self._runs(x)
        for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
            # A run that began among the samples that are done has been judged.
            if at <= start < limit and self._is_hole(x, start, end):
                behind = min([end + self._next, *starts[i + 1 : i + 2]])
                out += [self._concealer.good(x[at:start]), self._concealer.bridge(end - start, x[end:behind])]
                at = end
        if limit > at:
            out.append(self._concealer.good(x[at:limit]))
            at = limit
        kept = max(0, at - self._edge)
        self._known, self._past = x[kept:].copy(), at - kept
        return np.concatenate(out)

    def _runs(self, x: NDArray[Any]) -> tuple[list[int], list[int]]:
        """Return where runs of at least a packet of zeros begin and end."""
        edges = np.flatnonzero(np.diff(x == 0, prepend=False, append=False))
        starts, ends = edges[::2], edges[1::2]
        long = ends - starts >= self._packet
        return starts[long].tolist(), ends[long].tolist()

    def _is_hole(self, x: NDArray[Any], start: int, end: int) -> bool:
        over = (end - start) % self._packet
        if start == 0 or end == len(x) or over > self._slack or end - start - over > self._longest:
            return False
        sides = x[max(0, start - self._edge) : start], x[end : end + self._edge]
        return any(np.mean(np.abs(side.astype(np.int32))) >= LOUD for side in sides)
