"""The part of a session that knows when it is to be polled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from voiceband.session.state import State

if TYPE_CHECKING:
    from voiceband.session.checkpoints import Clear, Waiting


class Schedule(State):
    """When `poll` has something to do."""

    __slots__ = ()

    def _reschedule(self) -> None:
        """Work out when `poll` has something to do."""
        due = math.inf
        out = self._out
        if out is not None and not self.stopped:
            if out.checkpoints.waiting:
                due = min(due, out.checkpoints.alarm(ends=self._drain is not None))
            self._deadline = out.checkpoints.next_deadline
            if self._meter is not None:
                self._deadline = min(self._deadline, self._meter.due)
        if self._options.buffer == "jitter":
            for track in self._tracks.values():
                due = min(due, track.next_pull)
        if self._recorder is not None:
            due = min(due, self._recorder.due)
        if self._control or self._capture is not None:
            self._idle_due = -math.inf  # the long way
        else:
            self._idle_due = due
        if out is not None and not self.stopped:
            due = min(due, out.pacer.next_due())
        self._due = -math.inf if self._control else due

    @property
    def next_poll(self) -> float:
        """When `poll` next has something to do: a time, -inf for at once, inf for never as things stand."""
        return self._due

    def _send(self, control: str | Clear | Waiting, *, first: bool = False) -> None:
        self._control.insert(0 if first else len(self._control), control)
        self._due = self._idle_due = -math.inf
