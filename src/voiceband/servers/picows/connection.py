"""One call's connection on picows."""

from __future__ import annotations

import asyncio
import functools
import logging
from time import monotonic
from typing import TYPE_CHECKING

from picows import WSListener, WSMsgType

from voiceband.protocol.limits import MAX_RECEIVED_BYTES
from voiceband.servers.call import CallHandle
from voiceband.servers.call_log import printable
from voiceband.servers.context import running
from voiceband.servers.flow import MAX_PIECES, MAX_UNSENT_BYTES, TOO_MANY_PIECES
from voiceband.servers.link import CLOSE_TIMEOUT_S, Link, path_of
from voiceband.servers.read_meter import Reading

if TYPE_CHECKING:
    from picows import WSFrame, WSTransport

    from voiceband.servers.call import Agent
    from voiceband.servers.link import Timers
    from voiceband.servers.options import CallOptions

_TEXT, _BINARY, _MORE = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION
_CLOSE, _PING = WSMsgType.CLOSE, WSMsgType.PING
NO_CODE = 1005
log = logging.getLogger("voiceband.calls")


class _PicowsLink(Link):
    def __init__(self, transport: WSTransport, timers: Timers | None) -> None:
        self.transport = transport
        self.timers = timers
        self.path = path_of(transport.request.path.decode("latin-1"))
        # Which drops it when the connection is closed.
        self.send = functools.partial(transport.send, _TEXT)  # type: ignore[method-assign]
        self.backlog = transport.underlying_transport.get_write_buffer_size  # type: ignore[method-assign]
        self._reading = Reading(transport.underlying_transport)
        self._closing: asyncio.TimerHandle | None = None

    def send(self, text: str) -> None:
        raise NotImplementedError  # the transport's own takes its place

    def backlog(self) -> int:
        raise NotImplementedError  # the transport's own takes its place

    def close(self, code: int, reason: str) -> None:
        if self._closing is None:
            self.transport.send_close(code, reason)  # type: ignore[arg-type]
            self._closing = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self.transport.disconnect, False)

    async def wait_closed(self) -> None:
        try:
            await self.transport.wait_disconnected()
        finally:
            self.transport.disconnect(graceful=False)
            if self._closing is not None:
                self._closing.cancel()

    def pause(self) -> None:
        if not self.paused:
            super().pause()
            self._reading.stop()

    def resume(self) -> None:
        super().resume()
        if not self.transport.is_disconnected:
            self._reading.start()


class _Listener(WSListener):
    """One connection."""

    def __init__(
        self, agent: Agent, options: CallOptions, tasks: set[asyncio.Task[object]], timers: Timers | None
    ) -> None:
        self._agent = agent
        self._options = options
        self._tasks = tasks
        self._timers = timers
        self._parts: bytearray | None = None  # of a message in several frames
        self._n_parts = 0
        self._closed: tuple[int, str] | None = None  # by the peer
        self._pinged_at = 0.0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._link = _PicowsLink(transport, self._timers)
        call = CallHandle(self._link, **self._options)
        task = asyncio.create_task(_run(self._agent, call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.rsv1 or frame.rsv2 or frame.rsv3:  # compressed, say, which was refused
            self._link.owner.end(1002, "reserved bits must be 0")
            return
        message = frame.get_payload_as_bytes()
        # A control frame has 125 bytes at most; to ask picows for a frame's kind costs more than all else here.
        if 125 < len(message) <= MAX_RECEIVED_BYTES and self._parts is None and frame.fin:
            self._link.feed(message)
            return
        kind = frame.msg_type
        if kind in (_TEXT, _BINARY, _MORE):
            self._join(kind, message, last=frame.fin)
            return
        self._link.owner.count(len(message))
        if kind is _PING:
            if self._link.backlog() <= MAX_UNSENT_BYTES:  # a peer that does not read gets no more answers
                transport.send_pong(message)
        elif kind is _CLOSE:
            code, reason, answer = _read_close(message)
            self._closed = code, reason
            transport.send_close(answer)  # type: ignore[arg-type]
            transport.disconnect()

    def _join(self, kind: WSMsgType, part: bytes, *, last: bool) -> None:
        if (kind is _MORE) != (self._parts is not None):
            self._link.owner.end(1002, "frames out of order")
            return
        parts = self._parts = bytearray() if self._parts is None else self._parts
        parts += part
        self._n_parts += 1
        if len(parts) > MAX_RECEIVED_BYTES or self._n_parts > MAX_PIECES:
            self._parts = None
            self._link.owner.end(1009, TOO_MANY_PIECES if self._n_parts > MAX_PIECES else "message too big")
            self._n_parts = 0
        elif last:
            self._parts, self._n_parts = None, 0
            self._link.feed(bytes(parts))
        else:
            self._link.owner.count(len(part))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        handshake = transport.close_handshake
        if self._closed is not None:
            code, reason = self._closed
        elif handshake is not None and handshake.sent is not None:  # picows refuses frames that make no sense
            code, reason = int(handshake.sent.code or NO_CODE), "by this end"  # type: ignore[call-overload, truthy-bool]
        else:
            self._link.lost("connection lost")
            return
        self._link.lost(f"closed with code {code} {reason}".rstrip(), code)

    def send_user_specific_ping(self, transport: WSTransport) -> None:
        self._pinged_at = monotonic()
        transport.send_ping()

    def is_user_specific_pong(self, frame: WSFrame) -> bool:
        if frame.msg_type is not WSMsgType.PONG:
            return False
        self._link.owner.session.round_trip(monotonic() - self._pinged_at)
        return True

    def pause_writing(self) -> None:
        """Nothing: the call asks for the backlog before it sends more."""

    resume_writing = pause_writing


def _read_close(content: bytes) -> tuple[int, str, int]:
    """Return the code and the reason of a close frame, and the code to answer with: its own if it may be sent."""
    if not content:
        return NO_CODE, "", 1000
    code = int.from_bytes(content[:2])
    if len(content) < 2 or not (code in range(1000, 1004) or code in range(1007, 1015) or code in range(3000, 5000)):
        return 1002, "a close frame without a code that may be sent", 1002
    try:
        return code, content[2:].decode(), code
    except UnicodeDecodeError:
        return 1007, "the reason of a close frame is no UTF-8", 1007


async def _run(agent: Agent, call: CallHandle) -> None:
    try:
        async with running(call):
            await agent(call)
    except (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt):
        raise
    except BaseException:  # a sys.exit() too ends its own call only
        log.exception("call %s ended by an error", printable(call.session.call_id))


def listener(
    agent: Agent, options: CallOptions, tasks: set[asyncio.Task[object]], timers: Timers | None = None
) -> WSListener:
    """Return what runs `agent(call)` on one connection, in a task that is in `tasks` as long as it lasts.

    The options are those of `CallHandle`, and `timers` that of `Link`.
    """
    return _Listener(agent, options, tasks, timers)
