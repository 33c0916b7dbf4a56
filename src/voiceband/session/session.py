"""`Session`: one call at the agent's end, both directions."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal, NoReturn, SupportsFloat, SupportsIndex

from msgspec.structs import replace

from voiceband._checks import check_flag, check_number, check_text
from voiceband.formats import PLIVO_L16_8K
from voiceband.session.checks import MAX_NOW, check_now
from voiceband.session.counters import Counters
from voiceband.session.events import Warned
from voiceband.session.inbound.barge_in import ear_of
from voiceband.session.inbound.inbound import Inbound
from voiceband.session.inbound.options import inbound_options
from voiceband.session.metrics import Meter
from voiceband.session.observers import hook_of, observer_of
from voiceband.session.outbound.options import outbound_options
from voiceband.session.outbound.outbound import Outbound
from voiceband.session.reader import Reader
from voiceband.session.schedule import Schedule
from voiceband.session.settings import Setting
from voiceband.session.stats import snapshot
from voiceband.session.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import numpy as np
    from typing_extensions import Buffer

    from voiceband.formats import AudioFormat, ByteOrder
    from voiceband.session.capture import Capture
    from voiceband.session.events import SessionEvent
    from voiceband.session.heard import Heard
    from voiceband.session.inbound.barge_in import BargeInSettings
    from voiceband.session.inbound.greeting import Greeting
    from voiceband.session.outbound.far import Far
    from voiceband.session.outbound.ledger import Utterance
    from voiceband.session.recorder import Recorder
    from voiceband.session.stats import SessionStats


class Session:
    """One call, both directions: protocol, codecs, stages, pacing and the ledger of what was heard.

    All parameters are optional; `SessionOptions` documents each of them.

    Attributes
    ----------
    recorder, capture, metrics
        As they were given.

    Raises
    ------
    TypeError
        If a parameter is of a wrong type.
    ValueError
        If a parameter is outside its range.

    Notes
    -----
    One session belongs to one thread at a time. Times are seconds of any monotonic clock: every `now` that is not a
    finite number is a TypeError or a ValueError, and nothing happens. If one goes back by more than a second, a
    `Warned` event says so, and the session's time goes on from where it was. What a recorder, a capture or a metrics
    hook raises is told by a `Warned` event, and the call goes on.

    Examples
    --------
    >>> call = Session()
    >>> call.receive('{"event":"start","start":{"streamId":"s1","callId":"c1","mediaFormat":'
    ...              '{"encoding":"audio/x-mulaw","sampleRate":8000}}}', now=0.0)
    [Started(stream_id='s1', format=audio/x-mulaw;rate=8000, tracks=(), again=False)]
    >>> utterance = call.play(np.zeros(160, np.int16), 8000, name="hello", end=True)
    >>> len(call.poll(now=0.0))
    2
    """

    __slots__ = (
        "_capture", "_count", "_events", "_inbound", "_outbound", "_reader", "_schedule", "_transport", "capture",
        "metrics", "recorder",
    )  # fmt: skip

    def __init__(
        self,
        rate: SupportsIndex | None = None,
        dtype: Literal["int16", "float32"] | type[np.int16] | type[np.float32] = "int16",
        *,
        denoise: SupportsFloat | None = None,
        buffer: Literal["timeline", "jitter"] | None = "timeline",
        tracks: Collection[str] = ("inbound",),
        lead_ms: SupportsFloat | None = 400,
        byteorder_in: Literal["little", "big", "auto"] = "little",
        byteorder_out: ByteOrder = "little",
        fallback_format: AudioFormat = PLIVO_L16_8K,
        gain_in_db: SupportsFloat = 0.0,
        gain_out_db: SupportsFloat = 0.0,
        checkpoint_every_ms: SupportsFloat | None = None,
        max_queued_ms: SupportsFloat = 120_000,
        message_ms: SupportsFloat = 200,
        join_ms: SupportsFloat = 500,
        guard: bool = True,
        barge_in: bool | BargeInSettings = False,
        tones: bool = False,
        far: bool = False,
        audio_ms: SupportsFloat | None = None,
        recorder: Recorder | None = None,
        capture: Capture | None = None,
        metrics: Callable[[str, float], object] | None = None,
    ) -> None:
        self.recorder = recorder
        self.capture = capture
        self.metrics = metrics
        events: list[SessionEvent] = []
        self._events = events
        recorder = observer_of("recorder", recorder, "caller", events)
        self._capture = observer_of("capture", capture, "received", events)
        observe = hook_of(metrics, events)
        count = self._count = Counters(observe)
        transport = self._transport = Transport()
        transport.on_back = functools.partial(_tell_back, events)
        heard = inbound_options(
            rate=rate, dtype=dtype, denoise=denoise, buffer=buffer, tracks=tracks, byteorder_in=byteorder_in,
            gain_in_db=gain_in_db, guard=guard, tones=tones,
        )  # fmt: skip
        said = outbound_options(
            fallback_format=fallback_format, lead_ms=lead_ms, byteorder_out=byteorder_out, gain_out_db=gain_out_db,
            checkpoint_every_ms=checkpoint_every_ms, max_queued_ms=max_queued_ms, message_ms=message_ms,
            join_ms=join_ms, guard=guard, far=check_flag("far", far) or barge_in is not False,
        )  # fmt: skip
        inbound = self._inbound = Inbound(transport, events, recorder, heard, audio_ms)
        outbound = self._outbound = Outbound(transport, events, count, recorder, observe, said)
        inbound.ear = ear_of(barge_in, transport, outbound)
        outbound.talk.own_rate = inbound.rate or 0
        if self._capture is not None:
            outbound.talk.watched = True
            outbound.on_end = self._capture.ended
        meter = None if observe is None else Meter(observe, count, transport, inbound, outbound)
        self._reader = Reader(fallback_format, transport, events, count, inbound, outbound, meter, recorder)
        self._schedule = Schedule(transport, inbound, outbound, meter, recorder)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Session cannot be copied or pickled: it is one end of one call; make another for each call")

    def __repr__(self) -> str:
        state = "stopped" if self.stopped else str(self.format) if self.format is not None else "before its start"
        call = self.call_id or self.stream_id
        return f"<Session{f' of {call!r}' if call else ''}, {state}>"

    # ---- messages in

    def receive(self, message: str | Buffer, now: float) -> list[SessionEvent]:
        """Take one message from the wire, and return what it means, in order.

        What happened outside of `receive`, see `events`, comes first.

        Parameters
        ----------
        message : str or bytes-like
            The text of one WebSocket message; one that cannot be used gives a `Malformed` event, and none raises.
        now : float
            When it came.
        """
        inlet = self._inbound.inlet
        if inlet is not None and self._capture is None:
            taken = inlet.take(message, now)
            if taken is not None:
                return taken
        if now.__class__ is not float or not -MAX_NOW < now < MAX_NOW:
            now = check_now(now)
        if isinstance(message, str):
            message = str.__str__(message)  # of a class of its own, what it holds
        self._transport.messages_in += 1
        if self._capture is not None:
            self._capture.received(message, now)
        now = self._schedule.arrived(now)
        out = self._take_events() if self._events else []
        if self._reader.read(message, now, out):
            self._schedule.update()
        return self._inbound.joined(out)

    def close(self, reason: str | None = None) -> list[SessionEvent]:
        """Note that the socket has closed; what was still inside, and `Stopped`, are the events that it returns.

        Raises
        ------
        TypeError
            If `reason` is neither a text nor None; nothing is closed.
        """
        if reason is not None:
            reason = str.__str__(check_text("reason", reason, "a text or None"))
        self._note("close", reason=reason)
        events = self._reader.close(reason)
        self._count.note(events)
        self._schedule.update()
        return self._inbound.joined(events)

    # ---- events

    @property
    def has_events(self) -> bool:
        """Whether `events` would return any."""
        return bool(self._events)

    def events(self) -> list[SessionEvent]:
        """Return events that came up outside of `receive`: missed checkpoints, `Drained`, audio of a jitter buffer."""
        return self._inbound.joined(self._take_events())

    def _take_events(self) -> list[SessionEvent]:
        if self._capture is not None and self._events:
            self._capture.called("events")
        events = list(self._events)
        self._events.clear()
        self._count.note(events)
        return events

    # ---- speaking

    def play(
        self,
        data: Any,
        rate: SupportsIndex | None = None,
        *,
        format: AudioFormat | str | None = None,  # noqa: A002
        name: str | None = None,
        end: bool = False,
    ) -> Utterance:
        """Queue speech: pieces that follow one another are one utterance, whatever their sizes, items and rates.

        Nothing is padded or flushed between them, so any split of a signal into pieces gives the same samples. The
        utterance ends with `end`, with a piece of another name, with `drain` or `Utterance.end`, or, seen by `poll`,
        when the player has been dry for `join_ms`.

        Parameters
        ----------
        data : array-like, shape (n,) or (n, 1); or bytes-like with `format`
            Any length, also zero. Integers of any width are 16-bit samples, and saturate; floats have full scale 1.0.
            Tensors and lists are taken as well. Bytes in the wire's own format go out untouched. Part of a sample waits
            for the next piece of the same format, or is dropped, and counted in `SessionStats.half_samples`.
        rate : int, optional
            Rate in Hz; of arrays the session's own, or else the wire's, by default. Bytes need it here or in `format`.
        format : AudioFormat or str, optional
            What bytes hold, such as ``"audio/x-mulaw;rate=8000"``, or as services of speech write it: ``"linear16"``,
            ``"pcm_s16le"``, ``"pcm_f32le"``, ``"pcm_24000"``, ``"ulaw_8000"``. The header of a WAV file is taken off,
            and its rate used where no other is given; with ``"wav"`` it says everything.
        name : str, optional
            Names the utterance; unique names are made up otherwise. A piece without a name joins as one with the same
            name does. Pieces of an utterance that was interrupted before its end are late: they are dropped, and
            counted in `SessionStats.late_pieces`.
        end : bool, optional
            Whether the utterance ends here: its last frame is padded with silence, and a checkpoint follows it.

        Returns
        -------
        utterance : Utterance
            The same object for all pieces of an utterance.

        Raises
        ------
        TypeError
            If an argument is of a wrong type.
        ValueError
            If the audio, its format or its rate cannot be used, bytes come without a format, an utterance given in one
            piece has part of a sample too much, or `name` is in use, too long, or begins with ``voiceband-``.
        QueueFullError
            If more than `max_queued_ms` would be queued.
        RuntimeError
            If the call has ended.
        """
        utterance = self._outbound.play(data, rate, format, name, end)
        if self._capture is not None:
            talk = self._outbound.talk
            self._capture.played(utterance.name, name, talk.given, talk.n, bool(end))
        return utterance

    def checkpoint(self, name: str, *, timeout_s: SupportsFloat = 30.0) -> None:
        """Ask the far end to say when all audio sent so far has been played; a `Played` event follows.

        `Missed` follows instead after an interruption, the end of the stream, or `timeout_s` after it should have come.

        Raises
        ------
        TypeError
            If an argument is of a wrong type.
        ValueError
            If `name` is in use, empty, too long, or begins with ``voiceband-``, or `timeout_s` is not above 0.
        RuntimeError
            If no stream has started yet, or the call has ended.
        """
        self._outbound.checkpoint(name, timeout_s)
        self._note("checkpoint", name=name, timeout_s=float(timeout_s))

    def send_dtmf(self, digits: str) -> None:
        """Press keys on the caller's line.

        Raises
        ------
        TypeError, ValueError
            If `digits` is not a text of ``0-9*#A-D``.
        RuntimeError
            If the call has ended.
        """
        self._outbound.send_dtmf(digits)
        self._note("send_dtmf", digits=digits)

    @property
    def queued_ms(self) -> float:
        """How much audio waits here, not yet sent."""
        return self._outbound.talk.queued_ms

    # ---- messages out

    @property
    def next_poll(self) -> float:
        """When `poll` next has something to do: a time, -inf for at once, inf for never as things stand."""
        return self._schedule.next_poll

    def poll(self, now: float) -> list[str]:
        """Return the texts that are due to be sent, in order."""
        if now.__class__ is not float or not 0.0 <= now < MAX_NOW:  # nearly all times pass here
            now = check_now(now)
        if self._capture is None:
            return self._schedule.poll(now, None)
        self._capture.at(now)
        if now >= self.next_poll:
            self._capture.called("poll")
        notes: list[dict[str, Any]] = []
        texts = self._schedule.poll(now, notes)
        if texts:
            self._capture.sent(texts, now, notes)
        return texts

    def _note(self, call: str, **details: Any) -> None:
        """Tell the capture what the agent or its driver did."""
        if self._capture is not None:
            self._capture.called(call, **details)

    # ---- what the caller has heard

    def heard(self, now: float) -> Heard:
        """Say how much of what was said has been heard by now, and change nothing."""
        return self._outbound.heard(check_now(now) + self._transport.behind_s)

    def far(self, now: float, ms: SupportsFloat = 20.0) -> Far:
        """Return what sounds at the caller's ear in the `ms` before `now`, by the playout clock.

        What is heard of it at this end, an echo, comes later by the way back and what the phone needs. It is at the
        wire's rate, zeros where nothing sounds, without what an interruption has cleared. The 2 s before the latest
        `now` are kept.

        Raises
        ------
        TypeError, ValueError
            If `ms` is not a number from 1 to 2000.
        RuntimeError
            If the session has neither ``far=True`` nor `barge_in`.
        """
        behind_s = self._transport.behind_s
        far = self._outbound.far(check_now(now) + behind_s, check_number("ms", ms, 1, 2000))
        return replace(far, start_ms=far.start_ms - 1000 * behind_s) if behind_s else far

    def interrupt(self, now: float) -> Heard:
        """Stop speaking: drop what is queued here and at the far end, and say how much was heard.

        The clearAudio message is the first that the next `poll` returns. Pieces that `play` still gets for an
        interrupted utterance, and late answers to its checkpoints, are ignored and counted.
        """
        now = check_now(now)
        heard = self._outbound.interrupt(self._transport.at(now))
        if self._capture is not None:
            self._capture.at(now)
            self._capture.called("interrupt")
        return heard

    def drain(self, *, hangup_after_drain: bool = False) -> None:
        """Ask for a `Drained` event once all that was said has been heard.

        That is when the far end has confirmed the last utterance; where it does not, when the playout clock and its
        error bound say so and an answer is overdue. With `hangup_after_drain`, `hangup_due` then tells the driver to
        end the call. A stream that stops before cuts the speech off: `Stopped` comes with `undrained` set then, and
        `Drained` only if another stream of the call says the rest. The same holds when it is asked for after that; see
        `cut_off`. An interruption calls it off.

        Raises
        ------
        TypeError
            If `hangup_after_drain` is not a bool.
        """
        self._outbound.drain(hangup_after_drain)
        self._note("drain", hangup_after_drain=bool(hangup_after_drain))

    @property
    def hangup_due(self) -> bool:
        """Whether the driver is to end the call: `drain` asked for it, and all was heard."""
        return self._outbound.hangup_due

    @property
    def cut_off(self) -> bool:
        """Whether the stream has ended before all that was said was heard, so that nothing can drain any more."""
        return self._outbound.cut_off

    def round_trip(self, seconds: SupportsFloat) -> None:
        """Tell the session a round trip that the driver has measured, such as a WebSocket ping's.

        The shortest counts. Before the start message there is no clock to learn it.

        Raises
        ------
        TypeError, ValueError
            If `seconds` is not a finite number from 0 on.
        """
        self._outbound.round_trip(seconds)
        self._note("round_trip", seconds=float(seconds))

    # ---- the stream

    @property
    def call_id(self) -> str | None:
        """The call, once its stream has started."""
        return self._reader.opening.call_id

    @property
    def format(self) -> AudioFormat | None:
        """What the wire carries, once that is settled."""
        return self._reader.opening.format

    @property
    def stream_id(self) -> str | None:
        """The stream, once it has started."""
        return self._outbound.stream_id

    @property
    def stopped(self) -> bool:
        """Whether the stream has ended; another one of the same call may follow."""
        return self._outbound.stopped

    # ---- stages

    @property
    def muted(self) -> bool:
        """Whether the caller's audio is not given out."""
        return self._inbound.muted

    def mute(self) -> None:
        """Stop giving out the caller's audio; its timeline goes on."""
        self._inbound.mute(True)
        self._note("mute")

    def unmute(self) -> None:
        """Give out the caller's audio again."""
        self._inbound.mute(False)
        self._note("unmute")

    rate = Setting[SupportsIndex | None, int | None]("_inbound", Inbound.rate)
    """The rate that the agent hears at; None for the wire's own. Settable."""
    denoise = Setting[SupportsFloat | None, float | None]("_inbound", Inbound.denoise)
    """Level of the noise suppressor; None without one. Settable."""
    buffer = Setting[Literal["timeline", "jitter"] | None, str | None]("_inbound", Inbound.buffer)
    """What puts the messages in order: "timeline", "jitter" or None. Settable."""
    gain_in_db = Setting[SupportsFloat, float]("_inbound", Inbound.gain_db)
    """Gain on the caller's audio in dB. Settable."""
    gain_out_db = Setting[SupportsFloat, float]("_outbound", Outbound.gain_db)
    """Gain on what is spoken in dB, but not on bytes in the wire's own format. Settable."""
    lead_ms = Setting[SupportsFloat | None, float | None]("_outbound", Outbound.lead_ms)
    """How far ahead of playout to send; None for at once. Settable."""
    audio_ms = Setting[SupportsFloat | None, int | None]("_inbound", Inbound.audio_ms)
    """How much audio an `Audio` event is to hold; None for what comes with each message. Settable."""

    def _changed(self, name: str, value: Any) -> None:
        self._outbound.talk.own_rate = self._inbound.rate or 0
        self._schedule.update()
        self._note("set", stage=name, value=value)

    @property
    def tones(self) -> bool:
        """Whether the caller's tones are heard, as the option says."""
        return self._inbound.tones is not None

    @property
    def greeting(self) -> Greeting:
        """What answered the call, as far as it has been heard.

        Raises
        ------
        RuntimeError
            If the session was not made with ``tones=True``.
        """
        if self._inbound.tones is None:
            raise RuntimeError("a session hears the greeting with tones=True: give it to serve, CallHandle or Session")
        return self._inbound.tones.greeting.greeting

    @property
    def held_samples(self) -> int:
        """How many samples of the caller's are held until an `Audio` event is as long as `audio_ms` says."""
        gathering = self._inbound.gathering
        return 0 if gathering is None else gathering.n_held

    @property
    def latency_ms(self) -> float:
        """How much of the caller's audio the stages hold back; constant while they stay as they are."""
        return self._inbound.latency_ms

    # ---- figures

    @property
    def malformed(self) -> int:
        """How many messages could not be used."""
        return self._count.malformed

    @property
    def stats(self) -> SessionStats:
        """What the call has come to so far."""
        return snapshot(self._count, self._transport, self._inbound, self._outbound)

    def summary(self) -> dict[str, Any]:
        """Return the figures of the call as a dict for JSON."""
        figures = self.stats.as_dict()
        return {"call_id": self.call_id, "stream_id": self.stream_id, "format": str(self.format), **figures}


def _tell_back(events: list[SessionEvent], seconds: float) -> None:
    events.append(Warned("stall", f"the clock went back by {seconds:.1f} s", ""))
