"""A `Session` on the `websockets` library: serve an agent, one coroutine per call."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

try:
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.asyncio.server import serve as _serve
    from websockets.exceptions import ConnectionClosed
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"this driver needs {_error.name}; pip install 'voiceband[websockets]' brings it", name=_error.name
    ) from None

from voiceband.session import Session, SessionEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import Any

    from voiceband.session import Heard, Utterance

    Agent = Callable[["CallHandle"], Awaitable[None]]


class CallHandle:
    """One live call: iterate over its events, play, interrupt, hang up."""

    def __init__(self, connection: ServerConnection, session: Session) -> None:
        self.session = session
        self._connection = connection
        self._wake = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[SessionEvent]:
        # A connection that breaks off is an end like any other: the agent hears of it by the event.
        with contextlib.suppress(ConnectionClosed):
            async for message in self._connection:
                for event in self.session.receive(message, time.monotonic()):
                    yield event
                # A start or an acknowledgement may have made something due.
                self._wake.set()
        for event in self.session.close():
            yield event

    def play(self, *args: Any, **kwargs: Any) -> Utterance:
        """Queue speech, as `Session.play` does; it goes out at once."""
        utterance = self.session.play(*args, **kwargs)
        self._wake.set()
        return utterance

    def interrupt(self) -> Heard:
        """Stop speaking, as `Session.interrupt` does."""
        heard = self.session.interrupt(time.monotonic())
        self._wake.set()
        return heard

    def drain(self, *, hangup_after_drain: bool = False) -> None:
        """Wait for the last word, as `Session.drain` does; the socket is closed after it if asked for."""
        self.session.drain(hangup_after_drain=hangup_after_drain)
        self._wake.set()

    async def hang_up(self) -> None:
        """Close the socket, which hands the call back to the carrier."""
        await self._connection.close()

    async def _send(self) -> None:
        """Send what the session has due, sleep until it has more, for as long as the call lasts."""
        latency = 0.0
        while True:
            self._wake.clear()
            if self._connection.latency != latency:  # another ping was answered
                latency = self._connection.latency
                self.session.round_trip(latency)
            for text in self.session.poll(time.monotonic()):
                await self._connection.send(text)
            if self.session.hang_up_due:
                await self._connection.close()
                return
            wait = self.session.next_poll - time.monotonic()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), None if wait == float("inf") else max(0.0, wait))


async def serve(agent: Agent, host: str = "127.0.0.1", port: int = 0, **session_options: Any) -> Server:
    """Start a server that runs `agent(call)` for every call, and return it.

    `session_options` go to `Session`; bad ones are refused here. An exception of the agent ends its call and goes to
    the server's log; other calls go on. Compression is refused: it costs several times the work of a message. A message
    over 1 MiB ends its call; the carrier's limit is 64 KB.
    """
    Session(**session_options)

    async def handle(connection: ServerConnection) -> None:
        call = CallHandle(connection, Session(**session_options))
        sender = asyncio.create_task(call._send())
        try:
            await agent(call)
        except ConnectionClosed:
            pass
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await sender

    return await _serve(handle, host, port, compression=None, max_size=2**20)
