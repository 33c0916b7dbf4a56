"""A call as the audio of a LiveKit `AgentSession`, without a room: an `AudioInput` and an `AudioOutput`."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import time
from typing import TYPE_CHECKING

try:
    from livekit import rtc
    from livekit.agents.voice import io
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"this driver needs {_error.name}; pip install 'voiceband[livekit]' brings it", name=_error.name
    ) from None

import numpy as np

from voiceband.dsp.denoise import Denoiser
from voiceband.dsp.l16 import to_int16
from voiceband.frameworks.truncation import livekit_playback_position
from voiceband.servers.call_log import CallLogger, printable
from voiceband.servers.options import session_of
from voiceband.session import Audio, Cleared, Missed, Played, QueueFullError, SessionEvent, Stopped, Utterance
from voiceband.sound.echoes import SURE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Literal, Self, SupportsFloat, Unpack

    from typing_extensions import Buffer

    from voiceband.session import Heard, Session, SessionOptions

_log = logging.getLogger(__name__)

__all__ = ["MAX_UNREAD", "CallAudio", "CallInput", "CallOutput", "DenoiserProcessor"]

MAX_UNREAD = 500
"""Messages of the caller's audio that wait for a reader, 10 s; the oldest are dropped beyond that."""


class CallAudio:
    """Both directions of one call.

    With `send` it runs the session by itself: `feed` takes messages, and as an async context it sends what is due. With
    `flush` somebody else runs the session, and `take` is given its events.

    Parameters
    ----------
    session : Session, optional
        The call; `rate` is what the agent hears at. Without, one is made from `session_options`.
    send : callable, optional
        Sends one text: a coroutine function, such as a WebSocket's ``send``.
    flush : callable, optional
        Has what is due sent.
    on_event : callable, optional
        Called with every event but audio: keys, the start, the end.
    mute_echo : bool, optional
        Give the agent silence while nothing but its own echo comes from the caller, so that its voice detector does not
        take that for an interruption. It needs a session with `barge_in`, and turns that on where none is given.
    **session_options
        For `Session`.

    Attributes
    ----------
    input, output : AudioInput, AudioOutput
        For ``agent_session.input.audio`` and ``agent_session.output.audio``.

    Raises
    ------
    ValueError
        Unless exactly one of `send` and `flush` is given, and for options of a session that is given whole.
    """

    def __init__(
        self,
        session: Session | None = None,
        send: Callable[[str], Awaitable[object]] | None = None,
        *,
        flush: Callable[[], object] | None = None,
        on_event: Callable[[SessionEvent], object] = lambda _event: None,
        mute_echo: bool = False,
        **session_options: Unpack[SessionOptions],
    ) -> None:
        if (send is None) is (flush is None):
            raise ValueError(f"either send or flush must be given, not {send!r} and {flush!r}")
        # The pieces of a segment join until it is flushed, however long its synthesiser takes.
        own: SessionOptions = {"join_ms": 60_000} if session is None else {}
        if mute_echo and session is None:
            own["barge_in"] = True
        self.session = session_of(session, {**own, **session_options})
        self.input = CallInput(mute_echo=mute_echo)
        self.output = CallOutput(self)
        self._send = send
        self._flush = flush
        self._on_event = on_event
        # Who runs the session keeps its log.
        self._log = CallLogger(time.monotonic()) if send is not None else None
        self._wake = asyncio.Event()
        self.sent = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._send is None:
            raise RuntimeError("with flush, the session is run by somebody else; this sends nothing")
        self._sender = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.lost()
        assert self._sender is not None
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)

    def feed(self, message: str | Buffer) -> None:
        """Take one message from the socket; none raises."""
        self._handle(self.session.receive(message, time.monotonic()))
        self.wake()

    def lost(self, reason: str | None = None) -> None:
        """Note that the socket has closed: the caller's audio ends, and what was being said counts as interrupted."""
        self._handle(self.session.close(reason))

    def wake(self) -> None:
        """Have what is due sent."""
        if self._flush is not None:
            self._flush()
        self._wake.set()

    def take(self, event: SessionEvent) -> None:
        """Take an event of a session that somebody else runs."""
        self._handle([event])
        self.output.started()
        self.sent.set()

    def _handle(self, events: list[SessionEvent]) -> None:
        for event in events:
            if isinstance(event, Audio):
                if event.track == "inbound":
                    self.input.push(event, self.session)
                continue
            if self._log is not None:
                self._log.note(event)
            if isinstance(event, (Played, Missed)):
                self.output.ended(event.name)
            elif isinstance(event, Cleared):
                self.output.settle(event.heard)
            elif isinstance(event, Stopped):
                if self._log is not None:
                    self._log.end(event.reason, time.monotonic())
                self.input.close()
                self.output.cut()
                self.sent.set()
            self._on_event(event)

    async def _run(self) -> None:
        try:
            await self._send_all()
        except Exception as error:  # whatever `send` or `on_event` raises: nobody may wait for this call any more
            _log.warning("the call ends, for nothing can be sent: %s", printable(repr(error)))
            self.lost(repr(error))

    async def _send_all(self) -> None:
        session = self.session
        assert self._send is not None
        while not session.stopped:
            self._wake.clear()
            for text in session.poll(time.monotonic()):
                await self._send(text)
            self._handle(session.events())
            self.output.started()
            self.sent.set()
            wait = session.next_poll - time.monotonic()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), None if wait == float("inf") else max(0.0, wait))


