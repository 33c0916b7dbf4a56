"""Calls on the `websockets` library: `serve` an agent, or `accept` calls in a server of your own."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

try:
    from websockets.asyncio.server import Server, ServerConnection, broadcast
    from websockets.asyncio.server import serve as _serve
    from websockets.exceptions import ConnectionClosed
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"this driver needs {_error.name}; pip install 'voiceband[websockets]' brings it", name=_error.name
    ) from None

from voiceband.servers.call import CallHandle
from voiceband.servers.context import running, split_options
from voiceband.servers.link import CLOSE_TIMEOUT_S, MAX_MESSAGE_BYTES, PING_S, Link, finish
from voiceband.servers.upgrade import REASONS, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from typing import Any

    from websockets.http11 import Request, Response

    from voiceband.callbacks import NonceCache

    Agent = Callable[[CallHandle], Awaitable[object]]

__all__ = ["CallHandle", "accept", "serve", "settings"]


class _Link(Link):
    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
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
            if self._timeout is not None and not self.backlog():
                self._timeout.cancel()


@asynccontextmanager
async def accept(connection: ServerConnection, **options: Any) -> AsyncIterator[CallHandle]:
    """Run a call on a connection, within a handler of your own server; see `settings` for that server.

    Parameters
    ----------
    connection : ServerConnection
        As the handler gets it.
    **options
        For `CallHandle`: `api`, `idle_timeout_s`, and what `Session` takes.
    """
    call = CallHandle(_Link(connection), **options)
    async with running(call, _read(connection, call)):
        yield call


async def _read(connection: ServerConnection, call: CallHandle) -> None:
    latency = 0.0
    try:
        while True:
            call.feed(await connection.recv())
            if connection.latency != latency:  # another ping was answered
                latency = connection.latency
                call.session.round_trip(latency)
            if call.link.paused:
                await call.link.resumed()
    except ConnectionClosed as error:
        call.lost(str(error))


def settings(
    auth_token: Any = None, *, public_base_url: str | None = None, nonces: NonceCache | None = None
) -> dict[str, Any]:
    """Return what `websockets.serve` should be given besides the handler and the address.

    Upgrades are checked when `auth_token` is given, see `voiceband.callbacks.verify_upgrade`. An offered sub-protocol
    is echoed. Compression is refused: it costs several times the work of a message. A message over 1 MiB ends its call.
    """
    refusal("/", {}, auth_token, public_base_url=public_base_url)  # bad settings are refused before any call comes

    def process_request(connection: ServerConnection, request: Request) -> Response | None:
        host = (request.headers.get_all("Host") or [""])[0]
        url = f"ws://{host}{request.path}"
        status = refusal(url, request.headers, auth_token, public_base_url=public_base_url, nonces=nonces)
        return None if status is None else connection.respond(HTTPStatus(status), REASONS[status] + "\n")

    def select_subprotocol(_connection: ServerConnection, offered: Sequence[Any]) -> Any:
        return offered[0] if offered else None

    return {
        "process_request": process_request,
        "select_subprotocol": select_subprotocol,
        "compression": None,
        "max_size": MAX_MESSAGE_BYTES,
        "ping_interval": PING_S,
        "ping_timeout": PING_S,
        "close_timeout": CLOSE_TIMEOUT_S,
    }


async def serve(agent: Agent, host: str = "127.0.0.1", port: int = 0, **options: Any) -> Server:
    """Start a server that runs `agent(call)` for every call, and return it.

    The options are those of `settings` and `accept`; bad ones are refused here. An exception of the agent ends its call
    and goes to the server's log; other calls go on.
    """
    upgrade, options = split_options(options)

    async def handle(connection: ServerConnection) -> None:
        async with accept(connection, **options) as call:
            await agent(call)

    return await _serve(handle, host, port, **settings(**upgrade))
