"""What a call sends: what its session has due goes out from where it became due, or when the alarm rings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voiceband.servers.alarm import Alarm
    from voiceband.servers.awaited import Turns
    from voiceband.servers.inbox import Inbox
    from voiceband.servers.link import LinkedCall

MAX_BACKLOG_BYTES = 256 * 1024
"""What may wait in the socket; the session keeps the rest, where an interruption can still drop it."""
STALL_CHECK_S = 0.02
STALL_TIMEOUT_S = 20.0
"""How long a peer may take nothing while the backlog is full."""


class Pump:
    """Sends what a session has due, no faster than the peer takes it.

    Parameters
    ----------
    call : CallHandle
        Whose session and link they are.
    alarm : Alarm
        Set for what is due next.
    inbox : Inbox
        Takes the events that come up.
    turns : Turns
        Who waits for room to play.
    """

    __slots__ = ("_alarm", "_call", "_inbox", "_stalled_at", "_suspended", "_turns")

    def __init__(self, call: LinkedCall, alarm: Alarm, inbox: Inbox, turns: Turns) -> None:
        self._call = call
        self._alarm = alarm
        self._inbox = inbox
        self._turns = turns
        self._stalled_at: float | None = None
        self._suspended = False  # there is no socket

    def run(self, now: float) -> None:
        """Send what is due, and set the alarm for what is next."""
        call = self._call
        if call.ended:
            return
        if self._stalled_at is not None and not self._moving(now):
            self._tell()
            return
        session = call.session
        try:
            texts = session.poll(now)
        except Exception as error:
            call.fail(error)
            return
        if texts:
            if not self._send(texts, now):
                return
            self._turns.wake()
        self._tell()
        due = session.next_poll
        if due < self._alarm.at:
            self._alarm.set(due, now)

    def _tell(self) -> None:
        """Give the agent the events that have come up."""
        if self._call.session.has_events:
            self._inbox.take(self._call.session.events())
            self._inbox.wake.soon()

    def _send(self, texts: list[str], now: float) -> bool:
        """Send texts; False if no more should follow now."""
        link = self._call.link
        for text in texts:
            link.send(text)
        if link.backlog() <= MAX_BACKLOG_BYTES:
            return True
        self._stalled_at = now
        self._alarm.set(now + STALL_CHECK_S, now)
        return False

    def _moving(self, now: float) -> bool:
        """Whether the full backlog has gone down, so that there is room for more."""
        assert self._stalled_at is not None
        if self._suspended:
            return False
        if self._call.link.backlog() <= MAX_BACKLOG_BYTES // 2:
            self._stalled_at = None
            return True
        if now - self._stalled_at > STALL_TIMEOUT_S:
            self._call.end(1008, f"the peer has taken nothing for {STALL_TIMEOUT_S:g} s")
        else:
            self._alarm.set(now + STALL_CHECK_S, now)
        return False

    def suspend(self) -> None:
        """Send nothing until `resume`: there is no socket."""
        self._suspended = True
        self._stalled_at = self._alarm.clock()
        self._alarm.stop()

    def resume(self) -> None:
        """Send again, on another socket."""
        self._suspended = False
        self._stalled_at = None
        self._alarm.use(self._call.link.timers)
        self.run(self._alarm.clock())
        self._turns.wake()
