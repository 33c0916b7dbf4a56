"""One call's connection on the `websockets` library."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed

from voiceband.servers.call import CallHandle
from voiceband.servers.context import running
from voiceband.servers.link import CLOSE_TIMEOUT_S, Link, finish, path_of, send_at_once
from voiceband.servers.read_meter import MeteredProtocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Unpack

    from voiceband.servers.options import CallOptions


class MeteredConnection(MeteredProtocol, ServerConnection):
    """One of the library's, which leaves a socket unread whose peer sends too fast, or does not read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        send_at_once(transport)
        super().connection_made(transport)


class _WebSocketsLink(Link):
    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.path = path_of(connection.request.path) if connection.request is not None else ""
        self._one = (connection,)
        self._closing: asyncio.Task[None] | None = None
        self._timeout: asyncio.TimerHandle | None = None

    def send(self, text: str) -> None:
        broadcast(self._one, text)  # the library's way to send without waiting; it skips a connection that is closed

    def backlog(self) -> int:
        return self.connection.transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self.connection.close(code, reason))
            # The library's own limit begins when the peer has taken all that was sent.
            abort = self.connection.transport.abort
            self._timeout = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, abort)

    async def wait_closed(self) -> None:
        try:
            if self._closing is not None:
                await finish(self._closing)
        finally:
            self.connection.transport.close()  # the library leaves it open when it is cancelled while it closes
            if self._timeout is not None and not self.backlog():
                self._timeout.cancel()


@asynccontextmanager
async def accept(connection: ServerConnection, **options: Unpack[CallOptions]) -> AsyncIterator[CallHandle]:
    """Run a call on a connection, within a handler of your own server; see `settings` for that server.

    Parameters
    ----------
    connection : ServerConnection
        As the handler gets it.
    **options
        For `CallHandle`: `api`, `idle_timeout_s`, and what `Session` takes.
    """
    link = _WebSocketsLink(connection)
    call = CallHandle(link, **options)
    if isinstance(connection, MeteredConnection):
        link.use(connection.meter)
    async with running(call, _read(connection, link)):
        yield call


async def _read(connection: ServerConnection, link: Link) -> None:
    latency = 0.0
    try:
        while True:
            link.feed(await connection.recv())
            if connection.latency != latency:  # another ping was answered
                latency = connection.latency
                link.owner.session.round_trip(latency)
            if link.paused:
                await link.resumed()
    except ConnectionClosed as error:
        close = error.rcvd or error.sent
        link.lost(str(error), None if close is None else close.code)
