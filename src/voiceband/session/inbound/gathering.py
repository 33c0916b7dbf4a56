"""The caller's audio in longer pieces, for agents whose recogniser wants those: one event in place of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voiceband._checks import check_number
from voiceband.protocol.limits import FRAME_MS
from voiceband.session.events import Audio

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from voiceband.formats import AudioFormat
    from voiceband.session.events import SessionEvent
    from voiceband.session.inbound.chain import InboundChain

MAX_AUDIO_MS = 1000
APART_MS = 10.0
"""Audio that begins so far from where the last ended does not follow it; a converter of rates is nearer to it."""


def check_audio_ms(audio_ms: Any) -> int | None:
    """Return how much audio an event is to hold, or None."""
    if audio_ms is None:
        return None
    number = check_number("audio_ms", audio_ms, FRAME_MS, MAX_AUDIO_MS, unit="ms")
    if number % FRAME_MS:
        raise ValueError(f"audio_ms must be a multiple of {FRAME_MS} ms, not {number:g}")
    return int(number)


class Gathering:
    """Joins `Audio` events of each track, and lets all others through, behind the audio that came before them.

    An event takes as many whole messages as come nearest to the length. What does not follow on what is held, or was
    made up where that was not, begins another one.

    Parameters
    ----------
    audio_ms : int
        How much audio an event is to hold.
    find_wire : callable
        Returns what the wire carries, or None.
    find_rate : callable
        Returns the rate that the agent hears at, or None for the wire's.

    Attributes
    ----------
    audio_ms : int
        As it was given.
    chain : InboundChain or None
        The quick way of the usual messages.
    n_held : int
        How many samples are held.
    """

    __slots__ = ("_find_rate", "_find_wire", "_held", "_rate", "_wire", "audio_ms", "chain", "n_held")

    def __init__(
        self, audio_ms: int, find_wire: Callable[[], AudioFormat | None], find_rate: Callable[[], int | None]
    ) -> None:
        self.audio_ms = audio_ms
        self.chain: InboundChain | None = None
        self.n_held = 0
        self._find_wire = find_wire
        self._find_rate = find_rate
        self._wire: AudioFormat | None = None
        self._rate = 0
        self._held: dict[str, list[Audio]] = {}

    def take(self, message: object, now: object) -> list[SessionEvent] | None:
        """Take a message as `InboundChain.take` does."""
        assert self.chain is not None
        taken = self.chain.take(message, now)
        return None if taken is None else self.join(taken)

    def join(self, events: list[SessionEvent]) -> list[SessionEvent]:
        """Return what of some events, and of what is held, is to be given out now."""
        wire = self._find_wire()
        if wire is not self._wire:  # the events may be of both formats, or rates
            self._wire = wire
            self._rate = self._find_rate() or (0 if wire is None else wire.sample_rate)
            return [*self.flush(), *events]
        out: list[SessionEvent] = []
        for event in events:
            if event.__class__ is Audio:
                self._hold(event, out)
            else:
                out += self.flush()
                out.append(event)
        return out

    def let_go(self) -> list[SessionEvent]:
        """Return what is held, before what comes is of another rate, say; the next that `join` gets passes as it is."""
        self._wire = None
        return self.flush()

    def flush(self) -> list[SessionEvent]:
        """Return what is held."""
        events: list[SessionEvent] = [_joined(pieces) for pieces in self._held.values()]
        self._held.clear()
        self.n_held = 0
        return events

    def _hold(self, event: Any, out: list[SessionEvent]) -> None:
        pieces = self._held.get(event.track)
        if pieces is not None and not self._follows(pieces, event):
            out.append(self._whole(event.track))
            pieces = None
        if pieces is None:
            pieces = self._held[event.track] = []
        pieces.append(event)
        n = len(event.samples)
        self.n_held += n
        n_here = sum(len(piece.samples) for piece in pieces)
        if (2 * n_here + n) * 1000 >= 2 * self.audio_ms * self._rate:
            out.append(self._whole(event.track))

    def _follows(self, pieces: list[Audio], event: Audio) -> bool:
        last = pieces[-1]
        end_ms = last.position_ms + 1000 * len(last.samples) / self._rate
        return last.concealed == event.concealed and abs(event.position_ms - end_ms) < APART_MS

    def _whole(self, track: str) -> Audio:
        pieces = self._held.pop(track)
        event = _joined(pieces)
        self.n_held -= len(event.samples)
        return event


def _joined(pieces: list[Audio]) -> Audio:
    if len(pieces) == 1:
        return pieces[0]
    first = pieces[0]
    samples = np.concatenate([piece.samples for piece in pieces])
    echo = min(piece.echo for piece in pieces)
    return Audio(samples, first.track, first.position_ms, first.timestamp_ms, first.concealed, echo)
