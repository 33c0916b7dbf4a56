"""The inbound chain of one track: wire bytes -> samples at the session's rate.

    payload --decode--> int16 --Timeline or JitterBuffer--> in order --Conditioning--> Audio

Every stage can be left out, and switched while the call runs, so that no sample is lost and none is made up. Positions
count what was given: each `Audio` begins where the one before it ended.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.dsp.playout_stats import RunKind, SegmentKind
from voiceband.dsp.timeline import Timeline
from voiceband.formats import Encoding
from voiceband.session.codecs import codec_of
from voiceband.session.events import Audio, CallerSpoke, Malformed, Warned
from voiceband.session.guard import guard_of, warnings_of
from voiceband.session.inbound.byteorder import ByteOrderDetector
from voiceband.session.inbound.chain import InboundChain
from voiceband.session.inbound.conditioning import Conditioning
from voiceband.session.inbound.numbering import Numbering
from voiceband.session.inbound.pull_clock import EvenPace
from voiceband.session.inbound.stamps import StampedRate

if TYPE_CHECKING:
    from collections.abc import Sized

    from numpy.typing import NDArray

    from voiceband.dsp.jitter import Pulled
    from voiceband.dsp.sound import SoundGuard
    from voiceband.formats import AudioFormat
    from voiceband.protocol import Media
    from voiceband.session.events import SessionEvent
    from voiceband.session.inbound.barge_in import EchoEar
    from voiceband.session.inbound.options import InboundOptions
    from voiceband.session.inbound.tone_ear import ToneEar
    from voiceband.session.transport import Transport


MAX_HELD = 25
"""Audible messages that are held while the byte order is undecided."""


class InboundTrack:
    """Turns the messages of one track into samples, and knows how far it has come."""

    __slots__ = (
        "_base",
        "_buffer",
        "_codec",
        "_conditioning",
        "_decode",
        "_detector",
        "_format",
        "_guard",
        "_held",
        "_ms",
        "_name",
        "_numbering",
        "_options",
        "_pace",
        "_past",
        "_place",
        "_stamps",
        "chain",
        "concealed",
        "ear",
        "muted",
        "recorder",
        "tones",
    )

    def __init__(
        self,
        name: str,
        wire: AudioFormat,
        options: InboundOptions,
        transport: Transport,
        waiting: Sized,
        other: InboundChain | None,
        start_ms: float = 0.0,
    ) -> None:
        name = sys.intern(name)  # all calls' tracks have the same few
        self.chain = InboundChain(name, transport, waiting, Audio, Warned, other)
        self._name = name
        self._numbering = Numbering()
        self._format = wire
        self._options = options
        self._base = 0  # samples on the timeline before the present buffer
        self._past = (0, 0, 0)  # losses of earlier buffers
        self._conditioning = Conditioning(wire.sample_rate, options, start_ms * wire.sample_rate / 1000)
        self._ms = 1000 / wire.sample_rate
        self._detector = None
        self._held: list[tuple[Media, float]] = []
        order = options.byteorder
        if wire.encoding is Encoding.L16 and order == "auto":
            self._detector = ByteOrderDetector()
            order = "little"
        self._codec, self._decode, _ = codec_of(wire, order)
        self._stamps = StampedRate(wire) if options.guard else None
        self._guard: SoundGuard | None = None
        if options.guard and self._detector is None:
            self._guard = guard_of(self._codec, wire.sample_rate)
        self._buffer: Any = None
        self._place: Any = None
        self._pace: EvenPace | None = None
        self.muted = False
        self.concealed = 0
        self.recorder: Any = None
        self.ear: EchoEar | None = None
        self.tones: ToneEar | None = None
        self.set_buffer(options.buffer)
        self.settle()

    # ---- stages

    @property
    def losses(self) -> tuple[int, int, int]:
        """How many gaps there were, and messages that came too late or twice, of all buffers so far."""
        gaps, late, duplicates = self._past
        if self._buffer is None:
            return gaps, late, duplicates
        stats = self._buffer.stats
        return gaps + stats.gaps, late + stats.late, duplicates + stats.duplicates

    def follow(self, before: InboundTrack) -> None:
        """Go on counting where the same track of another format stopped."""
        self._past = before.losses
        self.concealed = round(before.concealed_ms / self._ms)

    @property
    def concealed_ms(self) -> float:
        """How much audio was made up."""
        return self.concealed * self._ms

    @property
    def late_ms(self) -> float:
        """How much of this track's audio the stages hold back: their latency."""
        return self._conditioning.latency_s * 1000

    def set_buffer(self, kind: str | None) -> list[SessionEvent]:
        """Put the messages in order by "timeline" or "jitter", or take them as they come (None)."""
        events: list[SessionEvent] = []
        if self._pace is not None:
            # What the jitter buffer holds is played out before it goes.
            for pulled in self._pace.rest():
                self._played(pulled, events)
        elif self._buffer is not None:
            self._base += self._buffer.next_sample
        if self.recorder is not None:
            self.recorder.renumbered()
        self._past = self.losses
        self._pace = self._buffer = self._place = None
        rate = self._format.sample_rate
        if kind == "jitter":
            self._pace = EvenPace(rate)
            self._buffer = self._pace.buffer
        elif kind == "timeline":
            self._buffer = Timeline(rate)
            self._place = self._buffer.push
        self.settle()
        return events

    def finish(self) -> tuple[list[SessionEvent], float]:
        """Return what the stages hold, and where the timeline stands: another track goes on from there, in ms."""
        events = self._release()
        events += self.set_buffer(None)
        events += self.set_denoise(None)
        events += self.set_rate()
        return events, (self._base + self._conditioning.shift) * self._ms

    def reconnect(self) -> list[SessionEvent]:
        """Begin a new numbering: the audio goes on where it stands, through all stages again."""
        return [
            *self._release(),
            *self._renumber(),
            *self.set_denoise(self._options.denoise),
        ]

    def _renumber(self) -> list[SessionEvent]:
        """Expect counters that have nothing to do with the ones before."""
        return self.set_buffer(self._options.buffer)

    def share_numbers(self) -> None:
        """Expect a counter that all tracks share."""
        self._numbering.share()
        self.settle()

    def _release(self) -> list[SessionEvent]:
        """Let go what is held while the byte order is undecided, with as good a guess as any."""
        events: list[SessionEvent] = []
        held, self._held = self._held, []
        for media, now in held:
            self._push(media, now, events)
        return events

    def set_denoise(self, level: float | None) -> list[SessionEvent]:
        """Put the suppressor in, take it out, or change its level."""
        start = self._position
        samples = self._conditioning.set_denoise(level)
        self.settle()
        return self._given(samples, start, None, concealed=False)

    def set_rate(self) -> list[SessionEvent]:
        """Follow a change of the session's rate."""
        position_ms = self._position * self._ms
        tail = self._conditioning.set_rate()
        self.settle()
        return [Audio(tail, self._name, position_ms, None)] if len(tail) and not self.muted else []

    @property
    def _placed(self) -> int:
        return self._buffer.next_sample if self._place is not None else 0

    @property
    def _position(self) -> float:
        """Where what is given next begins, in samples of the wire."""
        return self._base + self._placed + self._conditioning.shift

    # ---- audio

    def settle(self) -> None:
        """Open the quick way through the usual stages, or close it; called whenever one of them has changed."""
        usual = (
            self._stamps is None
            and self._detector is None
            and self._place is not None
            and self.recorder is None
            and self.ear is None
            and self.tones is None
            and self._conditioning.only_resample
            and self._numbering.plain
            and not self.muted
        )
        if usual:
            stages = self._conditioning
            self.chain.open(self._codec, self._buffer, stages.resampler, self._guard, self._base, stages.shift)
        else:
            self.chain.close()

    def push(self, media: Media, now: float, out: list[SessionEvent]) -> None:
        """Take one message through whatever stages there are, and append what it means to `out`."""
        if self._stamps is not None:
            wrong = self._stamps.look(media)
            if wrong is not None:
                out.append(Warned("wrong-rate", wrong, self._name))
            if self._stamps.done:
                self._stamps = None
                self.settle()
        if self._detector is not None and self._undecided(media, now, out):
            return
        self._push(media, now, out)

    def _push(self, media: Media, now: float, out: list[SessionEvent]) -> None:
        try:
            pcm: Any = self._decode(media.payload)
        except ValueError as error:
            out.append(Malformed(str(error), media))
            return
        quick = self.chain.last()
        if quick is not None:
            self._numbering.follow(*quick)
        chunk, stamp = self._numbering.read(media)
        at = len(out)
        spoke = self.ear.hear(pcm, now) if self.ear is not None else None
        if self._place is None:
            placed = self._unplaced(media, chunk, stamp, pcm, now, out)
        else:
            segments = self._place(chunk, stamp, pcm, arrival=now)
            placed = bool(segments)
            for segment in segments:
                self._placed_at(segment, media.timestamp_ms, out)
        if spoke is not None and self.ear is not None:
            end_ms = self._position * self._ms
            out.append(CallerSpoke(max(end_ms - spoke, 0.0), self.ear.heard(now)))
        if placed and self._guard is not None:  # a message that comes twice is heard once
            out[at:at] = warnings_of(self._guard.process(media.payload), self._name)
        reason = self._numbering.look(media, len(pcm), self._format.sample_rate, placed=placed)
        if media.timestamp_ms is not None and len(pcm):
            self.chain.passed(media.timestamp_ms, len(pcm))
        if reason is not None:
            out.append(Warned("numbering", reason, self._name))
            out.extend(self._renumber())

    def _placed_at(self, segment: Any, timestamp_ms: int | None, out: list[SessionEvent]) -> None:
        """Take a segment of the timeline through the stages."""
        filled = segment.kind is SegmentKind.FILL
        if self.recorder is not None and not filled:
            self.recorder.caller(self._base + segment.start_sample, segment.pcm)
        if filled:
            self.concealed += len(segment.pcm)
        start = self._base + segment.start_sample + self._conditioning.shift
        self._hear(segment.pcm, start, None if filled else timestamp_ms, out, concealed=filled)

    def _hear(
        self, pcm: NDArray[np.int16], start: float, stamp: int | None, out: list[SessionEvent], *, concealed: bool
    ) -> None:
        """Take samples that stand at `start` through the stages."""
        if self.tones is not None:
            self.tones.hear(pcm, start * self._ms, self._name, out)
        out.extend(self._given(self._conditioning.process(pcm), start, stamp, concealed=concealed))

    def _given(
        self, samples: NDArray[Any], start: float, timestamp_ms: int | None, *, concealed: bool
    ) -> list[SessionEvent]:
        """Return what is given out of samples that have been through the stages."""
        if self.muted or not len(samples):
            return []
        echo = self.ear.score if self.ear is not None else 0.0
        return [Audio(samples, self._name, start * self._ms, timestamp_ms, concealed, echo)]

    def _unplaced(
        self, media: Media, chunk: int | None, stamp: int | None, pcm: Any, now: float, out: list[SessionEvent]
    ) -> bool:
        """Take a message that no timeline places; return whether it was of use."""
        # What was not asked for in time comes first: the buffer would wait for this message all through it otherwise.
        self._bridge(now, out)
        if self.recorder is not None:
            self.recorder.media(media, pcm)
        if self._pace is None:
            self._emit(pcm, media.timestamp_ms, out, concealed=False)
            return True
        buffer = self._pace.buffer
        dropped = buffer.stats.duplicates + buffer.stats.late
        buffer.push(chunk, stamp, pcm, arrival=now)
        used = buffer.stats.duplicates + buffer.stats.late == dropped
        if self._pace.next_pull == math.inf:
            self._pace.next_pull = now
        self.advance(now, out)
        return used

    def _emit(self, pcm: Any, stamp: int | None, out: list[SessionEvent], *, concealed: bool) -> None:
        start = self._base + self._conditioning.shift
        self._base += len(pcm)
        self._hear(pcm, start, stamp, out, concealed=concealed)

    @property
    def next_pull(self) -> float:
        """When the jitter buffer gives its next audio; inf without one."""
        return self._pace.next_pull if self._pace is not None else math.inf

    def advance(self, now: float, out: list[SessionEvent]) -> None:
        """Play the jitter buffer up to `now`."""
        if self._pace is None:
            return
        self._bridge(now, out)
        for pulled in self._pace.until(now):
            self._played(pulled, out)

    def _bridge(self, now: float, out: list[SessionEvent]) -> None:
        """After a standstill give what waits, and tell the rest as one length."""
        pace = self._pace
        if pace is None:
            return
        if pace.stood_still(now):
            for pulled in pace.catch_up():
                self._played(pulled, out)
            left_out = pace.skip(now)
            if left_out:
                self._base += left_out
                length_s = left_out * self._ms / 1000
                out.append(
                    Warned("stall", f"left out {length_s:.1f} s: nobody took the track's audio meanwhile", self._name)
                )

    def _played(self, pulled: Pulled, out: list[SessionEvent]) -> None:
        concealed = any(run.kind is RunKind.CONCEAL for run in pulled.runs)
        if concealed:
            self.concealed += len(pulled.pcm)
        self._emit(pulled.pcm, None, out, concealed=concealed)

    def _undecided(self, media: Media, now: float, out: list[SessionEvent]) -> bool:
        """Hold an audible message until the byte order is known; quiet ones are the same either way."""
        assert self._detector is not None
        audible = self._detector.push(media.payload)
        order = self._detector.order
        if order is None and (audible or self._held) and len(self._held) < MAX_HELD:
            self._held.append((media, now))
            return True
        if order is not None or self._held:
            self._detector = None
            self._codec, self._decode, _ = codec_of(self._format, order or "little")
            if self._options.guard:
                self._guard = guard_of(self._codec, self._format.sample_rate)
            self.settle()
            for held, at in self._held:
                self._push(held, at, out)
            self._held.clear()
        return False
