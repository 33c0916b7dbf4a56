"""What a call needs of a socket, and how a library whose sending is a coroutine gives it."""

from __future__ import annotations

import abc
import asyncio
import collections
import contextlib
import socket
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from voiceband.servers.flow import CALL

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from typing import Any

    from voiceband.session import Session

__all__ = [
    "CLOSE_TIMEOUT_S",
    "END_CODES",
    "PING_S",
    "Link",
    "LinkMeter",
    "LinkedCall",
    "Owner",
    "TaskLink",
    "Timer",
    "Timers",
    "finish",
    "path_of",
    "send_at_once",
]

END_CODES = frozenset({1000, 1002, 1003, 1005, 1007, 1008, 1009})
"""Close codes that end a call: normal, none at all, and those for what one side sent and the other cannot use. With any
other, and without a closing handshake, the connection was lost."""
PING_S = 20.0
"""How often the drivers ping, and how long they wait for the answer, where the library does it."""
CLOSE_TIMEOUT_S = 10.0
"""How long the closing of a socket may take."""


class Owner(Protocol):
    """The call that a link belongs to, as the link and its driver see it."""

    session: Session

    @property
    def ended(self) -> bool:
        """Whether the call is over."""

    def link_lost(self, link: Link, reason: str | None, code: int | None) -> None:
        """Note that the socket is gone."""

    def end(self, code: int = 1000, reason: str = "") -> None:
        """End the call, and close the socket."""

    def fail(self, error: Exception) -> None:
        """End the call for an error, which its agent is told."""

    def count(self, n_bytes: int) -> None:
        """Note that the socket has brought something that is no message."""


class LinkedCall(Owner, Protocol):
    """The call as its own parts see it: what receives, what sends, and what joins another connection to it."""

    link: Link
    ended: bool

    def reraise(self) -> None:
        """Raise the error that has ended the call, if one has."""

    def lost(self, reason: str | None = None) -> None:
        """Come to the end."""


class Timer(Protocol):
    """What rings later."""

    def cancel(self) -> None:
        """Let it not ring."""


class Timers(Protocol):
    """What makes timers: an event loop, or what rings them together."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        """Call back after so many seconds."""


class LinkMeter(Protocol):
    """What leaves a socket unread while somebody wants it so."""

    link: Link | None

    def pause(self, who: int, /) -> None:
        """Hand on nothing more of what the peer sends."""

    def resume(self, who: int, /) -> None:
        """Hand it on again, unless somebody else wants it left alone."""


class Link(abc.ABC):
    """One socket, seen from its call. Nothing here blocks, and nothing raises for a peer that is gone.

    Attributes
    ----------
    owner : CallHandle
        The call that the socket belongs to, which puts itself here.
    feed : callable
        Takes a message from the socket, and raises nothing; the call puts it here too.
    path : str
        What was asked for at the upgrade, without the query: a carrier that dials again asks for the same.
    paused : bool
        Whether the driver is to leave what the peer sends in the socket.
    gone : bool
        Whether the socket is gone.
    timers : Timers or None
        Where the call sets the timer of what it sends; None for the event loop.
    """

    owner: Owner
    feed: Callable[[str | bytes], None]
    path = ""
    paused = False
    gone = False
    timers: Timers | None = None
    _meter: LinkMeter | None = None
    _resumed: asyncio.Future[None] | None = None
    _over: asyncio.Future[None] | None = None

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

    def lost(self, reason: str | None = None, code: int | None = None) -> None:
        """Note that the socket is gone, and with which code it was closed, if it was. For drivers."""
        self.gone = True
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
        self.owner.link_lost(self, reason, code)

    async def wait_lost(self) -> None:
        """Wait until the socket is gone."""
        while not self.gone:
            self._over = asyncio.get_running_loop().create_future()
            await self._over

    def use(self, meter: LinkMeter) -> None:
        """Let a meter leave the socket unread while this is paused."""
        meter.link = self
        self._meter = meter

    def pause(self) -> None:
        """Leave what the peer sends in the socket."""
        self.paused = True
        if self._meter is not None:
            self._meter.pause(CALL)

    def resume(self) -> None:
        """Read again."""
        self.paused = False
        if self._meter is not None:
            self._meter.resume(CALL)
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)

    async def resumed(self) -> None:
        """Wait until there is reading to do."""
        while self.paused:
            self._resumed = asyncio.get_running_loop().create_future()
            await self._resumed


def send_at_once(transport: asyncio.BaseTransport) -> None:
    """Let no message wait until the peer has acknowledged the one before, which it does with its own next one.

    asyncio sees to it only on sockets that come from one which it has made itself.
    """
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):  # the peer has gone
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def path_of(target: str) -> str:
    """Return the path of a request's target, without the query."""
    return urlsplit(target).path


