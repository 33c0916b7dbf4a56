"""The drivers behind one face, for tests that hold for each: a server in this event loop, one agent, one address."""

import asyncio
import contextlib
import socket

import fastapi
import uvicorn
from aiohttp import web

from voiceband.servers import aiohttp as aiohttp_driver
from voiceband.servers import fastapi as fastapi_driver
from voiceband.servers import picows as picows_driver
from voiceband.servers import websockets as websockets_driver


@contextlib.asynccontextmanager
async def websockets_server(agent, **options):
    async with await websockets_driver.serve(agent, **options) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"


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
async def fastapi_server(agent, **options):
    app = fastapi.FastAPI()

    @app.websocket("/ws")
    async def endpoint(websocket: fastapi.WebSocket):
        async with fastapi_driver.accept(websocket, **options) as call:
            await agent(call)

    async with uvicorn_server(lambda _: app, **fastapi_driver.UVICORN) as address:
        yield f"ws://{address}/ws"


@contextlib.asynccontextmanager
async def aiohttp_server(agent, **options):
    app = web.Application()
    app.router.add_get("/ws", aiohttp_driver.handler(agent, **options))
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/ws"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def picows_server(agent, **options):
    async with await picows_driver.serve(agent, **options) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"


SERVERS = {
    "websockets": websockets_server,
    "fastapi": fastapi_server,
    "aiohttp": aiohttp_server,
    "picows": picows_server,
}


async def eventually(condition, timeout_s=10.0):
    """Let the loop run until a condition holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)
