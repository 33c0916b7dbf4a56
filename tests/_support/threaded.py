"""Servers in threads with loops of their own: for callers that block, such as commands."""

import asyncio
import threading

from _support.drivers import SERVERS


class Threaded:
    """Runs a server for as long as its context lasts; `serving` makes the context that yields its address."""

    def __init__(self, serving):
        self._serving, self._error = serving, None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    async def _run(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with self._serving() as self.url:
                self._ready.set()
                await self._stop.wait()
        finally:
            self._ready.set()

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(60)
        return self.url

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        assert not self._thread.is_alive()


def agents(agent, driver="picows", **options):
    """Run an agent for every call of a server of ours."""
    return Threaded(lambda: SERVERS[driver](agent, **options))
