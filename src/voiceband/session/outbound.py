"""The outbound side of a call: what was queued, sent, played and cleared, and when the next frame is due.

    play() -> Utterance.pending -> Outbox.take(now) -> frames for the wire
                                        |
                                   PlayoutClock: where the far end's player should be

Positions count wire samples sent since the call began.
"""

from __future__ import annotations

import collections
import itertools

import msgspec

from voiceband.formats import AudioFormat
from voiceband.protocol.commands import MAX_CHUNK_BASE64

FRAME_MS = 20
MAX_SPOKEN = 64
"""Utterances whose own figures are kept."""
MAX_RUNS = 16
"""Stretches of unbroken playing that the clock remembers, for acknowledgements to correct."""


class Utterance:
    """One thing the agent says; made by `Session.play`.

    Attributes
    ----------
    name : str
        Unique in the call; it is also the name of the checkpoint at its end.
    ended : bool
        Whether all of its audio has been given to `Session.play`.
    """

    __slots__ = (
        "_bytes_per_ms",
        "_pending",
        "cleared",
        "ended",
        "name",
        "queued",
        "sent",
        "start",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.ended = False
        self.queued = 0  # wire bytes, padding included
        self.sent = 0
        self.cleared = 0
        self.start = 0  # position of its first sample in the stream of sent samples, once one was sent
        self._pending = bytearray()
        self._bytes_per_ms = 0.0

    @property
    def queued_ms(self) -> float:
        """How much was given to `Session.play`, in milliseconds on the wire."""
        return self._ms(self.queued)

    @property
    def sent_ms(self) -> float:
        """How much has been sent."""
        return self._ms(self.sent)

    def end(self, sample_bytes: int) -> int:
        """Return the position behind its last sample sent."""
        return self.start + self.sent // sample_bytes

    def _ms(self, n_bytes: int) -> float:
        return n_bytes / self._bytes_per_ms if self._bytes_per_ms else 0.0

    def __repr__(self) -> str:
        return f"Utterance({self.name!r}, queued_ms={self.queued_ms:g}, sent_ms={self.sent_ms:g}, ended={self.ended})"


class Heard(msgspec.Struct, frozen=True):
    """What an interruption found.

    Attributes
    ----------
    heard_ms : float
        How much the caller had heard of everything said since the previous interruption or the start.
    utterances : dict of str to float
        The same for each of the latest utterances, by name, in order.
    """

    heard_ms: float
    utterances: dict[str, float]


class PlayoutClock:
    """Estimates where the far end's player is, from what was sent when and what was acknowledged."""

    __slots__ = ("_delay_s", "_rate", "_runs", "position")

    def __init__(self, rate: int, delay_s: float) -> None:
        self._rate = rate
        self._delay_s = delay_s  # from sending to hearing, when the player is idle
        self._runs: collections.deque[tuple[float, int, int]] = collections.deque()  # time, position, samples
        self.position = 0  # samples sent

    def sent(self, n: int, now: float) -> None:
        """Note n samples sent at `now`; they play when the player is free."""
        start = now + self._delay_s
        if self._runs:
            at, position, count = self._runs[-1]
            end = at + count / self._rate
            if start <= end:
                self._runs[-1] = (at, position, count + n)
                self.position += n
                return
        if len(self._runs) >= MAX_RUNS:
            self._runs.popleft()
        self._runs.append((start, self.position, n))
        self.position += n

    def heard(self, now: float) -> int:
        """Return the position that the player has reached."""
        reached = self.position
        for at, position, count in reversed(self._runs):
            played = int((now - at) * self._rate)
            if played >= count:
                break
            reached = position + max(played, 0)
        return reached

    def acknowledged(self, position: int, now: float) -> None:
        """Shift the estimate so that `position` is reached at `now`."""
        for i, (at, start, count) in enumerate(self._runs):
            if start < position <= start + count:
                shift = now - (at + (position - start) / self._rate)
                self._delay_s = max(0.0, self._delay_s + shift)
                for j in range(i, len(self._runs)):
                    moved_at, moved_start, moved_count = self._runs[j]
                    self._runs[j] = (moved_at + shift, moved_start, moved_count)
                return

    def clear(self) -> None:
        """Forget what was still to be played."""
        self._runs.clear()


class Outbox:
    """Utterances on their way to the wire, released in whole frames no further ahead of playout than the lead."""

    __slots__ = (
        "_frame_bytes",
        "_heard_before",
        "_lead_s",
        "_max_bytes",
        "_queue",
        "_sent_until",
        "clock",
        "spoken",
        "wire",
    )

    def __init__(self, wire: AudioFormat, lead_s: float, delay_s: float) -> None:
        self.wire = wire
        self.clock = PlayoutClock(wire.sample_rate, delay_s)
        self.spoken: collections.deque[Utterance] = collections.deque()  # since the last interruption, the latest ones
        self._heard_before = 0  # wire bytes of those that `spoken` has no room for
        self._frame_bytes = wire.frame_bytes(FRAME_MS)
        self._max_bytes = MAX_CHUNK_BASE64 // 4 * 3 // self._frame_bytes * self._frame_bytes
        self._lead_s = lead_s
        self._queue: collections.deque[Utterance] = collections.deque()
        self._sent_until = float("-inf")  # when the far end would run dry if it played without delay

    def add(self, utterance: Utterance, data: bytes, *, end: bool) -> None:
        """Queue wire bytes of an utterance; its last frame is padded with silence."""
        utterance._bytes_per_ms = self.wire.sample_rate * self.wire.sample_bytes / 1000
        utterance._pending += data
        if end:
            short = -len(utterance._pending) % self._frame_bytes
            data_and_padding = len(data) + short
            utterance._pending += self.wire.silence * (short // self.wire.sample_bytes)
            utterance.ended = True
        else:
            data_and_padding = len(data)
        utterance.queued += data_and_padding
        if not any(u is utterance for u in self._queue):
            self._queue.append(utterance)

    @property
    def queued_ms(self) -> float:
        """How much waits here, not yet sent."""
        return sum(u._ms(len(u._pending)) for u in self._queue)

    def next_due(self) -> float | None:
        """When `take` has something to give; None while nothing is queued that could go."""
        if not self._queue or not self._ready(self._queue[0]):
            return None
        return self._sent_until + FRAME_MS / 1000 - self._lead_s

    def _ready(self, utterance: Utterance) -> bool:
        return len(utterance._pending) >= self._frame_bytes or utterance.ended

    def take(self, now: float) -> list[tuple[Utterance, bytes, bool]]:
        """Return what is due at `now`: an utterance, some frames of it, and whether these are its last."""
        due: list[tuple[Utterance, bytes, bool]] = []
        frame_s = FRAME_MS / 1000
        while self._queue:
            utterance = self._queue[0]
            if not self._ready(utterance):
                break
            self._sent_until = max(self._sent_until, now)
            # One frame more than the lead allows would be late by less than a frame: deadlines are absolute.
            room = int((now + self._lead_s - self._sent_until) / frame_s + 1e-6)
            pending = utterance._pending
            size = min(room * self._frame_bytes, len(pending) // self._frame_bytes * self._frame_bytes, self._max_bytes)
            last = utterance.ended and size == len(pending)
            if size == 0 and not last:
                break
            frames = bytes(pending[:size])
            del pending[:size]
            if frames:
                self._send(utterance, frames, now)
            if last:
                self._queue.popleft()
            due.append((utterance, frames, last))
        return due

    def _send(self, utterance: Utterance, frames: bytes, now: float) -> None:
        samples = len(frames) // self.wire.sample_bytes
        if utterance.sent == 0:
            utterance.start = self.clock.position
            if len(self.spoken) >= MAX_SPOKEN:
                self._heard_before += self.spoken.popleft().sent
            self.spoken.append(utterance)
        utterance.sent += len(frames)
        self._sent_until += samples / self.wire.sample_rate
        self.clock.sent(samples, now)

    def interrupt(self, now: float) -> Heard:
        """Drop everything that was not heard, and say what was."""
        reached = self.clock.heard(now)
        heard: dict[str, float] = {}
        for utterance in itertools.chain(self.spoken, (u for u in self._queue if u.sent == 0)):
            sent = utterance.sent // self.wire.sample_bytes
            samples = min(max(reached - utterance.start, 0), sent) if sent else 0
            heard[utterance.name] = samples * 1000 / self.wire.sample_rate
            utterance.cleared = utterance.queued - samples * self.wire.sample_bytes
            utterance.ended = True
            utterance._pending.clear()
        before_ms = self._heard_before // self.wire.sample_bytes * 1000 / self.wire.sample_rate
        self._heard_before = 0
        self._queue.clear()
        self.spoken.clear()
        self.clock.clear()
        self._sent_until = float("-inf")
        return Heard(before_ms + sum(heard.values()), heard)
