"""The workers of `voiceband serve` are replaced without a lost call, and one that stands still holds up nobody."""

import asyncio
import os
import re
import signal
import sys
from types import SimpleNamespace

import pytest
from websockets.asyncio.client import connect

from _support import dose as doses
from _support.served import COMMAND, KEY, START, WAIT_S, echo, one_call, serving
from voiceband._processes import Child, Gone
from voiceband.servers.serve import supervisor
from voiceband.servers.serve.pulse import ALIVE, DRAINING, READY, Said
from voiceband.servers.serve.supervisor import Supervisor
from voiceband.servers.serve.worker import WorkerOptions

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="each worker has a socket of its own on Linux")

QUICK = "from voiceband.servers.serve import pulse; pulse.STILL_S = 3.0; "
AGENT = """
import time
from voiceband.session import Audio, Dtmf

def block():
    time.sleep(600)

def hold():
    sum(range(10**15))  # no other thread gets a turn

async def agent(call):
    async for event in call:
        if isinstance(event, Audio):
            await call.play(event.samples, 8000)
        elif isinstance(event, Dtmf):
            block() if event.digit == "1" else hold()
"""


@pytest.fixture
def agent_file(tmp_path):
    (tmp_path / "my_agent.py").write_text(AGENT)
    return tmp_path / "my_agent.py"


@pytest.mark.parametrize("signum", doses.dose([signal.SIGHUP], [signal.SIGTERM, signal.SIGHUP]))
def test_a_signal_to_one_worker_keeps_its_call_and_another_takes_its_place(agent_file, signum):
    async def scenario(served):
        async with connect(f"ws://127.0.0.1:{served.port}/") as websocket:
            await websocket.send(START)
            await echo(websocket)
            (first,) = served.pids(1)
            os.kill(first, signum)
            assert len(await asyncio.to_thread(served.pids, 2)) == 2
            await one_call(served.port)  # the new one's
            await echo(websocket, 1)  # the old one's
        await asyncio.to_thread(served.wait_for, rf"worker 1, process {first}, has ended; another one has its place")

    with serving(agent_file, "--workers", "1") as served:
        asyncio.run(scenario(served))
        served.process.send_signal(signal.SIGHUP)
        assert served.end() == 129


@pytest.mark.waits
@pytest.mark.parametrize("how", ["blocks", "holds", "stopped"])
def test_a_worker_that_stands_still_gets_no_new_calls_and_is_replaced(agent_file, how):
    async def scenario(served):
        first = served.pids(2)[0]
        async with connect(f"ws://127.0.0.1:{served.port}/", ping_interval=None, close_timeout=0.1) as websocket:
            await websocket.send(START)
            await echo(websocket)
            if how == "stopped":
                os.kill(first, signal.SIGSTOP)
            else:
                await websocket.send(KEY if how == "blocks" else KEY.replace('"1"', '"2"'))
            (number,) = await asyncio.to_thread(served.wait_for, r"ERROR worker (\d) stands still for 3 s")
            await asyncio.to_thread(served.pids, 3)
            for _ in range(20):  # with the dead socket still open, half of them would wait
                await one_call(served.port)
        return number

    with serving(agent_file, "--workers", "2", "--grace", "0", code=QUICK + COMMAND) as served:
        number = asyncio.run(scenario(served))
        (line,) = [line for line in served.said.splitlines() if "stands still" in line]
        if how == "stopped":
            assert "3 s because it is stopped, by SIGSTOP or a debugger: there is no stack; another" in line
        else:
            where = {"blocks": r"block \(my_agent\.py:6\)", "holds": r"hold \(my_agent\.py:9\)"}[how]
            assert re.search(rf"3 s in {where} < agent \(my_agent\.py:16\)", line), line
        served.wait_for(rf"worker {number}, process \d+, has not ended in time; it is killed")
        served.process.send_signal(signal.SIGTERM)
        assert served.end() == 143


def test_a_rolling_restart_loses_no_call(agent_file, dose):
    n = dose(20, 200)

    async def scenario(served):
        before = served.pids(2)
        done = 0

        async def calls():
            nonlocal done
            while done < n or not renewed.done():
                await one_call(served.port)
                done += 1

        renewed = asyncio.create_task(asyncio.to_thread(served.wait_for, r"has ended; another one has its place", 2))
        async with connect(f"ws://127.0.0.1:{served.port}/") as long, asyncio.timeout(3 * WAIT_S):
            await long.send(START)
            served.process.send_signal(signal.SIGUSR1)
            placing = [asyncio.create_task(calls()) for _ in range(dose(2, 4))]
            after = await asyncio.to_thread(served.pids, 4)
            await echo(long)  # its worker has been replaced, and goes on with it
        await asyncio.gather(*placing)
        assert done >= n
        assert not set(before) & set(after[2:])

    with serving(agent_file, "--workers", "2") as served:
        asyncio.run(scenario(served))
        assert "Traceback" not in served.said
        served.process.send_signal(signal.SIGTERM)
        assert served.end() == 143