class CallInput(io.AudioInput):  # type: ignore[misc]
    """What the caller says, as it comes; it ends with the stream."""

    def __init__(self, *, mute_echo: bool = False) -> None:
        super().__init__(label="voiceband")
        self._mute_echo = mute_echo
        self._frames: collections.deque[rtc.AudioFrame] = collections.deque(maxlen=MAX_UNREAD)
        self._come = asyncio.Event()
        self._closed = False
        self._muted = False

    def push(self, audio: Audio, session: Session) -> None:
        """Queue some audio."""
        if self._muted:
            return
        rate = session.rate or (session.format.sample_rate if session.format is not None else 8000)
        samples = audio.samples if audio.samples.dtype == np.int16 else to_int16(audio.samples)
        if self._mute_echo and audio.echo >= SURE:
            samples = np.zeros_like(samples)
        self._frames.append(rtc.AudioFrame(samples.tobytes(), rate, 1, len(samples)))
        self._come.set()

    def close(self) -> None:
        """End, after what is queued."""
        self._closed = True
        self._come.set()

    def on_attached(self) -> None:
        """Listen, from now on."""
        self._muted = False

    def on_detached(self) -> None:
        """Leave out what is said meanwhile."""
        self._muted = True
        self._frames.clear()

    async def __anext__(self) -> rtc.AudioFrame:
        while not self._frames:
            if self._closed:
                raise StopAsyncIteration
            self._come.clear()
            await self._come.wait()
        return self._frames.popleft()


