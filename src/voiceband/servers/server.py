"""A running server, whatever library it is made with."""

from __future__ import annotations

import asyncio
import logging
import socket
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Self

    from voiceband.servers.joining import Redials

CANCEL_S = (3.0, 1.0)
"""What a cancelled agent and the closing of its socket get; and then the agent, cancelled again, its socket cut."""
log = logging.getLogger("voiceband.calls")


class Server:
    """A running server, and its calls; as an async context it shuts down at the end.

    Parameters
    ----------
    sockets : sequence of socket
        What it listens on.
    calls : set of Task
        The running calls; whoever runs the agent keeps it.
    refuse : callable
        Closes the listening sockets; running calls go on.
    close : coroutine function
        Ends what the library still runs, when no call is left.
    redials : Redials
        What the calls were given: none can come once no more calls are taken.
    turn_away : callable, optional
        Has whoever comes told that no calls are taken any more, where the library can.

    Attributes
    ----------
    sockets : tuple of socket
        What it listens on.
    calls : set of Task
        The running calls.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        calls: set[asyncio.Task[object]],
        refuse: Callable[[], object],
        close: Callable[[], Awaitable[object]],
        redials: Redials,
        turn_away: Callable[[], object] | None = None,
    ) -> None:
        self.sockets = tuple(sockets)
        self.calls = calls
        self._refuse = refuse
        self._close = close
        self._redials = redials
        self._turn_away = refuse if turn_away is None else turn_away
        self._closed = asyncio.Event()

    @property
    def port(self) -> int:
        """The port of the first socket."""
        port: int = self.sockets[0].getsockname()[1]
        return port

    def refuse(self, *, answer: bool = False) -> None:
        """Take no more calls: close the port, or with `answer`, on picows, answer what comes there with 503.

        Calls that wait for another connection end.
        """
        self._redials.end()
        (self._turn_away if answer else self._refuse)()

    async def shut_down(self, grace_s: float = 0.0, *, answer: bool = False) -> None:
        """Take no more calls, let the running ones go on for `grace_s` seconds, then cancel those that are left.

        An agent that goes on after that stays in `calls`, and the log says so. `answer` is that of `refuse`, as long as
        there are calls.
        """
        self.refuse(answer=answer)
        until = monotonic() + grace_s
        while self.calls and (left_s := until - monotonic()) > 0:
            await asyncio.wait(self.calls, timeout=left_s)
        if answer:
            self.refuse()
        for pause_s in CANCEL_S:
            for task in self.calls:
                task.cancel()
            if self.calls:
                await asyncio.wait(self.calls, timeout=pause_s)
        if self.calls:
            log.error("%d agents go on although they were cancelled", len(self.calls))
        else:
            await self._close()
        self._closed.set()

    async def serve_forever(self) -> None:
        """Wait until the server has been shut down; shut it down if this is cancelled."""
        try:
            await self._closed.wait()
        finally:
            if not self._closed.is_set():
                await self.shut_down()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut_down()


def listening_socket(host: str, port: int, sock: socket.socket | None) -> socket.socket:
    """Return `sock`, or a socket that listens on the address; OSError if it cannot be listened on."""
    if sock is not None:
        return sock
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(address[:2], family=family, backlog=1024)