def test_a_worker_that_cannot_be_replaced_goes_on(agent_file):
    with serving(agent_file, "--workers", "1") as served:
        served.pids(1)
        agent_file.write_text("raise RuntimeError('a mistake in the new version')\n")
        served.process.send_signal(signal.SIGUSR1)
        served.wait_for("a mistake in the new version.*; the worker that it was to replace goes on")
        asyncio.run(one_call(served.port))
        served.process.send_signal(signal.SIGTERM)
        assert served.end() == 143


@pytest.mark.parametrize(("workers", "said"), [(1, "it waits 10 s for another"), (2, "call c ends after")])
def test_a_call_waits_for_another_connection_if_no_other_worker_can_get_it(agent_file, workers, said):
    async def scenario(served):
        async with connect(f"ws://127.0.0.1:{served.port}/") as websocket:
            await websocket.send(START)
            await echo(websocket)
            websocket.transport.abort()
        await asyncio.to_thread(served.wait_for, said)

    with serving(agent_file, "--workers", str(workers)) as served:
        asyncio.run(scenario(served))
        assert ("waits 10 s" in served.said) == (workers == 1)
        served.process.send_signal(signal.SIGTERM)
        assert served.end() == 143
        served.wait_for("call c ends after [0-9.]+ s: its connection is lost" if workers == 1 else said)


class Workers:
    """Stands in for `Children`: starts nothing."""

    def __init__(self):
        self.running = []

    def start(self, *_, **__):
        self.running.append(Child(SimpleNamespace(pid=len(self.running) + 1), SimpleNamespace(send=repr)))
        return self.running[-1]

    def tell(self, word):
        """Nobody listens."""

    def end(self, children, end_s=0.0):
        self.running = [child for child in self.running if child not in children]


def test_a_replacement_that_offers_no_stack_yet_is_not_asked_for_one(monkeypatch):
    """The signal that asks ends a process that has not said what to do with it."""
    asked = []
    monkeypatch.setattr(supervisor, "stack_of", lambda pid, where: asked.append((pid, where)) or "somewhere")
    options = WorkerOptions("agent", {}, grace_s=60.0, still_s=5.0)
    with Supervisor(options, "127.0.0.1", 0, 1) as supervised:
        workers = supervised._children = Workers()
        supervised._look_after_all()
        (first,) = workers.running
        supervised._hear(first, Said(READY, "there"))
        supervised._obey(signal.SIGUSR1)
        supervised._look_after_all()
        _, second = workers.running
        supervised._hear(second, Said(ALIVE))
        monkeypatch.setattr(supervised._ear, "listen", lambda _now: [first, second])
        supervised._look_after_all()
    assert asked == [(1, "there"), (2, "")]


@pytest.fixture
def supervised():
    """A supervisor of one worker that is up; the workers are nobody."""
    options = WorkerOptions("agent", {}, grace_s=60.0, still_s=5.0)
    with Supervisor(options, "127.0.0.1", 0, 1) as one:
        one._children = Workers()
        one._look_after_all()
        one._hear(one._children.running[0], Said(READY, "there"))
        assert one.count_ready() == 1
        yield one


def test_a_place_whose_worker_has_died_is_not_ready(supervised):
    (first,) = supervised._children.running
    assert supervised._hear(first, Gone(1)) is not None
    assert supervised.count_ready() == 0


def test_a_worker_that_is_being_replaced_is_ready_until_the_new_one_is(supervised):
    supervised._obey(signal.SIGUSR1)
    supervised._look_after_all()
    _, second = supervised._children.running
    assert supervised.count_ready() == 1
    supervised._hear(second, Said(READY, "there"))
    assert supervised.count_ready() == 1


def test_a_worker_that_drains_while_it_is_replaced_is_not_kept_if_the_new_one_fails(supervised):
    (first,) = supervised._children.running
    supervised._obey(signal.SIGUSR1)
    supervised._look_after_all()
    _, second = supervised._children.running
    supervised._hear(first, Said(DRAINING))
    assert supervised.count_ready() == 0
    assert supervised._hear(second, Gone(1)) is not None  # the place is empty, and is filled again
    assert supervised.count_ready() == 0
