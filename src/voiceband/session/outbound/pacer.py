"""The pacer: utterances wait here as wire bytes, and leave in whole frames once less than the lead is ahead of playout.

A message then holds what is there, up to its greatest length.

Deadlines are absolute: the k-th frame of an unbroken talk is due `lead` before its place in time, however late the one
before it was, so a stall is caught up at once and nothing drifts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from voiceband.protocol.commands import MAX_CHUNK_BASE64
from voiceband.protocol.limits import FRAME_MS

if TYPE_CHECKING:
    from typing import Any

    from voiceband.formats import AudioFormat
    from voiceband.session.outbound.ledger import Ledger, Utterance
    from voiceband.session.outbound.playout import PlayoutClock

FRAME_S = FRAME_MS / 1000
EARLY_S = 1e-6
"""A frame may be this early: sums of thousands of frames are not exact, and clocks tick more coarsely."""
MAX_PIECE_MS = 512.0
"""The most that a chain takes at once: 4096 samples at 8 kHz."""
STALL_S = 1.0
"""What leaves so much later than it should was held up by no scheduler: somebody stood still."""
MAX_AHEAD_S = 29.0
"""What may wait at the far end whatever the lead; its playout delay comes on top."""
_INF = math.inf


class QueueFullError(RuntimeError):
    """More speech is queued than the session may hold; wait until `queued_ms` has fallen, then play it again."""


class Pacer:
    """Releases what is due.

    Parameters
    ----------
    wire : AudioFormat
        What the queue holds.
    clock : PlayoutClock
        Told of all that leaves.
    ledger : Ledger
        Told of every utterance that begins to leave.
    lead_s : float or None
        How far ahead of playout to send; None for at once.
    message_s : float
        How much one message holds at most.
    """

    def __init__(
        self, wire: AudioFormat, clock: PlayoutClock, ledger: Ledger, lead_s: float | None, message_s: float
    ) -> None:
        self.wire = wire
        self.queued = 0  # bytes
        self.sent_until = -_INF  # when the far end would run dry if it played without delay
        self.frames = 0
        self.sends = 0
        self.late_sum_s = 0.0
        self.late_max_s = 0.0
        self.underruns = 0
        self.stalled_s = 0.0  # how late the latest message was that left after a stall, until somebody has told it
        self.waiting = False  # whether something was left to send: only that can be late
        self.utterance: Utterance | None = None  # whose the latest frames were
        self.last = False  # and whether these were its last
        self._clock = clock
        self._ledger = ledger
        self._sample_bytes = wire.sample_bytes
        self._rate = wire.sample_rate
        self._ms = 1000 / (wire.sample_bytes * wire.sample_rate)
        self._frame_bytes = wire.frame_bytes(FRAME_MS)
        self._max_bytes = MAX_CHUNK_BASE64 // 4 * 3 // self._frame_bytes * self._frame_bytes
        self.queue: list[Utterance] = []
        self.lead_s = 0.0
        self._message_s = message_s
        self.set_lead(lead_s)

    def set_lead(self, lead_s: float | None) -> None:
        """Change how far ahead of playout to send."""
        # With less than a frame of lead, each frame leaves when the one before it has played.
        self._lead_s = MAX_AHEAD_S if lead_s is None else max(lead_s, FRAME_S)
        # Messages leave when a frame is due, so that a stall meets all of the lead: what else they hold is beyond it.
        n = max(1, int(min(self._message_s, self._lead_s) / FRAME_S + 1e-6))
        self._step_bytes = min(n * self._frame_bytes, self._max_bytes)

    @property
    def queued_ms(self) -> float:
        """How much waits here, not yet sent."""
        return self.queued * self._ms

    def add(self, utterance: Utterance, data: bytes) -> None:
        """Queue whole samples of an utterance."""
        if not utterance.queued:
            self._enter(utterance)
        utterance._pending += data
        n = len(data)
        self.queued += n
        utterance.queued += n // self._sample_bytes

    def append(self, utterance: Utterance, data: Any, limit_ms: float) -> bool:
        """Queue a piece of a usual kind in the middle of an utterance; False, with nothing changed, for any other.

        That is one that goes on at the rate and in the type of those before it, and needs no more than a resampler and
        a codec. It must fit below `limit_ms` with room to spare.
        """
        chain = utterance._chain
        if chain is None or not utterance.queued or (self.queued * self._ms) + MAX_PIECE_MS > limit_ms:
            return False
        size = chain.append(data, utterance._pending)
        if size < 0:
            return False
        utterance.content_ms += len(data) * utterance._given_ms
        self.queued += size
        utterance.queued += size // self._sample_bytes
        return True

    def _enter(self, utterance: Utterance) -> None:
        """Put an utterance at the end of the queue, unless it is there: only the last one can be."""
        if not self.queue or self.queue[-1] is not utterance:
            self.queue.append(utterance)

    def pad(self, utterance: Utterance) -> None:
        """Fill the last frame of an utterance with silence; one without audio is queued for its end alone."""
        short = -len(utterance._pending) % self._frame_bytes
        if not utterance.queued:
            self._enter(utterance)
        n = short // self._sample_bytes
        utterance._pending += self.wire.silence * n
        self.queued += short
        utterance.queued += n

    def next_due(self) -> float:
        """When `take` has something to give: inf while nothing is queued that could go, -inf for at once."""
        if not self.queue:
            return _INF
        head = self.queue[0]
        if len(head._pending) < self._frame_bytes:
            return -_INF if head.ended else _INF
        return self.sent_until + FRAME_S - self._lead_s - EARLY_S

    def dry_at(self, utterance: Utterance) -> float:
        """When the player runs dry if nothing more comes of the last utterance; inf while something waits here."""
        if len(utterance._pending) >= self._frame_bytes or (self.queue and self.queue[0] is not utterance):
            return _INF
        return self.sent_until

    def take(self, now: float) -> bytes | None:
        """Return what is due of the utterance at the head, perhaps nothing but its end; None when nothing is due.

        `utterance` is then the one it belongs to, and `last` whether it ends there. To be called until it is None.
        """
        if not self.queue:
            self.waiting = False
            return None
        utterance = self.queue[0]
        pending = utterance._pending
        waiting = len(pending)
        frame_bytes = self._frame_bytes
        if waiting < frame_bytes and not utterance.ended:
            self.waiting = False
            return None
        playing = now <= self.sent_until or self._clock.surely_playing(now)
        size = 0
        # Deadlines are absolute, so a message may be late, but never early. A player that ran dry has none.
        if not playing or now >= self.sent_until + FRAME_S - self._lead_s - EARLY_S:
            size = min(waiting - waiting % frame_bytes, self._step_bytes)
            if not playing and size > frame_bytes and utterance.sent == 0:
                size = frame_bytes  # what it begins with is there the sooner the shorter it is
        last = utterance.ended and size == waiting
        if not size and not last:
            self.waiting = True
            return None
        frames = b""
        if size:
            if size == waiting:
                frames = bytes(pending)
                pending.clear()
            else:
                frames = bytes(pending[:size])
                del pending[:size]
            self._leave(utterance, size, playing, now)
        if last:
            self.queue.pop(0)
        self.utterance = utterance
        self.last = last
        return frames

    def _leave(self, utterance: Utterance, size: int, playing: bool, now: float) -> None:
        """Note what leaves."""
        if self.waiting and self.sent_until > -_INF:
            late = now - (self.sent_until + FRAME_S - self._lead_s)
            if late > 0.0:
                self.late_sum_s += late
                if late > self.late_max_s:
                    self.late_max_s = late
                if late > STALL_S:
                    self.stalled_s = max(late, self.stalled_s)
        if not playing:
            if utterance.sent and now > self._clock.ends_by():
                self.underruns += 1
            self.sent_until = now
        if utterance.sent == 0:
            self._ledger.begin(utterance, now)
        n = size // self._sample_bytes
        self.queued -= size
        utterance.sent += n
        self.sends += 1
        self.frames += size // self._frame_bytes
        self.sent_until += n / self._rate
        self.lead_s = self.sent_until - now
        self._clock.sent(n, now)

    def drop(self) -> None:
        """Forget what is queued; the ledger has noted it."""
        self.queue.clear()
        self.queued = 0
        self.waiting = False
        self.sent_until = -_INF
