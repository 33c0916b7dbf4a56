"""What stands before picows: it accepts connections, and answers requests that are no upgrades, as health probes send.

An upgrade is handed over to picows with its connection, so a call's frames do not pass here.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import re
from time import monotonic
from typing import TYPE_CHECKING

import aiofastnet
from picows import ws_create_server

from voiceband.servers.relay import HEAD_S, MAX_HEAD_BYTES

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from picows import WSUpgradeRequest
    from picows import WSUpgradeResponseWithListener as Answer

    from voiceband.servers.moderation import ModeratedLoop

AT_ONCE = 64
RETRY_S = 0.5
"""When to try again to accept connections after the system has had no room for one."""
TOLD_S = 60.0
"""How often the log is told of that."""
OUT_OF_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
PROBES = b"GET, HEAD, OPTIONS"
_REQUEST = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.[01]")
_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:[^\r\n]*\bwebsocket\b", re.IGNORECASE)
log = logging.getLogger("voiceband.calls")


class Door:
    """Accepts the connections of a listening socket.

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
    """

    def __init__(
        self,
        sock: socket.socket,
        answer: Callable[[WSUpgradeRequest], Answer],
        settings: dict[str, Any],
        tasks: set[asyncio.Task[object]],
        loop: asyncio.AbstractEventLoop | ModeratedLoop,
    ) -> None:
        self.peer: object = None
        self.closed = False
        self.full = False  # whether it answers upgrades with 503
        self.make_protocol = _protocol_factory(answer, settings)
        self.sock = sock
        self._loop = asyncio.get_running_loop()
        self._connections_loop = loop
        self._server: asyncio.AbstractServer | None = None
        self._told_at = -TOLD_S
        self._tasks = tasks
        self._turned_away: set[asyncio.Task[object]] = set()  # which nobody waits for

    async def open(self) -> None:
        """Begin to accept."""
        self.sock.setblocking(False)
        self.sock.listen(1024)
        try:
            self._watch()
        except NotImplementedError:  # Windows
            self._server = await self._loop.create_server(lambda: Front(self), sock=self.sock)

    def close(self) -> None:
        """Accept no more; what has been accepted may become a call yet, and a health probe is answered with 503."""
        if self.closed:
            return
        self.closed = True
        if self._server is not None:
            self._server.close()
        else:
            self._loop.remove_reader(self.sock.fileno())
            self.sock.close()
        for task in self._turned_away:
            task.cancel()

    def turn_away(self) -> None:
        """Go on to accept, and answer upgrades and all probes but that of life with 503."""
        self.full = True

    def _watch(self) -> None:
        if not self.closed:
            self._loop.add_reader(self.sock.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _ = self.sock.accept()
            except ConnectionAbortedError:
                continue
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in OUT_OF_ROOM:  # somebody else has shut the socket down
                    self.close()
                    return
                self._loop.remove_reader(self.sock.fileno())
                self._loop.call_later(RETRY_S, self._watch)
                if monotonic() - self._told_at >= TOLD_S:
                    self._told_at = monotonic()
                    log.error("new connections wait, for the system has no room for them: %s", error.strerror)
                return
            connection.setblocking(False)
            task: asyncio.Task[object] = self._loop.create_task(self._wait_for_request(connection))
            tasks = self._turned_away if self.full else self._tasks
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _wait_for_request(self, connection: socket.socket) -> None:
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


class Front(asyncio.Protocol):
    """One connection until its request is there.

    Attributes
    ----------
    settled : Future
        Done when the request has been answered or handed over, or the connection is gone.
    """

    def __init__(self, door: Door) -> None:
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
        elif request[1] in PROBES.split(b", "):
            self._answer(b"200 OK", b"" if request[1] == b"OPTIONS" else b"ok\n", head_only=request[1] == b"HEAD")
        else:
            self._answer(b"405 Method Not Allowed")

    def _answer(self, status: bytes, body: bytes = b"", *, head_only: bool = False) -> None:
        self._settle()
        self._transport.write(
            b"HTTP/1.1 %b\r\nAllow: %b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
            % (status, PROBES, len(body), b"" if head_only else body)
        )
        self._transport.close()

    def _settle(self) -> None:
        self._timeout.cancel()
        if not self.settled.done():
            self.settled.set_result(None)

    def _hand_over(self) -> None:
        """Let picows have the connection, and what has come of it."""
        protocol = self._door.make_protocol()
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


def _protocol_factory(answer: Callable[[WSUpgradeRequest], Answer], settings: dict[str, Any]) -> Callable[[], Any]:
    """Return what picows would give an event loop to make a connection's protocol with."""

    class Loop:
        async def create_server(self, factory: Callable[[], Any], **_: Any) -> Any:
            return factory

    running = asyncio.get_running_loop()
    creating = ws_create_server(answer, use_aiofastnet=False, **settings)
    asyncio._set_running_loop(Loop())  # type: ignore[arg-type]
    try:
        creating.send(None)
    except StopIteration as made:
        factory: Callable[[], Any] = made.value
        return factory
    finally:
        asyncio._set_running_loop(running)
    raise RuntimeError("picows makes a server in another way than this version knows")