class CallOutput(io.AudioOutput):  # type: ignore[misc]
    """What the agent says: each segment is an utterance, and has finished when the carrier confirms it."""

    def __init__(self, call: CallAudio) -> None:
        super().__init__(label="voiceband", capabilities=io.AudioOutputCapabilities(pause=False))
        self._call = call
        self._open: Utterance | None = None
        self._flushed: dict[str, Utterance] = {}
        self._unheard: collections.deque[Utterance] = collections.deque()
        self._positions: dict[str, float] = {}  # of what was cut off before it was flushed

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Queue audio of the present segment; it waits while the session's queue is full."""
        session = self._call.session
        pcm = np.frombuffer(frame.data, np.int16)
        if frame.num_channels != 1:
            pcm = pcm.reshape(-1, frame.num_channels).mean(axis=1).astype(np.int16)
        await super().capture_frame(frame)
        at, step = 0, frame.sample_rate // 10  # a queue may be shorter than a frame
        while not session.stopped:
            try:
                name = self._open.name if self._open is not None else None
                utterance = session.play(pcm[at : at + step], frame.sample_rate, name=name)
            except QueueFullError:
                self._call.sent.clear()
                await self._call.sent.wait()
                continue
            at += step
            if self._open is not utterance:
                if self._open is None:
                    self._unheard.append(utterance)
                self._open = utterance
            self._call.wake()
            if at >= len(pcm):
                return

    def flush(self) -> None:
        """End the present segment."""
        super().flush()
        utterance, self._open = self._open, None
        if utterance is not None:
            utterance.end()
        if utterance is None:
            if self._pending_playback_count > len(self._flushed):  # a segment that began after the call's end
                self.on_playback_finished(playback_position=0.0, interrupted=True)
        elif utterance.name in self._positions:
            self.on_playback_finished(playback_position=self._positions.pop(utterance.name), interrupted=True)
        else:
            self._flushed[utterance.name] = utterance
            self._call.wake()

    def clear_buffer(self) -> None:
        """Stop speaking at once: segments finish with what the caller has heard of them."""
        if self._flushed or self._open is not None:
            self.cut()
            self._call.wake()

    def cut(self) -> None:
        """Interrupt, and finish everything."""
        heard = self._call.session.interrupt(time.monotonic())
        self._unheard.clear()
        cut, self._flushed = self._flushed, {}
        for name in cut:
            self.on_playback_finished(playback_position=_position(heard, name), interrupted=True)
        if self._open is not None:
            self._positions.setdefault(self._open.name, _position(heard, self._open.name))

    def settle(self, heard: Heard | None) -> None:
        """Finish what somebody else has interrupted, such as a stream that came again in another format."""
        for name in [name for name, utterance in self._flushed.items() if utterance.interrupted]:
            del self._flushed[name]
            self.on_playback_finished(playback_position=_position(heard, name), interrupted=True)
        if self._open is not None and self._open.interrupted:
            self._positions.setdefault(self._open.name, _position(heard, self._open.name))

    def started(self) -> None:
        """Report segments whose first audio has left."""
        while self._unheard:
            first = self._unheard[0]
            if not first.sent and not first.interrupted and not (first.ended and not first.queued):
                return  # its turn will come
            self._unheard.popleft()
            if first.sent:
                self.on_playback_started(created_at=time.time())

    def ended(self, name: str) -> None:
        """Report a segment as played to its end: the carrier, or else the clock, says so."""
        utterance = self._flushed.pop(name, None)
        if utterance is not None:
            self.on_playback_finished(playback_position=utterance.content_ms / 1000, interrupted=False)


def _position(heard: Heard | None, name: str) -> float:
    with contextlib.suppress(KeyError):  # it had not begun
        if heard is not None:
            return livekit_playback_position(heard[name])
    return 0.0


class DenoiserProcessor(rtc.FrameProcessor[rtc.AudioFrame]):  # type: ignore[misc]
    """Suppress noise in what a LiveKit agent hears in a room.

    Give it to the room's audio input as ``noise_cancellation=``, with ``sample_rate=16000`` (or 8000). Frames of other
    rates, and of more than one channel, pass as they are; the first one is logged.

    Parameters
    ----------
    level : float, optional
        How strongly noise is suppressed, 60 to 100.
    latency : {"normal", "low"}, optional
        Whether to trade some quality for half the delay.

    Raises
    ------
    ValueError
        If `level` or `latency` is out of range.
    """

    def __init__(self, level: SupportsFloat = 85, *, latency: Literal["normal", "low"] = "normal") -> None:
        self._level, self._latency = level, latency
        self._denoiser = Denoiser(16000, level=level, latency=latency)
        self._enabled = True
        self._told = False

    @property
    def enabled(self) -> bool:
        """Whether noise is suppressed; after a pause the estimate starts empty."""
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        if value and not self._enabled:
            self._denoiser.reset()
        self._enabled = value

    def _process(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        if not self._enabled:
            return frame
        rate = frame.sample_rate
        if frame.num_channels != 1 or rate not in (8000, 16000):
            if not self._told:
                self._told = True
                _log.warning(
                    "noise stays: frames have %d Hz and %d channels; ask for sample_rate=16000, one channel",
                    rate,
                    frame.num_channels,
                )
            return frame
        if rate != self._denoiser.rate:
            self._denoiser = Denoiser(rate, level=self._level, latency=self._latency)
        pcm = self._denoiser.process(np.frombuffer(frame.data, np.int16))
        return rtc.AudioFrame(pcm.tobytes(), rate, 1, len(pcm), userdata=frame.userdata)

    def _close(self) -> None:
        self._denoiser.reset()
