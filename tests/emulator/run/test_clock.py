"""Event loops on virtual time."""

import asyncio
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceband.emulator.call.testing import Caller
from voiceband.emulator.caller.steps import Pause
from voiceband.emulator.run.clock import VirtualLoop, clock_of, run_virtually
from voiceband.session import Audio


@given(st.lists(st.floats(0, 1e5), max_size=20))
def test_timers_ring_in_their_order_at_their_time(delays):
    async def scenario():
        loop = asyncio.get_running_loop()
        rung = []
        for delay in delays:
            loop.call_later(delay, lambda delay=delay: rung.append((delay, loop.time())))
        await asyncio.sleep(max(delays, default=0) + 1)
        return rung

    rung = run_virtually(scenario())
    assert [delay for delay, _ in rung] == sorted(delays)
    assert all(at == pytest.approx(delay, abs=1e-4) for delay, at in rung)


def test_time_outs_and_threads():
    async def scenario():
        loop = asyncio.get_running_loop()
        assert clock_of(loop)() == loop.time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        assert loop.time() == pytest.approx(3600, abs=1e-3)
        # Without a timer there is nothing to jump to, and a thread is waited for.
        done = asyncio.Event()
        threading.Thread(target=lambda: loop.call_soon_threadsafe(done.set)).start()
        await done.wait()
        return loop.time()

    assert run_virtually(scenario()) == pytest.approx(3600, abs=1e-3)


def test_other_loops_have_the_machine_s_clock():
    async def clock():
        return clock_of(asyncio.get_running_loop())

    assert asyncio.run(clock()) is time.monotonic
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(clock())() == 0.0


def test_a_network_with_skewed_clocks():
    at = []

    async def agent(call):
        async for event in call:
            if isinstance(event, Audio):
                at.append(asyncio.get_running_loop().time())

    call = Caller()(agent, network="skew", script=[Pause(100)], timeout_s=200)
    assert call.duration == pytest.approx(100, abs=0.1)
    # 5000 frames of the carrier's 20 ms, by the agent's clock, which is 200 ppm fast.
    frames = (at[-1] - at[0]) / (len(at) - 1)
    assert frames == pytest.approx(0.02 * (1 + 200e-6), rel=20e-6)


def test_a_thread_that_is_still_at_work_is_waited_for_at_the_end():
    done = []

    def work():
        time.sleep(0.2)
        done.append(True)

    async def main():
        asyncio.get_running_loop().run_in_executor(None, work)

    run_virtually(main())
    assert done
