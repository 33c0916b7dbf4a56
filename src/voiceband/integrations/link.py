"""What a call needs of a socket, and how a library whose sending is a coroutine gives it."""

from __future__ import annotations

import abc
import asyncio
import collections
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Any

MAX_MESSAGE_BYTES = 2**20
"""What a peer may send in one message; the carrier's own limit is 64 KB."""
PING_S = 20.0
"""How often the drivers ping, and how long they wait for the answer, where the library does it."""
CLOSE_TIMEOUT_S = 10.0
"""How long the closing of a socket may take."""


class Link(abc.ABC):
    """One socket, seen from its call. Nothing here blocks, and nothing raises for a peer that is gone."""

    paused = False
    """Whether the driver is to leave what the peer sends in the socket."""
    broken: Callable[[str], None]
    """Tells the call that the socket is gone; the call puts it here."""
    _resumed: asyncio.Future[None] | None = None

    @abc.abstractmethod
    def send(self, text: str) -> None:
        """Hand over a text; it is sent in its turn."""

    @abc.abstractmethod
    def backlog(self) -> int:
        """Return how many bytes were handed over that the system has not taken yet."""

    @abc.abstractmethod
    def close(self, code: int, reason: str) -> None:
        """Begin to close the socket, once; `reason` has 123 bytes of UTF-8 at most."""

    @abc.abstractmethod
    async def wait_closed(self) -> None:
        """After `close`: wait until nothing of this link runs any more, also when this is cancelled."""

    def pause(self) -> None:
        """Leave what the peer sends in the socket."""
        self.paused = True

    def resume(self) -> None:
        """Read again."""
        self.paused = False
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)

    async def resumed(self) -> None:
        """Wait until there is reading to do."""
        while self.paused:
            self._resumed = asyncio.get_running_loop().create_future()
            await self._resumed


async def finish(task: asyncio.Task[Any]) -> None:
    """Wait for a task that ends by itself; end it if this is cancelled. Its errors stay with it."""
    try:
        await asyncio.wait({task})
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


class TaskLink(Link):
    """A link over coroutines that send and close: a task awaits them, one after the other.

    Parameters
    ----------
    send : callable
        Makes the coroutine that sends a text.
    close : callable
        Makes the coroutine that closes the socket, from code and reason.
    """

    def __init__(
        self, send: Callable[[str], Awaitable[None]], close: Callable[[int, str], Coroutine[Any, Any, object]]
    ) -> None:
        self._send = send
        self._close = close
        self._texts: collections.deque[str] = collections.deque()
        self._backlog = 0
        self._closing: tuple[int, str] | None = None
        self._loop = asyncio.get_running_loop()
        self._wake: asyncio.Future[None] | None = None
        self._timeout: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def send(self, text: str) -> None:
        """Hand over a text; it is sent in its turn."""
        self._texts.append(text)
        self._backlog += len(text)
        self._work()

    def backlog(self) -> int:
        """Return how many bytes were handed over that the library has not taken yet."""
        return self._backlog

    def close(self, code: int, reason: str) -> None:
        """Begin to close the socket: behind what waits, or without it if that takes too long."""
        if self._closing is not None:
            return
        self._closing = (code, reason)
        self._timeout = self._loop.call_later(CLOSE_TIMEOUT_S, self._work().cancel)

    async def wait_closed(self) -> None:
        """Wait until the task has closed the socket."""
        try:
            if self._task is not None:
                await finish(self._task)
        finally:
            if self._timeout is not None:
                self._timeout.cancel()

    def _work(self) -> asyncio.Task[None]:
        """Wake the task; the first time, start it."""
        if self._task is None:
            self._task = self._loop.create_task(self._run())
        elif self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
        return self._task

    async def _run(self) -> None:
        texts = self._texts
        try:
            while True:
                while texts:
                    text = texts[0]
                    await self._send(text)
                    texts.popleft()
                    self._backlog -= len(text)
                if self._closing is not None:
                    await self._close(*self._closing)
                    return
                self._wake = self._loop.create_future()
                await self._wake
                self._wake = None
        except Exception as error:  # each library has its own for a peer that is gone
            self.broken(f"nothing can be sent: {str(error) or type(error).__name__}")
        finally:
            texts.clear()
            self._backlog = 0
