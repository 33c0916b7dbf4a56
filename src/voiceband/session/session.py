"""`Session`: one call at the agent's end, both directions."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.dsp.l16 import to_int16
from voiceband.formats import PLIVO_FORMATS, PLIVO_MULAW_8K, AudioFormat
from voiceband.protocol import (
    Checkpoint,
    ClearAudio,
    ClearedAudio,
    Error,
    Media,
    PlayedStream,
    PlayFailed,
    ProtocolError,
    SendDtmf,
    Start,
    Stop,
    Unknown,
    parse,
    play_audio_encoder,
)
from voiceband.protocol import Dtmf as DtmfMessage
from voiceband.session.events import (
    Audio,
    Cleared,
    Dtmf,
    Failed,
    Malformed,
    Other,
    Played,
    SessionEvent,
    Started,
    Stopped,
)
from voiceband.session.inbound import InboundTrack
from voiceband.session.outbound import Heard, Outbox, Utterance

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from voiceband.formats import ByteOrder
    from voiceband.protocol import Event

MAX_EARLY_MEDIA = 250
"""Media messages kept while the start message has not come: five seconds of one track."""
MAX_WAITING = 64
"""Checkpoints whose acknowledgements are waited for."""


class Session:
    """One call, both directions: protocol, codecs, pacing and the ledger of what was heard.

    It does no I/O and reads no clock: every method that needs the time takes it as `now`, in seconds from any
    monotonic origin, never decreasing.

    Parameters
    ----------
    rate : int, optional
        Rate in Hz at which the agent hears and, unless `play` says otherwise, speaks. It must be the wire's own rate;
        the default takes whatever that is.
    dtype : {"int16", "float32"}, optional
        What `Audio.samples` holds: full scale 32768, or 1.0.
    tracks : tuple of str, optional
        The tracks to hear; media of others is dropped.
    lead_ms : float, optional
        How much audio may wait at the far end, 0 to 5000 ms. It bridges stalls of the network and of this process, and
        costs nothing to first audio or to `interrupt`.
    byteorder_in, byteorder_out : {"little", "big"}, optional
        Order of the two bytes of L16 samples.
    fallback_format : AudioFormat, optional
        What the wire carries when the start message does not say.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Notes
    -----
    One session belongs to one thread at a time.

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
        "_byteorder_in",
        "_byteorder_out",
        "_control",
        "_dtype",
        "_early",
        "_encode",
        "_fallback",
        "_heard_tracks",
        "_lead_s",
        "_names",
        "_outbox",
        "_rate",
        "_tracks",
        "_unsent",
        "_waiting",
        "call_id",
        "format",
        "malformed",
        "stopped",
        "stream_id",
    )

    def __init__(
        self,
        rate: int | None = None,
        dtype: str = "int16",
        *,
        tracks: tuple[str, ...] = ("inbound",),
        lead_ms: float = 400,
        byteorder_in: ByteOrder = "little",
        byteorder_out: ByteOrder = "little",
        fallback_format: AudioFormat = PLIVO_MULAW_8K,
    ) -> None:
        if dtype not in ("int16", "float32"):
            raise ValueError(f'dtype must be "int16" or "float32", not {dtype!r}')
        if not 0 <= lead_ms <= 5000:
            raise ValueError(f"lead_ms must be 0 to 5000, not {lead_ms!r}")
        for name, order in (("byteorder_in", byteorder_in), ("byteorder_out", byteorder_out)):
            if order not in ("little", "big"):
                raise ValueError(f'{name} must be "little" or "big", not {order!r}')
        if rate is not None and rate not in {f.sample_rate for f in PLIVO_FORMATS}:
            raise ValueError(f"rate must be the wire's own, 8000 or 16000, not {rate!r}")
        if fallback_format not in PLIVO_FORMATS:
            raise ValueError(
                f"fallback_format must be one of {', '.join(map(str, PLIVO_FORMATS))}, not {fallback_format}"
            )
        self.stream_id: str | None = None
        self.call_id: str | None = None
        self.format: AudioFormat | None = None
        self.stopped = False
        self.malformed = 0
        self._rate = rate
        self._dtype = dtype
        self._heard_tracks = frozenset(tracks)
        self._lead_s = lead_ms / 1000
        self._byteorder_in: ByteOrder = byteorder_in
        self._byteorder_out: ByteOrder = byteorder_out
        self._fallback = fallback_format
        self._tracks: dict[str, InboundTrack] = {}
        self._early: collections.deque[Media] = collections.deque(maxlen=MAX_EARLY_MEDIA)
        self._outbox: Outbox | None = None
        self._encode: Any = None
        self._unsent: list[tuple[Utterance, Any, int | None, AudioFormat | None, bool]] = []  # played before the start
        self._control: list[str] = []  # texts that go out at the next poll, ahead of audio
        self._waiting: dict[str, tuple[int, bool]] = {}  # checkpoint: position, whether it ends an utterance
        self._names = 0

    # ---- inbound

    def receive(self, message: str | Buffer, now: float) -> list[SessionEvent]:
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
            Possibly empty.
        """
        try:
            event = parse(message)
        except ProtocolError as error:
            return [self._refuse(str(error), message)]
        if event.__class__ is Media:
            return self._media(event)
        return self._other(event, now)

    def _media(self, media: Media) -> list[SessionEvent]:
        track = self._tracks.get(media.track)
        if track is not None:
            event = track.push(media)
            return [event] if event.__class__ is Audio else [self._refuse(event.reason, event.message)]  # type: ignore[union-attr]
        if media.track not in self._heard_tracks:
            return []
        if self.format is None:
            # The format is not known yet: keep it, but not for ever.
            self._early.append(media)
            if len(self._early) < MAX_EARLY_MEDIA:
                return []
            return self._open(self._fallback)
        self._tracks[media.track] = InboundTrack(media.track, self.format, self._dtype, self._byteorder_in)
        return self._media(media)

    def _other(self, event: Event, now: float) -> list[SessionEvent]:
        if isinstance(event, Start):
            return self._start(event)
        if isinstance(event, DtmfMessage):
            return [self._digit(digit, event) for digit in event.digit.upper()]
        if isinstance(event, PlayedStream):
            return self._acknowledged(event.name, now)
        if isinstance(event, ClearedAudio):
            return [Cleared()]
        if isinstance(event, Stop):
            return self.close(event.reason)
        if isinstance(event, (PlayFailed, Error)):
            return [Failed(event.reason, event.raw)]
        if isinstance(event, Unknown):
            return [Other(event.name, event.raw)]
        raise AssertionError(event)

    def _start(self, start: Start) -> list[SessionEvent]:
        if self.format is not None and start.stream_id == self.stream_id:
            return []
        again = self.stream_id is not None
        wire = start.media_format if start.media_format in PLIVO_FORMATS else None
        problems: list[SessionEvent] = []
        if wire is None and start.media_format is not None:
            problems.append(
                self._refuse(f"the stream's format is {start.media_format}, which a wire cannot carry", start)
            )
        if self._rate is not None and (wire or self._fallback).sample_rate != self._rate:
            problems.append(
                self._refuse(f"the stream is {wire or self._fallback}, but the session's rate is {self._rate}", start)
            )
        self.stream_id, self.call_id = start.stream_id, start.call_id
        started = Started(
            stream_id=start.stream_id,
            call_id=start.call_id,
            format=wire or self._fallback,
            tracks=start.tracks,
            headers=start.headers,
            again=again,
        )
        return [*problems, started, *self._open(wire or self._fallback)]

    def _open(self, wire: AudioFormat) -> list[SessionEvent]:
        """Settle the format, and go through what has been waiting for it."""
        if self.format != wire:
            self.format = wire
            self._tracks.clear()
        self._encode = play_audio_encoder(wire)
        if self._outbox is None:
            self._outbox = Outbox(wire, self._lead_s, delay_s=0.25)
        for utterance, data, rate, format_, end in self._unsent:
            self._outbox.add(utterance, self._to_wire(data, rate, format_), end=end)
        self._unsent.clear()
        early = list(self._early)
        self._early.clear()
        return [event for media in early for event in self._media(media)]

    def _digit(self, digit: str, event: DtmfMessage) -> SessionEvent:
        if digit not in "0123456789*#ABCD":
            return self._refuse(f"digit must be one of 0-9*#A-D, not {digit!r}", event)
        return Dtmf(digit, event.track, event.timestamp_ms)

    def _acknowledged(self, name: str, now: float) -> list[SessionEvent]:
        # Names that nobody waits for are late answers to what was cleared.
        waiting = self._waiting.pop(name, None)
        if waiting is None or self._outbox is None:
            return []
        self._outbox.clock.acknowledged(waiting[0], now)
        return [Played(name, waiting[1])]

    def _refuse(self, reason: str, message: object) -> Malformed:
        self.malformed += 1
        return Malformed(reason, message)

    def close(self, reason: str | None = None) -> list[SessionEvent]:
        """Note that the socket has closed, or that the carrier said stop."""
        if self.stopped:
            return []
        self.stopped = True
        self._waiting.clear()
        return [Stopped(reason)]

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
            Any length, also zero. Bytes in the wire's own format go out untouched.
        rate : int, optional
            Rate of an array in Hz, the wire's own by default.
        format : AudioFormat or str, optional
            What bytes hold, such as ``"audio/x-mulaw;rate=8000"``.
        name : str, optional
            Names the utterance; unique names are made up otherwise.
        utterance : Utterance, optional
            The one to go on with, opened with ``end=False``.
        end : bool, optional
            Whether the utterance ends here: its last frame is padded with silence, and a checkpoint follows it.

        Returns
        -------
        utterance : Utterance
            The new one, or the given one.

        Raises
        ------
        ValueError
            If the audio is not of the wire's rate, bytes come without a format, or `name` is in use.
        RuntimeError
            If the call or the utterance has ended.
        """
        if self.stopped:
            raise RuntimeError("the call has ended; nothing can be played any more")
        if utterance is not None and utterance.ended:
            raise RuntimeError(f"utterance {utterance.name!r} has ended; play() without utterance= starts another")
        if isinstance(format, str):
            format = AudioFormat.parse(format, rate)  # noqa: A001
        if format is None and not isinstance(data, np.ndarray):
            raise ValueError(
                f"data must be an ndarray, or bytes with format=, not {type(data).__name__} without format"
            )
        if self._outbox is None:
            # The wire's format is not known yet, so the caller's buffer is copied as it is.
            kept = data.copy() if isinstance(data, np.ndarray) else bytes(data)
            utterance = utterance or Utterance(self._name(name))
            self._unsent.append((utterance, kept, rate, format, end))
            return utterance
        wire = self._to_wire(data, rate, format)
        utterance = utterance or Utterance(self._name(name))
        self._outbox.add(utterance, wire, end=end)
        return utterance

    def _name(self, name: str | None) -> str:
        if name is None:
            self._names += 1
            return f"utterance-{self._names}"
        if not name:
            raise ValueError("name must not be empty")
        if name in self._waiting:
            raise ValueError(f"name must be unique, and {name!r} is in use")
        return name

    def _to_wire(self, data: Any, rate: int | None, format_: AudioFormat | None) -> bytes:
        assert self.format is not None
        given = format_.sample_rate if format_ is not None else rate or self.format.sample_rate
        if given != self.format.sample_rate:
            raise ValueError(f"audio must be at the wire's rate of {self.format.sample_rate} Hz, not {given}")
        if format_ is not None:
            if format_ == self.format:
                return bytes(data)
            return self.format.encode(format_.decode(data), self._byteorder_out)
        return self.format.encode(to_int16(data) if data.dtype == np.float32 else data, self._byteorder_out)

    def checkpoint(self, name: str) -> None:
        """Ask the far end to say when all audio sent so far has been played; a `Played` event follows."""
        if self._outbox is None or self.stream_id is None:
            raise RuntimeError("a checkpoint needs a stream that has started")
        self._control.append(Checkpoint(self._name(name), self.stream_id).encode())
        self._await(name, self._outbox.clock.position, utterance=False)

    def send_dtmf(self, digits: str) -> None:
        """Press keys on the caller's line; ValueError for anything but ``0-9*#A-D``."""
        self._control.append(SendDtmf(digits).encode())

    def poll(self, now: float) -> list[str]:
        """Return the texts that are due to be sent, in order."""
        texts = self._control
        self._control = []
        if self._outbox is None or self.stopped:
            return texts
        for utterance, frames, last in self._outbox.take(now):
            if frames:
                texts.append(self._encode(frames))
            if last and self.stream_id is not None:
                texts.append(Checkpoint(utterance.name, self.stream_id).encode())
                self._await(utterance.name, utterance.end(self._outbox.wire.sample_bytes), utterance=True)
        return texts

    def _await(self, name: str, position: int, *, utterance: bool) -> None:
        """Expect an acknowledgement. Some never come, so only the latest are expected."""
        if len(self._waiting) >= MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[name] = (position, utterance)

    @property
    def next_poll(self) -> float:
        """When `poll` next has something to send: a time, -inf for at once, inf for never as things stand."""
        if self._control:
            return -math.inf
        due = self._outbox.next_due() if self._outbox is not None and not self.stopped else None
        return math.inf if due is None else due

    @property
    def queued_ms(self) -> float:
        """How much audio waits here, not yet sent."""
        return self._outbox.queued_ms if self._outbox is not None else 0.0

    def interrupt(self, now: float) -> Heard:
        """Stop speaking: drop what is queued here and at the far end, and say how much was heard.

        The clearAudio message is the first that the next `poll` returns.
        """
        self._unsent.clear()
        if self._outbox is None:
            return Heard(0.0, {})
        heard = self._outbox.interrupt(now)
        self._waiting.clear()
        if self.stream_id is not None:
            self._control.insert(0, ClearAudio(self.stream_id).encode())
        return heard
