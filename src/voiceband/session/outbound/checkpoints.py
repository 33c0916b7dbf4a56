"""Checkpoints on their way: whose answers are waited for, and until when."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from voiceband.protocol.limits import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from voiceband.session.outbound.ledger import Interruption, Utterance

    Kind = Literal["end", "own", "mark", "probe"]

OWN_PREFIX = "voiceband-"
"""What the names of automatic checkpoints begin with."""
MAX_STREAM_ID_BYTES = 1024
"""How much of a message a stream's id may take, as JSON."""
MAX_NAME_BYTES = MAX_MESSAGE_BYTES - MAX_STREAM_ID_BYTES - len('{"event":"checkpoint","streamId":,"name":}')
"""How much of a message a checkpoint's name may take, as JSON."""
MAX_WAITING = 256
"""Checkpoints whose answers are waited for. Some never come."""


class Waiting:
    """One checkpoint that was sent, or is about to be."""

    __slots__ = ("deadline", "kind", "name", "position", "sent_at", "timeout_s", "utterance", "wire")

    def __init__(self, name: str, kind: Kind, position: int, timeout_s: float, utterance: Utterance | None) -> None:
        self.name = name
        self.wire = name  # what it is called on the wire
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


class PendingClear:
    """A clearAudio on its way out, for an interruption."""

    __slots__ = ("interruption", "text")

    def __init__(self, text: str, interruption: Interruption) -> None:
        self.text = text
        self.interruption = interruption

    def note(self) -> dict[str, Any]:
        """Return what a capture needs to know of it."""
        past = self.interruption
        return {"at": past.at, "ledger": [[u.name, u.queued, u.content_ms] for u in past.utterances]}


class Checkpoints:
    """The checkpoints of one stream."""

    __slots__ = ("_given_up", "_names", "_next", "_own", "_stale", "waiting")

    def __init__(self) -> None:
        self.waiting: dict[str, Waiting] = {}  # by their names on the wire
        self._given_up: list[Waiting] = []  # though their time had not come
        self._names = 0
        self._stale: dict[str, None] = {}  # names that an answer may still come to, though nobody waits for it
        self._next = math.inf
        self._own = False  # whether any of the agent's own may be waiting

    def add(self, entry: Waiting) -> None:
        """Wait for one more; the oldest is given up when there are too many, before its time has come."""
        if len(self.waiting) >= MAX_WAITING:
            self._give_up()
        if entry.name in self._stale or entry.name in self.waiting:
            # An answer to its namesake would be taken for its own, so it goes by another name.
            self._names += 1
            entry.wire = f"{OWN_PREFIX}again-{self._names}"
        self.waiting[entry.wire] = entry
        self._own = self._own or entry.kind == "own"

    def _give_up(self) -> None:
        spare = (entry for entry in self.waiting.values() if entry.kind in ("mark", "probe"))  # nobody waits for these
        entry = next(spare, None)
        if entry is None:
            entry = next(iter(self.waiting.values()))
            self._given_up.append(entry)
            self._next = -math.inf
        self.forget(entry)

    def given_up(self) -> list[Waiting]:
        """Take those that were given up because there were too many."""
        taken, self._given_up = self._given_up, []
        return taken

    def forget(self, entry: Waiting) -> None:
        """Wait for one no more, whose answer may come all the same."""
        self.waiting.pop(entry.wire, None)
        if entry.sent_at < math.inf:
            self._stale.pop(entry.wire, None)
            self._stale[entry.wire] = None
            if len(self._stale) > MAX_WAITING:
                del self._stale[next(iter(self._stale))]

    def answered(self, wire: str) -> Waiting | None:
        """Return the one that an answer is for; None if nobody waits for it any more."""
        self._stale.pop(wire, None)
        return self.waiting.pop(wire, None)

    def has(self, name: str) -> bool:
        """Whether an answer is to come to a name that the agent has chosen, and may not choose again meanwhile."""
        return any(w.name == name and (w.utterance is None or not w.utterance.lapsed) for w in self.waiting.values())

    def waits_for(self, entry: Waiting) -> bool:
        """Whether one is still waited for."""
        return self.waiting.get(entry.wire) is entry

    def follow(self, before: Checkpoints) -> None:
        """Go on with the names of another stream's."""
        self._names, self._stale = before._names, before._stale

    def sent(self, entry: Waiting, now: float, played_by: float) -> None:
        """Note that it has left, and that what is before it should have been played at a time."""
        entry.sent_at = now
        entry.deadline = max(now, played_by) + entry.timeout_s
        self._next = min(self._next, entry.deadline)

    def alarm(self, *, ends: bool) -> float:
        """When a deadline must be looked at even if no message comes: the agent's own, and with `ends` all others."""
        if self._given_up:
            return -math.inf
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

    def clear(self, *, probes: bool) -> None:
        """Wait for none; for `probes` that were sent neither, if these are meant too."""
        for entry in list(self.waiting.values()):
            if probes or entry.kind != "probe" or entry.sent_at == math.inf:
                self.forget(entry)
        self._next = math.inf
