"""An ASGI application on a socket, in this event loop."""

import asyncio
import contextlib
import socket

import uvicorn


@contextlib.asynccontextmanager
async def uvicorn_server(make_app, **settings):
    """Yield the address, without a scheme, of an ASGI application that is made for it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:  # connections wait in it until the server is up
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(make_app(address), log_config=None, timeout_graceful_shutdown=5, **settings)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield address
        finally:
            server.should_exit = True
            await running


@contextlib.asynccontextmanager
async def agent_address(app):
    """Yield where an application answers WebSockets."""
    async with uvicorn_server(lambda _: app) as address:
        yield f"ws://{address}/ws"
