"""The servers under load, each a process of its own: `python servers.py NAME` says its port and serves until killed.

A constant reply is the least that a library can do: every media message is answered with the same text, unread. This
file runs without voiceband, so that a rival can have an environment of its own.
"""

import asyncio
import importlib
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

MEDIA_SIZE = 320
"""What is shorter is no media message."""
REPLY = json.dumps(
    {
        "event": "playAudio",
        "media": {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": "/" * 213 + "w=="},
    },
    separators=(",", ":"),
)
TALK = os.environ.get("LOAD_AGENT") == "talk"
"""Whether to speak now and then, as `talk.py` does, in place of replies."""
PIECE = REPLY.replace("/" * 213, "/" * 2133)
TURN_S, PIECES, PIECE_S = 5.0, 10, 0.2


def listening(port):
    print(f"listening {port}", flush=True)


def listener():
    return socket.create_server(("127.0.0.1", 0), backlog=256)


async def websockets_with(handle, **settings):
    from websockets.asyncio.server import serve

    settings = {"compression": None, "max_size": 2**20, "ping_interval": 20.0, **settings}
    async with serve(handle, "127.0.0.1", 0, backlog=256, **settings) as server:
        listening(server.sockets[0].getsockname()[1])
        await asyncio.Future()


async def aiohttp_with(handle):
    from aiohttp import web

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=256).start()
    listening(runner.addresses[0][1])
    await asyncio.Future()


async def fastapi_with(endpoint):
    import fastapi
    import uvicorn

    app = fastapi.FastAPI()
    # Not by decorator: the endpoint is made in another scope than its annotations.
    app.add_api_websocket_route("/", endpoint)
    sock = listener()
    listening(sock.getsockname()[1])
    config = uvicorn.Config(
        app, log_config=None, ws_per_message_deflate=False, ws_max_size=2**20, ws_ping_interval=20.0
    )
    await uvicorn.Server(config).serve(sockets=[sock])


async def talking(say):
    """Await `say()` for each piece of a speech, in time, again and again."""
    while True:
        for _ in range(PIECES):
            await say()
            await asyncio.sleep(PIECE_S)
        await asyncio.sleep(TURN_S - PIECES * PIECE_S)


def our_agent():
    return importlib.import_module(os.environ["LOAD_AGENT"]).agent


# ---- constant replies


async def constant_picows():
    import picows

    text, reply = picows.WSMsgType.TEXT, REPLY.encode()

    class Listener(picows.WSListener):
        def on_ws_connected(self, transport):
            async def say():
                transport.send(text, PIECE.encode())

            self.task = asyncio.create_task(talking(say)) if TALK else None

        def on_ws_disconnected(self, _transport):
            if self.task:
                self.task.cancel()

        def on_ws_frame(self, transport, frame):
            if frame.payload_size > MEDIA_SIZE:
                if not TALK:
                    transport.send(text, reply)
            elif frame.msg_type is picows.WSMsgType.CLOSE:
                transport.disconnect()

    server = await picows.ws_create_server(lambda _: Listener(), "127.0.0.1", 0, backlog=256)
    listening(server.sockets[0].getsockname()[1])
    await asyncio.Future()


async def constant_websockets():
    async def handle(connection):
        task = asyncio.create_task(talking(lambda: connection.send(PIECE))) if TALK else None
        async for message in connection:
            if len(message) > MEDIA_SIZE and not TALK:
                await connection.send(REPLY)
        if task:
            task.cancel()

    await websockets_with(handle)


async def constant_aiohttp():
    from aiohttp import web

    async def handle(request):
        response = web.WebSocketResponse(compress=False, heartbeat=20.0)
        await response.prepare(request)
        async for message in response:
            if len(message.data) > MEDIA_SIZE:
                await response.send_str(REPLY)
        return response

    await aiohttp_with(handle)


async def constant_fastapi():
    from fastapi import WebSocket, WebSocketDisconnect

    async def endpoint(websocket: WebSocket):
        await websocket.accept()
        try:
            while True:
                if len(await websocket.receive_text()) > MEDIA_SIZE:
                    await websocket.send_text(REPLY)
        except WebSocketDisconnect:
            pass

    await fastapi_with(endpoint)


# ---- the drivers


async def voiceband_websockets():
    from voiceband.servers.websockets import accept, settings

    agent = our_agent()

    async def handle(connection):
        async with accept(connection) as call:
            await agent(call)

    await websockets_with(handle, **settings())


async def voiceband_aiohttp():
    from voiceband.servers.aiohttp import handler

    agent = our_agent()
    await aiohttp_with(handler(agent))


