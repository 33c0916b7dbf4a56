"""Endpoints for ASGI applications, what uvicorn is to run them with, and a server that needs no application."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from voiceband.protocol.limits import MAX_RECEIVED_BYTES
from voiceband.servers.context import run_agent
from voiceband.servers.door import Door, library_door
from voiceband.servers.fastapi.connection import accept
from voiceband.servers.joining import check_redials
from voiceband.servers.link import PING_S
from voiceband.servers.options import check_shared
from voiceband.servers.server import Server, listening_socket

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Iterator
    from typing import Any, Unpack

    from starlette.requests import Request

    from voiceband.servers.call import Agent
    from voiceband.servers.options import ServerOptions


def settings() -> dict[str, Any]:
    """Return what uvicorn should be given besides the application: ``uvicorn.run(app, **settings())``.

    An application can neither refuse compression, which costs several times the work of a message, nor bound a message,
    nor the time that a request takes to come, nor ping, nor cut a peer that takes nothing.
    """
    return {
        "http": "voiceband.servers.fastapi.uvicorn:http",
        "ws": "voiceband.servers.fastapi.uvicorn:Protocol",
        "ws_per_message_deflate": False,
        "ws_max_size": MAX_RECEIVED_BYTES,
        "ws_ping_interval": PING_S,
        "ws_ping_timeout": PING_S,
    }


def handler(
    agent: Agent, *, tasks: set[asyncio.Task[object]] | None = None, **options: Unpack[ServerOptions]
) -> Callable[[WebSocket], Awaitable[None]]:
    """Return an endpoint that runs `agent(call)` for every call.

    It is for ``app.add_api_websocket_route("/ws", handler(agent))`` in FastAPI, and for
    ``WebSocketRoute("/ws", handler(agent))`` in Starlette.

    Parameters
    ----------
    agent : coroutine function
        Runs for every call. An exception of it ends its call and goes to the server's log; other calls go on.
    tasks : set of Task, optional
        Holds the running calls, each of which ends when it is cancelled.
    **options
        As for `accept`; bad ones are refused here.
    """
    check_shared(options)

    async def handle(websocket: WebSocket) -> None:
        await run_agent(agent, accept(websocket, **options), tasks)

    return handle


async def serve(
    agent: Agent,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    sock: socket.socket | None = None,
    **options: Unpack[ServerOptions],
) -> Server:
    """Start a uvicorn that runs `agent(call)` for every call, and return the server.

    The options are those of `handler`. With `sock`, a bound socket, `host` and `port` are not used. A plain GET is
    answered with 200, for health checks.
    """
    import uvicorn

    class Uvicorn(uvicorn.Server):
        """One that leaves signals to the program that it is a part of."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            library_door(door, super().startup(sockets))
            await door.open()
            up.set()

    async def run(websocket: WebSocket) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # by `Server.shut_down`; uvicorn would log an error of it
            await handle(websocket)

    def healthy(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    up = asyncio.Event()
    calls: set[asyncio.Task[object]] = set()
    redials = options["redials"] = check_redials(options.get("redials"))
    handle = handler(agent, tasks=calls, **options)
    routes = [
        WebSocketRoute("/{path:path}", run),
        Route("/{path:path}", healthy, methods=["GET", "OPTIONS"]),
    ]
    config = uvicorn.Config(Starlette(routes=routes), lifespan="off", log_config=None, access_log=False, **settings())
    server = Uvicorn(config)
    listening = listening_socket(host, port, sock)
    door = Door(listening)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    await asyncio.wait({running, asyncio.create_task(up.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        await running

    async def close() -> None:
        server.should_exit = True
        await running

    return Server(door.sockets, calls, door.close, close, redials)
