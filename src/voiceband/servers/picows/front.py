"""What stands before picows: it answers requests that are no upgrades, as health probes send.

An upgrade is handed over to picows with its connection, so a call's frames do not pass here.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import aiofastnet
from picows import ws_create_server

from voiceband.servers.door import Door, StandIn, library_door
from voiceband.servers.relay import HEAD_S, MAX_HEAD_BYTES, PROBES

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from picows import WSUpgradeRequest
    from picows import WSUpgradeResponseWithListener as Answer

    from voiceband.servers.moderation import ModeratedLoop

_REQUEST = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.[01]")
_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:[^\r\n]*\bwebsocket\b", re.IGNORECASE)


class PicowsDoor(Door):
    """Waits for the requests of connections, and answers those that are no upgrades.

    Parameters
    ----------
    sock : socket
        Bound; it belongs to the door from now on.
    answer : callable
        What picows asks about each upgrade.
    settings : dict
        Other arguments of ``picows.ws_create_server``.
    tasks : set of Task
        Holds what waits for the requests of connections that have been accepted.
    loop : AbstractEventLoop or ModeratedLoop
        Where connections wait for what there is to read.

    Attributes
    ----------
    peer : object
        The address whose upgrade is being answered.
    full : bool
        Whether upgrades are answered with 503.
    """

    def __init__(
        self,
        sock: socket.socket,
        answer: Callable[[WSUpgradeRequest], Answer],
        settings: dict[str, Any],
        tasks: set[asyncio.Task[object]],
        loop: asyncio.AbstractEventLoop | ModeratedLoop,
    ) -> None:
        super().__init__(sock)
        self.peer: object = None
        self.full = False
        library_door(self, ws_create_server(answer, use_aiofastnet=False, **settings))
        self.make_upgraded, self.make_protocol = self.make_protocol, lambda: Front(self)
        self._connections_loop = loop
        self._calls = tasks
        self._turned_away: set[asyncio.Task[object]] = set()  # which nobody waits for

    def close(self) -> None:
        """Accept no more; what has been accepted may become a call yet, and a health probe is answered with 503."""
        super().close()
        for task in self._turned_away:
            task.cancel()

    def turn_away(self) -> None:
        """Go on to accept, and answer upgrades and all probes but that of life with 503."""
        self.full = True

    def _tasks(self) -> set[asyncio.Task[object]]:
        return self._turned_away if self.full else self._calls

    async def _connect(self, connection: socket.socket) -> None:
        front = Front(self)
        loop: Any = self._connections_loop
        try:
            transport, _ = await aiofastnet.connect_accepted_socket(loop, lambda: front, connection)
        except OSError:  # it is gone already
            return
        try:
            await front.settled
        except asyncio.CancelledError:
            transport.abort()
            raise


class EndsReading(StandIn):
    """The event loop of one connection, whose reading ends where picows gives it up.

    After a frame that it refuses, one that is too large say, picows sends a close frame and disconnects 10 ms later.
    Until then it would read on, as fast as the peer sends, and keep what comes.
    """

    def __init__(self, transport: Any) -> None:
        super().__init__()
        self._transport = transport

    def call_later(self, delay_s: float, callback: Callable[..., object], *args: object) -> asyncio.TimerHandle:
        """Call back after a while; nothing more is read if that is to disconnect."""
        if getattr(callback, "__name__", "") == "disconnect":  # a partial has none
            self._transport.pause_reading()
        return self._loop.call_later(delay_s, callback, *args)


class Front(asyncio.Protocol):
    """One connection until its request is there.

    Attributes
    ----------
    settled : Future
        Done when the request has been answered or handed over, or the connection is gone.
    """

    def __init__(self, door: PicowsDoor) -> None:
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._door = door
        self._head = bytearray()

    def connection_made(self, transport: Any) -> None:
        """Wait for the request."""
        self._transport = transport
        self._timeout = asyncio.get_running_loop().call_later(HEAD_S, transport.abort)

    def connection_lost(self, _error: Exception | None) -> None:
        """Wait no more."""
        self._settle()

    def data_received(self, data: bytes) -> None:
        """Take a piece of the request."""
        if self._transport.is_closing():
            return
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if (end if end >= 0 else len(self._head)) > MAX_HEAD_BYTES:
            self._answer(b"431 Request Header Fields Too Large")
            return
        if end < 0:
            return
        self._settle()
        head = bytes(self._head[: end + 2])
        request = _REQUEST.match(head)
        if request is None:
            self._answer(b"400 Bad Request")
        elif (upgrade := _UPGRADE.search(head)) and not self._door.full:
            self._hand_over()
        elif (self._door.closed or self._door.full) and (upgrade or request[2].partition(b"?")[0] != b"/healthz"):
            self._answer(b"503 Service Unavailable", b"draining\n")
        elif request[1].decode() in PROBES.split(", "):
            self._answer(b"200 OK", b"" if request[1] == b"OPTIONS" else b"ok\n", head_only=request[1] == b"HEAD")
        else:
            self._answer(b"405 Method Not Allowed")

    def _answer(self, status: bytes, body: bytes = b"", *, head_only: bool = False) -> None:
        self._settle()
        self._transport.write(
            b"HTTP/1.1 %b\r\nAllow: %b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
            % (status, PROBES.encode(), len(body), b"" if head_only else body)
        )
        self._transport.close()

    def _settle(self) -> None:
        self._timeout.cancel()
        if not self.settled.done():
            self.settled.set_result(None)

    def _hand_over(self) -> None:
        """Let picows have the connection, and what has come of it."""
        with EndsReading(self._transport):
            protocol = self._door.make_upgraded()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        self._door.peer = self._transport.get_extra_info("peername")
        rest = memoryview(bytes(self._head))
        while rest and not self._transport.is_closing():
            room = protocol.get_buffer(len(rest))
            n = min(len(room), len(rest))
            room[:n] = rest[:n]
            protocol.buffer_updated(n)
            rest = rest[n:]
