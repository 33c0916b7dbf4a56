"""Hostile peers on plain sockets: what they send, and the code that the server closes with."""

import asyncio
import contextlib
import json
import os
import struct

import numpy as np

from _support.dose import dose
from _support.messages import media, played, start
from _support.peers import Peer, frame
from voiceband.formats import PLIVO_L16_16K

N_CONNECTS = dose(200, 10_000)


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
    for n in rng.integers(0, 2000, dose(100, 300)):
        peer.writer.write(frame("".join(map(chr, rng.integers(32, 1000, n))).encode()))
        peer.writer.write(frame(json.dumps({"event": "media", "media": {"payload": "*" * int(n)}})))
    return await peer.until_closed()


async def binary(url):
    peer = await Peer(url).upgrade()
    for n in range(0, 2000, dose(5, 1)):
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


async def slowloris(url):
    """Send a request byte by byte, on 20 connections, and never its end."""
    peers = [await Peer(url).dial() for _ in range(20)]
    for byte in peers[0].request()[:60]:
        for peer in peers:
            peer.writer.write(bytes([byte]))
        await asyncio.sleep(0.02)
    for peer in peers:
        peer.writer.close()


async def connects(url, n=N_CONNECTS, at_once=100):
    """Connect, and say nothing."""
    for _ in range(0, n, at_once):
        peers = [await Peer(url).dial() for _ in range(at_once)]
        await asyncio.sleep(0)
        for peer in peers:
            peer.writer.transport.abort()


async def silent_connects(url, n=200):
    """Connect, say half of a request, and wait."""
    peers = [await Peer(url).dial() for _ in range(n)]
    for peer in peers[::2]:
        peer.writer.write(b"GET /ws HTTP/1.1\r\nHost:")
    for peer in peers:
        await peer.until_gone()


async def tiny_fragments(url):
    peer = await Peer(url).upgrade()
    with contextlib.suppress(ConnectionError):
        peer.writer.write(frame("x", fin=False))
        for _ in range(40):
            peer.writer.write(1000 * frame("x", opcode=0, fin=False))
            await peer.writer.drain()
    return await peer.until_closed()


async def compressed(url):
    """Send a frame that says it is compressed, which was refused."""
    peer = await Peer(url).upgrade()
    sent = bytearray(frame(start(stream_id="compressed")))
    sent[0] |= 0x40
    peer.writer.write(bytes(sent))
    return await peer.until_closed()


async def unmasked(url):
    peer = await Peer(url).upgrade()
    peer.writer.write(frame(start(stream_id="unmasked"), masked=False))
    return await peer.until_closed()


async def no_utf8(url):
    peer = await Peer(url).upgrade()
    for _ in range(100):
        peer.writer.write(frame(b'{"event":"\xff\xfe\xc3\x28"}'))
    return await peer.until_closed()


async def close_storm(url):
    """Open and close, with codes that may not be sent too, and go on after the close frame."""
    with contextlib.suppress(ConnectionError, EOFError):  # on a slow machine the clock is put forward meanwhile
        for k in range(30):
            peer = await Peer(url).upgrade()
            code = (1000, 1001, 1005, 1006, 999, 5000, 65535)[k % 7]
            peer.writer.write(20 * frame(struct.pack(">H", code), opcode=8))
            if k % 2:
                peer.writer.transport.abort()
            else:
                await peer.until_closed()


async def hundredfold(url):
    """Talk a hundred times as fast as anybody can, for as long as it is let."""
    peer = await Peer(url).upgrade()
    peer.writer.write(frame(start(stream_id="fast", call_id="fast")))
    peer.writer.transport.pause_reading()
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(2):
            for i in range(0, 10_000, 100):
                peer.writer.write(b"".join(frame(media(k, stream_id="fast")) for k in range(i, i + 100)))
                await peer.writer.drain()
    peer.writer.transport.abort()


async def bad_then_good(url):
    """Send 1,000 messages that make no sense, and then talk as anybody does."""
    peer = await Peer(url).upgrade()
    peer.writer.write(frame(start(stream_id="odd", call_id="odd")) + 1000 * frame("{"))
    peer.writer.write(frame(media(0, stream_id="odd")))
    while (await peer.read())[0] != 1:
        pass
    peer.writer.write(frame(struct.pack(">H", 1000), opcode=8))
    return await peer.until_closed()


async def keys(url):
    """Press keys, each of which interrupts the agent, as often as is not a flood yet."""
    peer = await Peer(url).upgrade()
    peer.writer.write(frame(start(stream_id="keys", call_id="keys")))
    reading = asyncio.create_task(peer.until_closed())
    key = json.dumps({"event": "dtmf", "dtmf": {"digit": "1234567890" * 20}})
    with contextlib.suppress(ConnectionError):
        for i in range(20):
            peer.writer.write(frame(media(i, stream_id="keys")) + 15 * frame(key))
            await asyncio.sleep(0.1)
        peer.writer.write(frame(struct.pack(">H", 1000), opcode=8))
    return await reading


def flood(kind):
    """Return a peer that sends 2000 messages of a kind at once, and again while it is let."""

    async def flooding(url):
        blocks = [b"".join(frame(FLOODS[kind](i + k)) for k in range(100)) for i in range(0, 2000, 100)]
        peer = await Peer(url).upgrade()
        peer.writer.write(frame(start(stream_id=kind, call_id=kind)))
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(3):
                for i in range(1000):
                    peer.writer.write(blocks[i % len(blocks)])
                    await peer.writer.drain()
        peer.writer.transport.abort()

    flooding.__name__ = f"flood_of_{kind}"
    return flooding


FLOODS = {
    "malformed": lambda i: "{",
    "unknown": lambda i: '{"event":"surprise"}',
    "start": lambda i: start(stream_id=f"s-{i}"),
    "acknowledged": lambda i: played("none"),
    "dtmf": lambda i: json.dumps({"event": "dtmf", "dtmf": {"digit": "1"}}),
    "empty": lambda i: "",
}

HOSTILE = {
    malformed_upgrade: {None},
    endless_header: {None},
    wrong_signature: {None},
    garbage: {1001},  # for the silence after it
    binary: {1001, 1008},  # 1008 where a slow machine reads them for more than five seconds
    large: {1009, None},  # None where the rest of it was on its way, and the connection was reset
    many: {1001, 1008},  # 1008 where the clock was put forward only after some seconds
    fragments: {1009, None},
    half_open: {1001},
    slow_reader: {1001, 1008, None},  # None where it was cut before it had read all, 1001 where it was silent longer
    slowloris: {None},
    connects: {None},
    silent_connects: {None},
    tiny_fragments: {1009, None},
    compressed: {1002, None},
    unmasked: {1001, 1002, None},  # aiohttp takes them
    no_utf8: {1001, 1007, None},
    close_storm: {None},
    hundredfold: {None},
    bad_then_good: {1000},
    keys: {1000, 1001},  # 1001 where the clock was put forward before all was read
    **{flood(kind): {None} for kind in FLOODS},
}
"""And the code that the server closes with."""

HEARD_OUT = {fragments, tiny_fragments, bad_then_good}
"""What a server reads a second or more of before it is over."""
