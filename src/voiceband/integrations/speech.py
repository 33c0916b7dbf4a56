"""What of a call can be awaited: utterances and checkpoints, and what became of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from voiceband.integrations.call import CallHandle
    from voiceband.session import Utterance


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

    def __init__(self, call: CallHandle, name: str) -> None:
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

    def __init__(self, call: CallHandle, utterance: Utterance) -> None:
        super().__init__(call, utterance.name)
        self.utterance = utterance

    @property
    def over(self) -> bool:
        """Whether all of it was given and sent, so that only the answer is missing."""
        return self.utterance.ended and self.utterance.sent >= self.utterance.queued

    def _heard_ms(self) -> float:
        return self.utterance.heard_ms
