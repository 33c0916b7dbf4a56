"""`Delayed`: a network in real time, in front of whatever takes messages in an event loop."""

from __future__ import annotations

import asyncio
import collections
from typing import TYPE_CHECKING, Any

from voiceband.emulator.run.clock import clock_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiceband.emulator.network.network import Network, Way


class Delayed:
    """Holds the messages of one direction until they arrive.

    Parameters
    ----------
    network : Network
        Says when.
    way : {"sent", "received"}
        Which direction this is.
    deliver : callable
        Called with (message, time) when a message has arrived; the time is that of `clock_of` the loop.

    Notes
    -----
    To be used in one running event loop. In front of a socket's `send`, and behind its `on_message`, it makes a good
    connection the one that `network` describes; the time that the real connection takes comes on top.
    """

    def __init__(self, network: Network, way: Way, deliver: Callable[[Any, float], object]) -> None:
        self._network = network
        self._way = way
        self._deliver = deliver
        self._waiting: collections.deque[tuple[float, str | bytes]] = collections.deque()
        self._timer: asyncio.TimerHandle | None = None
        self._clock = clock_of(asyncio.get_running_loop())

    def put(self, message: str | bytes, now: float) -> None:
        """Take a message that is sent at `now`."""
        self._waiting.append((self._network.arrival(now, len(message), self._way), message))
        if self._timer is None:
            self._wait(now)

    async def drained(self) -> None:
        """Wait until all has arrived."""
        while self._waiting:
            await asyncio.sleep(max(0.001, self._waiting[-1][0] - self._clock()))

    def close(self) -> None:
        """Drop what has not arrived: the connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()

    def _wait(self, now: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(max(0.0, self._waiting[0][0] - now), self._arrive)

    def _arrive(self) -> None:
        self._timer = None
        # A timer may come a little early, by the clock's resolution.
        now = max(self._clock(), self._waiting[0][0])
        while self._waiting and self._waiting[0][0] <= now:
            self._deliver(self._waiting.popleft()[1], now)
        if self._waiting and self._timer is None:
            self._wait(now)
