"""Ten good calls beside ten hostile peers on plain sockets: no good call loses a sample, and memory is bounded."""

import asyncio
import base64
import json
import re
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from _support.dose import SANITIZED
from _support.drivers import SERVERS
from _support.hostile import HOSTILE, slow_reader
from _support.messages import media, start
from _support.peers import Peer, frame
from _support.programs import begin
from voiceband.servers.sending import STALL_TIMEOUT_S

SERVER = """
import asyncio, logging, sys
import numpy as np
from voiceband.servers import link

link.PING_S = 1e6  # no peer here answers a ping

from _support.drivers import SERVERS
from voiceband.session import Audio, Started

logging.disable()

class Loop(asyncio.SelectorEventLoop):
    ahead = 0.0  # of the machine's clock, by which messages come and go

    def time(self):
        return super().time() + self.ahead

    virtual_time = time

    def hurry(self, seconds):
        self.ahead += seconds

async def agent(call):
    async for event in call:
        if isinstance(event, Started) and event.stream_id == "slow":
            while True:  # more than any socket takes
                await call.play(np.zeros(160_000, np.int16), 16_000)
                await call.interrupt()
                await asyncio.sleep(0.01)
        elif isinstance(event, Audio):
            await call.play(event.samples, 8000)

def obey(loop):
    for line in sys.stdin:
        loop.call_soon_threadsafe(loop.hurry, float(line))

async def main():
    async with SERVERS[sys.argv[1]](agent, auth_token="secret", idle_timeout_s=600, lead_ms=None) as url:
        print(url, flush=True)
        await asyncio.to_thread(obey, asyncio.get_running_loop())

with asyncio.Runner(loop_factory=Loop) as runner:
    runner.run(main())
"""
"""What is to come after some silence comes as soon as the test says on its input that so many seconds have passed."""


async def good_call(url, k, n_frames):
    """Talk for so many frames, in real time; return what was said and what came back."""
    codes = np.random.default_rng(k).integers(0, 127, (n_frames, 160), np.uint8)  # 127 is another zero than 255
    peer = await Peer(url).upgrade()
    peer.writer.write(frame(start(stream_id=f"good-{k}", call_id=f"good-{k}")))
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


async def beside_hostile(process, n_frames):
    """Return what the good calls said and heard, how the hostile ones ended, and the memory before them."""

    def pass_time(seconds):
        process.stdin.write(f"{seconds}\n")
        process.stdin.flush()

    url = process.stdout.readline().strip()
    await good_call(url, 99, 5)  # what the server needs once is there then
    before = peak_mb(process.pid)
    stalled = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(slow_reader(url, stalled))
        hostile = {peer: group.create_task(peer(url)) for peer in HOSTILE if peer is not slow_reader}
        calls = [group.create_task(good_call(url, k, n_frames)) for k in range(10)]
        good = await asyncio.gather(*calls)
        pass_time(STALL_TIMEOUT_S + 1)
        await asyncio.sleep(0.2)
        stalled.set()
        hostile[slow_reader] = slow
        await slow
        while not all(task.done() for task in hostile.values()):  # a busy machine may not have sent all of it yet
            pass_time(601)
            await asyncio.sleep(0.1)
    return good, {peer: task.result() for peer, task in hostile.items()}, before


@pytest.mark.parametrize("driver", SERVERS)
def test_good_calls_beside_hostile_peers(driver, dose):
    with begin("-c", SERVER, driver, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            good, codes, before = asyncio.run(asyncio.wait_for(beside_hostile(process, dose(60, 200)), 300))
            grown = peak_mb(process.pid) - before
            process.stdin.close()
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert len(good) == len(codes) == len(HOSTILE) == 10
    for said, heard in good:
        assert heard == said
    assert [peer.__name__ for peer, code in codes.items() if code not in HOSTILE[peer]] == [], codes
    assert SANITIZED or grown < 32  # the sanitizer keeps what was freed
