"""The reading of a socket: what has come is counted before a library takes it, and one object pauses and resumes it."""

from __future__ import annotations

import asyncio
import functools
import socket
from time import monotonic
from typing import TYPE_CHECKING, cast

from voiceband.servers.flow import (
    BURSTS,
    MAX_BYTES_PER_S,
    MAX_IN_BURST,
    MAX_PIECES,
    MAX_UNSENT_BYTES,
    TOO_MANY_PIECES,
    WINDOW_S,
    Window,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from voiceband.servers.link import Link

RESET_S = 0.1
"""How often a socket that is left unread is asked whether the peer has reset it: it says so to nobody else."""

# Why a socket is left unread, beside `flow.CALL`, which is 2:
LIBRARY = 1  # the library has paused it
METER = 4  # more has come than the call takes
SOON = 8  # what is held back is handed on in a moment, before anything that comes
OVER = 16  # the call has ended: nothing is handed on any more


class Reading:
    """Whether a socket is read; while it is not, a peer that has reset it is noticed here.

    Parameters
    ----------
    transport : Transport
        The socket's. Nobody else pauses or resumes it.

    Attributes
    ----------
    stopped : bool
        Whether it is left unread.
    """

    __slots__ = ("_timer", "_transport", "stopped")

    def __init__(self, transport: asyncio.Transport) -> None:
        self.stopped = False  # uvloop begins to read only once its protocol knows the transport
        self._transport = transport
        self._timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Leave it unread."""
        if not self.stopped and not self._transport.is_closing():
            self.stopped = True
            self._transport.pause_reading()
            if self._timer is None:
                self._wait()

    def start(self) -> None:
        """Read it again."""
        if self.stopped:
            self.stopped = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(RESET_S, self._look)

    def _look(self) -> None:
        self._timer = None
        if self.stopped and not self._transport.is_closing():
            if _is_reset(self._transport):
                self._transport.abort()
            else:
                self._wait()


def _is_reset(transport: asyncio.Transport) -> bool:
    sock = transport.get_extra_info("socket")
    try:
        return sock is not None and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
    except OSError:  # no descriptor is left to ask with, say; the next ping finds out
        return False


class ReadMeter:
    """Stands before a library's reader of frames, and leaves the socket unread whose peer sends too fast.

    Libraries answer pings and join fragments by themselves, without a word to the call: each costs about as much as a
    message, so they are counted as such here, and what is more than the call takes is read later. The socket is read
    while neither the library, nor the call, nor the meter wants it left alone; what one read has brought is all that
    is held back here. To pause costs nothing until more has come: most pauses are over by then.

    Parameters
    ----------
    transport : Transport
        The socket. The library is to be given a `MeteredTransport` in its place.
    take : callable
        Takes what the socket has brought; the library's `data_received`.
    before : bytes, optional
        What the socket has brought behind the upgrade already; None if the upgrade itself is still to come.

    Attributes
    ----------
    link : Link or None
        The call's, once there is one; `Link.use` puts it here.
    held : bytes
        What was read, and is to be taken later.
    paused_by : int
        Who wants the socket left unread: the sum of what they said of themselves.
    """

    def __init__(
        self, transport: asyncio.Transport, take: Callable[[bytes], object], before: bytes | None = None
    ) -> None:
        self.link: Link | None = None
        self._transport = transport
        self._reading = Reading(transport)
        self.paused_by = 0
        self._take = take
        self._bytes = Window(WINDOW_S)
        self._burst = Window(WINDOW_S / BURSTS)
        self.held = b""
        self._request: bytes | None = b""  # the end of what has come of the upgrade
        self._head = b""  # the beginning of a frame's head, where a piece of the stream ends in it
        self._left = 0  # of a frame, behind that end
        self._pieces = 0  # of one message
        if before is not None:
            if not transport.is_reading():
                self.paused_by, self._reading.stopped = LIBRARY, True
            self._request = None
            self._walk(before)

    # ---- who wants the socket left unread

    def pause(self, who: int) -> None:
        """Hand on nothing more of what the peer sends, until `resume`."""
        self.paused_by |= who

    def resume(self, who: int) -> None:
        """Hand on what the peer sends, unless somebody else wants it left alone."""
        self.paused_by &= ~who
        if not self.paused_by and self._reading.stopped:
            if not self.held:
                self._reading.start()
            elif self._is_over():
                self._drop()
            else:  # not at once: whoever resumes may be in the middle of something
                self.paused_by = SOON
                asyncio.get_running_loop().call_soon(self._go_on)

    def close(self) -> None:
        """Drop what is held back, and let go of the library: the connection is gone."""
        self.held = b""
        self._take = _ignore
        self.link = None

    def _is_over(self) -> bool:
        return self.link is not None and self.link.owner.ended

    def _drop(self) -> None:
        """After a call that was sent too much: read to the end without taking any of it, and do not wait for long."""
        self.close()
        self.paused_by = OVER
        self._reading.start()
        asyncio.get_running_loop().call_later(WINDOW_S, self._transport.close)

    # ---- what has come

    def data_received(self, data: bytes) -> None:
        """Take what the socket has brought, at once or later."""
        self._bytes.n += len(data)
        if self.paused_by:
            if self.paused_by & OVER:
                return
            self.held += data
            self._reading.stop()
        else:
            self._pass_on(data)

    def _go_on(self) -> None:
        self.paused_by &= ~SOON
        if not self.paused_by:
            held, self.held = self.held, b""
            self._pass_on(held)
            if not self.paused_by:
                self._reading.start()

    def _pass_on(self, data: bytes) -> None:
        now = monotonic()
        if now >= self._bytes.ends_at:
            self._bytes.begin(now)
            self._bytes.n = len(data)
        if now >= self._burst.ends_at:
            self._burst.begin(now)
        end = self._walk(data)
        self.held = data[end:]
        self._take(data[:end] if self.held else data)
        if self.held or self._is_too_much(now):
            self.paused_by |= METER
            if self.held:
                self._reading.stop()
            self._wait()

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

    def _wait(self) -> None:
        asyncio.get_running_loop().call_later(self._burst.length_s, self._look)

    def _look(self) -> None:
        if self._transport.is_closing():
            self.held = b""
        elif self._is_over():
            self._drop()
        elif self._is_too_much(monotonic()):
            self._wait()
        else:
            self.resume(METER)


def _ignore(data: bytes) -> None:
    """Take what comes when the library is to get no more."""


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


class MeteredTransport:
    """A transport as a library is given it: its reading is paused and resumed by the meter, all else is its own."""

    def __init__(self, transport: asyncio.Transport, meter: ReadMeter) -> None:
        self._transport = transport
        self.pause_reading = functools.partial(meter.pause, LIBRARY)
        self.resume_reading = functools.partial(meter.resume, LIBRARY)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._transport, name)
        if callable(value):  # to find it again costs as much as with the transport itself
            setattr(self, name, value)
        return value


class MeteredProtocol(asyncio.Protocol):
    """Goes before a library's protocol in the bases of a class, and puts a meter before what it reads."""

    meter: ReadMeter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to count."""
        plain = cast("asyncio.Transport", transport)  # uvloop's are not of its classes
        self.meter = ReadMeter(plain, super().data_received)
        super().connection_made(cast("asyncio.Transport", MeteredTransport(plain, self.meter)))

    def data_received(self, data: bytes) -> None:
        """Count what the socket has brought."""
        self.meter.data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Let go of all that was to be taken later."""
        self.meter.close()
        super().connection_lost(error)
