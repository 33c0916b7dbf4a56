"""Calls on picows, the fastest server of them all: `serve` an agent, or give `handler` to a server of your own."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING

try:
    from picows import WSAutoPingStrategy, WSListener, WSMsgType, ws_create_server
    from picows import WSUpgradeResponse as Response
    from picows import WSUpgradeResponseWithListener as Answer
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"this driver needs {_error.name}; pip install 'voiceband[serve]' brings it", name=_error.name
    ) from None

from voiceband.integrations.call import CallHandle
from voiceband.integrations.context import running, split_options
from voiceband.integrations.link import CLOSE_TIMEOUT_S, MAX_MESSAGE_BYTES, PING_S, Link
from voiceband.integrations.upgrade import refusal

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable
    from typing import Any, Self

    from picows import WSFrame, WSTransport, WSUpgradeRequest
    from picows.picows import WSCloseHandshake

    from voiceband.callbacks import NonceCache

    Agent = Callable[[CallHandle], Awaitable[object]]

__all__ = ["SETTINGS", "CallHandle", "Server", "handler", "serve"]

SETTINGS: dict[str, Any] = {
    "max_frame_size": MAX_MESSAGE_BYTES,
    "enable_auto_ping": True,
    "auto_ping_idle_timeout": PING_S,
    "auto_ping_reply_timeout": PING_S,
    "auto_ping_strategy": WSAutoPingStrategy.PING_PERIODICALLY,
}
"""What ``picows.ws_create_server(handler(agent), ..., **SETTINGS)`` should be given besides."""
_TEXT, _BINARY, _MORE, _CLOSE = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION, WSMsgType.CLOSE
log = logging.getLogger("voiceband.calls")


class _Link(Link):
    def __init__(self, transport: WSTransport) -> None:
        self.transport = transport
        self.backlog = transport.underlying_transport.get_write_buffer_size  # type: ignore[method-assign]
        self._closing: asyncio.TimerHandle | None = None

    def send(self, text: str) -> None:
        self.transport.send(_TEXT, text)  # which drops it when the connection is closed

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
            self.transport.underlying_transport.pause_reading()

    def resume(self) -> None:
        if self.paused and not self.transport.is_disconnected:
            self.transport.underlying_transport.resume_reading()
        super().resume()


class _Listener(WSListener):
    """One connection."""

    def __init__(self, agent: Agent, options: dict[str, Any], tasks: set[asyncio.Task[None]]) -> None:
        self._agent = agent
        self._options = options
        self._tasks = tasks
        self._parts: bytearray | None = None  # of a message in several frames
        self._pinged_at = 0.0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.call = call = CallHandle(_Link(transport), **self._options)
        self._feed = call.feed
        task = asyncio.create_task(_run(self._agent, call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        message = frame.get_payload_as_bytes()
        # A control frame has 125 bytes at most; to ask picows for a frame's kind costs more than all else here.
        if len(message) > 125 and self._parts is None and frame.fin:
            self._feed(message)
            return
        kind = frame.msg_type
        if kind is _CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif kind in (_TEXT, _BINARY, _MORE):
            self._join(kind, message, last=frame.fin)

    def _join(self, kind: WSMsgType, part: bytes, *, last: bool) -> None:
        if (kind is _MORE) != (self._parts is not None):
            self.call.end(1002, "frames out of order")
            return
        parts = self._parts = bytearray() if self._parts is None else self._parts
        parts += part
        if len(parts) > MAX_MESSAGE_BYTES:
            self.call.end(1009, "message too big")
        if last or self.call.ended:
            self._parts = None
            self._feed(bytes(parts))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        handshake: WSCloseHandshake | None = transport.close_handshake
        told = None if handshake is None else handshake.recv or handshake.sent
        if told is None:
            self.call.lost("connection lost")
        else:
            self.call.lost(f"closed with code {told.code:d} {told.reason or ''}".rstrip())

    def send_user_specific_ping(self, transport: WSTransport) -> None:
        self._pinged_at = monotonic()
        transport.send_ping()

    def is_user_specific_pong(self, frame: WSFrame) -> bool:
        if frame.msg_type is not WSMsgType.PONG:
            return False
        self.call.session.round_trip(monotonic() - self._pinged_at)
        return True

    def pause_writing(self) -> None:
        """Nothing: the call asks for the backlog before it sends more."""

    resume_writing = pause_writing


async def _run(agent: Agent, call: CallHandle) -> None:
    try:
        async with running(call):
            await agent(call)
    except Exception:
        log.exception("call %s ended by an error", call.session.call_id)


def handler(
    agent: Agent,
    *,
    auth_token: Any = None,
    public_base_url: str | None = None,
    nonces: NonceCache | None = None,
    tasks: set[asyncio.Task[None]] | None = None,
    **options: Any,
) -> Callable[[WSUpgradeRequest], Answer]:
    """Return what ``picows.ws_create_server(handler(agent), host, port, **SETTINGS)`` runs `agent(call)` with.

    Parameters
    ----------
    agent : coroutine function
        Runs for every call. An exception of it ends its call and goes to the log "voiceband.calls"; other calls go on.
    auth_token, public_base_url, nonces : optional
        With a token, upgrades are answered with 401 without a signature, and 403 with a wrong one, see
        `voiceband.callbacks.verify_upgrade`.
    tasks : set of Task, optional
        Holds the running calls, each of which ends when it is cancelled.
    **options
        For `CallHandle`: `api`, `idle_timeout_s`, and what `Session` takes; bad ones are refused here.
    """
    upgrade = {"auth_token": auth_token, "public_base_url": public_base_url, "nonces": nonces}
    split_options({**upgrade, **options})
    running_calls: set[asyncio.Task[None]] = set() if tasks is None else tasks

    def answer(request: WSUpgradeRequest) -> Answer:
        headers = request.headers
        if headers.get("Upgrade", "").lower() != "websocket":
            return Answer(Response.create_ok_response(b"ok\n"), None)
        status = refusal(f"ws://{headers.get('Host', '')}{request.path.decode('latin-1')}", headers, **upgrade)
        if status is not None:
            return Answer(Response.create_error_response(status, b"wrong signature\n"), None)
        if "upgrade" in headers.get("Connection", "").lower():
            headers["Connection"] = "upgrade"  # the only value that picows takes; some send keep-alive with it
        offered = headers.get("Sec-WebSocket-Protocol", "").split(",")[0].strip()
        echoed = {"Sec-WebSocket-Protocol": offered} if offered and offered.isascii() else None
        return Answer(Response.create_101_response(echoed), _Listener(agent, options, running_calls))

    return answer


class Server:
    """A running server, and its calls; as an async context it shuts down at the end.

    Attributes
    ----------
    sockets : tuple of socket
        What it listens on.
    calls : set of Task
        The running calls.
    """

    def __init__(self, server: asyncio.Server, calls: set[asyncio.Task[None]]) -> None:
        self._server = server
        self.sockets = tuple(server.sockets)
        self.calls = calls

    def refuse(self) -> None:
        """Take no more calls."""
        self._server.close()

    async def shut_down(self, grace_s: float = 0.0) -> None:
        """Take no more calls, let the running ones go on for `grace_s` seconds, then end those that are left."""
        self.refuse()
        until = monotonic() + grace_s
        while self.calls and (left_s := until - monotonic()) > 0:
            await asyncio.wait(self.calls, timeout=left_s)
        while self.calls:
            for task in self.calls:
                task.cancel()
            await asyncio.wait(self.calls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut_down()


async def serve(
    agent: Agent, host: str = "127.0.0.1", port: int = 0, *, sock: socket.socket | None = None, **options: Any
) -> Server:
    """Start a server that runs `agent(call)` for every call, and return it.

    The options are those of `handler`. With `sock`, a bound socket, `host` and `port` are not used. A plain GET is
    answered with 200, for health checks. Compression is refused, an offered sub-protocol is echoed, and a message over
    1 MiB ends its call.
    """
    calls: set[asyncio.Task[None]] = set()
    where = {"host": host, "port": port} if sock is None else {"sock": sock}
    return Server(
        await ws_create_server(handler(agent, tasks=calls, **options), **where, backlog=1024, **SETTINGS), calls
    )
