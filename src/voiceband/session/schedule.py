"""What of a session is due when, and doing it: texts, overdue answers, a jitter buffer's audio, a recorder's time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voiceband.session.inbound.inbound import Inbound
    from voiceband.session.metrics import Meter
    from voiceband.session.outbound.outbound import Outbound
    from voiceband.session.transport import Transport

_INF = math.inf


class Schedule:
    """Says when a session has something to do, and does what is due.

    Parameters
    ----------
    transport : Transport
        The session's, as all that follow.
    inbound : Inbound
    outbound : Outbound
    meter : Meter or None
    recorder : Recorder or None
    """

    def __init__(
        self, transport: Transport, inbound: Inbound, outbound: Outbound, meter: Meter | None, recorder: Any
    ) -> None:
        self._transport = transport
        self._inbound = inbound
        self._outbound = outbound
        self._meter = meter
        self._recorder = recorder
        self._pull_at = _INF  # when a jitter buffer or the recorder has something to do
        self._set_deadline()

    @property
    def next_poll(self) -> float:
        """When `poll` next has something to do, on the clock that it is given; -inf for at once, inf for never."""
        return min(self._outbound.due, self._pull_at) - self._transport.behind_s

    def arrived(self, now: float) -> float:
        """Give up what is overdue as a message comes; return the session's time at `now`."""
        now = self._transport.at(now)
        if now >= self._transport.deadline:
            self._expire(now)
        return now

    def poll(self, now: float, notes: list[dict[str, Any]] | None) -> list[str]:
        """Do what is due at `now`; return the texts, and append to `notes` what they do not say themselves."""
        now = self._transport.at(now)
        if now < self._outbound.due and now < self._pull_at:
            return []
        texts = self._outbound.poll(now, notes)
        self._set_deadline()
        if now >= self._transport.deadline:
            self._expire(now)
        if self._pull_at < _INF or self._recorder is not None:
            if now >= self._pull_at:
                self._inbound.advance(now)
            self.update()
        return texts

    def update(self) -> None:
        """Work out when there is something to do."""
        self._outbound.reschedule()
        self._set_deadline()
        self._pull_at = self._inbound.next_pull
        if self._recorder is not None:
            self._pull_at = min(self._pull_at, self._recorder.due)

    def _set_deadline(self) -> None:
        """Work out when an answer may be overdue, or the meter is to look."""
        deadline = _INF
        sender = self._outbound.sender
        if not self._outbound.stopped:
            if self._meter is not None:
                deadline = self._meter.due
            if sender is not None:
                deadline = min(deadline, sender.checkpoints.next_deadline)
        self._transport.deadline = deadline

    def _expire(self, now: float) -> None:
        """Give up answers that are overdue, and tell the metrics hook what has changed."""
        self._outbound.expire(now)
        if self._meter is not None and now >= self._meter.due:
            self._meter.look(now)
        self.update()
