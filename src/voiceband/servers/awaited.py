"""What of a call can be awaited: utterances and checkpoints, and what became of them; beeps; room to play."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from voiceband.session import Cleared, Drained, Failed, Missed, Played, Started, Stopped, Tone, Utterance
from voiceband.session.outbound.ledger import end_utterance

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any

    from voiceband.session import SessionEvent

Awaited = TypeVar("Awaited")
MAX_OPEN = 256
"""Utterances and checkpoints whose outcome may be open."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of an utterance or a checkpoint.

    Attributes
    ----------
    name : str
        The utterance or checkpoint.
    played : bool
        Whether the far end has said that everything up to it has been played.
    reason : str or None
        Why not: "cleared" by an interruption, "timeout" without an answer, "closed" with the stream, or "failed".
    heard_ms : float
        How much of the utterance the caller heard; an estimate, unless it was played. 0 for a checkpoint.
    """

    name: str
    played: bool
    reason: str | None = None
    heard_ms: float = 0.0


class Waits(Protocol):
    """The call, as far as what can be awaited needs it."""

    async def wait(self, future: asyncio.Future[Any]) -> Any:
        """Await a future of the call."""

    def flush(self) -> None:
        """Send what is due."""


class Mark:
    """A checkpoint on its way; await it for its `Outcome`. Any number may wait, and be cancelled, independently.

    Attributes
    ----------
    name : str
        Of the checkpoint, or the utterance.
    outcome : Outcome or None
        What became of it, once that is known.
    """

    __slots__ = ("_call", "_waiting", "name", "outcome")

    def __init__(self, call: Waits, name: str) -> None:
        self.name = name
        self.outcome: Outcome | None = None
        self._call = call
        self._waiting: asyncio.Future[None] | None = None

    def __await__(self) -> Generator[Any, None, Outcome]:
        if self.outcome is None:
            if self._waiting is None:
                self._waiting = asyncio.get_running_loop().create_future()
            yield from self._call.wait(self._waiting).__await__()
        assert self.outcome is not None
        return self.outcome

    def settle(self, reason: str | None) -> None:
        """Note what became of it: None for played, or why not."""
        self.outcome = Outcome(self.name, reason is None, reason, self._heard_ms())
        if self._waiting is not None:
            self._waiting.set_result(None)

    def _heard_ms(self) -> float:
        return 0.0

    @property
    def lapsed(self) -> bool:
        """Whether its name may be used again before its outcome is known."""
        return False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, outcome={self.outcome!r})"


class Speech(Mark):
    """An utterance on its way; await it for its `Outcome`, which comes once it has ended and was played.

    Attributes
    ----------
    utterance : Utterance
        The session's record of it.
    """

    __slots__ = ("utterance",)

    def __init__(self, call: Waits, utterance: Utterance) -> None:
        super().__init__(call, utterance.name)
        self.utterance = utterance

    def end(self) -> None:
        """End it: no more pieces join it. Nothing happens if it has ended."""
        self.utterance.end()
        self._call.flush()

    def settle(self, reason: str | None) -> None:
        """Note what became of it."""
        super().settle(reason)
        if not self.utterance.interrupted:  # else late pieces of it are still given this one
            self.utterance.note = None

    @property
    def over(self) -> bool:
        """Whether all of it was given and sent, so that only the answer is missing."""
        return self.utterance.ended and self.utterance.sent >= self.utterance.queued

    @property
    def lapsed(self) -> bool:
        """Whether it ended because nothing more came."""
        return self.utterance.lapsed

    def _heard_ms(self) -> float:
        return self.utterance.heard_ms


def dropped(call: Waits, name: str | None) -> Speech:
    """Return what an interruption has dropped before it was queued."""
    utterance = Utterance(name or "never queued")
    end_utterance(utterance, "interrupted")
    speech = Speech(call, utterance)
    speech.settle("cleared")
    return speech


class Outcomes:
    """The utterances and checkpoints of a call whose outcome is open; told from the session's events."""

    def __init__(self) -> None:
        self._open: list[Mark] = []

    def add(self, mark: Mark) -> None:
        """Wait for one more."""
        # The session waits for fewer answers than that, and for one of a name, but for utterances that nobody ended.
        forgotten = [m for m in self._open if m.name == mark.name and not m.lapsed]
        if len(self._open) - len(forgotten) >= MAX_OPEN:
            forgotten.append(self._open[0])
        self._settle(forgotten, "timeout")
        self._open.append(mark)

    def note(self, event: SessionEvent) -> None:
        """Settle what an event settles."""
        if isinstance(event, Played):
            self._played(event.name)
        elif isinstance(event, Missed):
            self.settle(event.name, event.reason)
        elif isinstance(event, Started) and event.again:
            self.sweep("cleared")
            self._settle([mark for mark in self._open if isinstance(mark, Speech) and mark.over], "closed")
        elif isinstance(event, (Failed, Cleared)):
            self.sweep("failed" if isinstance(event, Failed) else "cleared")

    def _played(self, name: str) -> None:
        at = next((i for i, mark in enumerate(self._open) if mark.name == name), 0)
        # What is before it has been played too, though its own answer may not have come.
        before = [mark for mark in self._open[:at] if isinstance(mark, Speech) and mark.over]
        self._settle([m for m in before if 0 < m.utterance.queued <= m.utterance.acknowledged], None)
        self.settle(name, None)

    def settle(self, name: str, reason: str | None) -> None:
        """Settle the first of a name, if one is open: None for played, or why not."""
        self._settle([mark for mark in self._open if mark.name == name][:1], reason)

    def _settle(self, marks: list[Mark], reason: str | None) -> None:
        for mark in marks:
            self._open.remove(mark)
            mark.settle(reason)

    def sweep(self, reason: str) -> None:
        """Settle utterances that the session has dropped."""
        self._settle([m for m in self._open if isinstance(m, Speech) and m.utterance.interrupted], reason)

    def settle_all(self, reason: str) -> None:
        """Settle all."""
        self._settle(list(self._open), reason)


