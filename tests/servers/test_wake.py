"""Where the iteration over a call's events waits: turns at once, from anywhere, and cancellation."""

import asyncio
import contextvars

import pytest

from voiceband.servers.wake import Wake

variable = contextvars.ContextVar("variable", default="outer")
START = '{"event":"start","start":{"streamId":"s","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}}}'


async def waiter(wake, seen):
    variable.set("inner")
    while True:
        await wake
        seen.append((asyncio.current_task(), variable.get()))


async def started():
    wake, seen = Wake(asyncio.get_running_loop()), []
    task = asyncio.create_task(waiter(wake, seen))
    await asyncio.sleep(0)
    assert wake.waited_for
    return wake, seen, task


async def stop(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_task_gets_its_turn_within_another():
    async def main():
        wake, seen, task = await started()
        own = asyncio.current_task()
        wake.now()
        wake.now()
        assert seen == [(task, "inner")] * 2
        assert asyncio.current_task() is own
        assert variable.get() == "outer"
        await asyncio.sleep(0)  # the task that was set aside goes on as ever
        await stop(task)

    asyncio.run(main())


def test_a_task_gets_its_turn_within_a_callback():
    async def main():
        wake, seen, task = await started()
        told = asyncio.get_running_loop().create_future()

        def callback():
            wake.now()
            told.set_result((list(seen), asyncio.current_task()))

        asyncio.get_running_loop().call_soon(callback)
        assert await told == ([(task, "inner")], None)
        await stop(task)

    asyncio.run(main())


def test_a_task_in_the_context_of_what_wakes_it_gets_its_turn_soon():
    async def read(context):
        wake, seen = Wake(asyncio.get_running_loop()), []
        task = asyncio.create_task(waiter(wake, seen), context=context)
        await asyncio.sleep(0)
        for n in (1, 2):
            wake.now()  # a context cannot be entered twice
            assert len(seen) == n - 1
            await asyncio.sleep(0)
            assert seen == [(task, "inner")] * n
        await stop(task)

    async def main():
        context = contextvars.copy_context()
        await asyncio.create_task(read(context), context=context)

    asyncio.run(main())


def test_soon_is_after_what_runs():
    async def main():
        wake, seen, task = await started()
        wake.soon()
        wake.now()  # its turn is on the way already
        assert not seen
        assert not wake.waited_for
        await asyncio.sleep(0)
        assert seen == [(task, "inner")]
        await stop(task)

    asyncio.run(main())


def test_cancellation_while_it_waits():
    async def main():
        wake, seen, task = await started()
        task.cancel("enough")
        wake.now()  # too late
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task
        assert not seen
        assert not wake.waited_for
        again = asyncio.create_task(waiter(wake, seen))
        await asyncio.sleep(0)
        wake.now()
        assert seen == [(again, "inner")]
        await stop(again)

    asyncio.run(main())


def test_a_coroutine_that_is_closed_where_it_waits():
    async def main():
        wake, seen = Wake(asyncio.get_running_loop()), []
        waiting = waiter(wake, seen)
        assert waiting.send(None) is wake
        wake.add_done_callback(seen.append)
        waiting.close()
        wake.now()
        assert not seen
        assert not wake.waited_for

    asyncio.run(main())


def test_a_timeout_around_it():
    async def main():
        wake = Wake(asyncio.get_running_loop())

        async def once():
            await wake

        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(once(), 0.001)
        assert not wake.waited_for

    asyncio.run(main())
