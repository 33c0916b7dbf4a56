"""How fast a peer may send: what is more than any call needs is left in its socket for a while, and a flood is the end.

A call in real time brings 50 messages a second of each track, some 60 KB; ten times that is read at once, so that what
was held up on the way is caught up with quickly.
"""

from __future__ import annotations

import math
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
BURSTS = 20
"""A second has so many; the messages are spread over them, so that no other call waits for a thousand of them."""
MAX_IN_BURST = MAX_MESSAGES_PER_S // BURSTS
MAX_PIECES = 1024
"""Frames of one message; a message has 1 MiB at most, and a library keeps a few hundred bytes with each frame."""
TOO_MANY_PIECES = f"message in more than {MAX_PIECES} frames"
MAX_UNSENT_BYTES = 2 * 2**20
"""What may wait in a socket, answers to pings included, before the peer is read no further."""
CALL = 2
"""The call's bit among those that say why a socket is left unread; `read_meter` has the others."""


class Window:
    """How much has come in a stretch of time; the next one begins with the first that comes after it."""

    __slots__ = ("ends_at", "length_s", "n")

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self.ends_at = -math.inf
        self.n = 0

    def begin(self, now: float) -> None:
        """Begin the next one, with nothing in it."""
        self.ends_at = now + self.length_s
        self.n = 0

    def left_s(self, now: float) -> float:
        """Return how long to wait for its end."""
        return max(self.ends_at - now, 0.001)

    def is_over(self, most: int, now: float) -> bool:
        """Return whether more than `most` has come, and it has not ended."""
        return self.n > most and now < self.ends_at


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
        self._bytes = Window(WINDOW_S)
        self._burst = Window(WINDOW_S / BURSTS)
        self._others = self._samples = self._busy_s = 0

    def take(self, now: float, n_bytes: int, n_samples: int = 0) -> float:
        """Count a message, and the audio that it brought.

        Returns
        -------
        pause_s : float
            How long to leave the socket unread; mostly 0. inf for a flood.
        """
        second, burst = self._bytes, self._burst
        if now >= second.ends_at:
            self._begin(now)
        if now >= burst.ends_at:
            burst.begin(now)
        burst.n += 1
        second.n += n_bytes
        self._samples += n_samples
        if not n_samples:
            self._others += 1
            if self._busy_s >= FLOOD_S:
                return math.inf
        if second.n > MAX_BYTES_PER_S or self._samples > MAX_AUDIO_S * self.rate:
            return second.left_s(now)
        return burst.left_s(now) if burst.n > MAX_IN_BURST else 0.0

    def _begin(self, now: float) -> None:
        busy = self._others > MAX_OTHERS_PER_S and now < self._bytes.ends_at + self._bytes.length_s
        self._busy_s = self._busy_s + 1 if busy else 0
        self._others = self._samples = 0
        self._bytes.begin(now)
        self.rate = self._find_rate()
