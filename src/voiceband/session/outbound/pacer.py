"""The pacer: utterances wait here as wire bytes, and leave in whole frames, no further ahead of playout than the lead.

Deadlines are absolute: the k-th frame of an unbroken talk is due `lead` before its place in time, however late the one
before it was, so a stall is caught up at once and nothing drifts.
"""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING

from voiceband.protocol.commands import MAX_CHUNK_BASE64
from voiceband.protocol.limits import FRAME_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from voiceband.formats import AudioFormat
    from voiceband.session.outbound.ledger import Ledger, Utterance
    from voiceband.session.outbound.playout import PlayoutClock

FRAME_S = FRAME_MS / 1000
EARLY_S = 1e-6
"""A frame may be this early: sums of thousands of frames are not exact, and clocks tick more coarsely."""
MAX_AHEAD_S = 29.0
"""What may wait at the far end whatever the lead; its playout delay comes on top."""


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
    """

    __slots__ = (
        "_clock",
        "_frame_bytes",
        "_frame_samples",
        "_lead_s",
        "_ledger",
        "_max_bytes",
        "_sample_bytes",
        "bytes_per_s",
        "frames",
        "late_max_s",
        "late_sum_s",
        "lead_s",
        "names",
        "queue",
        "queued",
        "sends",
        "sent_until",
        "underruns",
        "waiting",
        "wire",
    )

    def __init__(self, wire: AudioFormat, clock: PlayoutClock, ledger: Ledger, lead_s: float | None) -> None:
        self.wire = wire
        self.queued = 0  # bytes
        self.sent_until = -math.inf  # when the far end would run dry if it played without delay
        self.frames = 0
        self.sends = 0
        self.late_sum_s = 0.0
        self.late_max_s = 0.0
        self.underruns = 0
        self.waiting = False  # whether something was left to send: only that can be late
        self._clock = clock
        self._ledger = ledger
        self._sample_bytes = wire.sample_bytes
        self.bytes_per_s = wire.sample_bytes * wire.sample_rate
        self._frame_bytes = wire.frame_bytes(FRAME_MS)
        self._frame_samples = wire.frame_samples(FRAME_MS)
        self._max_bytes = MAX_CHUNK_BASE64 // 4 * 3 // self._frame_bytes * self._frame_bytes
        self.queue: collections.deque[Utterance] = collections.deque()
        self.names: set[str] = set()  # of those in the queue
        self._lead_s = 0.0
        self.lead_s = 0.0
        self.set_lead(lead_s)

    def set_lead(self, lead_s: float | None) -> None:
        """Change how far ahead of playout to send."""
        # With less than a frame of lead, each frame leaves when the one before it has played.
        self._lead_s = MAX_AHEAD_S if lead_s is None else max(lead_s, FRAME_S)

    @property
    def queued_ms(self) -> float:
        """How much waits here, not yet sent."""
        return self.queued / self._sample_bytes * 1000 / self.wire.sample_rate

    def add(self, utterance: Utterance, data: bytes) -> None:
        """Queue whole samples of an utterance."""
        if not utterance.queued:
            self._enter(utterance)
        utterance._pending += data
        n = len(data)
        self.queued += n
        utterance.queued += n // self._sample_bytes

    def _enter(self, utterance: Utterance) -> None:
        """Put an utterance at the end of the queue, unless it is there."""
        if utterance.name not in self.names:
            self.names.add(utterance.name)
            self.queue.append(utterance)

    def go_on(self, utterance: Utterance, data: NDArray[np.int16], rate: float, limit_ms: float) -> bool:
        """Queue more samples of an open utterance; False, with nothing changed, when it takes a closer look."""
        if utterance._chain is None or not utterance.queued:
            return False
        n = len(data)
        if (self.queued / self.bytes_per_s + n / rate) * 1000 > limit_ms:
            return False
        size = utterance._chain.append(data, utterance._pending)
        if size < 0:
            return False
        utterance.content_ms += n * (1000 / rate)
        self.queued += size
        utterance.queued += size // self._sample_bytes
        return True

    def end(self, utterance: Utterance) -> None:
        """End an utterance: its last frame is padded with silence."""
        short = -len(utterance._pending) % self._frame_bytes
        if not utterance.queued:
            self._enter(utterance)
        n = short // self._sample_bytes
        utterance._pending += self.wire.silence * n
        self.queued += short
        utterance.queued += n
        utterance.ended = True
        utterance._convert = None

    def next_due(self) -> float:
        """When `take` has something to give: inf while nothing is queued that could go, -inf for at once."""
        if not self.queue:
            return math.inf
        head = self.queue[0]
        if len(head._pending) < self._frame_bytes:
            return -math.inf if head.ended else math.inf
        return self.sent_until + FRAME_S - self._lead_s - EARLY_S

    def steady(self, now: float) -> bytes | None:
        """Return the one frame that waits and is due, in the middle of a talk; None when it takes a closer look.

        What `take` would do, at a third of its cost: a synthesiser that speaks in real time comes here every 20 ms.
        """
        utterance = self.queue[0]
        pending = utterance._pending
        if len(pending) != self._frame_bytes or utterance.ended or not utterance.sent:
            return None
        # What says back what it hears as it hears it is always that late, and still in time for the player's delay.
        if now > self.sent_until and not self._clock.surely_playing(now):
            return None
        late = now - (self.sent_until + FRAME_S - self._lead_s)
        if late < -EARLY_S:
            return None
        frame = bytes(pending)
        pending.clear()
        if late > 0.0 and self.waiting:
            self.late_sum_s += late
            if late > self.late_max_s:
                self.late_max_s = late
        n = self._frame_samples
        self.queued -= self._frame_bytes
        self.waiting = False
        utterance.sent += n
        self.sends += 1
        self.frames += 1
        self.sent_until += FRAME_S
        self.lead_s = self.sent_until - now
        self._clock.sent_on(n, now)
        return frame

    def relay(
        self, utterance: Utterance, data: NDArray[np.int16], rate: float, limit_ms: float, now: float
    ) -> bytes | None:
        """Do what `go_on` and `steady` do: return the frame, or none if it only waits now; None if neither was done."""
        if not self.queue or self.queue[0] is not utterance or not self.go_on(utterance, data, rate, limit_ms):
            return None
        return self.steady(now) or b""

    def take(self, now: float) -> Iterator[tuple[Utterance, bytes, bool]]:
        """Give what is due at `now`: an utterance, some frames of it, and whether these are its last."""
        frame_bytes = self._frame_bytes
        while self.queue:
            utterance = self.queue[0]
            pending = utterance._pending
            waiting = len(pending)
            if waiting < frame_bytes and not utterance.ended:
                break
            until = self.sent_until
            if until < now and not self._clock.surely_playing(now):
                until = now  # it ran dry: a new talk, with deadlines of its own
            # A frame more than the lead allows would be late by less than a frame: deadlines are absolute.
            room = int((now + self._lead_s - until) / FRAME_S + 1e-4) * frame_bytes
            if waiting == frame_bytes <= room:
                size = waiting
            else:
                size = min(room, waiting - waiting % frame_bytes, self._max_bytes)
            last = utterance.ended and size == waiting
            if size <= 0:
                if not last:
                    break
                frames = b""
            elif size == waiting:
                frames = bytes(pending)
                pending.clear()
            else:
                frames = bytes(pending[:size])
                del pending[:size]
            if frames:
                self._sent(utterance, size, now)
            if last:
                self.queue.popleft()
                self.names.discard(utterance.name)
            yield utterance, frames, last
        self.waiting = bool(self.queue) and (self.queue[0].ended or len(self.queue[0]._pending) >= frame_bytes)

    def _sent(self, utterance: Utterance, size: int, now: float) -> None:
        if self.waiting and self.sent_until > -math.inf:
            late = now - (self.sent_until + FRAME_S - self._lead_s)
            if late > 0:
                self.late_sum_s += late
                if late > self.late_max_s:
                    self.late_max_s = late
        if self.sent_until < now and not self._clock.surely_playing(now):
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
        self.sent_until += n / self.wire.sample_rate
        self.lead_s = self.sent_until - now
        self._clock.sent(n, now)

    def drop(self) -> None:
        """Forget what is queued; the ledger has noted it."""
        self.queue.clear()
        self.names.clear()
        self.queued = 0
        self.waiting = False
        self.sent_until = -math.inf
