"""The sending half of a call: what is due goes out from where it became due, or when the one timer rings."""

from __future__ import annotations

import abc
import asyncio
import math
from time import monotonic
from typing import TYPE_CHECKING

from voiceband._checks import check_number
from voiceband.servers.wake import Wake

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiceband.servers.link import Link, Timer
    from voiceband.session import Session, SessionEvent

MAX_BACKLOG_BYTES = 256 * 1024
"""What may wait in the socket; the session keeps the rest, where an interruption can still drop it."""
STALL_CHECK_S = 0.02
STALL_TIMEOUT_S = 20.0
"""How long a peer may take nothing while the backlog is full."""
TIMER_S = 0.0005
"""Timers of whole milliseconds, as uvloop's, must not fire before the time."""


class Sending(abc.ABC):
    """A session, its link, and the timers of both."""

    def __init__(self, link: Link, session: Session, idle_timeout_s: float | None) -> None:
        check_idle(idle_timeout_s)
        self.session = session
        self.link = link
        self.ended = False
        self._loop = asyncio.get_running_loop()
        # A loop on virtual time, as tests use it, brings its own clock.
        self._clock: Callable[[], float] = getattr(self._loop, "virtual_time", monotonic)
        self._wake = Wake(self._loop)  # where the iteration over the events waits
        self._alarm: Timer | None = None
        self._alarm_at = math.inf
        self._stalled_at: float | None = None
        self._suspended = False  # there is no socket
        self._seen = self._clock()
        self._idle_s = idle_timeout_s
        self._watch: asyncio.TimerHandle | None = None
        self._start_watch()

    @abc.abstractmethod
    def _take(self, events: list[SessionEvent]) -> int:
        """Take events that came up while sending."""

    @abc.abstractmethod
    def _sent(self) -> None:
        """Note that there may be room for more to send."""

    @abc.abstractmethod
    def fail(self, error: Exception) -> None:
        """End the call for an error."""

    @abc.abstractmethod
    def end(self, code: int = 1000, reason: str = "") -> None:
        """End the call."""

    def _pump(self, now: float) -> None:
        """Send what is due, and set the alarm for what is next."""
        session = self.session
        if self.ended or (self._stalled_at is not None and not self._moving(now)):
            return
        try:
            texts = session.poll(now)
        except Exception as error:
            self.fail(error)
            return
        if texts:
            if not self._send(texts, now):
                return
            self._sent()
        if session.has_events:
            self._take(session.events())
            self._wake.soon()
        due = session.next_poll
        if due < self._alarm_at:
            self._arm(due, now)

    def _send(self, texts: list[str], now: float) -> bool:
        """Send texts; False if no more should follow now."""
        link = self.link
        for text in texts:
            link.send(text)
        if link.backlog() <= MAX_BACKLOG_BYTES:
            return True
        self._stalled_at = now
        self._arm(now + STALL_CHECK_S, now)
        return False

    def _moving(self, now: float) -> bool:
        """Whether the full backlog has gone down, so that there is room for more."""
        assert self._stalled_at is not None
        if self._suspended:
            return False
        if self.link.backlog() <= MAX_BACKLOG_BYTES // 2:
            self._stalled_at = None
            return True
        if now - self._stalled_at > STALL_TIMEOUT_S:
            self.end(1008, f"the peer has taken nothing for {STALL_TIMEOUT_S:g} s")
        else:
            self._arm(now + STALL_CHECK_S, now)
        return False

    def _arm(self, due: float, now: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = due
        timers = self.link.timers or self._loop
        self._alarm = timers.call_later(due - now + TIMER_S if due > now else 0.0, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._alarm_at = math.inf
        self._pump(self._clock())

    def _look_for_life(self) -> None:
        assert self._idle_s is not None
        silent = 0.0 if self.link.paused else self._clock() - self._seen
        if silent >= self._idle_s:
            self.end(1001, f"no message for {self._idle_s:g} s")
        else:
            self._watch = self._loop.call_later(self._idle_s - silent, self._look_for_life)

    def silent_s(self) -> float:
        """Return how long ago the latest message came."""
        return self._clock() - self._seen

    def suspend(self) -> None:
        """Send nothing until `resume`: there is no socket."""
        self._suspended = True
        self._stalled_at = self._clock()
        self._stop_timers()

    def _go_on(self, link: Link, now: float) -> None:
        """Send again, on another socket."""
        self._suspended = False
        self._stalled_at = None
        self._alarm_at = math.inf
        self.link = link
        self._seen = now
        self._start_watch()

    def _start_watch(self) -> None:
        if self._idle_s is not None:
            self._watch = self._loop.call_later(self._idle_s, self._look_for_life)

    def _stop_timers(self) -> None:
        for timer in (self._alarm, self._watch):
            if timer is not None:
                timer.cancel()


def check_idle(idle_timeout_s: float | None) -> None:
    """Refuse what is no time, and not None."""
    if idle_timeout_s is not None:
        check_number("idle_timeout_s", idle_timeout_s, 0, 1e6, unit="s", above=True)
