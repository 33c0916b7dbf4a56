"""Links whose library sends by coroutines."""

import asyncio
import gc
import weakref

import pytest

from _support.drivers import eventually
from voiceband.servers import link as link_module
from voiceband.servers.link import CLOSE_TIMEOUT_S, TaskLink


class Owner:
    """Stands for the call: keeps what it is told of the end."""

    def __init__(self, reasons):
        self._reasons = reasons

    def link_lost(self, link, reason, code):
        self._reasons.append(reason)


def test_a_task_link_keeps_the_order_across_a_stall():
    async def main():
        sent, gate = [], asyncio.Event()

        async def send(text):
            await gate.wait()
            sent.append(text)

        async def close(code, reason):
            sent.append((code, reason))

        link = TaskLink(send, close)
        gate.set()
        link.send("a")
        assert (sent, link.backlog()) == (["a"], 0)  # at once, and no task was needed
        gate.clear()
        for text in ("b", "cc", "ddd"):
            link.send(text)
        await asyncio.sleep(0)
        assert (sent, link.backlog()) == (["a"], 6)
        gate.set()
        await eventually(lambda: not link.backlog())
        link.send("e")
        gate.clear()
        link.send("f")
        link.close(1000, "bye")
        link.send("never")
        gate.set()
        await link.wait_closed()
        assert sent == ["a", "b", "cc", "ddd", "e", "f", (1000, "bye")]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


@pytest.mark.parametrize("when", ["at once", "later", "closing"])
def test_a_task_link_tells_of_a_peer_that_is_gone(when):
    async def main():
        reasons = []

        async def send(text):
            if when == "later":
                await asyncio.sleep(0)
            raise ConnectionResetError("gone")

        async def close(code, reason):
            raise ConnectionResetError("gone")

        link = TaskLink(send, close)
        link.owner = Owner(reasons)
        if when != "closing":
            link.send("a")
            link.send("b")
        link.close(1000, "")
        await link.wait_closed()
        assert set(reasons) == {"nothing can be sent: gone"}
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_task_link_closes_in_bounded_time(monkeypatch, cancelled):
    monkeypatch.setattr(link_module, "CLOSE_TIMEOUT_S", 60.0 if cancelled else 0.05)

    async def main():
        async def never(*_):
            await asyncio.get_running_loop().create_future()

        link = TaskLink(never, never)
        link.send("a")
        link.send("b")
        link.close(1000, "")
        closing = asyncio.create_task(link.wait_closed())
        await asyncio.sleep(0)
        if cancelled:
            closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        assert closing.cancelled() == cancelled
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_a_link_that_nobody_waits_for_leaves_no_timer_that_would_keep_its_call():
    async def main():
        async def send(text):
            """Send at once."""

        async def close(code, reason):
            await asyncio.sleep(0)

        link = TaskLink(send, close)
        owner = link.owner = Owner([])
        kept = weakref.ref(owner)
        link.close(1000, "the carrier has connected again")
        del link, owner
        await eventually(lambda: gc.collect() >= 0 and kept() is None, CLOSE_TIMEOUT_S / 2)

    asyncio.run(main())