async def finish(task: asyncio.Task[Any]) -> None:
    """Wait for a task that ends by itself; end it if this is cancelled. Its errors stay with it."""
    try:
        await asyncio.wait({task})
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


class TaskLink(Link):
    """A link over coroutines that send and close.

    Nearly always a library can write at once, so `send` takes its coroutine as far as that goes. What has to wait is
    finished by a task, and so is what comes behind it.

    Parameters
    ----------
    send : callable
        Makes the coroutine that sends a text, which may begin in any task and outside of one.
    close : callable
        Makes the coroutine that closes the socket, from code and reason.
    transport : Transport, optional
        What is under the socket, to cut it when the closing takes too long: a transport that is only told to close
        waits for ever for a peer that takes nothing.
    """

    def __init__(
        self,
        send: Callable[[str], Coroutine[Any, Any, None]],
        close: Callable[[int, str], Coroutine[Any, Any, object]],
        transport: asyncio.WriteTransport | None = None,
    ) -> None:
        self._send = send
        self._close = close
        self._transport = transport
        self._begun: _Begun | None = None
        self._texts: collections.deque[str] = collections.deque()
        self._backlog = 0
        self._closing: tuple[int, str] | None = None
        self._task: asyncio.Task[None] | None = None
        self._timeout: asyncio.TimerHandle | None = None

    def send(self, text: str) -> None:
        """Hand over a text; it is sent in its turn."""
        if self._closing is not None:
            return
        if self._task is None:
            sending = self._send(text)
            try:
                waits_for = sending.send(None)
            except StopIteration:
                return
            except Exception as error:
                self._gone(error)
                return
            self._begun = _Begun(sending, waits_for)
            self._backlog = len(text)
            self._task = asyncio.create_task(self._finish())
        else:
            self._texts.append(text)
            self._backlog += len(text)

    def backlog(self) -> int:
        """Return how many bytes were handed over that the library has not taken yet."""
        return self._backlog

    def close(self, code: int, reason: str) -> None:
        """Begin to close the socket: behind what waits, or without it if that takes too long."""
        if self._closing is not None:
            return
        self._closing = (code, reason)
        if self._task is None:
            self._task = asyncio.create_task(self._finish())
        self._timeout = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._cut)

    async def wait_closed(self) -> None:
        """Wait until the task has closed the socket."""
        try:
            if self._task is not None:
                await finish(self._task)
        finally:
            self._stop_timeout()

    def _stop_timeout(self) -> None:
        # What the library has left to the transport may still be stuck there.
        if self._timeout is not None and (self._transport is None or not self._transport.get_write_buffer_size()):
            self._timeout.cancel()

    def _cut(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.abort()

    async def _finish(self) -> None:
        """Send what waits, and close the socket if that was asked for."""
        try:
            if self._begun is not None:
                await self._begun
            while self._texts:
                self._backlog = sum(map(len, self._texts))
                await self._send(self._texts.popleft())
            if self._closing is not None:
                await self._close(*self._closing)
        except Exception as error:
            self._gone(error)
        finally:
            self._texts.clear()
            self._backlog = 0
            self._begun = None
            if self._closing is None:
                self._task = None
            else:  # nobody may wait for that: the call goes on with another connection
                self._stop_timeout()

    def _gone(self, error: Exception) -> None:
        # Each library has errors of its own for a peer that is gone.
        self.lost(f"nothing can be sent: {str(error) or type(error).__name__}")


class _Begun:
    """The rest of a coroutine that waits for something."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        try:
            while True:
                try:
                    yield waits_for
                except BaseException as error:
                    waits_for = self._coroutine.throw(error)
                else:
                    waits_for = self._coroutine.send(None)
        except StopIteration:
            return
