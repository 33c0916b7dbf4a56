"""What the agent attaches to a session, a recorder, a capture or a metrics hook, can fail; the call goes on.

A failure is told once, by a `Warned` event of the kind "recorder", "capture" or "metrics", and goes no further.
"""

from __future__ import annotations

import functools
import math
import traceback
from typing import TYPE_CHECKING, Any, TypeVar, cast

from voiceband.session.events import Warned

if TYPE_CHECKING:
    from collections.abc import MutableSequence

    from voiceband.session.events import SessionEvent

Given = TypeVar("Given")


def observer_of(kind: str, given: Given | None, method: str, events: MutableSequence[SessionEvent]) -> Given | None:
    """Return what stands for a recorder or a capture, which has a method, in its session.

    Its failure comes among the events.
    """
    if given is None:
        return None
    if not hasattr(given, method):
        raise TypeError(f"{kind} must be a {kind.capitalize()}, not {given!r}")
    return cast("Given", GuardedObserver(kind, given, events))


def hook_of(given: object, events: MutableSequence[SessionEvent]) -> Hook | None:
    """Return what stands for a metrics hook."""
    if given is None:
        return None
    if not callable(given):
        raise TypeError(f"metrics must be callable, not {given!r}")
    return Hook(given, events)


class GuardedObserver:
    """Stands in front of a recorder or a capture, and is told what it is told.

    The first exception ends it: what it would write with a hole in it is no record of the call.
    """

    __slots__ = ("_events", "_given", "_kind")

    def __init__(self, kind: str, given: object, events: MutableSequence[SessionEvent]) -> None:
        self._kind = kind
        self._given: Any = given
        self._events = events

    def __getattr__(self, method: str) -> Any:
        return functools.partial(self._call, method)

    def _call(self, method: str, *args: Any, **details: Any) -> None:
        if self._given is None:
            return
        try:
            getattr(self._given, method)(*args, **details)
        except Exception as error:
            self._given = None
            self._events.append(_warned(self._kind, "has failed, and is told nothing more of this call", error))

    @property
    def due(self) -> float:
        """When a recorder wants to be told the time: never once it has failed."""
        return math.inf if self._given is None else self._given.due


class Hook:
    """Stands in front of a metrics hook.

    It goes on being called after a failure, for it may have been a single name that it does not know.
    """

    __slots__ = ("_events", "_given", "_told")

    def __init__(self, given: Any, events: MutableSequence[SessionEvent]) -> None:
        self._given = given
        self._events = events
        self._told = False

    def __call__(self, name: str, value: float) -> None:
        """Tell the hook of a metric."""
        try:
            self._given(name, value)
        except Exception as error:
            if not self._told:
                self._told = True
                self._events.append(_warned("metrics", f"has failed, at first for {name!r}", error))


def _warned(kind: str, what: str, error: Exception) -> Warned:
    why = "".join(traceback.format_exception_only(error)).strip()
    return Warned(kind, f"the {'metrics hook' if kind == 'metrics' else kind} {what}: {why}", "")