async def voiceband_fastapi():
    from fastapi import WebSocket

    from voiceband.servers.fastapi import accept

    agent = our_agent()

    async def endpoint(websocket: WebSocket):
        async with accept(websocket) as call:
            await agent(call)

    await fastapi_with(endpoint)


# ---- rivals


async def by_hand():
    """Serve with what somebody who writes it for speed would take, and nothing that a call needs besides."""
    import audioop  # Python 3.13 has it as audioop-lts
    from base64 import b64decode, b64encode

    import msgspec

    class Media(msgspec.Struct):
        payload: str

    class Message(msgspec.Struct):
        event: str
        media: Media | None = None

    decode, encode = msgspec.json.Decoder(Message).decode, msgspec.json.Encoder().encode
    speech = b"\1\2" * round(24_000 * PIECE_S)

    def text_of(pcm):
        payload = b64encode(audioop.lin2ulaw(pcm, 2)).decode()
        media = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": payload}
        return encode({"event": "playAudio", "media": media}).decode()

    async def handle(connection):
        async def say():
            await connection.send(text_of(audioop.ratecv(speech, 2, 1, 24_000, 8000, None)[0]))

        task = asyncio.create_task(talking(say)) if TALK else None
        async for text in connection:
            message = decode(text)
            if message.event == "media":
                heard = audioop.ulaw2lin(b64decode(message.media.payload), 2)
                if not TALK:
                    await connection.send(text_of(heard))
        if task:
            task.cancel()

    await websockets_with(handle)


async def pipecat():
    """Serve with the serializer alone, both ways, without a pipeline."""
    from loguru import logger

    logger.disable("pipecat")
    from pipecat.frames.frames import OutputAudioRawFrame
    from pipecat.serializers.plivo import PlivoFrameSerializer

    async def handle(connection):
        serializer = PlivoFrameSerializer("stream", params=PlivoFrameSerializer.InputParams(auto_hang_up=False))
        await serializer.setup(SimpleNamespace(audio_in_sample_rate=8000))
        async for message in connection:
            frame = await serializer.deserialize(message)
            if frame is not None:
                reply = OutputAudioRawFrame(frame.audio, frame.sample_rate, 1)
                await connection.send(await serializer.serialize(reply))

    await websockets_with(handle)


async def plivo_sdk():
    """Serve with the SDK, which leaves companding to the agent, so that none is done here."""
    from plivo_stream.websockets import PlivoWebsocketStreamingHandler

    async def handle(connection):
        handler = PlivoWebsocketStreamingHandler()

        @handler.on_media
        async def echo(event):
            await handler.send_media(event.get_raw_media())

        await handler.handle(connection)

    await websockets_with(handle)


def agent_transport():
    """Serve with the Rust server and one polling thread of Python, its cheapest way; it sends at its own pace."""
    from agent_transport import AudioStreamEndpoint

    with listener() as sock:
        port = sock.getsockname()[1]
    endpoint = AudioStreamEndpoint(f"127.0.0.1:{port}", "id", "token", 8000, 8000, auto_hangup=False)
    sessions = set()

    def watch():
        while True:
            event = endpoint.wait_for_event(1000)
            if event is not None and event["type"] == "call_answered":
                sessions.add(event["session_id"])
            elif event is not None and event["type"] == "call_terminated":
                sessions.discard(event.get("session_id") or event["session"].session_id)

    threading.Thread(target=watch, daemon=True).start()
    listening(port)
    while True:
        time.sleep(0.02)
        for session in list(sessions):
            try:
                while (heard := endpoint.recv_audio_bytes(session)) is not None:
                    pcm = heard if isinstance(heard, bytes) else heard[0]
                    endpoint.send_audio_bytes(session, pcm, 8000, 1)
            except Exception:  # the call has ended
                sessions.discard(session)


SERVERS = {
    "constant/picows": constant_picows,
    "constant/websockets": constant_websockets,
    "constant/aiohttp": constant_aiohttp,
    "constant/fastapi": constant_fastapi,
    "voiceband/websockets": voiceband_websockets,
    "voiceband/aiohttp": voiceband_aiohttp,
    "voiceband/fastapi": voiceband_fastapi,
    "by hand/websockets": by_hand,
    "pipecat": pipecat,
    "plivo-stream-sdk": plivo_sdk,
    "agent-transport": agent_transport,
}


def main():
    sys.path.insert(0, str(Path(__file__).parent))
    server = SERVERS[sys.argv[1]]
    if not asyncio.iscoroutinefunction(server):
        server()
        return
    try:
        import uvloop
    except ModuleNotFoundError:
        asyncio.run(server())
    else:
        uvloop.run(server())


if __name__ == "__main__":
    main()
