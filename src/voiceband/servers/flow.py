"""How fast a peer may send: what is more than any call needs is left in its socket for a while, and a flood is the end.

A call in real time brings 50 messages a second of each track, some 60 KB; ten times that is read at once, so that what
was held up on the way is caught up with quickly.
"""

from __future__ import annotations

import asyncio
import math
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_MESSAGES_PER_S = 1000
MAX_BYTES_PER_S = 2 * 2**20
MAX_AUDIO_S = 20
"""Seconds of audio a second, made up for holes included: ten times both tracks."""
MAX_OTHERS_PER_S = 200
"""Messages that bring no audio. More than that for `FLOOD_S` seconds on end are a flood."""
FLOOD_S = 5
WINDOW_S = 1.0
MAX_UNSENT_BYTES = 2 * 2**20
"""What may wait in a socket, answers to pings included, before the peer is read no further."""
CHECK_S = 0.05


class Flow:
    """Counts the messages of one call, second by second.

    Parameters
    ----------
    find_rate : callable
        Returns the rate of the call's audio, in Hz; asked once a second.

    Attributes
    ----------
    rate : int
        What it last returned.
    """

    def __init__(self, find_rate: Callable[[], int]) -> None:
        self._find_rate = find_rate
        self.rate = 0
        self._ends_at = -math.inf
        self._messages = self._others = self._bytes = self._samples = self._busy_s = 0

    def take(self, now: float, n_bytes: int, n_samples: int = 0) -> float:
        """Count a message, and the audio that it brought.

        Returns
        -------
        pause_s : float
            How long to leave the socket unread; mostly 0. inf for a flood.
        """
        if now >= self._ends_at:
            self._begin(now)
        self._messages += 1
        self._bytes += n_bytes
        self._samples += n_samples
        if not n_samples:
            self._others += 1
            if self._busy_s >= FLOOD_S:
                return math.inf
        if (
            self._messages <= MAX_MESSAGES_PER_S
            and self._bytes <= MAX_BYTES_PER_S
            and self._samples <= MAX_AUDIO_S * self.rate
        ):
            return 0.0
        return max(self._ends_at - now, 0.001)

    def _begin(self, now: float) -> None:
        busy = self._others > MAX_OTHERS_PER_S and now < self._ends_at + WINDOW_S
        self._busy_s = self._busy_s + 1 if busy else 0
        self._messages = self._others = self._bytes = self._samples = 0
        self._ends_at = now + WINDOW_S
        self.rate = self._find_rate()


class ReadMeter:
    """Leaves a socket unread for a while whose peer sends too fast, or does not read what it is answered.

    It is for libraries that answer pings by themselves, without a word to the call.

    Parameters
    ----------
    transport : Transport
        The socket.
    paused : callable
        Whether the library has paused the reading itself, and will resume it.
    """

    def __init__(self, transport: asyncio.Transport, paused: Callable[[], bool]) -> None:
        self._transport = transport
        self._paused = paused
        self._ends_at = -math.inf
        self._bytes = 0
        self._waits = False

    def take(self, n_bytes: int) -> None:
        """Count what was read."""
        now = monotonic()
        if now >= self._ends_at:
            self._ends_at = now + WINDOW_S
            self._bytes = 0
        self._bytes += n_bytes
        if self._is_too_much(now) and not self._transport.is_closing():
            self._transport.pause_reading()
            if not self._waits:
                self._waits = True
                asyncio.get_running_loop().call_later(CHECK_S, self._look)

    def _is_too_much(self, now: float) -> bool:
        fast = self._bytes > MAX_BYTES_PER_S and now < self._ends_at
        return fast or self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES

    def _look(self) -> None:
        if self._transport.is_closing():
            return
        if self._is_too_much(monotonic()):
            asyncio.get_running_loop().call_later(CHECK_S, self._look)
            return
        self._waits = False
        if not self._paused():
            self._transport.resume_reading()
