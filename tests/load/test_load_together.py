"""The calls of a load test are all up while it measures, in however many processes; what follows is not measured."""

import asyncio
import os
import threading
import time

from websockets.asyncio.server import serve

from voiceband.load import usage
from voiceband.load.options import LoadOptions
from voiceband.load.processes import run_load

LATE_S = 1.5


class Slow:
    """A server that lets the last of four calls in late, and never answers; when its calls were open."""

    def __init__(self):
        self.open, self.asked = [], 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._main(),))

    async def _main(self):
        self._over = asyncio.Event()
        async with serve(self._call, "127.0.0.1", 0, process_request=self._request) as server:
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._over.wait()

    async def _request(self, _connection, _request):
        self.asked += 1
        if self.asked == 4:
            await asyncio.sleep(LATE_S)

    async def _call(self, socket):
        began = time.monotonic()
        try:
            async for _ in socket:
                pass
        finally:
            self.open.append((began, time.monotonic()))

    def __enter__(self):
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()


def test_calls_of_all_processes_are_held_together():
    hold_s, shown = 0.5, []
    with Slow() as server:
        options = LoadOptions(
            url=f"ws://127.0.0.1:{server.port}/", calls=4, ramp_per_s=50, hold_s=hold_s, processes=2, echo=False
        )
        report = run_load(options, on_progress=shown.append)
    assert report.states == {"good": 4}
    assert len(server.open) == 4
    together_s = min(end for _, end in server.open) - max(began for began, _ in server.open)
    assert together_s >= 0.9 * hold_s
    assert all(progress.up == 4 for progress in shown if progress.held_s)


def test_what_a_server_uses_is_taken_while_calls_are_held(monkeypatch):
    """And not while they are drained and hung up, where it may rest."""
    spans = []
    original = usage.Usage.summary

    def summary(self):
        said = original(self)
        spans.append(self._ended - self._began)
        return said

    monkeypatch.setattr(usage.Usage, "summary", summary)
    with Slow() as server:
        server.asked = -10
        options = LoadOptions(
            url=f"ws://127.0.0.1:{server.port}/",
            calls=2,
            ramp_per_s=50,
            hold_s=1.0,
            processes=1,
            echo=True,
            drain_s=2.0,
        )
        before = time.monotonic()
        run_load(options, pid=os.getpid())
        total_s = time.monotonic() - before
    assert total_s > 3  # nothing came back, which was waited for
    assert 0 < spans[0] < total_s - 1.5
