"""What of a call can be awaited: utterances and checkpoints, and what became of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import msgspec

from voiceband.session import Cleared, Failed, Missed, Played, Started, Stopped

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from voiceband.session import SessionEvent, Utterance

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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, outcome={self.outcome!r})"


class Speech(Mark):
    """An utterance on its way; await it for its `Outcome`, which comes after its last piece (``end=True``).

    Attributes
    ----------
    utterance : Utterance
        The session's record of it.
    """

    __slots__ = ("utterance",)

    def __init__(self, call: Waits, utterance: Utterance) -> None:
        super().__init__(call, utterance.name)
        self.utterance = utterance

    @property
    def over(self) -> bool:
        """Whether all of it was given and sent, so that only the answer is missing."""
        return self.utterance.ended and self.utterance.sent >= self.utterance.queued

    def _heard_ms(self) -> float:
        return self.utterance.heard_ms


class Outcomes:
    """The utterances and checkpoints of a call whose outcome is open; told from the session's events."""

    def __init__(self) -> None:
        self._open: dict[str, Mark] = {}

    def add(self, mark: Mark) -> None:
        """Wait for one more."""
        if mark.name in self._open or len(self._open) >= MAX_OPEN:
            # The session waits for fewer answers than that, and has forgotten this one.
            self.settle(mark.name if mark.name in self._open else next(iter(self._open)), "timeout")
        self._open[mark.name] = mark

    def note(self, event: SessionEvent) -> None:
        """Settle what an event settles."""
        if isinstance(event, Played):
            self._played(event.name)
        elif isinstance(event, Missed):
            self.settle(event.name, event.reason)
        elif isinstance(event, Stopped):
            self.settle_all("closed")
        elif isinstance(event, Started) and event.again:
            self.sweep("cleared")
            for name in [name for name, mark in self._open.items() if isinstance(mark, Speech) and mark.over]:
                self.settle(name, "closed")
        elif isinstance(event, (Failed, Cleared)):
            self.sweep("failed" if isinstance(event, Failed) else "cleared")

    def _played(self, name: str) -> None:
        if name in self._open:
            # What is before it has been played too, though its own answer may not have come.
            for earlier, mark in list(self._open.items()):
                if earlier == name:
                    break
                if isinstance(mark, Speech) and mark.over and 0 < mark.utterance.queued <= mark.utterance.acknowledged:
                    self.settle(earlier, None)
        self.settle(name, None)

    def settle(self, name: str, reason: str | None) -> None:
        """Settle one, if it is open: None for played, or why not."""
        mark = self._open.pop(name, None)
        if mark is not None:
            mark.settle(reason)

    def sweep(self, reason: str) -> None:
        """Settle utterances that the session has dropped."""
        for name in [n for n, m in self._open.items() if isinstance(m, Speech) and m.utterance.interrupted]:
            self.settle(name, reason)

    def settle_all(self, reason: str) -> None:
        """Settle all."""
        for name in list(self._open):
            self.settle(name, reason)


class Turn:
    """One that waits for room to play."""

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
