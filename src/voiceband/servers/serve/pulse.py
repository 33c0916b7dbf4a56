"""A worker's pulse: the supervisor is told that the event loop turns, or where it stands still."""

from __future__ import annotations

import sys
import threading
import traceback
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from multiprocessing.connection import Connection

BEAT_S = 1.0
"""How often a worker says that it is alive."""
STILL_S = 5.0
"""How long an event loop may stand still before its worker is given up: calls are silent meanwhile."""
MAX_FRAMES = 6
READY, ALIVE, STILL, DRAINING, FAILED = "ready", "alive", "still", "draining", "failed"


class Said(NamedTuple):
    """What a worker says to its supervisor: one of the words above, and where it stands still or why it has failed."""

    word: str
    text: str = ""


class Mouth:
    """A worker's end of the pipe, for several threads.

    Parameters
    ----------
    pipe : Connection
        To the supervisor.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def say(self, word: str, text: str = "") -> None:
        """Say something; nothing if nobody listens any more."""
        with self._lock:
            try:
                self._pipe.send(Said(word, text))
            except OSError:
                return


def start_pulse(
    loop: asyncio.AbstractEventLoop, say: Callable[[str, str], None], still_s: float, figures: Callable[[], str]
) -> None:
    """Let a thread say every second that the event loop of this one turns, and once that it has not for `still_s`.

    With the former it says `figures`.
    """
    ticks = 0
    watched = threading.get_ident()

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        loop.call_later(BEAT_S / 2, tick)

    def watch() -> None:
        seen, since, told = 0, monotonic(), False
        while True:
            sleep(BEAT_S)
            if ticks != seen:
                seen, since, told = ticks, monotonic(), False
                say(ALIVE, figures())
            elif not told and monotonic() - since >= still_s:
                told = True
                say(STILL, where_is(watched))

    tick()
    threading.Thread(target=watch, daemon=True, name="pulse").start()


def where_is(thread: int) -> str:
    """Return a thread's innermost calls in one line."""
    frame = sys._current_frames().get(thread)
    if frame is None:
        return "nowhere"
    calls = reversed(traceback.extract_stack(frame)[-MAX_FRAMES:])
    return " < ".join(f"{call.name} ({Path(call.filename).name}:{call.lineno})" for call in calls)
