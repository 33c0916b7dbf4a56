"""Ten good calls beside ten hostile peers on plain sockets: no good call loses a sample, and memory is bounded."""

import asyncio
import base64
import contextlib
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from _support.drivers import SERVERS
from _support.messages import media, start
from _support.peers import Peer, frame
from voiceband.formats import PLIVO_L16_16K

SERVER = """
import asyncio, logging, sys
sys.path.insert(0, sys.argv[2])
import numpy as np
from voiceband.servers import link
from voiceband.servers import sending

sending.STALL_TIMEOUT_S, link.CLOSE_TIMEOUT_S = 0.5, 1.5
from _support.drivers import SERVERS
from voiceband.formats import PLIVO_L16_16K
from voiceband.session import Audio, Started

logging.disable()

async def agent(call):
    speech = None
    async for event in call:
        if isinstance(event, Started) and event.stream_id == "slow":
            while True:  # more than any socket takes
                await call.play(np.zeros(160_000, np.int16), 16_000)
                await call.interrupt()
                await asyncio.sleep(0.01)
        elif isinstance(event, Audio):
            speech = await call.play(event.samples, 8000, utterance=speech, end=False)

async def main():
    async with SERVERS[sys.argv[1]](agent, auth_token="secret", idle_timeout_s=2.5, lead_ms=None) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


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
    peer.writer.write(frame(start(stream_id="many")) + 10_000 * frame("{}"))
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
    peer.writer.write(frame(start(stream_id="half")) + frame("{}")[:5])
    return await peer.until_closed()


async def slow_reader(url):
    peer = await Peer(url).upgrade()
    peer.writer.transport.pause_reading()
    peer.writer.write(frame(start(PLIVO_L16_16K, "slow")))
    for i in range(50):  # in real time: it goes on to talk, so it is not silent
        peer.writer.write(frame(media(i, bytes(640), stream_id="slow")))
        await asyncio.sleep(0.02)
    peer.writer.transport.resume_reading()
    return await peer.until_closed()  # it reads between the stall's end and the closing's


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
    slow_reader: {1008, 1001},  # 1001 where a busy machine let it be silent for too long first
}
"""And the code that the server closes with."""


async def good_call(url, k, n_frames):
    """Talk for so many frames, in real time; return what was said and what came back."""
    codes = np.random.default_rng(k).integers(0, 127, (n_frames, 160), np.uint8)  # 127 is another zero than 255
    peer = await Peer(url).upgrade()
    peer.writer.write(frame(start(stream_id=f"good-{k}")))
    heard = b""

    async def listen():
        nonlocal heard
        while len(heard) < codes.size:
            opcode, content = await peer.read()
            assert opcode == 1, (opcode, content)
            message = json.loads(content)
            if message["event"] == "playAudio":
                heard += base64.b64decode(message["media"]["payload"])

    listening = asyncio.create_task(listen())
    for i, payload in enumerate(codes):
        peer.writer.write(frame(media(i, payload.tobytes(), stream_id=f"good-{k}")))
        await asyncio.sleep(0.02)
    await listening
    peer.writer.write(frame(struct.pack(">H", 1000), opcode=8))
    await peer.until_closed()
    return codes.tobytes(), heard


def peak_mb(pid):
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1024


@pytest.mark.parametrize("driver", SERVERS)
def test_good_calls_beside_hostile_peers(driver, dose):
    n_frames = dose(60, 200)

    async def scenario(url, pid):
        async with asyncio.timeout(60):
            await good_call(url, 99, 5)  # what the server needs once is there then
            before = peak_mb(pid)
            hostile = [asyncio.create_task(peer(url)) for peer in HOSTILE]
            good = await asyncio.gather(*(good_call(url, k, n_frames) for k in range(10)))
            codes = await asyncio.gather(*hostile)
            return good, dict(zip(HOSTILE, codes, strict=True)), before

    command = [sys.executable, "-c", SERVER, driver, str(Path(__file__).parents[1])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            good, codes, before = asyncio.run(scenario(process.stdout.readline().strip(), process.pid))
            grown = peak_mb(process.pid) - before
            process.stdin.close()
            assert process.wait(20) == 0
        finally:
            process.kill()
    assert len(good) == len(HOSTILE) == 10
    for said, heard in good:
        assert heard == said
    assert [peer.__name__ for peer, code in codes.items() if code not in HOSTILE[peer]] == [], codes
    assert grown < 32
