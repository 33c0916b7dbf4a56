"""What happens to machines: a worker that is killed or stopped, a disk that is full, and very many calls."""

import asyncio
import base64
import gc
import json
import os
import signal
import sys
from pathlib import Path
from time import monotonic

import pytest
from websockets.asyncio.client import connect

from _support.dose import SANITIZED
from _support.drivers import SERVERS
from _support.messages import SILENCE, media, start
from _support.peers import Peer, frame
from _support.programs import python
from _support.served import KEY, WAIT_S, echo, serving
from voiceband.session import Audio, Session

AGENT = """
import numpy as np
from voiceband.session import Audio, Dtmf

async def agent(call):
    async for event in call:
        if isinstance(event, Audio):
            await call.play(event.samples, 8000)
        elif isinstance(event, Dtmf):
            await call.interrupt()
            await call.play(np.full(6 * 8000, 3000, np.int16), 8000, end=True)
"""
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="signals to workers, each with a socket of its own")


@pytest.fixture
def agent_file(tmp_path):
    (tmp_path / "my_agent.py").write_text(AGENT)
    return tmp_path / "my_agent.py"


@on_linux
def test_a_worker_that_is_killed_takes_its_own_calls_only_and_they_can_come_again(agent_file):
    async def scenario(served):
        port = served.port
        pids = served.pids(2)
        calls = []
        for k in range(8):
            call = await connect(f"ws://127.0.0.1:{port}/")
            await call.send(start(stream_id=f"s-{k}", call_id=f"c-{k}"))
            await echo(call)
            calls.append(call)
        os.kill(pids[0], signal.SIGKILL)
        await asyncio.to_thread(served.wait_for, r"worker \d has ended with exit code -9")
        lost = 0
        for k, call in enumerate(calls):
            try:
                await echo(call, 1)
            except OSError:
                raise
            except Exception:  # closed without a word
                lost += 1
                async with connect(f"ws://127.0.0.1:{port}/") as again:
                    await again.send(start(stream_id=f"again-{k}", call_id=f"c-{k}"))
                    await echo(again)
        assert lost < len(calls)
        for call in calls:
            await call.close()
        return lost

    with serving(agent_file, "--workers", "2") as served:
        asyncio.run(scenario(served))
        served.process.send_signal(signal.SIGTERM)
        assert served.end() == 143


@on_linux
@pytest.mark.waits
def test_a_process_that_is_stopped_for_three_seconds_goes_on_without_a_burst_and_says_so(agent_file):
    """The server and what watches it are stopped together, as a machine that is suspended is."""

    async def scenario(served):
        played_ms, began, ahead_ms = 0.0, None, []
        async with connect(f"ws://127.0.0.1:{served.port}/") as call:
            await call.send(start())
            await call.send(KEY)
            stopping = None
            async with asyncio.timeout(WAIT_S):
                while played_ms < 6000:
                    message = json.loads(await call.recv())
                    if message["event"] != "playAudio":
                        continue
                    now = monotonic()
                    began = now if began is None else began
                    played_ms += len(base64.b64decode(message["media"]["payload"])) / 8
                    if stopping is None and played_ms > 1000:
                        stopping = asyncio.create_task(stop(served.process.pid))
                    # A player that ran dry meanwhile began again: what is ahead counts from then.
                    began = max(began, now - played_ms / 1000)
                    ahead_ms.append(played_ms - (now - began) * 1000)
            await stopping
        return max(ahead_ms)

    async def stop(group):
        os.killpg(group, signal.SIGSTOP)
        await asyncio.sleep(3)
        os.killpg(group, signal.SIGCONT)

    with serving(agent_file, "--workers", "1") as served:
        # 400 ms of lead, a message of 200 ms, and what a busy machine holds back: a burst would be 3 s.
        assert asyncio.run(scenario(served)) < 2000
        served.wait_for(r"WARNING.*stall.*speech left [23]\.\d s late")
        served.process.send_signal(signal.SIGTERM)
        assert served.end() == 143


FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
import numpy as np
from _support.messages import media, start
from voiceband.session import Audio, Recorder, Session, Warned

recorder = Recorder(sys.argv[1])
call = Session(recorder=recorder)
events = call.receive(start(), 0.0)
said = call.play(np.full(8 * 8000, 3000, np.int16), 8000, end=True)
texts = []
for i in range(500):
    texts += call.poll(i * 0.02)
    events += call.receive(media(i), i * 0.02) + call.events()
texts += call.poll(11.0)
assert said.sent == said.queued, said
assert sum(isinstance(event, Audio) for event in events) == 500
(warned,) = [event for event in events if isinstance(event, Warned) and event.kind == "recorder"]
print(warned.reason)
try:
    recorder.close()
except OSError:
    pass
"""


@pytest.mark.untraced
@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
def test_a_recorder_whose_disk_is_full_does_not_end_the_call(tmp_path):
    result = python("-c", FULL_DISK, tmp_path / "call.wav")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("the recorder has failed")


STATM = Path("/proc/self/statm")
reads_memory = pytest.mark.skipif(not STATM.exists() or SANITIZED, reason="reads its memory in /proc")


def rss_mb():
    gc.collect()
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@reads_memory
def test_a_call_of_a_day_takes_no_more_memory_than_a_short_one(dose):
    call = Session()
    call.receive(start(), 0.0)
    frames = dose(15_000, 24 * 3600 * 50)  # of 20 ms
    before = 0.0
    for i in range(frames):
        now = i * 0.02
        for event in call.receive(media(i), now):
            if isinstance(event, Audio):
                call.play(event.samples, 8000, end=i % 500 == 499)
        for text in call.poll(now):
            if '"checkpoint"' in text:
                name = json.loads(text)["name"]
                call.receive(json.dumps({"event": "playedStream", "streamId": "s", "name": name}), now)
        if i == frames // 3:
            before = rss_mb()
    assert rss_mb() < 1.02 * before
    assert call.stats.malformed == 0


@reads_memory
@pytest.mark.parametrize("driver", SERVERS)
def test_many_calls_leave_no_memory_behind(driver, dose):
    frames = b"".join(frame(media(i, SILENCE)) for i in range(5))

    async def agent(call):
        async for event in call:
            if isinstance(event, Audio):
                await call.play(event.samples, 8000)

    async def one(url, k):
        peer = await Peer(url).upgrade()
        peer.writer.write(frame(start(stream_id=f"s-{k}", call_id=f"c-{k}")) + frames)
        if k % 3:
            assert (await peer.read())[0] == 1
            peer.writer.write(frame(b"\x03\xe8", opcode=8))
            await peer.until_closed()
        else:  # gone without a word
            peer.writer.transport.abort()

    async def main():
        n = dose(300, 12_500)
        async with SERVERS[driver](agent, rejoin_s=0) as url:
            before = 0.0
            for k in range(0, n, 10):
                async with asyncio.TaskGroup() as group:
                    for i in range(k, k + 10):
                        group.create_task(one(url, i))
                if k == n // 30 * 10 * 2:
                    await asyncio.sleep(0.1)
                    before = rss_mb()
            await asyncio.sleep(0.1)
            return rss_mb() / before

    assert asyncio.run(main()) < 1.02
