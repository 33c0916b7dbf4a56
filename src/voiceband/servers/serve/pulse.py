"""A worker's pulse: the supervisor is told that the process lives, or where its event loop stands still.

A process that is stopped, or in which no thread gets a turn, says nothing. Either is found out when it has lasted for
`STILL_S`, not before, and at most `BEAT_S` later.
"""

from __future__ import annotations

import sys
import threading
import traceback
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

from voiceband.servers.serve.stacks import in_one_line

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from multiprocessing.connection import Connection

BEAT_S = 1.0
"""A worker says at least this often that it is alive."""
LOOK_S = 0.25
"""How often the loop ticks, and how often the thread checks it."""
STILL_S = 5.0
"""How long an event loop may stand still before its worker is given up: calls are silent meanwhile."""
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


class Pulse:
    """What is to be said about an event loop.

    Parameters
    ----------
    still_s : float
        For how long the loop may stand still.
    now : float
        The time.
    """

    def __init__(self, still_s: float, now: float) -> None:
        self._still_s = still_s
        self._ticked_at = now
        self._said_at = now - BEAT_S
        self._seen = 0  # how often it has been seen to stand still

    def tick(self, now: float) -> None:
        """Note that the loop turns, every `LOOK_S`."""
        self._ticked_at = now

    def look(self, now: float) -> list[str]:
        """Return the words that are due; to be asked every `LOOK_S`."""
        words = []
        if now - self._said_at >= BEAT_S - LOOK_S:  # the next look would be too late
            self._said_at = now
            words.append(ALIVE)
        # Two looks see it: the loop has gone on for up to `LOOK_S` since its tick, and after the whole process
        # was stopped the first look may come before the loop's turn.
        self._seen = self._seen + 1 if now - self._ticked_at >= self._still_s else 0
        if self._seen == 2:
            words.append(STILL)
        return words


def start_pulse(
    loop: asyncio.AbstractEventLoop, say: Callable[[str, str], None], still_s: float, figures: Callable[[], str]
) -> None:
    """Let a thread say all the time that this process lives, and once where its event loop has stood for `still_s`.

    With the former it says `figures`.
    """
    pulse = Pulse(still_s, monotonic())
    watched = threading.get_ident()

    def tick() -> None:
        pulse.tick(monotonic())
        loop.call_later(LOOK_S, tick)

    def watch() -> None:
        while True:
            sleep(LOOK_S)
            for word in pulse.look(monotonic()):
                say(word, figures() if word == ALIVE else where_is(watched))

    tick()
    threading.Thread(target=watch, daemon=True, name="pulse").start()


def where_is(thread: int) -> str:
    """Return a thread's innermost calls in one line."""
    frame = sys._current_frames().get(thread)
    calls = [] if frame is None else traceback.extract_stack(frame)
    return in_one_line((call.name, call.filename, call.lineno) for call in reversed(calls))


class PulseWatch:
    """When the supervisor has heard its workers, and who has been silent for too long.

    Parameters
    ----------
    still_s : float
        For how long a worker may stand still. It may have spoken up to `BEAT_S` before it began to.
    now : float
        The time.
    """

    def __init__(self, still_s: float, now: float) -> None:
        self._silent_s = still_s + BEAT_S
        self._listened_at = now
        self._heard_at: dict[object, float] = {}

    def hear(self, worker: object, now: float) -> None:
        """Note that a worker has said something."""
        self._heard_at[worker] = now

    def forget(self, worker: object) -> None:
        """Expect nothing of a worker any more."""
        self._heard_at.pop(worker, None)

    def listen(self, now: float) -> list[object]:
        """Return those who are silent; to be asked once a second at least.

        If it was not, this process has stood still itself, and could not hear anybody.
        """
        missed_s = now - self._listened_at - 2 * BEAT_S
        self._listened_at = now
        if missed_s > 0:
            self._heard_at = {worker: at + missed_s + 2 * BEAT_S for worker, at in self._heard_at.items()}
        return [worker for worker, at in self._heard_at.items() if now - at >= self._silent_s]

    def due(self) -> float | None:
        """Return when the first would have been silent for too long; None if there is nobody."""
        return min(self._heard_at.values()) + self._silent_s if self._heard_at else None
