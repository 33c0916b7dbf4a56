"""Accepts connections for every driver; where descriptors run out, new connections wait and calls go on.

Event loops log a traceback for each attempt to accept that fails so, thousands a second.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

AT_ONCE = 64
RETRY_S = 0.5
"""When to try again to accept connections after the system has had no room for one."""
TOLD_S = 60.0
"""How often the log is told of that."""
RECEIVED_BYTES = 2**18
"""What a socket may hold before it is read, in the system; it may take this twice, for what it keeps with it."""
WSAEMFILE = 10024  # Windows' name for EMFILE
OUT_OF_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, WSAEMFILE}
SHUT = {errno.EINVAL, errno.EBADF, errno.ENOTSOCK}
"""Errors of the listening socket itself; any other is of one connection, and goes with it."""
log = logging.getLogger("voiceband.calls")


class Door:
    """Accepts the connections of a listening socket; libraries see it as a server of their event loop.

    Parameters
    ----------
    sock : socket
        Bound; it belongs to the door from now on.

    Attributes
    ----------
    make_protocol : callable
        Makes the protocol of each connection, see `library_door`.
    sockets : tuple of socket
        The listening one, until `close`.
    closed : bool
        Whether it accepts no more.
    """

    make_protocol: Callable[[], Any]

    def __init__(self, sock: socket.socket) -> None:
        self.closed = False
        self.sockets: tuple[socket.socket, ...] = (sock,)
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.AbstractServer | None = None
        self._told_at = -TOLD_S
        self._connecting: set[asyncio.Task[object]] = set()

    async def open(self) -> None:
        """Begin to accept."""
        self._sock.setblocking(False)
        # Connections inherit it. The system would give each up to 6 MB, which picows reads at once.
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_BYTES)
        self._sock.listen(1024)
        try:
            self._watch()
        except NotImplementedError:  # Windows
            self._server = await self._loop.create_server(self.make_protocol, sock=self._sock)

    def close(self) -> None:
        """Accept no more; what has been accepted goes on."""
        if self.closed:
            return
        self.closed = True
        self.sockets = ()
        if self._server is not None:
            self._server.close()
        else:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

    def _watch(self) -> None:
        if not self.closed:
            self._loop.add_reader(self._sock.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _ = self._sock.accept()
            except OSError as error:
                if error.errno in OUT_OF_ROOM:
                    self._pause(error)
                elif error.errno in SHUT:
                    log.error("no more connections are accepted, for the listening socket is shut: %s", error.strerror)
                    self.close()
                return  # the loop calls again if anybody waits
            connection.setblocking(False)
            task: asyncio.Task[object] = self._loop.create_task(self._connect(connection))
            tasks = self._tasks()
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    def _pause(self, error: OSError) -> None:
        self._loop.remove_reader(self._sock.fileno())
        self._loop.call_later(RETRY_S, self._watch)
        if monotonic() - self._told_at >= TOLD_S:
            self._told_at = monotonic()
            log.error("new connections wait, for the system has no room for them: %s", error.strerror)

    def _tasks(self) -> set[asyncio.Task[object]]:
        """Return what is to hold the task of a connection that is accepted now."""
        return self._connecting

    async def _connect(self, connection: socket.socket) -> None:
        with suppress(OSError):  # it is gone already
            await self._loop.connect_accepted_socket(self.make_protocol, connection)

    # ---- the rest of `asyncio.Server` that libraries use

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop."""
        return self._loop

    def is_serving(self) -> bool:
        """Whether it accepts."""
        return not self.closed

    async def wait_closed(self) -> None:
        """Wait for nothing: libraries know their connections."""


class StandIn:
    """Stands for the running event loop inside a ``with`` block; a subclass answers some of what is asked there."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def __enter__(self) -> None:
        asyncio._set_running_loop(self)  # type: ignore[arg-type]

    def __exit__(self, *_: object) -> None:
        asyncio._set_running_loop(self._loop)


class _MakesDoors(StandIn):
    """For a library that makes a server: it gets a door."""

    def __init__(self, door: Door) -> None:
        super().__init__()
        self._door = door

    async def create_server(self, make_protocol: Callable[[], Any], *_: object, **__: object) -> Door:
        self._door.make_protocol = make_protocol
        return self._door


def library_door(door: Door, serve: Coroutine[Any, Any, Any]) -> Any:
    """Let a library make its server with a door, which is not open yet, and return what the library returns.

    Libraries make servers by ``loop.create_server``, which is where their protocols are told to anybody.

    Parameters
    ----------
    door : Door
        Takes the place of the server that the loop would make.
    serve : coroutine
        The library's, which must not wait for anything.

    Raises
    ------
    RuntimeError
        If it waits: this version of the library makes a server in another way.
    """
    with _MakesDoors(door):
        try:
            serve.send(None)
        except StopIteration as made:
            return made.value
    serve.close()
    raise RuntimeError(f"{getattr(serve, '__qualname__', serve)} makes a server in another way than this version knows")
