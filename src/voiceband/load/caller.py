"""`LoadCall`: one call of a load test, on picows: sends ready frames, and measures what comes back."""

from __future__ import annotations

import collections
import uuid
from time import monotonic
from typing import TYPE_CHECKING

try:
    from picows import WSCloseCode, WSListener, WSMsgType
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"load tests need {_error.name}; pip install 'voiceband[load]' brings it", name=_error.name
    ) from None

from voiceband.load import replies
from voiceband.load.distribution import Distribution
from voiceband.load.ear import Ear
from voiceband.load.media_texts import ReadyMessages
from voiceband.load.probe import Probe
from voiceband.protocol.limits import MAX_RECEIVED_BYTES

if TYPE_CHECKING:
    from picows import WSFrame, WSTransport

    from voiceband.load.media_texts import Frame
    from voiceband.load.options import LoadOptions
    from voiceband.load.wheel import Wheel

MAX_BACKLOG_S = 40.0
"""How much audio may wait for an agent that does not read, as with the carrier."""
MAX_MARKS = 10_000
EPOCH_MS = 1_700_000_000_000
_CONTROL_BYTES = 125
_TEXT, _MORE, _CLOSE = WSMsgType.TEXT, WSMsgType.CONTINUATION, WSMsgType.CLOSE


class Shared:
    """What the calls of one process have in common.

    Parameters
    ----------
    options : LoadOptions
        The test.
    wheel : Wheel
        That turns.
    silence, utterance : Frame and tuple of Frame
        What calls send.
    speech_s : (float, float)
        Where in the utterance there is speech.
    """

    def __init__(
        self,
        options: LoadOptions,
        wheel: Wheel,
        silence: Frame,
        utterance: tuple[Frame, ...],
        speech_s: tuple[float, float],
    ) -> None:
        self.options = options
        self.wheel = wheel
        self.silence = silence
        self.utterance = utterance
        self.speech_s = speech_s
        self.late = Distribution()
        self.bytes_per_s = options.format.frame_bytes(1000)


