"""Handlers for aiohttp applications, and a server that needs none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from voiceband.servers.aiohttp.connection import accept
from voiceband.servers.context import run_agent
from voiceband.servers.door import Door
from voiceband.servers.joining import check_redials
from voiceband.servers.options import check_shared
from voiceband.servers.relay import HEAD_S, AwaitsRequest
from voiceband.servers.server import Server, listening_socket

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Awaitable, Callable
    from typing import Unpack

    from voiceband.servers.call import Agent
    from voiceband.servers.options import ServerOptions


def handler(
    agent: Agent, *, tasks: set[asyncio.Task[object]] | None = None, **options: Unpack[ServerOptions]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return a handler that runs `agent(call)` for every call, as for ``app.router.add_get("/ws", handler(agent))``.

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

    async def handle(request: web.Request) -> web.StreamResponse:
        call = await run_agent(agent, accept(request, **options), tasks)
        response: web.WebSocketResponse = call.link.response  # type: ignore[attr-defined]
        return response

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

    The options are those of `handler`. With `sock`, a bound socket, `host` and `port` are not used. A plain GET,
    HEAD or OPTIONS is answered with 200, for health checks.
    """
    calls: set[asyncio.Task[object]] = set()
    redials = options["redials"] = check_redials(options.get("redials"))
    run = handler(agent, tasks=calls, **options)

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(text="ok\n")
        return await run(request)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    app.router.add_options("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=HEAD_S, lingering_time=0)
    await runner.setup()
    listening = listening_socket(host, port, sock)
    protocol = runner.server
    assert protocol is not None
    door = Door(listening)
    door.make_protocol = lambda: AwaitsRequest(protocol())
    await door.open()
    return Server(door.sockets, calls, door.close, runner.cleanup, redials)
