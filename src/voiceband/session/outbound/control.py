"""What goes out ahead of audio at the next poll: keys, checkpoints and clearAudio, dated as they leave."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from voiceband.protocol import Checkpoint
from voiceband.session.outbound.checkpoints import PendingClear, Waiting

if TYPE_CHECKING:
    from voiceband.session.counters import Counters
    from voiceband.session.outbound.sender import Sender


class Control:
    """The messages that wait, in order.

    Parameters
    ----------
    count : Counters
        Told how long an interruption took.

    Attributes
    ----------
    waiting : list
        The same list as long as the object lives.
    keys_at : float
        When keys were sent last.
    """

    __slots__ = ("_count", "keys_at", "waiting")

    def __init__(self, count: Counters) -> None:
        self._count = count
        self.keys_at = -math.inf
        self.waiting: list[str | PendingClear | Waiting] = []

    def take(
        self, now: float, sender: Sender | None, stream_id: str | None, texts: list[str], notes: list[Any] | None
    ) -> None:
        """Give all out; `sender` is None where no checkpoint can be sent."""
        waiting = self.waiting[:]
        self.waiting.clear()
        for item in waiting:
            note: dict[str, Any] = {}
            if isinstance(item, str):
                texts.append(item)
                self.keys_at = now
            elif isinstance(item, PendingClear):
                texts.append(item.text)
                item.interruption.sent_at = now
                self._count.reaction(now - item.interruption.at)
                note = item.note() if notes is not None else note
            else:
                if sender is None or stream_id is None or not sender.checkpoints.waits_for(item):
                    continue
                texts.append(Checkpoint(item.wire, stream_id).encode())
                if item.kind == "own":
                    item.position = sender.clock.expect(item.wire, now)
                sender.checkpoints.sent(item, now, sender.clock.ends_by())
                note = item.note() if notes is not None else note
            if notes is not None:
                notes.append(note)

    def interrupt(self) -> None:
        """Keep keys, and what measures the round trip."""
        self.waiting[:] = [item for item in self.waiting if not isinstance(item, Waiting) or item.kind == "probe"]

    def leave(self) -> None:
        """Keep what another stream of the call can take: keys."""
        self.waiting[:] = [item for item in self.waiting if isinstance(item, str)]
