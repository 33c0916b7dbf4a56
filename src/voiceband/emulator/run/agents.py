"""Agents without sockets: what a `VirtualCall` connects to, and two that are made from functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from voiceband.session import Session, SessionEvent


class Agent(Protocol):
    """The agent's end of one connection, sans-IO; a `Session` is one.

    It may have more: `hangup_due`, whether it wants its end closed; and `close`, called when the connection is gone.
    """

    def receive(self, message: str, now: float) -> object:
        """Take a text from the carrier."""

    def poll(self, now: float) -> Iterable[str]:
        """Return the texts that are due."""

    @property
    def next_poll(self) -> float:
        """When `poll` wants to be called next; -inf for at once, inf for never."""


class Answering:
    """An agent that is a function of the wire: it takes each text and the time, and returns the texts to send at once.

    Parameters
    ----------
    answer : callable
        Called with (text, now); returns texts, or None for nothing.

    Examples
    --------
    >>> agent = Answering(lambda text, now: ['{"event":"clearAudio"}'] if "dtmf" in text else None)
    >>> agent.receive('{"event":"dtmf"}', 0.0)
    >>> agent.poll(0.0)
    ['{"event":"clearAudio"}']
    """

    def __init__(self, answer: Callable[[str, float], Iterable[str] | None]) -> None:
        self._answer = answer
        self._texts: list[str] = []

    def receive(self, message: str, now: float) -> None:
        """Hand the text to the function."""
        self._texts.extend(self._answer(message, now) or ())

    def poll(self, now: float) -> list[str]:  # noqa: ARG002
        """Return what the function has answered."""
        texts, self._texts = self._texts, []
        return texts

    @property
    def next_poll(self) -> float:
        """Return -inf when there are answers, else inf."""
        return -math.inf if self._texts else math.inf


class SessionAgent:
    """An agent that is a `Session` and a function of its events.

    Parameters
    ----------
    session : Session
        The agent's end of one connection.
    on_event : callable
        Called with (session, event, now) for every event, also the last one, which says why the session stopped.
    """

    def __init__(self, session: Session, on_event: Callable[[Session, SessionEvent, float], object]) -> None:
        self.session = session
        self._on_event = on_event
        self._now = -math.inf

    def receive(self, message: str, now: float) -> None:
        """Take a text from the carrier."""
        self._now = now
        self._tell(self.session.receive(message, now))

    def poll(self, now: float) -> list[str]:
        """Return the texts that are due."""
        self._now = now
        texts = self.session.poll(now)
        self._tell(self.session.events())
        return texts

    @property
    def next_poll(self) -> float:
        """When `poll` wants to be called next."""
        return self.session.next_poll

    @property
    def hangup_due(self) -> bool:
        """Whether the agent wants the connection closed."""
        return self.session.hangup_due

    def close(self) -> None:
        """Take it that the connection is gone."""
        self._tell(self.session.close())

    def _tell(self, events: Iterable[Any]) -> None:
        for event in events:
            self._on_event(self.session, event, self._now)
