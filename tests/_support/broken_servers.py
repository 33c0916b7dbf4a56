"""Agents on real sockets that go wrong in one way each, for the tests of the commands and the pytest plugin."""

import asyncio
import contextlib
import json
import socket

from websockets.asyncio.server import serve

from _support.threaded import Threaded


async def silent(ws):
    async for _ in ws:
        pass


async def crashes(ws):
    await ws.recv()
    raise ZeroDivisionError


async def breaks_off(ws):
    await ws.recv()
    ws.transport.abort()


async def never_reads(ws):
    ws.transport.pause_reading()
    try:
        await asyncio.sleep(3600)
    finally:
        ws.transport.abort()


async def sends_a_megabyte(ws):
    await ws.send("x" * (2**20 + 1))
    await ws.wait_closed()


async def breaks_the_protocol(ws):
    ws.transport.write(b"\xff\x00")  # a reserved opcode, and reserved bits
    await ws.wait_closed()


async def speaks_media(ws):
    """Send what the carrier sends: the first mistake of many."""
    start = json.loads(await ws.recv())["start"]
    for _ in range(5):
        media = {"payload": "f39/f39/" * 40}
        await ws.send(json.dumps({"event": "media", "streamId": start["streamId"], "media": media}))
    await silent(ws)


async def clears_nothing_by_name(ws):
    """Send a clear without a streamId: official programs do, the reference requires one."""
    await ws.recv()
    await ws.send('{"event":"clearAudio"}')
    await silent(ws)


def served(handler, **options):
    """Serve a handler of `websockets` in a thread."""

    @contextlib.asynccontextmanager
    async def serving():
        # Without its context, which would wait for handlers that never end; asyncio.run cancels those.
        server = await serve(handler, "127.0.0.1", 0, close_timeout=0.1, **options)
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 0.5)

    return Threaded(serving)


@contextlib.contextmanager
def deaf_port():
    """Give a port that accepts connections, and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]
