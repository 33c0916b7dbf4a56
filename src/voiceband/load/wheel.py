"""`Wheel`: one timer for all calls of a process, which come round every 20 ms, spread evenly over them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

SLOTS = 20
SLOT_S = 0.001


class Rider(Protocol):
    """What the wheel calls."""

    def tick(self, due: float) -> None:
        """Do what is due at that time of `time.monotonic`."""


class Wheel:
    """Calls each rider's `tick` every 20 ms.

    A late wheel leaves no turn out: a carrier would not either. It lets the loop do other things between two turns.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        Whose timer it uses.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: list[list[Rider]] = [[] for _ in range(SLOTS)]
        self._origin = time.monotonic()
        self._next = 0  # slots since the origin
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to turn."""
        self._origin = time.monotonic()
        self._next = 0
        self._turn()

    def stop(self) -> None:
        """Turn no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def join(self, rider: Rider) -> None:
        """Take a rider on, where there are fewest."""
        min(self._slots, key=len).append(rider)

    def leave(self, rider: Rider) -> None:
        """Let a rider off, if it is on."""
        for slot in self._slots:
            if rider in slot:
                slot.remove(rider)
                return

    def _turn(self) -> None:
        now = time.monotonic()
        for _ in range(SLOTS):
            due = self._origin + self._next * SLOT_S
            if due > now:
                break
            # A rider may leave meanwhile.
            for rider in tuple(self._slots[self._next % SLOTS]):
                rider.tick(due)
            self._next += 1
        wait_s = self._origin + self._next * SLOT_S - time.monotonic()
        self._timer = self._loop.call_later(max(0.0, wait_s), self._turn)
