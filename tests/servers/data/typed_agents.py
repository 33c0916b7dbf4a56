# Checked by type checkers, never run: a line that ends in "wrong" must be refused, every other one accepted.
from typing import assert_type

import numpy as np
import picows
import uvicorn
import websockets
from aiohttp import web
from fastapi import FastAPI, WebSocket

from voiceband.api import AsyncPlivoClient
from voiceband.servers import CallHandle, Outcome, Server, Speech
from voiceband.servers import aiohttp as on_aiohttp
from voiceband.servers import fastapi as on_fastapi
from voiceband.servers import picows as on_picows
from voiceband.servers import websockets as on_websockets
from voiceband.session import Audio, Session


async def agent(call: CallHandle) -> None:
    async for event in call:
        if isinstance(event, Audio):
            speech = await call.play(event.samples, 16000, end=True)
            assert_type(speech, Speech)
            assert_type(await speech, Outcome)
            await call.play(b"\0\0", "fast")  # wrong
            await call.say("hello")  # wrong


async def takes_a_socket(socket: WebSocket) -> None: ...


def plain(call: CallHandle) -> None: ...


async def fastapi_endpoint(websocket: WebSocket) -> None:
    async with on_fastapi.accept(websocket, rate=16000, dtype="float32", auth_token="t", session=None) as call:
        assert_type(call, CallHandle)
    on_fastapi.accept(websocket, ratee=16000)  # wrong
    on_fastapi.accept(websocket, rate="16000")  # wrong
    on_fastapi.accept(websocket, dtype="int8")  # wrong
    on_fastapi.accept(websocket, idle_timeout="60")  # wrong
    on_fastapi.accept(websocket, session=Session(), api=AsyncPlivoClient("MA", "t"), idle_timeout_s=None)


async def websockets_handler(connection: websockets.ServerConnection) -> None:
    async with on_websockets.accept(connection, denoise=85, lead_ms=None) as call:
        assert_type(call, CallHandle)
    on_websockets.accept(connection, auth_token="t")  # wrong


async def aiohttp_handler(request: web.Request) -> None:
    async with on_aiohttp.accept(request, buffer="jitter", public_base_url=None) as call:
        assert_type(call, CallHandle)
    on_aiohttp.accept(request, buffer="jitters")  # wrong


async def servers() -> None:
    assert_type(await on_websockets.serve(agent, "0.0.0.0", 8080, rate=8000, auth_token=["a", "b"]), Server)
    assert_type(await on_fastapi.serve(agent, port=8080, idle_timeout_s=30), Server)
    assert_type(await on_aiohttp.serve(agent, tracks=("inbound", "outbound")), Server)
    assert_type(await on_picows.serve(agent, gain_in_db=3.0), Server)
    await on_picows.serve(plain)  # wrong
    await on_picows.serve(agent, gain="loud")  # wrong
    await on_websockets.serve(takes_a_socket)  # wrong
    await websockets.serve(on_websockets.handler(agent, rate=16000), "0.0.0.0", 1, **on_websockets.settings())
    await picows.ws_create_server(on_picows.handler(agent), "0.0.0.0", 1, **on_picows.settings())
    on_websockets.settings(rate=16000)  # wrong
    web.Application().router.add_get("/", on_aiohttp.handler(agent, rate=np.int64(8000).item()))
    app = FastAPI()
    app.add_api_websocket_route("/", on_fastapi.handler(agent, denoise=None))
    uvicorn.run(app, **on_fastapi.settings())
