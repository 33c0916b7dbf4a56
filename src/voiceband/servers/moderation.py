"""Moderated wake-ups: under load, all connections of a process are read on a common beat, and what is due leaves on it.

A hundred calls bring a message every 0.2 ms. To sleep between any two of them costs more than all that is done with
them: the system puts the process to sleep and wakes it, to caches that others have used meanwhile.
"""

from __future__ import annotations

import heapq
import select
from contextlib import suppress
from contextvars import copy_context
from time import monotonic
from typing import TYPE_CHECKING

from voiceband._checks import check_number

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from typing import Any

MODERATION_MS = 5.0
MAX_MODERATION_MS = 100.0
LOADED = 4.0
"""How many connections must have something to read in the time of a beat, on average, for it to set in."""
LOOK_S = 0.1
"""How often that is looked at."""
MIN_TIMERS = 64
"""So few timers are kept as they are, whatever has become of them."""


class BeatTimer:
    """A callback that is due at a time, as a loop's `TimerHandle`."""

    __slots__ = ("_handle", "callback", "due")

    def __init__(self, due: float, callback: Callable[[], object]) -> None:
        self.due = due
        self.callback: Callable[[], object] | None = callback
        self._handle: asyncio.TimerHandle | None = None

    def __lt__(self, other: BeatTimer) -> bool:
        return self.due < other.due

    def cancel(self) -> None:
        """Let it not ring."""
        self.callback = None
        if self._handle is not None:
            self._handle.cancel()

    def cancelled(self) -> bool:
        """Whether it does not ring any more."""
        return self.callback is None

    def ring(self) -> None:
        """Call back, once."""
        callback, self.callback = self.callback, None
        if callback is not None:
            callback()

    def leave(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ring by a timer of the loop."""
        if self.callback is not None:
            self._handle = loop.call_later(max(0.0, self.due - monotonic()), self.ring)


class ModeratedLoop:
    """An event loop as connections see it: what they wait to read is watched here, and all else is the loop's own.

    At low load the loop wakes for each message. The beat sets in when `LOADED` connections or more have something to
    read in its time, and ends when less than half as many have.

    Parameters
    ----------
    loop : AbstractEventLoop
        The loop.
    moderation_ms : float
        How long a beat is: what comes and what is due wait for so long at most.

    Attributes
    ----------
    beating : bool
        Whether the beat has set in.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, moderation_ms: float) -> None:
        self.beating = False
        self._loop = loop
        self._beat_s = moderation_ms / 1000
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[[], object]] = {}
        self._timers: list[BeatTimer] = []
        self._most_timers = MIN_TIMERS  # before those that were cancelled are taken out
        self._context = copy_context()  # not that of a call that happens to be read
        self._n_read = 0
        self._looked_at = monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    # ---- for connections

    def add_reader(self, fd: int, callback: Callable[[], object]) -> None:
        """Call back whenever there is something to read."""
        with suppress(FileExistsError):
            self._epoll.register(fd, select.EPOLLIN)
        self._readers[fd] = callback
        if len(self._readers) == 1:
            self._watch()

    def remove_reader(self, fd: int) -> bool:
        """Call back no more; return whether that was done before."""
        if self._readers.pop(fd, None) is None:
            return False
        with suppress(OSError):  # the socket is closed already
            self._epoll.unregister(fd)
        if not self._readers and not self.beating:
            self._loop.remove_reader(self._epoll.fileno())  # so that nothing is left of a server
        return True

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> BeatTimer | asyncio.TimerHandle:
        """Call back after a while, on a beat if there is one."""
        if not self.beating:
            return self._loop.call_later(delay_s, callback)
        timer = BeatTimer(monotonic() + delay_s, callback)
        heapq.heappush(self._timers, timer)
        if len(self._timers) > self._most_timers:
            self._timers = [kept for kept in self._timers if not kept.cancelled()]
            heapq.heapify(self._timers)
            self._most_timers = 2 * len(self._timers) + MIN_TIMERS
        return timer

    # ---- the beat

    def _read(self) -> None:
        """Read every connection that has something."""
        readers = self._readers
        ready = self._epoll.poll(0, len(readers) or 1)
        self._n_read += len(ready)
        for fd, _ in ready:
            reader = readers.get(fd)
            if reader is not None:  # it may have been removed meanwhile
                reader()
        if not self.beating and monotonic() - self._looked_at >= LOOK_S and self._per_beat() >= LOADED:
            self.beating = True
            self._loop.remove_reader(self._epoll.fileno())
            self._wait()

    def _beat(self) -> None:
        try:
            self._read()
            now = monotonic()
            while self._timers and self._timers[0].due <= now:  # what rings may set others
                heapq.heappop(self._timers).ring()
            if now - self._looked_at >= LOOK_S and self._per_beat() < LOADED / 2:
                self._stop_beating()
        finally:
            if self.beating:
                self._wait()

    def _wait(self) -> None:
        self._loop.call_later(self._beat_s, self._beat, context=self._context)

    def _stop_beating(self) -> None:
        self.beating = False
        timers, self._timers = self._timers, []
        for timer in timers:
            timer.leave(self._loop)
        self._watch()

    def _watch(self) -> None:
        """Wake whenever a connection has something to read."""
        if self._readers and not self.beating:
            self._loop.add_reader(self._epoll.fileno(), self._read)

    def _per_beat(self) -> float:
        """Return how many connections had something to read in the time of a beat, since the last look."""
        now = monotonic()
        n = self._n_read * self._beat_s / (now - self._looked_at)
        self._n_read, self._looked_at = 0, now
        return n


def check_moderation(moderation_ms: float) -> float:
    """Return how long a beat is; TypeError or ValueError for what it cannot be."""
    return check_number("moderation_ms", moderation_ms, 0, MAX_MODERATION_MS, unit="ms")


def moderate(loop: asyncio.AbstractEventLoop, moderation_ms: float) -> ModeratedLoop | None:
    """Return what moderates a loop; None where the system has nothing to do it with, or it is not wanted."""
    moderation_ms = check_moderation(moderation_ms)
    return ModeratedLoop(loop, moderation_ms) if moderation_ms and hasattr(select, "epoll") else None
