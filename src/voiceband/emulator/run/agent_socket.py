"""One WebSocket to an agent: what is to be sent waits here, so that a slow reader holds nothing else up."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import math
import socket
import ssl
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

try:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"the emulator's sockets need {_error.name}; pip install 'voiceband[emulator]' brings it", name=_error.name
    ) from None

from voiceband.emulator.run.unreached import why_unreached
from voiceband.protocol.limits import MAX_RECEIVED_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from websockets.asyncio.client import ClientConnection

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
LOOPBACK_TLS_S = 1.0
"""How long a server on this machine may take over the handshake of TLS; some wait for ever for one that they know."""
PING_EVERY_S = 0.2
SEND_BUFFER_BYTES = 64 * 1024


class UpgradeRefusedError(RuntimeError):
    """No WebSocket was opened; the text says why."""


class AgentConnection(Protocol):
    """A connection to an agent, as `run_call` needs it: an `Agent` that is far away, and speaks by a callback."""

    next_poll: float

    @property
    def code(self) -> int | None:
        """The close code; 1006 when the connection just broke off, None while it is open."""

    @property
    def reason(self) -> str:
        """What was said about the end, perhaps nothing."""

    @property
    def proper(self) -> bool:
        """Whether the other side ended it with a close frame."""

    def receive(self, message: str, now: float) -> None:
        """Queue a text of the carrier that is due at `now`."""

    def poll(self, now: float) -> Iterable[str]:
        """Return nothing: what the agent says comes by the callback."""

    def backlog_s(self, now: float) -> float:
        """Return how old the oldest text is that the connection has not taken."""

    async def close(self) -> None:
        """Close it, and leave nothing running."""


class AgentSocket:
    """A WebSocket to an agent, open; made by `dial`.

    Parameters
    ----------
    connection : ClientConnection
        Of the `websockets` library.
    on_message : callable
        Called with every message that arrives.
    on_end : callable
        Called once, with nothing, when it has been closed or has broken off.
    """

    next_poll = math.inf

    def __init__(
        self, connection: ClientConnection, on_message: Callable[[str | bytes], None], on_end: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._on_message, self._on_end = on_message, on_end
        self._waiting: collections.deque[tuple[float, str]] = collections.deque()
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._ping: asyncio.Task[None] | None = None
        self._pinged_s = 0.0
        self._reader = asyncio.create_task(self._read())
        self._writer = asyncio.create_task(self._write())

    def receive(self, message: str, now: float) -> None:
        """Queue a text of the carrier that is due at `now`."""
        self._waiting.append((now, message))
        self._drained.clear()
        self._wake.set()

    def poll(self, now: float) -> tuple[()]:  # noqa: ARG002
        """Return nothing: what the agent says comes by the callback."""
        return ()

    def backlog_s(self, now: float) -> float:
        """Return how old the oldest text is that the connection has not taken."""
        return now - self._waiting[0][0] if self._waiting else 0.0

    def unread_s(self, now: float) -> float:
        """Ask by a ping whether the agent reads, and return for how long it has not answered the latest.

        What the system has taken for an agent that stands still is no backlog yet; only the agent itself can tell.
        """
        if self._ping is None or (self._ping.done() and now - self._pinged_s >= PING_EVERY_S):
            self._ping, self._pinged_s = asyncio.create_task(self._ask()), now
        return 0.0 if self._ping.done() else now - self._pinged_s

    async def _ask(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            await (await self._connection.ping())

    @property
    def open(self) -> bool:
        """Whether the other side may still send."""
        return not self._reader.done()

    @property
    def code(self) -> int | None:
        """The close code; 1006 when the connection just broke off, None while it is open."""
        protocol = self._connection.protocol
        if protocol.close_sent is not None and not protocol.close_rcvd_then_sent:
            return protocol.close_sent.code  # whatever was answered, if anything
        return self._connection.close_code

    @property
    def reason(self) -> str:
        """What was said about the end, perhaps nothing."""
        protocol = self._connection.protocol
        if protocol.close_sent is not None and not protocol.close_rcvd_then_sent:
            return protocol.close_sent.reason or ""
        return self._connection.close_reason or ""

    @property
    def proper(self) -> bool:
        """Whether the other side ended it with a close frame, not this side for what it had been sent."""
        return bool(self._connection.protocol.close_rcvd_then_sent)

    async def close(self) -> None:
        """Send what waits, if that is quick, and close; a peer that does not answer is given up soon."""
        try:
            # The library itself waits for room for its close frame as long as it takes.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    if self.open:
                        await self._drained.wait()
                    self._writer.cancel()
                    await self._connection.close()
        finally:
            tasks = [self._reader, self._writer, *([] if self._ping is None else [self._ping])]
            for task in tasks:
                task.cancel()
            self._connection.transport.abort()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        try:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    self._on_message(await self._connection.recv())
        finally:
            self._on_end()

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                while self._waiting:
                    await self._connection.send(self._waiting[0][1])
                    self._waiting.popleft()
                self._drained.set()
                self._wake.clear()
                await self._wake.wait()
        # Nobody takes these any more, and nobody should wait for it.
        self._waiting.clear()
        self._drained.set()


def on_loopback(url: str) -> bool:
    """Whether it is the address of a server on this machine."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def speaks_plain(error: BaseException) -> bool:
    """Whether a connection seems to have failed because the other side does not know TLS."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError | ConnectionRefusedError):
            return False
        if isinstance(cause, ssl.SSLError | ConnectionResetError | ConnectionAbortedError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


async def dial(
    url: str,
    on_message: Callable[[str | bytes], None],
    on_end: Callable[[], None],
    *,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> AgentSocket:
    """Connect to the agent at `url`.

    Raises
    ------
    UpgradeRefusedError
        If the agent cannot be reached within ten seconds, or refuses the upgrade.
    """
    options: dict[str, Any] = {} if tls is None else {"ssl": tls}
    if url.startswith("wss:") and on_loopback(url):
        options["ssl_handshake_timeout"] = LOOPBACK_TLS_S
    try:
        # Compression costs several times the work of the message itself, and phone audio hardly shrinks. A ping that
        # is not answered says nothing of a slow reader that its backlog does not say better.
        connection = await connect(
            url,
            additional_headers=dict(headers or {}),
            compression=None,
            open_timeout=CONNECT_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=None,
            max_size=MAX_RECEIVED_BYTES,
            **options,
        )
    except (OSError, InvalidHandshake, InvalidURI, TimeoutError, ValueError, EOFError) as error:
        raise UpgradeRefusedError(f"no agent at {url}: {why_unreached(error)}") from error
    raw = connection.transport.get_extra_info("socket")
    if raw is not None:
        # What the system would buffer for an agent that does not read could hide minutes of audio.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return AgentSocket(connection, on_message, on_end)
