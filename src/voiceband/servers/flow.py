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

    from voiceband.servers.link import Link

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


class _Window:
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
        self._bytes = _Window(WINDOW_S)
        self._burst = _Window(WINDOW_S / BURSTS)
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


class ReadMeter:
    """Stands before a library's reader of frames, and leaves the socket unread whose peer sends too fast.

    Libraries answer pings and join fragments by themselves, without a word to the call: each costs about as much as a
    message, so they are counted as such here, and what is more than the call takes is read later.

    Parameters
    ----------
    transport : Transport
        The socket.
    take : callable
        Takes what the socket has brought; the library's `data_received`.
    paused : callable
        Whether the library has paused the reading itself, and will resume it.
    before : bytes, optional
        What the socket has brought behind the upgrade already; None if the upgrade itself is still to come.

    Attributes
    ----------
    link : Link or None
        The call's, once there is one; the driver puts it here.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        take: Callable[[bytes], object],
        paused: Callable[[], bool],
        before: bytes | None = None,
    ) -> None:
        self.link: Link | None = None
        self._transport = transport
        self._take = take
        self._paused = paused
        self._bytes = _Window(WINDOW_S)
        self._burst = _Window(WINDOW_S / BURSTS)
        self._waits = False
        self._held = b""  # what was read, and is to be taken later
        self._request: bytes | None = b""  # the end of what has come of the upgrade
        self._head = b""  # the beginning of a frame's head, where a piece of the stream ends in it
        self._left = 0  # of a frame, behind that end
        self._pieces = 0  # of one message
        if before is not None:
            self._request = None
            self._walk(before)

    def data_received(self, data: bytes) -> None:
        """Take what the socket has brought, at once or later."""
        self._bytes.n += len(data)
        if self._held:  # a library may have resumed the reading meanwhile
            self._held += data
            self._pause()
        else:
            self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        now = monotonic()
        if now >= self._bytes.ends_at:
            self._bytes.begin(now)
            self._bytes.n = len(data)
        if now >= self._burst.ends_at:
            self._burst.begin(now)
        end = self._walk(data)
        self._held = data[end:]
        self._take(data[:end] if self._held else data)
        if self._held or self._is_too_much(now):
            self._pause()

    def _walk(self, data: bytes) -> int:
        """Count the frames, as far as they may be taken; return where the first begins that may not."""
        i, n = self._left, len(data)
        if self._request is not None:
            begun = self._request + data
            head, _, frames = begun.partition(b"\r\n\r\n")
            if len(head) == len(begun):
                self._request = begun[-3:]
                return n
            self._request = None
            i = n - len(frames)
        while i < n:
            cut = len(self._head)
            head = self._head + data[i : i + 10 - cut]
            size = _frame_size(head)
            if size is None:
                self._head = head
                i = n
                break
            self._head = b""
            i += size - cut
            self._burst.n += 1
            if head[0] & 0x88 != 0x80 and not self._may_go_on(head[0], size):
                break
            if head[0] & 0x8F in (0x80, 0x81, 0x82):
                self._pieces = 0
            if self._burst.n > MAX_IN_BURST:
                break
        self._left = max(i - n, 0)
        return min(i, n)

    def _may_go_on(self, first: int, size: int) -> bool:
        """Count a control frame, or a piece of a message, with the call; return whether it takes more now."""
        link = self.link
        if first & 8 == 0:
            self._pieces += 1
        if link is None:
            return True
        if self._pieces > MAX_PIECES:
            link.owner.end(1009, TOO_MANY_PIECES)
        else:
            link.owner.count(size)
        return not link.paused

    def _is_too_much(self, now: float) -> bool:
        return (
            self._burst.is_over(MAX_IN_BURST, now)
            or self._bytes.is_over(MAX_BYTES_PER_S, now)
            or self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES
        )

    def _pause(self) -> None:
        if self._transport.is_closing():
            return
        self._transport.pause_reading()
        if not self._waits:
            self._waits = True
            asyncio.get_running_loop().call_later(self._burst.length_s, self._look)

    def _look(self) -> None:
        self._waits = False
        if self._transport.is_closing():
            self._held = b""
        elif self._is_too_much(monotonic()) or (self._held and self.link is not None and self.link.paused):
            self._pause()
        else:
            held, self._held = self._held, b""
            if held:
                self._pass_on(held)
            # Nobody asks the library for messages any more when the call is over: it would not resume.
            if not self._waits and (not self._paused() or (self.link is not None and self.link.owner.ended)):
                self._transport.resume_reading()


def _frame_size(head: bytes) -> int | None:
    """Return how long a frame is that begins so, from its first byte on; None if that is not to be seen yet."""
    if len(head) < 2:
        return None
    size, masked = head[1] & 0x7F, head[1] >> 7
    extra = (0, 2, 8)[max(size - 125, 0)]
    if len(head) < 2 + extra:
        return None
    if extra:
        size = int.from_bytes(head[2 : 2 + extra])
    return 2 + extra + 4 * masked + size
