"""Servers built with plivo-stream-sdk, on FastAPI and on websockets."""

import asyncio
import contextlib

import pytest

pytest.importorskip("plivo_stream", reason="needs plivo-stream-sdk: make test-interop runs it")

import fastapi
import plivo_stream
import websockets

from _support.asgi import agent_address
from _support.likeness import likeness, voice
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K


@contextlib.asynccontextmanager
async def on_fastapi(agent):
    app = fastapi.FastAPI()

    @app.websocket("/ws")
    async def endpoint(websocket: fastapi.WebSocket):
        handler = plivo_stream.PlivoFastAPIStreamingHandler(websocket)
        agent(handler)

        @handler.on_error
        async def give_up(_error):
            # Once a send has failed, `start` goes round for ever in a receive that fails, and blocks the event loop.
            await handler.stop()

        await handler.start()

    async with agent_address(app) as address:
        yield address


@contextlib.asynccontextmanager
async def on_websockets(agent):
    async def connected(websocket):
        handler = plivo_stream.PlivoWebsocketStreamingHandler()
        agent(handler)
        await handler.handle(websocket)

    async with websockets.serve(connected, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


servers = pytest.mark.parametrize("server", [on_fastapi, on_websockets])


def echo(wire=None):
    """The SDK's own example: what comes is sent back, in the format that `send_media` assumes, or in another."""
    options = {} if wire is None else {"content_type": wire.encoding.value, "sample_rate": wire.sample_rate}

    def agent(handler):
        @handler.on_media
        async def back(event):
            await handler.send_media(event.get_raw_media(), **options)

    return agent


def speaker(wire, pcm, played):
    """Says something as a whole, and asks to hear when it has been played."""

    def agent(handler):
        @handler.on_start
        async def say(event):
            await handler.send_media(wire.encode(pcm), content_type=wire.encoding.value, sample_rate=wire.sample_rate)
            await handler.send_checkpoint("said")

        @handler.on_played_stream
        async def heard(event):
            played.append(event.name)
            await handler.stop()

    return agent


@servers
@pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_8K, PLIVO_L16_16K], ids=str)
def test_an_echo_is_what_was_said(server, wire, place):
    said = voice(1.2, wire.sample_rate)

    async def scenario():
        async with server(echo(wire)) as address:
            return await place(address, wire, said)

    call, findings = asyncio.run(scenario())
    assert findings == []
    assert likeness(call.recording(call.ended_at)[1], wire.decode(wire.encode(said))) >= 0.99


@servers
@pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_16K], ids=str)
def test_speech_is_heard_and_its_checkpoint_answered(server, wire, place):
    meant, played = voice(1.2, wire.sample_rate, seed=2), []

    async def scenario():
        async with server(speaker(wire, meant, played)) as address:
            return await place(address, wire, seconds=6)

    call, findings = asyncio.run(scenario())
    assert findings == []
    assert played == ["said"]
    assert call.ended_at - call.started_at < 4  # the agent closed the stream
    assert likeness(call.recording(call.ended_at)[1], wire.decode(wire.encode(meant))) >= 0.99


@servers
def test_send_media_says_mulaw_whatever_the_stream_is(server, place):
    """`send_media` does not know the stream's format: without arguments it calls L16 mu-law at 8000 Hz."""

    async def scenario():
        async with server(echo()) as address:
            return await place(address, PLIVO_L16_16K, voice(1.2, 16_000), seconds=6, profile="documented")

    call, findings = asyncio.run(scenario())
    assert [finding.rule for finding in findings] == ["wrong-format"]
    assert call.player.runs == []
