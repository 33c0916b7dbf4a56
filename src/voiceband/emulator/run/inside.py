"""Connections to agents in the same process, without sockets: an ASGI application, or a coroutine on a `CallHandle`.

carrier --receive--> inbox --take--> peer: the coroutine at the agent's end
carrier <---------------------- say -- peer
"""

from __future__ import annotations

import asyncio
import collections
import math
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from voiceband.emulator.run.agent_socket import CLOSE_TIMEOUT_S, CONNECT_TIMEOUT_S, UpgradeRefusedError
from voiceband.servers.call import CallHandle
from voiceband.servers.context import running
from voiceband.servers.link import Link

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    Peer = Callable[["InsideConnection"], Coroutine[Any, Any, None]]
    Application = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[None]]


class InsideConnection:
    """A connection as its two ends see it; made by `Inside`.

    Parameters
    ----------
    url : str
        What the carrier dials.
    headers : mapping of str to str
        Of the upgrade.
    on_message : callable
        Called with every message that the agent sends.
    on_end : callable
        Called once, with nothing, when the agent's end is gone.

    Attributes
    ----------
    code : int or None
        The close code; 1006 when the agent's end has just broken off.
    reason : str
        What was said about the end.
    proper : bool
        Whether the agent has closed it.
    refusal : str
        Why the agent does not accept it; empty if it does.
    error : Exception or None
        What the agent has raised.
    at_once : callable or None
        Takes a message as soon as it arrives, unless one waits already; returns False to let it wait.
    """

    next_poll = math.inf

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        on_message: Callable[[str | bytes], None],
        on_end: Callable[[], None],
    ) -> None:
        self.url, self.headers = url, dict(headers)
        self.code: int | None = None
        self.reason = ""
        self.proper = False
        self.refusal = ""
        self.error: Exception | None = None
        self.at_once: Callable[[str], bool] | None = None
        self._loop = asyncio.get_running_loop()
        self.settled: asyncio.Future[None] = self._loop.create_future()  # whether the agent has accepted or refused
        self.dialled = asyncio.Event()  # the carrier knows of the connection
        self._on_message, self._on_end = on_message, on_end
        self._inbox: collections.deque[tuple[float, str]] = collections.deque()
        self._arrived: asyncio.Future[None] | None = None  # what `take` waits for
        self._closed = False  # by the carrier
        self._task: asyncio.Task[None] | None = None

    # ---- the agent's end

    async def accept(self) -> None:
        """Accept the upgrade, and wait until the carrier knows: what came before would belong to no call."""
        if not self.settled.done():
            self.settled.set_result(None)
        await self.dialled.wait()

    def refuse(self, why: str) -> None:
        """Refuse it, unless it has been accepted."""
        if not self.settled.done():
            self.refusal = why
            self.settled.set_result(None)

    async def take(self) -> str | None:
        """Return the next message; None once the carrier has closed."""
        return self.taken() if await self.arrival() else None

    async def arrival(self) -> bool:
        """Wait for a message, and return whether there is one; there is none once the carrier has closed."""
        while not self._inbox:
            if self._closed:
                return False
            self._arrived = self._loop.create_future()
            await self._arrived
        return True

    def taken(self) -> str:
        """Return the message that has waited longest; there must be one."""
        return self._inbox.popleft()[1]

    def say(self, message: str | bytes) -> None:
        """Send a message."""
        self._on_message(message)

    def hang_up(self, code: int, reason: str) -> None:
        """Close properly."""
        if self.code is None:
            self.code, self.reason, self.proper = code, reason, True
            self._on_end()

    # ---- the carrier's end

    def run(self, peer: Peer) -> None:
        """Let the agent begin."""
        self._task = asyncio.create_task(self._run(peer))

    def receive(self, message: str, now: float) -> None:
        """Hand on a text of the carrier that is due at `now`, or queue it."""
        if self.at_once is not None and not self._inbox and self.at_once(message):
            return
        self._inbox.append((now, message))
        self._tell()

    def _tell(self) -> None:
        """Wake what waits for a message."""
        arrived, self._arrived = self._arrived, None
        if arrived is not None and not arrived.done():
            arrived.set_result(None)

    def poll(self, now: float) -> tuple[()]:  # noqa: ARG002
        """Return nothing: what the agent says comes by the callback."""
        return ()

    def backlog_s(self, now: float) -> float:
        """Return how old the oldest text is that the agent has not taken."""
        return now - self._inbox[0][0] if self._inbox else 0.0

    async def close(self) -> None:
        """Close, and wait until the agent has come to its end; one that does not is cancelled."""
        self._closed = True
        self._tell()
        try:
            if self._task is not None:
                await asyncio.wait({self._task}, timeout=CLOSE_TIMEOUT_S)
        finally:
            if self._task is not None and not self._task.done():
                self._task.cancel()
                await asyncio.wait({self._task})

    async def _run(self, peer: Peer) -> None:
        try:
            await peer(self)
        except Exception as error:
            if self._closed and _says_goodbye(error):
                return
            self.error = error
            self.reason = self.reason or f"{type(error).__name__}: {error}"
            self.refuse(f"the agent raised {type(error).__name__}: {error}")
        finally:
            self.refuse("the agent returned without accepting")
            if self.code is None:
                self.code = 1006
                if not self.refusal:
                    self._on_end()


