"""A server in a process of its own, whose clock can be put forward, and the good calls that go on beside hostile peers.

`python -m _support.hostile_server DRIVER` says its address, and hurries by so many seconds for each line on its input.
"""

import asyncio
import base64
import json
import logging
import re
import struct
import sys
from pathlib import Path
from time import monotonic

import numpy as np

from voiceband.servers import link

if __name__ == "__main__":
    link.PING_S = 1e6  # before the drivers read it: no peer here answers a ping

from _support.drivers import SERVERS
from _support.messages import media, start
from _support.peers import Peer, frame
from voiceband.session import Audio, Dtmf, Started

FRAME_S = 0.02


class Loop(asyncio.SelectorEventLoop):
    """One that may be ahead of the machine's clock, by which messages come and go."""

    ahead = 0.0

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
        elif isinstance(event, Dtmf):
            await call.interrupt()


async def serve(driver):
    loop = asyncio.get_running_loop()

    def obey():
        for line in sys.stdin:
            loop.call_soon_threadsafe(loop.hurry, float(line))

    async with SERVERS[driver](agent, auth_token="secret", idle_timeout_s=600, lead_ms=None) as url:
        print(url, flush=True)
        await asyncio.to_thread(obey)


async def good_call(url, k, n_frames):
    """Talk for so many frames, in real time; return what was said, what came back, and how late each frame did."""
    codes = np.random.default_rng(k).integers(0, 127, (n_frames, 160), np.uint8)  # 127 is another zero than 255
    peer = await Peer(url).upgrade()
    peer.writer.write(frame(start(stream_id=f"good-{k}", call_id=f"good-{k}")))
    heard = b""
    sent_at, late_s = [], []

    async def listen():
        nonlocal heard
        while len(heard) < codes.size:
            opcode, content = await peer.read()
            assert opcode == 1, (opcode, content)
            message = json.loads(content)
            if message["event"] == "playAudio":
                heard += base64.b64decode(message["media"]["payload"])
                late_s.extend(monotonic() - at for at in sent_at[len(late_s) : len(heard) // 160])

    listening = asyncio.create_task(listen())
    begin = monotonic()
    for i, payload in enumerate(codes):
        sent_at.append(monotonic())
        peer.writer.write(frame(media(i, payload.tobytes(), stream_id=f"good-{k}")))
        await asyncio.sleep(max(0.0, begin + (i + 1) * FRAME_S - monotonic()))
    await listening
    peer.writer.write(frame(struct.pack(">H", 1000), opcode=8))
    await peer.until_closed()
    return codes.tobytes(), heard, late_s


def peak_mb(pid):
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1024


if __name__ == "__main__":
    logging.disable()
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(serve(sys.argv[1]))
