"""Checkpoints on their way: whose answers are waited for, and until when."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from voiceband.protocol.commands import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from voiceband.session.ledger import Interruption, Utterance

    Kind = Literal["end", "own", "mark", "probe"]

OWN_PREFIX = "voiceband-"
"""What the names of automatic checkpoints begin with."""
MAX_STREAM_ID_BYTES = 1024
"""How much of a message a stream's id may take, as JSON."""
MAX_NAME_BYTES = MAX_MESSAGE_BYTES - MAX_STREAM_ID_BYTES - len('{"event":"checkpoint","streamId":,"name":}')
"""How much of a message a checkpoint's name may take, as JSON."""
MAX_WAITING = 64
"""Checkpoints whose answers are waited for. Some never come."""


class Waiting:
    """One checkpoint that was sent, or is about to be."""

    __slots__ = ("deadline", "kind", "name", "position", "sent_at", "timeout_s", "utterance")

    def __init__(self, name: str, kind: Kind, position: int, timeout_s: float, utterance: Utterance | None) -> None:
        self.name = name
        self.kind = kind  # end of an utterance, the agent's own, between the lines, or to measure the round trip
        self.position = position
        self.sent_at = math.inf
        self.timeout_s = timeout_s
        self.deadline = math.inf
        self.utterance = utterance

    def note(self) -> dict[str, Any]:
        """Return what a capture needs to know of it."""
        name = self.utterance.name if self.utterance is not None else None
        return {"kind": self.kind, "utterance": name, "timeout_s": self.timeout_s}


class Clear:
    """A clearAudio on its way out, for an interruption at a time."""

    __slots__ = ("at", "interruption", "text")

    def __init__(self, text: str, at: float, interruption: Interruption) -> None:
        self.text = text
        self.at = at
        self.interruption = interruption

    def note(self) -> dict[str, Any]:
        """Return what a capture needs to know of it."""
        return {"at": self.at, "ledger": [[u.name, u.queued, u.content_ms] for u in self.interruption.utterances]}


class Checkpoints:
    """The checkpoints of one stream."""

    __slots__ = ("_next", "_own", "waiting")

    def __init__(self) -> None:
        self.waiting: dict[str, Waiting] = {}
        self._next = math.inf
        self._own = False  # whether any of the agent's own may be waiting

    def add(self, entry: Waiting) -> None:
        """Wait for one more; the oldest is forgotten when there are too many."""
        if len(self.waiting) >= MAX_WAITING:
            del self.waiting[next(iter(self.waiting))]
        self.waiting[entry.name] = entry
        self._own = self._own or entry.kind == "own"

    def sent(self, entry: Waiting, now: float, played_by: float) -> None:
        """Note that it has left, and that what is before it should have been played at a time."""
        entry.sent_at = now
        entry.deadline = max(now, played_by) + entry.timeout_s
        self._next = min(self._next, entry.deadline)

    def alarm(self, *, ends: bool) -> float:
        """When a deadline must be looked at even if no message comes: the agent's own, and with `ends` all others."""
        if not ends and not self._own:
            return math.inf
        kinds = ("own", "end") if ends else ("own",)
        self._own = any(w.kind == "own" for w in self.waiting.values())
        return min((w.deadline for w in self.waiting.values() if w.kind in kinds), default=math.inf)

    @property
    def next_deadline(self) -> float:
        """When `overdue` should be asked next."""
        return self._next

    def overdue(self, now: float) -> list[Waiting]:
        """Return those whose deadline has passed."""
        if now < self._next:
            return []
        late = [w for w in self.waiting.values() if w.deadline <= now]
        self._next = min((w.deadline for w in self.waiting.values() if w.deadline > now), default=math.inf)
        return late

    def postpone(self, entry: Waiting, deadline: float) -> None:
        """Wait longer for one."""
        entry.deadline = deadline
        self._next = min(self._next, deadline)

    def of_kind(self, kind: Kind) -> list[Waiting]:
        """Return those of one kind, the oldest first."""
        return [w for w in self.waiting.values() if w.kind == kind]

    def clear(self) -> None:
        """Wait for none."""
        self.waiting.clear()
        self._next = math.inf
