"""Hostile peers on plain sockets: what they send, and the code that the server closes with."""

import asyncio
import contextlib
import json
import os

import numpy as np

from _support.messages import media, start
from _support.peers import Peer, frame
from voiceband.formats import PLIVO_L16_16K


async def malformed_upgrade(url):
    peer = await Peer(url).dial()
    peer.writer.write(b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: \xff\xfe\r\n: :\r\n\r\n\0\0\0")
    await peer.until_gone()


async def endless_header(url):
    peer = await Peer(url).dial()
    with contextlib.suppress(ConnectionError):
        for _ in range(200):
            peer.writer.write(b"X-Header: " + b"x" * 2**16)
            await peer.writer.drain()
    await peer.until_gone()


async def wrong_signature(url):
    peer = await Peer(url).upgrade(token="guessed")
    peer.writer.close()


async def garbage(url):
    peer = await Peer(url).upgrade()
    rng = np.random.default_rng(1)
    for n in rng.integers(0, 2000, 300):
        peer.writer.write(frame("".join(map(chr, rng.integers(32, 1000, n))).encode()))
        peer.writer.write(frame(json.dumps({"event": "media", "media": {"payload": "*" * int(n)}})))
    return await peer.until_closed()


async def binary(url):
    peer = await Peer(url).upgrade()
    for n in range(2000):
        peer.writer.write(frame(os.urandom(n), opcode=2))
    return await peer.until_closed()


async def large(url):
    peer = await Peer(url).upgrade()
    with contextlib.suppress(ConnectionError):
        peer.writer.write(frame(b"x" * 10_000_000))
        await peer.writer.drain()
    return await peer.until_closed()


async def many(url):
    peer = await Peer(url).upgrade()
    peer.writer.write(frame(start(stream_id="many", call_id="many")) + 10_000 * frame("{}"))
    return await peer.until_closed()


async def fragments(url):
    peer = await Peer(url).upgrade()
    with contextlib.suppress(ConnectionError):
        peer.writer.write(frame("x" * 1000, fin=False))
        for _ in range(10_000):
            peer.writer.write(frame("x" * 1000, opcode=0, fin=False))
            await peer.writer.drain()
    return await peer.until_closed()


async def half_open(url):
    peer = await Peer(url).upgrade()
    peer.writer.write(frame(start(stream_id="half", call_id="half")) + frame("{}")[:5])
    return await peer.until_closed()


async def slow_reader(url, stalled=None):
    """Read nothing for a second, or until an event says that the server has had enough; then read the rest."""
    peer = await Peer(url).upgrade()
    peer.writer.transport.pause_reading()
    peer.writer.write(frame(start(PLIVO_L16_16K, "slow", call_id="slow")))
    for i in range(50):  # in real time: it goes on to talk, so it is not silent
        peer.writer.write(frame(media(i, bytes(640), stream_id="slow")))
        await asyncio.sleep(0.02)
    if stalled is not None:
        await stalled.wait()
    peer.writer.transport.resume_reading()
    return await peer.until_closed()


HOSTILE = {
    malformed_upgrade: {None},
    endless_header: {None},
    wrong_signature: {None},
    garbage: {1001},  # for the silence after it
    binary: {1001},
    large: {1009, None},  # None where the rest of it was on its way, and the connection was reset
    many: {1001},
    fragments: {1009, None},
    half_open: {1001},
    slow_reader: {1008},
}
"""And the code that the server closes with."""
