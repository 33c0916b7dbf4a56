"""`Session`: one call at the agent's end, both directions."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.formats import PLIVO_FORMATS, PLIVO_MULAW_8K, AudioFormat
from voiceband.protocol import (
    Checkpoint,
    ClearAudio,
    Media,
    ProtocolError,
    SendDtmf,
    parse,
)
from voiceband.session.checkpoints import Clear, Waiting
from voiceband.session.events import Drained, Malformed, SessionEvent, Stopped
from voiceband.session.gain import check_gain
from voiceband.session.inbound import InboundOptions, InboundTrack
from voiceband.session.ledger import Heard, Utterance
from voiceband.session.outbound import Outbound
from voiceband.session.pacer import QueueFullError
from voiceband.session.reader import read_other
from voiceband.session.speech import Speech
from voiceband.session.stats import Counters, SessionStats, snapshot
from voiceband.session.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from voiceband.formats import ByteOrder
    from voiceband.session.capture import Capture
    from voiceband.session.recorder import Recorder

BUFFERS = ("timeline", "jitter", None)
MAX_EARLY_MEDIA = 250
"""Media messages kept while the start message has not come: five seconds of one track."""
MAX_EVENTS = 1024
RATES = range(4000, 192001)


class Session:
    """One call, both directions: protocol, codecs, stages, pacing and the ledger of what was heard.

    Parameters
    ----------
    rate : int, optional
        Sampling rate in Hz that the agent hears at, and speaks at unless `play` says otherwise; the wire's own by default.
    dtype : {"int16", "float32"}, optional
        Of the samples that the agent hears.
    denoise : float, optional
        Level of the noise suppressor for the caller's audio, 60 to 100; None leaves it out.
    buffer : {"timeline", "jitter", None}, optional
        What puts the caller's messages in order: without delay and loss, or at an even pace for playing live, or nothing.
    tracks : tuple of str, optional
        The tracks to hear; others are ignored.
    lead_ms : float or None, optional
        How far ahead of playout to send, 0 to 5000; None sends at once. More lead covers longer stalls of the agent, and
        costs nothing at an interruption, for the far end is cleared.
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
        Called with (name, value) as things happen; see `SessionStats` for the names.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Notes
    -----
    One session belongs to one thread at a time. Times are seconds from any monotonic origin.

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

    __slots__ = (
        "_byteorder_out",
        "_control",
        "_count",
        "_deadline",
        "_drain",
        "_due",
        "_early",
        "_events",
        "_fallback",
        "_gain_out_db",
        "_heard_tracks",
        "_idle_due",
        "_interrupted_at",
        "_lead_s",
        "_max_queued_ms",
        "_names",
        "_options",
        "_every_ms",
        "_out",
        "_tracks",
        "_transport",
        "_unsent",
        "call_id",
        "capture",
        "format",
        "hang_up_due",
        "metrics",
        "muted",
        "recorder",
        "stopped",
        "stream_id",
    )

    def __init__(
        self,
        rate: int | None = None,
        dtype: str = "int16",
        *,
        denoise: float | None = None,
        buffer: str | None = "timeline",
        tracks: tuple[str, ...] = ("inbound",),
        lead_ms: float | None = 400,
        byteorder_in: str = "little",
        byteorder_out: ByteOrder = "little",
        fallback_format: AudioFormat = PLIVO_MULAW_8K,
        gain_in_db: float = 0.0,
        gain_out_db: float = 0.0,
        checkpoint_every_ms: float | None = None,
        max_queued_ms: float = 120_000,
        guard: bool = True,
        recorder: Recorder | None = None,
        capture: Capture | None = None,
        metrics: Callable[[str, float], None] | None = None,
    ) -> None:
        if dtype not in ("int16", "float32"):
            raise ValueError(f'dtype must be "int16" or "float32", not {dtype!r}')
        if byteorder_in not in ("little", "big", "auto"):
            raise ValueError(f'byteorder_in must be "little", "big" or "auto", not {byteorder_in!r}')
        if byteorder_out not in ("little", "big"):
            raise ValueError(f'byteorder_out must be "little" or "big", not {byteorder_out!r}')
        if fallback_format not in PLIVO_FORMATS:
            raise ValueError(
                f"fallback_format must be one of {', '.join(map(str, PLIVO_FORMATS))}, not {fallback_format}"
            )
        if checkpoint_every_ms is not None and not 20 <= checkpoint_every_ms <= 600_000:
            raise ValueError(f"checkpoint_every_ms must be 20 to 600000, not {checkpoint_every_ms!r}")
        if not 1000 <= max_queued_ms <= 3_600_000:
            raise ValueError(f"max_queued_ms must be 1000 to 3600000, not {max_queued_ms!r}")
        self.stream_id: str | None = None
        self.call_id: str | None = None
        self.format: AudioFormat | None = None
        self.stopped = False
        self.muted = False
        self.hang_up_due = False
        self.recorder = recorder
        self.capture = capture
        self.metrics = metrics
        self._options = InboundOptions(
            rate=_check_rate(rate),
            dtype=dtype,
            byteorder=byteorder_in,
            buffer=_check_buffer(buffer),
            denoise=_check_level(denoise),
            gain_db=check_gain("gain_in_db", gain_in_db),
            guard=guard,
        )
        self._heard_tracks = frozenset(tracks)
        self._lead_s = _check_lead(lead_ms)
        self._byteorder_out: ByteOrder = byteorder_out
        self._gain_out_db = check_gain("gain_out_db", gain_out_db)
        self._every_ms = checkpoint_every_ms
        self._max_queued_ms = max_queued_ms
        self._fallback = fallback_format
        self._tracks: dict[str, InboundTrack] = {}
        self._early: collections.deque[Media] = collections.deque(maxlen=MAX_EARLY_MEDIA)
        self._transport = Transport()
        self._out: Outbound | None = None
        self._unsent: list[tuple[Utterance, Any, Any, bool, float]] = []  # played before the start
        self._control: list[str | Clear | Waiting] = []  # what goes out at the next poll, ahead of audio
        self._events: collections.deque[SessionEvent] = collections.deque(maxlen=MAX_EVENTS)
        self._names = 0
        self._due = math.inf
        self._idle_due = -math.inf  # the same but for audio; -inf while that would be too simple
        self._deadline = math.inf  # when an answer may be overdue
        self._drain: bool | None = None  # whether to hang up then
        self._interrupted_at: collections.deque[float] = collections.deque(maxlen=8)
        self._count = Counters()

    # ---- inbound

    def receive(self, message: object, now: float) -> list[SessionEvent]:
        """Take one message from the wire, and return what it means, in order.

        Parameters
        ----------
        message : str or bytes-like
            The text of one WebSocket message. What cannot be used gives a `Malformed` event; nothing is raised.
        now : float
            Seconds.

        Returns
        -------
        events : list of SessionEvent
            Possibly empty. What happened outside of `receive`, see `events`, comes first.
        """
        count = self._count
        count.messages_in += 1
        if self.capture is not None:
            self.capture.received(message, now)
        out: list[SessionEvent] = []
        if now >= self._deadline:
            self._expire(now)
        if self._events:
            out.extend(self._events)
            self._events.clear()
        try:
            event = parse(message)
        except ProtocolError as error:
            out.append(self._refuse(str(error), message))
            return out
        count.bytes_in += len(message)  # type: ignore[arg-type]
        if event.__class__ is Media:
            track = self._tracks.get(event.track)
            if track is None:
                self._first_media(event, now, out)
                return out
            if event.timestamp_ms is not None:
                self._transport.media(event.timestamp_ms, now)
            n = len(out)
            track.push(event, now, out)
            if len(out) != n + 1 or out[-1].__class__ is Malformed:
                self._look(out[n:])
            return out
        before = len(out)
        read_other(self, event, now, out)
        self._look(out[before:])
        self._reschedule()
        return out

    def events(self) -> list[SessionEvent]:
        """Return events that came up outside of `receive`: missed checkpoints, `Drained`, audio of a jitter buffer."""
        events = list(self._events)
        self._events.clear()
        return events

    def _look(self, events: list[SessionEvent]) -> None:
        """Count what is out of the ordinary."""
        for event in events:
            name = type(event).__name__.lower()
            if name == "malformed":
                self._count.malformed += 1
            if self.metrics is not None and name != "audio":
                self.metrics(name, 1)

    def _first_media(self, media: Media, now: float, out: list[SessionEvent]) -> None:
        if media.track not in self._heard_tracks:
            return
        if self.format is None:
            # The format is not known yet: keep it, but not for ever.
            self._early.append(media)
            if len(self._early) >= MAX_EARLY_MEDIA:
                self._open(self._fallback, now, out)
            return
        track = self._tracks[media.track] = InboundTrack(media.track, self.format, self._options)
        track.muted = self.muted
        if media.track == "inbound" and self.recorder is not None:
            track.recorder = self.recorder
        track.settle()
        if media.timestamp_ms is not None:
            self._transport.media(media.timestamp_ms, now)
        before = len(out)
        track.push(media, now, out)
        self._look(out[before:])
        self._reschedule()

    def _open(self, wire: AudioFormat, now: float, out: list[SessionEvent]) -> None:
        """Settle the format, and go through what has been waiting for it."""
        if self._out is not None and self.format != wire:
            # Another format in mid-call: what is queued here is in the old one, so it ends like an interruption.
            self._out.interrupt(now)
            self._out = None
            self._tracks.clear()
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
            if self.recorder is not None:
                self.recorder.open(wire, self._byteorder_out, self._transport, self._out)
        self._out.stream_id = self.stream_id
        for utterance, data, source, end, _ in self._unsent:
            self._out.play(utterance, data, source, end=end)
        self._unsent.clear()
        early = list(self._early)
        self._early.clear()
        for media in early:
            track = self._tracks.get(media.track)
            if track is None:
                self._first_media(media, now, out)
            else:
                track.push(media, now, out)
        self._reschedule()

    def _refuse(self, reason: str, message: object) -> Malformed:
        self._count.malformed += 1
        if self.metrics is not None:
            self.metrics("malformed", 1)
        return Malformed(reason, message)

    def close(self, reason: str | None = None) -> list[SessionEvent]:
        """Note that the socket has closed, or that the carrier said stop."""
        if self.stopped:
            return []
        self.stopped = True
        missed: list[SessionEvent] = self.events()
        if self._out is not None:
            missed += self._out.close()
        if self.recorder is not None:
            self.recorder.pause()
        self._due = self._deadline = math.inf
        self._idle_due = -math.inf
        return [*missed, Stopped(reason)]

    def mute(self) -> None:
        """Stop giving out the caller's audio; its timeline goes on."""
        self._mute(True)

    def unmute(self) -> None:
        """Give out the caller's audio again."""
        self._mute(False)

    def _mute(self, muted: bool) -> None:
        self.muted = muted
        for track in self._tracks.values():
            track.muted = muted
            track.settle()

    # ---- stages, switchable while running

    @property
    def rate(self) -> int | None:
        """The rate that the agent hears at; None for the wire's own. Settable."""
        return self._options.rate

    @rate.setter
    def rate(self, value: int | None) -> None:
        self._options.rate = _check_rate(value)
        for track in self._tracks.values():
            self._events.extend(track.set_rate())

    @property
    def denoise(self) -> float | None:
        """Level of the noise suppressor; None without one. Settable."""
        return self._options.denoise

    @denoise.setter
    def denoise(self, level: float | None) -> None:
        self._options.denoise = _check_level(level)
        for track in self._tracks.values():
            self._events.extend(track.set_denoise(level))

    @property
    def buffer(self) -> str | None:
        """What puts the messages in order: "timeline", "jitter" or None. Settable."""
        return self._options.buffer

    @buffer.setter
    def buffer(self, kind: str | None) -> None:
        self._options.buffer = _check_buffer(kind)
        for track in self._tracks.values():
            self._events.extend(track.set_buffer(kind))
        self._reschedule()

    @property
    def gain_in_db(self) -> float:
        """Gain on the caller's audio in dB. Settable."""
        return self._options.gain_db

    @gain_in_db.setter
    def gain_in_db(self, value: float) -> None:
        self._options.gain_db = check_gain("gain_in_db", value)
        for track in self._tracks.values():
            track.settle()

    @property
    def gain_out_db(self) -> float:
        """Gain on what is spoken in dB, but not on bytes in the wire's own format. Settable."""
        return self._gain_out_db

    @gain_out_db.setter
    def gain_out_db(self, value: float) -> None:
        self._gain_out_db = check_gain("gain_out_db", value)
        if self._out is not None:
            self._out.speech.gain_db = self._gain_out_db

    @property
    def lead_ms(self) -> float | None:
        """How far ahead of playout to send; None for at once. Settable."""
        return None if self._lead_s is None else self._lead_s * 1000

    @lead_ms.setter
    def lead_ms(self, value: float | None) -> None:
        self._lead_s = _check_lead(value)
        if self._out is not None:
            self._out.pacer.set_lead(self._lead_s)
            self._reschedule()

    @property
    def latency_ms(self) -> float:
        """How much of the caller's audio the stages hold back; constant while they stay as they are."""
        return max((track.late_ms for track in self._tracks.values()), default=0.0)

    # ---- outbound

    def play(
        self,
        data: NDArray[Any] | Buffer,
        rate: int | None = None,
        *,
        format: AudioFormat | str | None = None,  # noqa: A002
        name: str | None = None,
        utterance: Utterance | None = None,
        end: bool = True,
    ) -> Utterance:
        """Queue speech.

        Parameters
        ----------
        data : ndarray, shape (n,), int16 or float32; or bytes-like with `format`
            Any length, also zero. Bytes in the wire's own format go out untouched; of L16, half a sample may be left over
            for the next piece.
        rate : int, optional
            Rate of an array in Hz; the session's own, or else the wire's, by default.
        format : AudioFormat or str, optional
            What bytes hold, such as ``"audio/x-mulaw;rate=8000"``.
        name : str, optional
            Names the utterance; unique names are made up otherwise.
        utterance : Utterance, optional
            The one to go on with, opened with ``end=False``. If it was interrupted meanwhile, `data` is ignored.
        end : bool, optional
            Whether the utterance ends here: its last frame is padded with silence, and a checkpoint follows it.

        Returns
        -------
        utterance : Utterance
            The new one, or the given one.

        Raises
        ------
        ValueError
            If the audio or its rate cannot be used, bytes come without a format, or `name` is in use.
        QueueFullError
            If more than `max_queued_ms` would be queued.
        RuntimeError
            If the call or the utterance has ended.
        """
        out = self._out
        if utterance is not None:
            converter = utterance._convert
            if (
                converter is not None  # it is open, and what comes now is what came before: the way of nearly all pieces
                and format is None
                and data.__class__ is np.ndarray
                and data.dtype is converter.dtype  # type: ignore[union-attr]
                and rate == converter.rate
                and not end
                and out is not None
                and not self.stopped
            ):
                pacer = out.pacer
                if pacer.queued + len(data) * pacer.bytes_per_s / rate <= self._max_queued_ms * pacer.bytes_per_s / 1000:  # type: ignore[arg-type,operator]
                    wire, given_ms = converter.convert(data)
                    utterance.content_ms += given_ms
                    pacer.add(utterance, wire)
                    if self._due == math.inf or len(pacer.queue) > 1:
                        due = pacer.due
                        if due < self._due:
                            self._due = due
                    return utterance
            if utterance.interrupted:
                self._count.late_pieces += 1
                return utterance
            if utterance.ended:
                raise RuntimeError(f"utterance {utterance.name!r} has ended; play() without utterance= starts another")
        if self.stopped:
            raise RuntimeError("the call has ended; nothing can be played any more")
        source: Any
        if format is not None:
            source = AudioFormat.parse(format, rate) if isinstance(format, str) else format
            n_ms = memoryview(data).nbytes / source.sample_bytes * 1000 / source.sample_rate
        else:
            if data.__class__ is not np.ndarray:
                raise ValueError(
                    f"data must be an ndarray, or bytes with format=, not {type(data).__name__} without format"
                )
            if rate is not None:
                _check_rate(rate)
            else:
                rate = self._options.rate or (self.format or self._fallback).sample_rate
            dtype = data.dtype  # type: ignore[union-attr]
            if dtype.char not in "hf":
                raise ValueError(f"pcm must hold int16 items, not {dtype} (float32 is taken too)")
            source = (rate, "int16" if dtype.char == "h" else "float32")
            n_ms = len(data) * 1000 / rate  # type: ignore[arg-type]
        if self.queued_ms + n_ms > self._max_queued_ms:
            raise QueueFullError(
                f"{self.queued_ms:.0f} ms are queued, and {n_ms:.0f} more would pass the limit of {self._max_queued_ms:g} ms"
            )
        if out is None:
            # The wire's format is not known yet, so the caller's buffer is copied as it is, once it is known to be good.
            Speech(self._fallback, "little", 0.0).open(source).convert(data)
            utterance = utterance or Utterance(self._name(name))
            kept = data.copy() if isinstance(data, np.ndarray) else bytes(data)
            self._unsent.append((utterance, kept, source, end, n_ms))
            utterance.ended = end
            return utterance
        if utterance is None:
            utterance = Utterance(self._name(name))
        out.play(utterance, data, source, end=end)
        due = out.pacer.due
        if due < self._due:
            self._due = due
        return utterance

    def _name(self, name: str | None) -> str:
        if name is None:
            self._names += 1
            return f"utterance-{self._names}"
        if not isinstance(name, str) or not name:
            raise ValueError(f"name must not be empty, and a text, not {name!r}")
        if self._out is not None and name in self._out.checkpoints.waiting:
            raise ValueError(f"name must be unique, and {name!r} is in use")
        return name

    def checkpoint(self, name: str, *, timeout_s: float = 30.0) -> None:
        """Ask the far end to say when all audio sent so far has been played; a `Played` event follows.

        `Missed` follows instead after an interruption, the end of the stream, or `timeout_s` after it should have come.
        """
        if self._out is None or self.stream_id is None:
            raise RuntimeError("a checkpoint needs a stream that has started")
        if not timeout_s > 0:
            raise ValueError(f"timeout_s must be positive, not {timeout_s!r}")
        entry = Waiting(self._name(name), "own", self._out.clock.position, timeout_s, None)
        self._out.checkpoints.add(entry)
        self._send(entry)

    def send_dtmf(self, digits: str) -> None:
        """Press keys on the caller's line; ValueError for anything but ``0-9*#A-D``."""
        self._send(SendDtmf(digits).encode())

    def _send(self, control: str | Clear | Waiting, *, first: bool = False) -> None:
        self._control.insert(0 if first else len(self._control), control)
        self._due = self._idle_due = -math.inf

    def poll(self, now: float) -> list[str]:
        """Return the texts that are due to be sent, in order."""
        if now < self._due:
            return []
        out = self._out
        if self._idle_due > now and out is not None and now < self._deadline and out.on_sent is None and out.pacer.queue:
            # Nothing but a frame in the middle of a talk can be due: the way of nearly all polls.
            frame = out.pacer.steady(now)
            if frame is not None:
                text = out.encode(frame)
                self._count.messages_out += 1
                self._count.bytes_out += len(text)
                self._due = self._idle_due
                if out.wants_marks:
                    texts = [text]
                    out.between(now, texts, None)
                    if len(texts) > 1:
                        self._count.sent(texts[1:])
                        self._reschedule()
                    return texts
                return [text]
        texts: list[str] = []
        notes: list[dict[str, Any]] | None = None if self.capture is None else []
        out = self._out
        if self._control:
            self._take_control(now, texts, notes)
        if out is not None and not self.stopped:
            out.take(now, texts, notes)
            if now >= self._deadline:
                self._expire(now)
        for track in self._tracks.values():
            if track._next_pull <= now:
                events: list[SessionEvent] = []
                track.advance(now, events)
                self._events.extend(events)
        self._reschedule()
        if texts:
            self._count.sent(texts)
            if self.capture is not None and notes is not None:
                self.capture.sent(texts, now, notes)
        return texts

    def _expire(self, now: float) -> None:
        """Give up answers that are overdue."""
        if self._out is not None and not self.stopped:
            self._events.extend(self._out.overdue(now))
            self._check_drain()
        self._reschedule()

    def _take_control(self, now: float, texts: list[str], notes: list[dict[str, Any]] | None) -> None:
        """Give out what goes ahead of audio, and date what will be answered."""
        control, self._control = self._control, []
        out = self._out
        for item in control:
            note: dict[str, Any] = {}
            if isinstance(item, str):
                texts.append(item)
            elif isinstance(item, Clear):
                texts.append(item.text)
                item.interruption.sent_at = now
                self._count.reaction(now - item.at)
                note = item.note() if notes is not None else note
            else:
                if out is None or self.stream_id is None or self.stopped or item.name not in out.checkpoints.waiting:
                    continue
                texts.append(Checkpoint(item.name, self.stream_id).encode())
                if item.kind == "own":
                    item.position = out.clock.expect(item.name)
                out.checkpoints.sent(item, now, out.clock.ends_by())
                note = item.note() if notes is not None else note
            if notes is not None:
                notes.append(note)

    def _reschedule(self) -> None:
        """Work out when `poll` has something to do."""
        due = math.inf
        out = self._out
        if out is not None and not self.stopped:
            if out.checkpoints.waiting:
                due = min(due, out.checkpoints.alarm(ends=self._drain is not None))
            self._deadline = out.checkpoints.next_deadline
        if self._options.buffer == "jitter":
            for track in self._tracks.values():
                due = min(due, track.next_pull)
        if self._control or self.capture is not None:
            self._idle_due = -math.inf  # the long way
        else:
            self._idle_due = due
        if out is not None and not self.stopped:
            due = min(due, out.pacer.due)
        self._due = -math.inf if self._control else due

    @property
    def next_poll(self) -> float:
        """When `poll` next has something to do: a time, -inf for at once, inf for never as things stand."""
        return self._due

    @property
    def queued_ms(self) -> float:
        """How much audio waits here, not yet sent."""
        if self._out is None:
            return sum(ms for *_, ms in self._unsent)
        return self._out.pacer.queued_ms

    # ---- what was heard

    def heard(self, now: float) -> Heard:
        """Say how much of what was said has been heard by now, and change nothing."""
        if self._out is None:
            return Heard(0.0)
        return self._out.heard(now)

    def interrupt(self, now: float) -> Heard:
        """Stop speaking: drop what is queued here and at the far end, and say how much was heard.

        The clearAudio message is the first that the next `poll` returns. Pieces that `play` still gets for an interrupted
        utterance, and late answers to its checkpoints, are ignored and counted.
        """
        self._count.interruptions += 1
        for utterance, *_ in self._unsent:
            utterance.ended = utterance.interrupted = True
        self._unsent.clear()
        self._drain = None
        if self._out is None:
            return Heard(0.0)
        heard, events = self._out.interrupt(now)
        self._events.extend(events)
        self._control = [c for c in self._control if not isinstance(c, Waiting) or c.kind == "probe"]
        if self.recorder is not None:
            self.recorder.interrupted(now)
        if self.stream_id is not None and not self.stopped:
            self._interrupted_at.append(now)
            clear = Clear(ClearAudio(self.stream_id).encode(), now, self._out.ledger.interruptions[-1])
            self._send(clear, first=True)
        if self.metrics is not None:
            self.metrics("interruptions", 1)
        return heard

    def drain(self, *, hangup_after_drain: bool = False) -> None:
        """Ask for a `Drained` event once all that was said has been heard.

        That is when the far end has confirmed the last utterance; where it does not, when the playout clock and its error
        bound say so and an answer is overdue. With `hangup_after_drain`, `hang_up_due` then tells the driver to end the call.
        """
        self._drain = hangup_after_drain
        self._check_drain()
        self._reschedule()

    def _check_drain(self) -> None:
        if self._drain is None or self._unsent or (self._out is not None and not self._out.idle):
            return
        by_clock = self._out is not None and self._out.last_by_clock
        self.hang_up_due = self._drain
        self._events.append(Drained(by_clock, self._drain))
        self._drain = None

    def round_trip(self, seconds: float) -> None:
        """Tell the session a round trip that the driver has measured, such as a WebSocket ping's."""
        if self._out is not None and math.isfinite(seconds):
            if self.capture is not None:
                self.capture.round_trip(seconds)
            self._out.learn_round_trip(seconds)

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


def _check_rate(rate: int | None) -> int | None:
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int) or rate not in RATES):
        raise ValueError(f"rate must be {RATES.start} to {RATES.stop - 1} Hz, not {rate!r}")
    return rate


def _check_level(level: float | None) -> float | None:
    if level is not None and (isinstance(level, bool) or not isinstance(level, (int, float)) or not 60 <= level <= 100):
        raise ValueError(f"denoise must be 60 to 100, or None, not {level!r}")
    return level


def _check_buffer(kind: str | None) -> str | None:
    if kind not in BUFFERS:
        raise ValueError(f'buffer must be "timeline", "jitter" or None, not {kind!r}')
    return kind


def _check_lead(lead_ms: float | None) -> float | None:
    if lead_ms is None:
        return None
    if isinstance(lead_ms, bool) or not isinstance(lead_ms, (int, float)) or not 0 <= lead_ms <= 5000:
        raise ValueError(f"lead_ms must be 0 to 5000, or None, not {lead_ms!r}")
    return lead_ms / 1000


