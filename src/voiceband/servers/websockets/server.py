"""Servers on the `websockets` library: what they are to be given, and one that is complete."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from websockets.asyncio import server as websockets

from voiceband.protocol.limits import MAX_RECEIVED_BYTES
from voiceband.servers.context import run_agent
from voiceband.servers.door import Door, library_door
from voiceband.servers.joining import check_redials
from voiceband.servers.link import CLOSE_TIMEOUT_S, PING_S
from voiceband.servers.options import check_shared, split_options
from voiceband.servers.relay import HEAD_S
from voiceband.servers.server import Server, listening_socket
from voiceband.servers.upgrade import refusal
from voiceband.servers.websockets.connection import MeteredConnection, accept

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Any, Unpack

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

    from voiceband.servers.call import Agent
    from voiceband.servers.options import CallOptions, ServerOptions, UpgradeOptions


def settings(**options: Unpack[UpgradeOptions]) -> dict[str, Any]:
    """Return what `websockets.serve` should be given besides the handler and the address.

    Upgrades are checked when `auth_token` is given, see `voiceband.callbacks.verify_upgrade`. An offered sub-protocol
    is echoed. Compression is refused: it costs several times the work of a message. A message over 1 MiB ends its call.
    A plain GET is answered with 200, for health checks; so are HEAD, OPTIONS and HTTP/1.0 from websockets 17 on.
    """
    check_shared(cast("ServerOptions", options))  # bad settings are refused before any call comes

    def process_request(connection: ServerConnection, request: Request) -> Response | None:
        if "websocket" not in map(str.lower, request.headers.get_all("Upgrade")):
            return connection.respond(HTTPStatus.OK, "ok\n")
        host = (request.headers.get_all("Host") or [""])[0]
        refused = refusal(f"ws://{host}{request.path}", request.headers, connection.remote_address, **options)
        return None if refused is None else connection.respond(HTTPStatus(refused.status), f"{refused.reason}\n")

    def select_subprotocol(_connection: ServerConnection, offered: Sequence[Any]) -> Any:
        return offered[0] if offered else None

    return {
        "process_request": process_request,
        "select_subprotocol": select_subprotocol,
        "create_connection": MeteredConnection,
        "compression": None,
        "max_size": MAX_RECEIVED_BYTES,
        "open_timeout": HEAD_S,
        "ping_interval": PING_S,
        "ping_timeout": PING_S,
        "close_timeout": CLOSE_TIMEOUT_S,
    }


def handler(
    agent: Agent, *, tasks: set[asyncio.Task[object]] | None = None, **options: Unpack[CallOptions]
) -> Callable[[ServerConnection], Awaitable[None]]:
    """Return what ``websockets.serve(handler(agent), host, port, **settings())`` runs `agent(call)` with.

    Parameters
    ----------
    agent : coroutine function
        Runs for every call. An exception of it ends its call and goes to the server's log; other calls go on.
    tasks : set of Task, optional
        Holds the running calls, each of which ends when it is cancelled.
    **options
        As for `accept`; bad ones are refused here.
    """
    check_shared(cast("ServerOptions", options))

    async def handle(connection: ServerConnection) -> None:
        await run_agent(agent, accept(connection, **options), tasks)

    return handle


async def serve(
    agent: Agent,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    sock: socket.socket | None = None,
    **options: Unpack[ServerOptions],
) -> Server:
    """Start a server that runs `agent(call)` for every call, and return it.

    The options are those of `settings` and `handler`. With `sock`, a bound socket, `host` and `port` are not used.
    """
    redials = options["redials"] = check_redials(options.get("redials"))
    upgrade, call = split_options(options)
    calls: set[asyncio.Task[object]] = set()
    run, how = handler(agent, tasks=calls, **call), settings(**upgrade)
    listening = listening_socket(host, port, sock)
    door = Door(listening)

    async def make() -> websockets.Server:
        return await websockets.serve(run, sock=listening, **how)

    server = library_door(door, make())
    await door.open()

    async def close() -> None:
        server.close()
        await server.wait_closed()

    return Server(door.sockets, calls, door.close, close, redials)
