"""Ten good calls beside ten hostile peers on plain sockets: no good call loses a sample, and memory is bounded."""

import asyncio
import base64
import json
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from _support.drivers import SERVERS
from _support.hostile import HOSTILE
from _support.messages import media, start
from _support.peers import Peer, frame

SERVER = """
import asyncio, logging, sys
sys.path.insert(0, sys.argv[2])
import numpy as np
from voiceband.servers import link
from voiceband.servers import sending

sending.STALL_TIMEOUT_S, link.CLOSE_TIMEOUT_S = 0.5, 1.5
from _support.drivers import SERVERS
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