def _says_goodbye(error: Exception) -> bool:
    """Whether it is how Starlette tells an endpoint that the other side has closed."""
    return any(kind.__name__ == "WebSocketDisconnect" for kind in type(error).__mro__)


class Inside:
    """Connects to one agent in this process, whatever the address is.

    Parameters
    ----------
    peer : callable
        The agent's end: `handled` or `application`.

    Attributes
    ----------
    errors : list of Exception
        What the agent has raised.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._connections: list[InsideConnection] = []

    @property
    def errors(self) -> list[Exception]:
        """What the agent has raised, connection by connection."""
        return [connection.error for connection in self._connections if connection.error is not None]

    async def dial(
        self,
        url: str,
        on_message: Callable[[str | bytes], None],
        on_end: Callable[[], None],
        *,
        headers: Mapping[str, str] | None = None,
        tls: object = None,  # noqa: ARG002 - there is no wire to encrypt
    ) -> InsideConnection:
        """Connect, as `sockets.dial` does to an address.

        Raises
        ------
        UpgradeRefusedError
            If the agent refuses the upgrade, or does not answer it within ten seconds.
        """
        connection = InsideConnection(url, headers or {}, on_message, on_end)
        self._connections.append(connection)
        connection.run(self._peer)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.shield(connection.settled)
        except TimeoutError:
            connection.refuse("the upgrade was not answered in time")
        except asyncio.CancelledError:
            await connection.close()
            raise
        if connection.refusal:
            await connection.close()
            raise UpgradeRefusedError(f"no agent at {url}: {connection.refusal}")
        connection.dialled.set()
        return connection


def handled(agent: Callable[[CallHandle], Awaitable[object]], **options: Any) -> Peer:
    """Return the peer that runs a coroutine function on a `CallHandle`, as the drivers' servers do."""

    async def peer(connection: InsideConnection) -> None:
        link = _InsideLink(connection)
        call = CallHandle(link, **options)
        await connection.accept()
        async with running(call, _read(connection, call)):
            await agent(call)

    return peer


async def _read(connection: InsideConnection, call: CallHandle) -> None:
    link = call.link

    def at_once(message: str) -> bool:
        if not link.paused:
            call.feed(message)
            return True
        return False

    connection.at_once = at_once  # to wake a task for each message would cost as much as the message
    while await connection.arrival():
        await link.resumed()
        call.feed(connection.taken())
    call.lost("closed with code 1000")


class _InsideLink(Link):
    """The link of a call that is connected within the process."""

    def __init__(self, connection: InsideConnection) -> None:
        self._connection = connection

    def send(self, text: str) -> None:
        if self._connection.code is None:
            self._connection.say(text)

    def backlog(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        self._connection.hang_up(code, reason)

    async def wait_closed(self) -> None:
        """Do nothing: nothing runs here."""


def application(app: Application) -> Peer:
    """Return the peer that runs an ASGI application's WebSocket endpoint.

    Parameters
    ----------
    app : callable
        FastAPI's, Starlette's, or any other of ASGI 3. It is asked without a server: no lifespan runs.
    """

    async def peer(connection: InsideConnection) -> None:
        greeted = False

        async def receive() -> dict[str, Any]:
            nonlocal greeted
            if not greeted:
                greeted = True
                return {"type": "websocket.connect"}
            message = await connection.take()
            if message is None:
                return {"type": "websocket.disconnect", "code": 1000, "reason": ""}
            return {"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message}

        async def send(event: dict[str, Any]) -> None:
            kind = event["type"]
            if kind == "websocket.accept":
                await connection.accept()
            elif kind == "websocket.send":
                text = event.get("text")
                connection.say(text if text is not None else event["bytes"])
            elif kind == "websocket.close":
                if connection.settled.done():
                    connection.hang_up(event.get("code", 1000), event.get("reason") or "")
                else:
                    connection.refuse("server rejected WebSocket connection: HTTP 403")
            elif kind == "websocket.http.response.start":
                connection.refuse(f"server rejected WebSocket connection: HTTP {event['status']}")

        await app(_scope(connection), receive, send)

    return peer


def _scope(connection: InsideConnection) -> dict[str, Any]:
    parts = urlsplit(connection.url)
    headers = {"Host": parts.netloc, "Upgrade": "websocket", "Connection": "Upgrade", **connection.headers}
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": parts.scheme,
        "path": unquote(parts.path) or "/",
        "raw_path": (parts.path or "/").encode("ascii"),
        "query_string": parts.query.encode("ascii"),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 5060),
        "server": (parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80)),
        "subprotocols": [],
        "state": {},
        "extensions": {"websocket.http.response": {}},
    }
