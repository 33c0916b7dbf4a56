"""The timers of a call: one alarm for what its session has to do next, and a watch over a peer that has gone silent."""

from __future__ import annotations

import math
from time import monotonic
from typing import TYPE_CHECKING

from voiceband._checks import check_number

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from voiceband.servers.link import Timer, Timers

TIMER_S = 0.0005
"""Timers of whole milliseconds, as uvloop's, must not fire before the time."""


class Alarm:
    """Rings once, at the earliest time that it was set to.

    Parameters
    ----------
    loop : AbstractEventLoop
        Whose time it is.
    timers : Timers or None
        Makes the timer; None for the loop.

    Attributes
    ----------
    at : float
        When it rings; inf if it is not set.
    clock : callable
        Returns what time it is.
    ring : callable
        Called with the time.
    """

    __slots__ = ("_loop", "_timer", "_timers", "at", "clock", "ring")

    def __init__(self, loop: asyncio.AbstractEventLoop, timers: Timers | None) -> None:
        self._loop = loop
        self.use(timers)
        # A loop on virtual time, as tests use it, brings its own clock.
        self.clock: Callable[[], float] = getattr(loop, "virtual_time", monotonic)
        self.ring: Callable[[float], None] = _nothing
        self.at = math.inf
        self._timer: Timer | None = None

    def use(self, timers: Timers | None) -> None:
        """Make the next timers there; None for the loop."""
        self._timers: Timers = self._loop if timers is None else timers

    def set(self, due: float, now: float) -> None:
        """Ring at `due`, and not when it was set to before."""
        if self._timer is not None:
            self._timer.cancel()
        self.at = due
        self._timer = self._timers.call_later(due - now + TIMER_S if due > now else 0.0, self._ring)

    def stop(self) -> None:
        """Do not ring."""
        if self._timer is not None:
            self._timer.cancel()
        self.at = math.inf

    def _ring(self) -> None:
        self._timer = None
        self.at = math.inf
        self.ring(self.clock())


def _nothing(now: float) -> None:
    """Nothing is to be done yet."""


class IdleWatch:
    """Ends a call whose peer has been silent for too long.

    Parameters
    ----------
    loop : AbstractEventLoop
        Keeps the timer.
    idle_s : float or None
        How long; None for no end.
    silent_s : callable
        Returns how long ago the latest message came; 0 while the socket is left unread.
    end : callable
        Called with a code and a reason to end the call.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        idle_s: float | None,
        silent_s: Callable[[], float],
        end: Callable[[int, str], None],
    ) -> None:
        check_idle(idle_s)
        self._loop = loop
        self._idle_s = idle_s
        self._silent_s = silent_s
        self._end = end
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Watch from now on."""
        if self._idle_s is not None:
            self._timer = self._loop.call_later(self._idle_s, self._look)

    def end_after(self, seconds: float, reason: str) -> None:
        """End the call after so much time, whatever comes."""
        self.stop()
        self._timer = self._loop.call_later(seconds, self._end, 1000, reason)

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        assert self._idle_s is not None
        silent = self._silent_s()
        if silent >= self._idle_s:
            self._end(1001, f"no message for {self._idle_s:g} s")
        else:
            self._timer = self._loop.call_later(self._idle_s - silent, self._look)


def check_idle(idle_timeout_s: float | None) -> None:
    """Refuse what is no time, and not None."""
    if idle_timeout_s is not None:
        check_number("idle_timeout_s", idle_timeout_s, 0, 1e6, unit="s", above=True)