class LoadCall(WSListener):
    """One call.

    Parameters
    ----------
    shared : Shared
        Of the process.
    number : int
        Of the call, from 0.

    Attributes
    ----------
    problem : str
        What it was lost by; empty while all is well.
    """

    # Without slots, each look at an attribute of what derives from a compiled class costs several times as much.
    __slots__ = (
        "_backlog", "_bytes_per_s", "_echo", "_late", "_leaving", "_marks", "_messages", "_next_frame", "_parts",
        "_send", "_shared", "_transport", "_unread", "_usual", "_usual_s", "ear", "number", "over", "probe", "problem",
        "up",
    )  # fmt: skip

    def __init__(self, shared: Shared, number: int) -> None:
        self.number = number
        self.problem = ""
        self.up = False
        self.over = False
        self._echo = shared.options.echo
        self.ear = Ear(shared.options.playout_delay_ms / 1000, shared.options.format, always=self._echo)
        self._unread = 0  # messages that do not belong to the protocol
        self.probe: Probe | None = None
        self._shared = shared
        self._late = shared.late.add
        self._bytes_per_s = shared.bytes_per_s
        self._usual: tuple[int, bytes, bytes, int] = (0, b"", b"", 0)  # size, what is around the audio, its end
        self._usual_s = 0.0
        self._parts: bytearray | None = None
        self._marks: collections.deque[tuple[float, str]] = collections.deque()
        self._leaving = False
        stream_id = str(uuid.UUID(int=uuid.uuid4().int, version=4))
        self._messages = ReadyMessages(shared.options.format, stream_id, "", EPOCH_MS)

    # ---- what picows calls

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin the call."""
        self._transport = transport
        self._send = transport.send
        self._backlog = transport.underlying_transport.get_write_buffer_size
        self.up = True
        now = monotonic()
        shared = self._shared
        # Spread over the time between two attempts, whatever the number of calls.
        first_at = now + 0.5 + self.number * 0.618 % 1 * 2
        self.probe = Probe(
            self.ear,
            shared.silence,
            shared.utterance,
            echo=shared.options.echo,
            first_at=first_at,
            speech_s=shared.speech_s,
        )
        self._next_frame = self.probe.frame
        call_id = str(uuid.uuid4())
        start = self._messages.start(call_id, "MAEMULATEDACCOUNT000", ("inbound",), shared.options.format)
        self._send(_TEXT, start)
        shared.wheel.join(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take what the agent sends."""
        message = frame.get_payload_as_bytes()
        # To ask picows for a frame's kind costs more than all the rest; a control frame has 125 bytes at most.
        if len(message) > _CONTROL_BYTES and self._parts is None and frame.fin:
            self._take(message)
            return
        kind = frame.msg_type
        if kind is _CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif kind is _TEXT or kind is _MORE:
            self._join(message, last=frame.fin)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Note an end that is not ours."""
        self.over = True
        self._shared.wheel.leave(self)
        if self._leaving or self.problem:
            return
        handshake = transport.close_handshake
        told = None if handshake is None else handshake.recv
        if told is None:
            self.problem = "connection broke off"
        else:
            self.problem = f"closed by the agent, code {told.code:d} {told.reason or ''}".rstrip()

    def pause_writing(self) -> None:
        """Nothing: the backlog is looked at from time to time."""

    resume_writing = pause_writing

    # ---- what the wheel calls

    def tick(self, due: float) -> None:
        """Send what is due."""
        now = monotonic()
        messages = self._messages
        self._late((now - due) * 1000)
        self._send(_TEXT, messages.next_media(self._next_frame(now)))
        if self._marks:
            self._acknowledge(now)
        if not messages.chunks % 50:
            self._check_backlog()

    def _acknowledge(self, now: float) -> None:
        while self._marks and self._marks[0][0] <= now:
            self._send(_TEXT, self._messages.played(self._marks.popleft()[1]))

    def _check_backlog(self) -> None:
        frame_bytes = len(self._shared.silence)
        if self._backlog() > MAX_BACKLOG_S * 50 * frame_bytes:
            self._lose(f"slow connection: {MAX_BACKLOG_S:.0f} s were not taken")

    def _lose(self, problem: str) -> None:
        self.problem = problem
        self._transport.disconnect(graceful=False)

    # ---- what the agent says

    def _take(self, message: bytes) -> None:
        now = monotonic()
        n, head, tail, end = self._usual
        # Most messages differ from the last one in what is in the audio only.
        if len(message) == n and message.startswith(head) and message.endswith(tail):
            self._play(message[len(head) : end], self._usual_s, now)
            return
        span = replies.audio_span(message)
        if span is None:
            self._command(message, now)
            return
        start, end = span
        payload = message[start:end]
        self._usual = len(message), message[:start], message[end - payload.count(b"=", -2) :], end
        self._usual_s = replies.base64_bytes(payload) / self._bytes_per_s
        self._play(payload, self._usual_s, now)

    def _play(self, payload: bytes, seconds: float, now: float) -> None:
        if self.probe.listens:  # type: ignore[union-attr]
            self.ear.play(payload, seconds, now)
            self.probe.heard(self.ear.listen(), now)  # type: ignore[union-attr]
        else:
            # Of an echo every silence is a gap, whatever it says.
            self.ear.play(b"" if self._echo else payload, seconds, now)

    def _command(self, message: bytes, now: float) -> None:
        event, raw = replies.read(message)
        if event == "playAudio":
            payload = replies.payload_text(raw).encode("latin-1", "replace")
            self._play(payload, replies.base64_bytes(payload) / self._bytes_per_s, now)
        elif event == "checkpoint" and isinstance(name := raw.get("name"), str) and len(self._marks) < MAX_MARKS:
            self._marks.append((self.ear.checkpoint(now), name))
        elif event == "clearAudio":
            self.ear.clear(now)
            self._marks = collections.deque(mark for mark in self._marks if mark[0] <= now)
            self._send(_TEXT, self._messages.cleared())
        elif event != "sendDTMF":
            self._unread += 1

    def _join(self, part: bytes, *, last: bool) -> None:
        parts = self._parts = bytearray() if self._parts is None else self._parts
        parts += part
        if len(parts) > MAX_RECEIVED_BYTES:
            self._lose(f"a message of more than {MAX_RECEIVED_BYTES} bytes")
        elif last:
            self._parts = None
            self._take(bytes(parts))

    # ---- what the worker calls

    @property
    def said_s(self) -> float:
        """How much audio was sent."""
        return self._messages.chunks / 50

    @property
    def unread(self) -> int:
        """How many messages were not understood."""
        return self._unread + self.ear.unread

    def forget(self) -> None:
        """Count from zero."""
        self.ear.forget()
        if self.probe is not None:
            self.probe.forget()

    def quiet(self) -> None:
        """Send nothing more."""
        self._leaving = True
        self._shared.wheel.leave(self)

    def hang_up(self) -> None:
        """Close the socket properly."""
        self._leaving = True
        if self.up and not self.over:
            self._transport.send_close(WSCloseCode.OK)

    def abandon(self) -> None:
        """Close it at once."""
        if self.up and not self.over:
            self._transport.disconnect(graceful=False)