class Waiters(Generic[Awaited]):
    """Those who wait for the same thing, and are told at once; None if it cannot come any more."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._futures: list[asyncio.Future[Awaited | None]] = []

    def add(self) -> asyncio.Future[Awaited | None]:
        """Return a future for one more, who may cancel it."""
        future: asyncio.Future[Awaited | None] = self._loop.create_future()
        self._futures = [*(waiting for waiting in self._futures if not waiting.done()), future]
        return future

    def settle(self, value: Awaited | None) -> None:
        """Tell all who wait."""
        futures, self._futures = self._futures, []
        for future in futures:
            if not future.done():
                future.set_result(value)


class RoomWaiter:
    """One that waits for room to play; `interrupted` if an interruption came meanwhile."""

    __slots__ = ("_future", "_loop", "interrupted")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.interrupted = False
        self._loop = loop
        self._future: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Wait for `wake`."""
        self._future = self._loop.create_future()
        await self._future

    def wake(self) -> None:
        """Let it look whether there is room."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)


class Turns:
    """The queue of those who wait; `queue` is empty if nobody does."""

    __slots__ = ("_loop", "queue")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.queue: list[RoomWaiter] = []

    @contextlib.contextmanager
    def waiting(self) -> Iterator[RoomWaiter]:
        """Stand in the queue; the next one looks when this one leaves."""
        waiter = RoomWaiter(self._loop)
        self.queue.append(waiter)
        try:
            yield waiter
        finally:
            self.queue.remove(waiter)
            self.wake()

    def wake(self) -> None:
        """Let the first one look: there may be room."""
        if self.queue:
            self.queue[0].wake()

    def wake_all(self, *, interrupted: bool = False) -> None:
        """Let all look: what they wait for may not come any more."""
        for waiter in self.queue:
            waiter.interrupted = waiter.interrupted or interrupted
            waiter.wake()


class Pending:
    """All that somebody waits for in one call, told from the session's events.

    Attributes
    ----------
    outcomes : Outcomes
        Of utterances and checkpoints.
    drains : Waiters of Drained
        Those who wait until all has been heard.
    beeps : Waiters of Tone
        Those who wait for an answering machine's beep to end.
    last_beep : Tone or None
        The latest that has ended.
    turns : Turns
        Those who wait for room to play.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.outcomes = Outcomes()
        self.drains: Waiters[Drained] = Waiters(loop)
        self.beeps: Waiters[Tone] = Waiters(loop)
        self.last_beep: Tone | None = None
        self.turns = Turns(loop)

    def note(self, event: SessionEvent) -> None:
        """Settle what an event settles."""
        self.outcomes.note(event)
        if isinstance(event, Drained):
            self.drains.settle(event)
        elif isinstance(event, Tone) and event.kind == "beep" and event.end_ms is not None:
            self.last_beep = event
            self.beeps.settle(event)
        elif isinstance(event, Stopped):
            self.close()

    async def beep(self, call: Waits, timeout_s: float) -> Tone | None:
        """Wait for a beep that ends, or has ended already; None if none comes in time."""
        if self.last_beep is not None:
            return self.last_beep
        beep = self.beeps.add()
        try:
            async with asyncio.timeout(timeout_s):
                told: Tone | None = await call.wait(beep)
        except TimeoutError:
            beep.cancel()
            return None
        return told

    def interrupt(self) -> None:
        """Settle what an interruption has dropped."""
        self.turns.wake_all(interrupted=True)
        self.outcomes.sweep("cleared")
        self.drains.settle(None)

    def close(self) -> None:
        """Let go of all who wait for what cannot come any more."""
        self.outcomes.settle_all("closed")
        self.beeps.settle(None)
        self.drains.settle(None)
        self.turns.wake_all()
