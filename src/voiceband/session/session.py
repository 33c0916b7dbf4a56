"""`Session`: one call at the agent's end, both directions."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

from voiceband.protocol import Media, ProtocolError, parse
from voiceband.session.captured import Captured
from voiceband.session.checks import MAX_NOW, check_now
from voiceband.session.events import Audio, Cleared, Failed, Malformed, SessionEvent, Stopped
from voiceband.session.inbound import InboundTrack
from voiceband.session.outbound import Outbound
from voiceband.session.reader import read_other
from voiceband.session.stages import Stages
from voiceband.session.state import MAX_EARLY_MEDIA
from voiceband.session.stats import SessionStats, snapshot

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import Buffer

    from voiceband.formats import AudioFormat


@functools.cache
def _captured(cls: type[Session]) -> type[Session]:
    """Return a class of sessions that note what is done to them."""
    return type(cls.__name__, (Captured, cls), {"__slots__": (), "__doc__": cls.__doc__, "__module__": cls.__module__})


class Session(Stages):
    """One call, both directions: protocol, codecs, stages, pacing and the ledger of what was heard.

    Parameters
    ----------
    rate : int, optional
        Sampling rate in Hz that the agent hears at, and speaks at unless `play` says otherwise; the wire's own by
        default.
    dtype : {"int16", "float32"}, optional
        Of the samples that the agent hears.
    denoise : float, optional
        Level of the noise suppressor for the caller's audio, 60 to 100; None leaves it out.
    buffer : {"timeline", "jitter", None}, optional
        What puts the caller's messages in order: without delay and loss, at an even pace for playing live, or nothing.
    tracks : tuple of str, optional
        The tracks to hear; others are ignored.
    lead_ms : float or None, optional
        How far ahead of playout to send, 0 to 5000; None sends at once. More lead covers longer stalls of the agent,
        and costs nothing at an interruption, for the far end is cleared.
    byteorder_in : {"little", "big", "auto"}, optional
    byteorder_out : {"little", "big"}, optional
        Order of the two bytes of L16 samples; "auto" listens, and holds audible messages until it is sure.
    fallback_format : AudioFormat, optional
        What the wire carries when the start message does not say.
    gain_in_db, gain_out_db : float, optional
        Gain with a limiter, on what is heard and what is spoken.
    checkpoint_every_ms : float, optional
        Sends a checkpoint after so much audio within an utterance too, not only at its end.
    max_queued_ms : float, optional
        How much may wait here before `play` refuses.
    guard : bool, optional
        Whether to look at the first messages, and warn when they are not in the stream's format.
    recorder : Recorder, optional
    capture : Capture, optional
    metrics : callable, optional
        Called with (name, value); `METRICS` has the names, and what each stands for.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Notes
    -----
    One session belongs to one thread at a time. Times are seconds from any monotonic origin. What a recorder, a capture
    or a metrics hook raises is told by a `Warned` event, and the call goes on.

    Examples
    --------
    >>> call = Session()
    >>> call.receive('{"event":"start","start":{"streamId":"s1","callId":"c1","mediaFormat":'
    ...              '{"encoding":"audio/x-mulaw","sampleRate":8000}}}', now=0.0)
    [Started(stream_id='s1', format=audio/x-mulaw;rate=8000, tracks=(), again=False)]
    >>> utterance = call.play(np.zeros(160, np.int16), 8000, name="hello")
    >>> len(call.poll(now=0.0))
    2
    """

    __slots__ = ()

    def __new__(cls, *_: Any, **options: Any) -> Self:
        """Make one; with a capture, one that writes down what is done to it."""
        if options.get("capture") is not None:
            return super().__new__(_captured(cls))  # type: ignore[arg-type, return-value]
        return super().__new__(cls)

    def receive(self, message: str | Buffer, now: float) -> list[SessionEvent]:
        """Take one message from the wire, and return what it means, in order.

        Parameters
        ----------
        message : str or bytes-like
            The text of one WebSocket message. What cannot be used gives a `Malformed` event; no message raises.
        now : float
            Seconds, finite.

        Returns
        -------
        events : list of SessionEvent
            Possibly empty. What happened outside of `receive`, see `events`, comes first.

        Raises
        ------
        TypeError, ValueError
            If `now` is not a finite number; the message has not been taken then.
        """
        inlet = self._inlet
        if inlet is not None and self._capture is None:
            taken = inlet.take(message, now, self._deadline)
            if taken is not None:
                return taken
        if now.__class__ is not float or not -MAX_NOW < now < MAX_NOW:
            now = check_now(now)
        if isinstance(message, str):
            message = str.__str__(message)  # of a class of its own, what it holds
        transport = self._transport
        transport.messages_in += 1
        if self._capture is not None:
            self._capture.received(message, now)
        out: list[SessionEvent] = []
        if now >= self._deadline:
            self._expire(now)
        if self._events:
            out.extend(self.events())
        try:
            event = parse(message)
        except ProtocolError as error:
            out.append(self._refuse(str(error), message))
            return out
        transport.bytes_in += len(message) if isinstance(message, str) else memoryview(message).nbytes
        if event.__class__ is Media:
            track = self._tracks.get(event.track)
            if track is None:
                self._first_media(event, now, out)
                return out
            if event.timestamp_ms is not None:
                transport.media(event.timestamp_ms, now)
            n = len(out)
            track.push(event, now, out)
            if len(out) != n + 1 or out[-1].__class__ is not Audio:
                self._look(out[n:])
            return out
        before = len(out)
        read_other(self, event, now, out)
        self._look(out[before:])
        self._reschedule()
        return out

    @property
    def has_events(self) -> bool:
        """Whether `events` would return any."""
        return bool(self._events)

    def events(self) -> list[SessionEvent]:
        """Return events that came up outside of `receive`: missed checkpoints, `Drained`, audio of a jitter buffer."""
        events = self._take_events()
        self._look(events)
        return events

    def _take_events(self) -> list[SessionEvent]:
        events = list(self._events)
        self._events.clear()
        return events

    def _look(self, events: list[SessionEvent]) -> None:
        """Count what is out of the ordinary."""
        for event in events:
            name = type(event).__name__.lower()
            if name == "malformed":
                self._count.malformed += 1
            if self._observe is not None and name != "audio":
                self._observe(name, 1)

    def _first_media(self, media: Media, now: float, out: list[SessionEvent], *, look: bool = True) -> None:
        if media.track not in self._heard_tracks:
            return
        if self.format is None:
            # The format is not known yet: keep it, but not for ever.
            self._early.append(media)
            if len(self._early) >= MAX_EARLY_MEDIA:
                before = len(out)
                self._open(self._fallback, now, out)
                self._look(out[before:])
            return
        track = self._add_track(media.track, self.format, 0.0)
        if media.timestamp_ms is not None:
            self._transport.media(media.timestamp_ms, now)
        before = len(out)
        track.push(media, now, out)
        if look:
            self._look(out[before:])
        self._reschedule()

    def _add_track(self, name: str, wire: AudioFormat, start_ms: float) -> InboundTrack:
        track = self._tracks[name] = InboundTrack(
            name, wire, self._options, self._transport, self._events, self._inlet, start_ms
        )
        self._inlet = track.chain
        track.muted = self.muted
        if name == "inbound" and self._recorder is not None:
            track.recorder = self._recorder
        track.settle()
        return track

    def _open(self, wire: AudioFormat, now: float, out: list[SessionEvent]) -> None:
        """Settle the format, and go through what has been waiting for it."""
        before: Outbound | None = None
        if self._out is not None and self.format != wire:
            # Another format in mid-call: what is queued here is in the old one, so it ends like an interruption.
            lost = self._out.lost or not self._out.idle
            heard, missed = self._out.interrupt(now)
            out.extend([*missed, Cleared(heard)])
            self._out.last_by_clock = self._out.lost = lost
            self._control = [c for c in self._control if isinstance(c, str)]
            if self._recorder is not None:
                self._recorder.interrupted(now)
            before, self._out = self._out, None
            self._inlet = None
            for name, ended in list(self._tracks.items()):
                events, end_ms = ended.finish()
                out.extend(events)
                self._add_track(name, wire, end_ms).follow(ended)
        self.format = wire
        if self._out is None:
            self._out = Outbound(
                wire,
                self._transport,
                lead_s=self._lead_s,
                byteorder=self._byteorder_out,
                gain_db=self._gain_out_db,
                every_ms=self._every_ms,
            )
            self._out.observe = self._observe
            if before is not None:
                self._out.follow(before)
            if self._recorder is not None:
                self._recorder.open(wire, self._byteorder_out, self._transport, self._out)
                self._out.on_sent = self._recorder.sent
        self._out.stream_id = self.stream_id
        for utterance, data, source, end, _ in self._unsent.take():
            if utterance.interrupted:
                continue  # an earlier piece of it failed
            if isinstance(source, tuple) and not source[0]:
                source = (wire.sample_rate, source[1])
            try:
                self._out.play(utterance, data, source, end=end)
            except (ValueError, TypeError) as error:
                # `play` has checked it for every wire; should it fail all the same, the call is to go on.
                self._out.abandon(utterance)
                out.append(Failed(f"utterance {utterance.name!r} cannot be played: {error}", {}))
        early, self._early = self._early, []
        for media in early:
            track = self._tracks.get(media.track)
            if track is None:
                self._first_media(media, now, out, look=False)  # whoever opens looks at all of it
            else:
                track.push(media, now, out)
        self._check_drain()  # what was waited for may be gone with another stream
        self._reschedule()

    def _refuse(self, reason: str, message: object) -> Malformed:
        self._count.malformed += 1
        if self._observe is not None:
            self._observe("malformed", 1)
        return Malformed(reason, message)

    def close(self, reason: str | None = None) -> list[SessionEvent]:
        """Note that the socket has closed."""
        events = self._close(reason)
        self._look(events)
        return events

    def _close(self, reason: str | None) -> list[SessionEvent]:
        if self.stopped:
            return []
        self.stopped = True
        self._cut_off = bool(self._unsent.pieces) or (self._out is not None and not self._out.idle)
        for piece in self._unsent.take():
            piece.utterance.ended = True
        self._control.clear()
        missed: list[SessionEvent] = self._take_events()
        for track in self._tracks.values():
            missed += track.finish()[0]
            track.reconnect()  # a stop is a hint, so more may come
        if self._out is not None:
            missed += self._out.close()
        if self._recorder is not None:
            self._recorder.pause()
        self._due = self._deadline = math.inf
        self._idle_due = -math.inf
        self._measure(-math.inf)
        return [*missed, *self._take_events(), Stopped(reason, undrained=self._cut_off and self._drain is not None)]

    # ---- figures

    @property
    def malformed(self) -> int:
        """How many messages could not be used."""
        return self._count.malformed

    @property
    def stats(self) -> SessionStats:
        """What the call has come to so far."""
        return snapshot(self._count, self._tracks, self._out, self._transport)

    def summary(self) -> dict[str, Any]:
        """Return the figures of the call as a dict for JSON."""
        figures = self.stats.as_dict()
        return {"call_id": self.call_id, "stream_id": self.stream_id, "format": str(self.format), **figures}
