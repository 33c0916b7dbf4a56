"""Ten good calls beside hostile peers of every kind: no good call loses a sample, and memory is bounded."""

import asyncio
import subprocess

import pytest

from _support.dose import SANITIZED
from _support.drivers import SERVERS
from _support.hostile import HEARD_OUT, HOSTILE, slow_reader
from _support.hostile_server import good_call, peak_mb
from _support.programs import begin
from voiceband.servers.pump import STALL_TIMEOUT_S


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
        for _ in range(25):  # a busy server may have begun to wait for it only now; longer, and it is silent
            if slow.done():
                break
            pass_time(STALL_TIMEOUT_S + 1)
            await asyncio.sleep(0.3)
        await asyncio.wait({hostile[peer] for peer in HEARD_OUT})  # on a busy machine that takes a while
        for _ in range(600):  # ... or may not have sent all of the others' yet
            if all(task.done() for task in hostile.values()):
                break
            pass_time(601)
            await asyncio.sleep(0.1)
        assert [peer.__name__ for peer, task in hostile.items() if not task.done()] == [], "they wait for ever"
    return good, {peer: task.result() for peer, task in hostile.items()}, before


@pytest.mark.waits
@pytest.mark.parametrize("driver", SERVERS)
def test_good_calls_beside_hostile_peers(driver, dose):
    with begin("-m", "_support.hostile_server", driver, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            good, codes, before = asyncio.run(asyncio.wait_for(beside_hostile(process, dose(60, 1000)), 300))
            grown = peak_mb(process.pid) - before
            process.stdin.close()
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert len(good) == 10
    for said, heard, _ in good:
        assert heard == said
    assert {peer.__name__: code for peer, code in codes.items() if code not in HOSTILE[peer]} == {}
    assert SANITIZED or grown < 64  # MB; the sanitizer keeps what was freed
