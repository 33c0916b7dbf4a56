"""Who waits for room to play: one after the other, in the order of their calls."""

from __future__ import annotations

import collections
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator


class RoomWaiter:
    """One that waits for room to play; `interrupted` if an interruption came meanwhile."""

    __slots__ = ("_future", "_loop", "interrupted")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.interrupted = False
        self._loop = loop
        self._future: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Wait for `wake`."""
        self._future = self._loop.create_future()
        await self._future

    def wake(self) -> None:
        """Let it look whether there is room."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)


class Turns:
    """The queue of those who wait; `queue` is empty if nobody does."""

    __slots__ = ("_loop", "queue")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.queue: collections.deque[RoomWaiter] = collections.deque()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[RoomWaiter]:
        """Stand in the queue; the next one looks when this one leaves."""
        waiter = RoomWaiter(self._loop)
        self.queue.append(waiter)
        try:
            yield waiter
        finally:
            self.queue.remove(waiter)
            self.wake()

    def wake(self) -> None:
        """Let the first one look: there may be room."""
        if self.queue:
            self.queue[0].wake()

    def wake_all(self, *, interrupted: bool = False) -> None:
        """Let all look: what they wait for may not come any more."""
        for waiter in self.queue:
            waiter.interrupted = waiter.interrupted or interrupted
            waiter.wake()
