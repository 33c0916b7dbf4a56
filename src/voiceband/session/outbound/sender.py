"""Speech in, paced texts of one wire format out, and the ledger of what became of it.

play() -> Converter (resample, encode) -> Pacer -> texts
|
PlayoutClock + Ledger <- acknowledgements
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from voiceband.protocol import Checkpoint, play_audio_encoder
from voiceband.session.codecs import codec_of
from voiceband.session.events import Missed, Played
from voiceband.session.outbound.checkpoints import OWN_PREFIX, Checkpoints, Waiting
from voiceband.session.outbound.encode import Converter, Converters
from voiceband.session.outbound.far import FarEnd
from voiceband.session.outbound.ledger import Ledger, Utterance
from voiceband.session.outbound.pacer import Pacer
from voiceband.session.outbound.playout import PlayoutClock

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat
    from voiceband.session.events import SessionEvent
    from voiceband.session.heard import Heard
    from voiceband.session.outbound.encode import Warn
    from voiceband.session.outbound.given import PieceFormat
    from voiceband.session.outbound.options import OutboundOptions
    from voiceband.session.transport import Transport

PROBES = 3
"""Round trips that are measured as soon as possible."""
PROBE_EVERY_S = 10.0
BETWEEN_S = 1.0
"""Checkpoints that no utterance ends with, and the agent has not asked for, are no closer to one another."""
END_TIMEOUT_S = 5.0
"""How long after everything should have been played an answer is waited for."""
STALL_S = 30.0
"""How much longer when nothing at all comes from the far end."""


class Sender:
    """What a session does with speech once the wire's format is known."""

    def __init__(
        self,
        wire: AudioFormat,
        transport: Transport,
        options: OutboundOptions,
        warn: Warn | None,
    ) -> None:
        self.wire = wire
        self.stream_id: str | None = None
        self.clock = PlayoutClock(wire.sample_rate, transport)
        self.ledger = Ledger(wire.sample_rate, self.clock)
        self.far: FarEnd | None = None
        if options.far:
            decode = codec_of(wire, options.byteorder)[1]
            self.far = FarEnd(wire.sample_rate, wire.sample_bytes, decode, self.clock)
        self.pacer = Pacer(wire, self.clock, self.ledger, options.lead_s, options.message_s)
        self.converters = Converters(wire, options.byteorder, options.gain_db, warn)
        self.checkpoints = Checkpoints()
        self.late_answers = 0
        self.half_samples = 0
        self.last_by_clock = False
        self.lost = False  # whether speech went down with an earlier stream since `drained` was asked
        self.observe: Any = None  # called with ("round_trip_ms", value), for metrics
        self.on_sent: Any = None  # called with (position, bytes) of everything that leaves, for a recorder
        self._transport = transport
        self._sample_bytes = wire.sample_bytes
        self.encode = play_audio_encoder(wire)
        every_ms = math.inf if options.every_ms is None else options.every_ms
        self._every = every_ms * wire.sample_rate / 1000
        self.wants_marks = True  # whether there may be checkpoints within utterances
        self._marked = 0  # position of the latest checkpoint
        self._names = 0
        self._probes = 0
        self._probe_at = -math.inf
        self._between_at = -math.inf

    def follow(self, before: Sender) -> None:
        """Go on counting, and keep what is known of the path, where the same call in another format stopped."""
        for name in ("frames", "sends", "late_sum_s", "late_max_s", "underruns"):
            setattr(self.pacer, name, getattr(before.pacer, name))
        self.late_answers, self.half_samples = before.late_answers, before.half_samples
        self._names = before._names
        self.clock.round_trip_s = before.clock.round_trip_s
        self.checkpoints.follow(before.checkpoints)
        self.last_by_clock, self.lost = before.last_by_clock, before.lost

    # ---- speech

    def convert(self, utterance: Utterance, data: Any, source: PieceFormat) -> bytes:
        """Return the wire's bytes of a piece; an error leaves everything as it was."""
        converter: Converter | None = utterance._convert
        wire: bytes
        if converter is not None and converter.rate == source.rate:
            wire, given_ms = converter.convert(data, source.item)
        else:
            fresh = self.converters.open(source)
            wire, given_ms = fresh.convert(data, source.item)
            if converter is not None:  # another rate in the middle: what the old resampler holds comes first
                wire = converter.flush() + wire
                self.half_samples += converter.halves
            converter = utterance._convert = fresh
            utterance._ms = 1000 / self.wire.sample_rate
            utterance._given_ms = converter.ms
        self.half_samples += converter.halves
        converter.halves = 0
        quick = converter.chain is not None and not converter.carry and not self.converters.gain_db
        utterance._chain = converter.chain if quick else None
        utterance._rate = converter.rate if quick else 0
        utterance.content_ms += given_ms
        return wire

    def flush(self, utterance: Utterance) -> None:
        """Queue what the resampler still holds of an utterance, and fill its last frame."""
        converter = utterance._convert
        if converter is not None:
            tail = converter.flush()
            utterance._convert = None
            self.half_samples += converter.halves
            if tail:
                self.pacer.add(utterance, tail)
        self.pacer.pad(utterance)

    def in_use(self, name: str) -> bool:
        """Whether a name is that of an utterance that waits here, or of a checkpoint whose answer is to come."""
        return any(u.name == name and not u.lapsed for u in self.pacer.queue) or self.checkpoints.has(name)

    def take(self, now: float, texts: list[str], notes: list[dict[str, Any]] | None) -> None:
        """Append what is due at `now` to `texts`, and for a capture what the texts do not say to `notes`."""
        pacer = self.pacer
        if self.wants_marks and pacer.queued and pacer.next_due() <= now:
            self.between(now, texts, notes)  # in front of more audio, so that it never stands for an end
        while True:
            frames = pacer.take(now)
            utterance = pacer.utterance
            if frames is None or utterance is None:
                return
            if frames:
                texts.append(self.encode(frames))
                if notes is not None:
                    notes.append({"utterance": utterance.name})
                self._left(frames, now)
            if pacer.last:
                self._ended(utterance, now, texts, notes)

    def _left(self, frames: bytes, now: float) -> None:
        """Pass on what leaves, to the far end and to the recorder."""
        if self.far is None and self.on_sent is None:
            return
        position = self.clock.position - len(frames) // self._sample_bytes
        if self.far is not None:
            self.far.sent(position, frames, now)
        if self.on_sent is not None:
            self.on_sent(position, frames, now)

    def _ended(self, utterance: Utterance, now: float, texts: list[str], notes: list[dict[str, Any]] | None) -> None:
        """Ask for the answer to an utterance's end."""
        if self.stream_id is None:
            # No checkpoint can be sent, so the clock alone says when it has been heard.
            unsent = Waiting(utterance.name, "end", utterance._end, 0.0, utterance)
            self.checkpoints.add(unsent)
            self.checkpoints.sent(unsent, now, self.clock.ends_by())
        else:
            self._mark(Waiting(utterance.name, "end", utterance._end, END_TIMEOUT_S, utterance), now, texts, notes)

    def between(self, now: float, texts: list[str], notes: list[dict[str, Any]] | None) -> None:
        """Append a checkpoint between the lines if one is wanted."""
        if self.stream_id and self._wants_mark(now):
            name = self.make_name("mark")
            self._mark(Waiting(name, "mark", self.clock.position, END_TIMEOUT_S, None), now, texts, notes)

    def _wants_mark(self, now: float) -> bool:
        """Whether a checkpoint between the lines is asked for, or is needed to learn the playout delay."""
        if self.checkpoints.waiting or now < self._between_at:
            return False
        since = self.clock.position - self._marked
        if since >= self._every:
            return True
        # The playout delay shows at the first checkpoint after an idle player's start, so one follows soon.
        clock = self.clock
        return (
            len(clock.stretches) == 1
            and not clock.calibrated
            and clock.stretches[0].sent_at < now
            and since > self.wire.sample_rate // 5
        )

    def _mark(self, entry: Waiting, now: float, texts: list[str], notes: list[dict[str, Any]] | None) -> None:
        assert self.stream_id is not None
        self.checkpoints.add(entry)
        if notes is not None:
            notes.append(entry.note())
        texts.append(Checkpoint(entry.wire, self.stream_id).encode())
        self.clock.expect(entry.wire, now)
        self.checkpoints.sent(entry, now, self.clock.ends_by())
        self._marked = self.clock.position
        if entry.kind == "mark":
            self._between_at = now + BETWEEN_S

    def make_name(self, kind: str) -> str:
        """Return a name for a checkpoint that nobody else has."""
        self._names += 1
        return f"{OWN_PREFIX}{kind}-{self._names}"

    # ---- answers

    def answered(self, name: str, now: float) -> tuple[list[SessionEvent], list[Waiting]]:
        """Take an acknowledgement; return events, and checkpoints that should be sent at once."""
        entry = self.checkpoints.answered(name)
        if entry is None:
            self.late_answers += 1
            return [], []
        if entry.kind == "probe":
            self.learn_round_trip(now - entry.sent_at)
            return [], []
        self.clock.acknowledged(name, now)
        self.wants_marks = self._every < math.inf or not self.clock.calibrated
        self.ledger.acknowledged(entry.position)
        if entry.kind == "mark":
            return [], []
        if entry.kind == "end":
            self.last_by_clock = False
        return [Played(entry.name, entry.kind == "end")], self._probe(entry, now)

    def _probe(self, entry: Waiting, now: float) -> list[Waiting]:
        """Ask an idle player for an answer at once, now and then: that is a round trip."""
        if entry.kind != "end" or entry.position != self.clock.position or self.pacer.queue:
            return []
        if self.checkpoints.waiting or now < (self._between_at if self._probes < PROBES else self._probe_at):
            return []
        self._probes += 1
        self._probe_at = now + PROBE_EVERY_S
        self._between_at = now + BETWEEN_S
        probe = Waiting(self.make_name("probe"), "probe", self.clock.position, END_TIMEOUT_S, None)
        self.checkpoints.add(probe)
        return [probe]

    def learn_round_trip(self, seconds: float) -> None:
        """Learn from anything that the far end answers at once."""
        if self.observe is not None:
            self.observe("round_trip_ms", seconds * 1000)
        past = [stretch for interruption in self.ledger.interruptions for stretch in interruption.stretches]
        self.clock.learn_round_trip(seconds, past)

    def overdue(self, now: float) -> list[SessionEvent]:
        """Give up checkpoints whose answers should have come long ago."""
        events = self._give_up(self.checkpoints.given_up())
        for entry in self.checkpoints.overdue(now):
            expected = self.clock.played_at(entry.position)
            by = max(entry.sent_at, expected[1] if expected is not None else -math.inf) + entry.timeout_s
            if entry.timeout_s and self._transport.seen_at > -math.inf and now - self._transport.seen_at > 1.0:
                by = max(by, min(now + 1.0, entry.sent_at + entry.timeout_s + STALL_S))  # the path stands still
            if by > now and entry.kind != "probe":
                self.checkpoints.postpone(entry, by)
                continue
            self.checkpoints.forget(entry)
            events += self._give_up([entry])
        return events

    def _give_up(self, forgotten: list[Waiting]) -> list[SessionEvent]:
        events: list[SessionEvent] = []
        for entry in forgotten:
            self.clock.forget(entry.wire)
            if entry.kind == "end":
                self.last_by_clock = True
            if entry.kind in ("end", "own"):
                events.append(Missed(entry.name, "timeout"))
        return events

    @property
    def idle(self) -> bool:
        """Whether all that was to be said has been answered for, or given up."""
        return not self.pacer.queue and not any(w.kind in ("end", "own") for w in self.checkpoints.waiting.values())

    # ---- ends

    def heard(self, now: float) -> Heard:
        """Return the ledger's view."""
        return self.ledger.heard(now, self.pacer.queue)

    def interrupt(self, now: float) -> tuple[Heard, list[SessionEvent]]:
        """Drop everything that was not heard; the caller sends clearAudio."""
        if self.far is not None and self.stream_id is not None:
            self.far.cut(now + (self.clock.round_trip_s or 0.0) / 2)
        heard = self.ledger.interrupt(now, self.pacer.queue)
        until = self.pacer.sent_until
        self.pacer.drop()
        if self.stream_id is None:
            # Nothing can clear the far end, so what comes next plays behind what waits there.
            self.pacer.sent_until = until
            self.clock.go_on(self.ledger.interruptions[-1].stretches)
        self.last_by_clock = self.lost = False
        return heard, self._resolve("cleared")

    def _resolve(self, reason: str) -> list[SessionEvent]:
        missed = self._give_up(self.checkpoints.given_up())
        missed += [Missed(w.name, reason) for w in self.checkpoints.of_kind("own")]
        self.checkpoints.clear(probes=reason != "cleared")
        self._marked = self.clock.position
        return missed

    def close(self) -> list[SessionEvent]:
        """Expect no answers any more."""
        return self._resolve("closed")

    def reopen(self, stream_id: str | None, now: float) -> None:
        """Go on with another stream: what was sent is not sent again, what is still here goes there."""
        if self.far is not None:
            self.far.cut(now)
        if self.ledger.cut(now):
            self.last_by_clock = self.lost = True
        self.stream_id = stream_id
        self.pacer.sent_until = -math.inf
