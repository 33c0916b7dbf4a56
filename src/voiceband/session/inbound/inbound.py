"""The inbound half: one chain of stages for each track that is heard."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, SupportsFloat, SupportsIndex

from voiceband.session.checks import check_buffer, check_gain, check_level, check_rate
from voiceband.session.events import Audio, Warned
from voiceband.session.inbound.gathering import Gathering, check_audio_ms
from voiceband.session.inbound.tone_ear import ToneEar
from voiceband.session.inbound.track import InboundTrack

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat
    from voiceband.protocol import Media
    from voiceband.session.events import SessionEvent
    from voiceband.session.inbound.barge_in import EchoEar
    from voiceband.session.inbound.chain import InboundChain
    from voiceband.session.inbound.options import InboundOptions
    from voiceband.session.transport import Transport

MAX_EARLY_MEDIA = 25
"""Media messages kept while the start message has not come: half a second of one track."""
MAX_EVENTS = 1024
"""Events that wait for `Session.events`; beyond that the oldest audio is dropped, and counted, but nothing else."""
MAX_UNHEARD = 8
"""Names of tracks that nobody hears that are told apart."""


class Inbound:
    """Turns media messages into `Audio` events.

    Parameters
    ----------
    transport : Transport
        Told when media came.
    waiting : list of SessionEvent
        The session's events that come first; what a switched stage gives is put there.
    recorder : Recorder or None
        Told of the caller's audio.
    options : InboundOptions
        Some change while the call runs.
    audio_ms : float or None
        See `Session`.
    """

    __slots__ = (
        "_chain",
        "_early",
        "_first_numbers",
        "_options",
        "_recorder",
        "_shared",
        "_transport",
        "_unheard",
        "_waiting",
        "dropped",
        "ear",
        "gathering",
        "inlet",
        "muted",
        "tones",
        "tracks",
        "wire",
    )

    def __init__(
        self,
        transport: Transport,
        waiting: list[SessionEvent],
        recorder: Any,
        options: InboundOptions,
        audio_ms: SupportsFloat | None,
    ) -> None:
        self._options = options
        self._transport = transport
        self._waiting = waiting
        self._recorder = recorder
        self.wire: AudioFormat | None = None  # None until the format is known
        self._early: list[Media] = []
        self._unheard: tuple[str, ...] = ()
        self._first_numbers: tuple[str, int] | None = None  # the first track without timestamps, and its last number
        self._shared: bool | None = None  # whether one counter counts the messages of all tracks
        self.tracks: dict[str, InboundTrack] = {}
        self._chain: InboundChain | None = None
        self.gathering: Gathering | None = None
        self.inlet: InboundChain | Gathering | None = None
        """The quick way of the usual messages of these tracks."""
        self.muted = False
        self.dropped = 0  # audio that nobody took in time
        self.tones = ToneEar() if options.tones else None
        self.ear: EchoEar | None = None  # what hears whether the caller speaks up
        if audio_ms is not None:
            self.audio_ms = audio_ms

    # ---- messages

    def take(self, media: Media, now: float, out: list[SessionEvent]) -> bool:
        """Append what a message holds to `out`; return whether it is a first one, or waits for the format."""
        if self._shared is None and media.timestamp_ms is None and media.chunk is not None:
            self._compare_numbers(media.track, media.chunk)
        if self.tones is not None:
            self.tones.now = now
        track = self.tracks.get(media.track)
        if track is not None:
            if media.timestamp_ms is not None:
                self._transport.media(media.timestamp_ms, now)
            track.push(media, now, out)
            return False
        if media.track not in self._options.tracks:
            self._ignore(media.track, out)
            return False
        if self.wire is None:
            self._early.append(media)
            return True
        track = self._add(media.track, self.wire, 0.0)
        if media.timestamp_ms is not None:
            self._transport.media(media.timestamp_ms, now)
        track.push(media, now, out)
        return True

    def _ignore(self, track: str, out: list[SessionEvent]) -> None:
        """Warn once of a track that comes and is not heard."""
        if track not in self._unheard and len(self._unheard) < MAX_UNHEARD:
            self._unheard += (track,)
            heard = ", ".join(sorted(self._options.tracks))
            out.append(Warned("track", f"media of track {track[:40]!r} is ignored: tracks= has {heard}", track[:40]))

    def _compare_numbers(self, track: str, number: int) -> None:
        """Find out whether one counter counts the messages of all tracks, where no timestamps say what is missing."""
        first = self._first_numbers
        if first is None or first[0] == track:
            self._first_numbers = (track, number)
            return
        # The first message of a second track settles it: a counter of its own does not go on from the other's.
        self._shared = number == first[1] + 1
        for known in self.tracks.values() if self._shared else ():
            known.share_numbers()

    @property
    def early(self) -> Media | None:
        """The latest message that waits for the format, if it has waited long enough, or says the format itself."""
        if not self._early or (len(self._early) < MAX_EARLY_MEDIA and self._early[-1].media_format is None):
            return None
        return self._early[-1]

    def _add(self, name: str, wire: AudioFormat, start_ms: float) -> InboundTrack:
        track = self.tracks[name] = InboundTrack(
            name, wire, self._options, self._transport, self._waiting, self._chain, start_ms
        )
        self._set_inlet(track.chain)
        track.muted = self.muted
        if self._shared:
            track.share_numbers()
        if name == "inbound" and self._recorder is not None:
            track.recorder = self._recorder
        if name == "inbound" and self.ear is not None:
            self.ear.open(wire.sample_rate)
            track.ear = self.ear
        if name == "inbound" and self.tones is not None:
            self.tones.open(wire.sample_rate)
            track.tones = self.tones
        track.settle()
        return track

    def _set_inlet(self, chain: InboundChain | None) -> None:
        self._chain = chain
        if self.gathering is None or chain is None:
            self.inlet = chain
        else:
            self.gathering.chain = chain
            self.inlet = self.gathering

    def joined(self, events: list[SessionEvent]) -> list[SessionEvent]:
        """Return what of some events is to be given out now, where audio is gathered."""
        return events if self.gathering is None else self.gathering.join(events)

    def _let_go(self) -> None:
        """Give out what has been gathered, before what comes is another thing."""
        if self.gathering is not None:
            self._waiting.extend(self.gathering.let_go())

    # ---- the stream begins, and ends

    def leave(self, wire: AudioFormat, out: list[SessionEvent]) -> None:
        """Bring all tracks to an end if a stream in another format follows, and go on in that one where they stand."""
        if self.wire is None or self.wire == wire:
            return
        self._set_inlet(None)
        for name, ended in list(self.tracks.items()):
            events, end_ms = ended.finish()
            out.extend(events)
            self._add(name, wire, end_ms).follow(ended)

    def open(self, wire: AudioFormat, now: float, out: list[SessionEvent]) -> None:
        """Settle the format, and go through what has been waiting for it."""
        self.wire = wire
        early, self._early = self._early, []
        for media in early:
            track = self.tracks.get(media.track)
            if track is None:
                self.take(media, now, out)
            else:
                track.push(media, now, out)

    def reconnect(self, out: list[SessionEvent]) -> None:
        """Expect another stream of the same call."""
        for track in self.tracks.values():
            out.extend(track.reconnect())

    def close(self) -> list[SessionEvent]:
        """Return what the stages still hold."""
        events: list[SessionEvent] = []
        for track in self.tracks.values():
            events += track.finish()[0]
            track.reconnect()  # a stop is a hint, so more may come
        return events

    # ---- the jitter buffer's time

    @property
    def next_pull(self) -> float:
        """When the jitter buffers give their next audio; inf without one."""
        if self._options.buffer != "jitter":
            return math.inf
        return min((track.next_pull for track in self.tracks.values()), default=math.inf)

    def advance(self, now: float) -> None:
        """Keep what the jitter buffers give up to `now`; of audio that nobody takes, no more than is reasonable."""
        if self.tones is not None:
            self.tones.now = now
        events: list[SessionEvent] = []
        for track in self.tracks.values():
            if track.next_pull <= now:
                track.advance(now, events)
        kept = self._waiting
        kept.extend(events)
        while len(kept) > MAX_EVENTS:
            oldest = next((i for i, event in enumerate(kept) if isinstance(event, Audio)), None)
            if oldest is None:
                return
            del kept[oldest]
            self.dropped += 1

    # ---- stages

    def mute(self, muted: bool) -> None:
        """Give no audio out, or give it out again; the timeline goes on."""
        self.muted = muted
        self._let_go()
        for track in self.tracks.values():
            track.muted = muted
            track.settle()

    @property
    def rate(self) -> int | None:
        """The rate that the agent hears at; None for the wire's own. Settable."""
        return self._options.rate

    @rate.setter
    def rate(self, value: SupportsIndex | None) -> None:
        self._options.rate = check_rate(value)
        self._let_go()
        for track in self.tracks.values():
            self._waiting.extend(track.set_rate())

    @property
    def denoise(self) -> float | None:
        """Level of the noise suppressor; None without one. Settable."""
        return self._options.denoise

    @denoise.setter
    def denoise(self, level: SupportsFloat | None) -> None:
        self._options.denoise = check_level(level)
        for track in self.tracks.values():
            self._waiting.extend(track.set_denoise(self._options.denoise))

    @property
    def buffer(self) -> str | None:
        """What puts the messages in order: "timeline", "jitter" or None. Settable."""
        return self._options.buffer

    @buffer.setter
    def buffer(self, kind: str | None) -> None:
        self._options.buffer = check_buffer(kind)
        for track in self.tracks.values():
            self._waiting.extend(track.set_buffer(kind))

    @property
    def gain_db(self) -> float:
        """Gain on the caller's audio in dB. Settable."""
        return self._options.gain_db

    @gain_db.setter
    def gain_db(self, value: SupportsFloat) -> None:
        self._options.gain_db = check_gain("gain_in_db", value)
        for track in self.tracks.values():
            track.settle()

    @property
    def audio_ms(self) -> int | None:
        """How much audio an `Audio` event is to hold; None for what comes with each message. Settable."""
        return None if self.gathering is None else self.gathering.audio_ms

    @audio_ms.setter
    def audio_ms(self, value: SupportsFloat | None) -> None:
        audio_ms = check_audio_ms(value)
        if self.gathering is not None:
            self._waiting.extend(self.gathering.flush())
        self.gathering = (
            None if audio_ms is None else Gathering(audio_ms, lambda: self.wire, lambda: self._options.rate)
        )
        self._set_inlet(self._chain)

    @property
    def latency_ms(self) -> float:
        """How much of the audio the stages hold back."""
        return max((track.late_ms for track in self.tracks.values()), default=0.0)
