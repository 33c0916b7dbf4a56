"""Calls on picows, the fastest server of them all: `serve` an agent, or give `handler` to a server of your own."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING

try:
    from picows import WSAutoPingStrategy, ws_create_server
    from picows import WSUpgradeResponse as Response
    from picows import WSUpgradeResponseWithListener as Answer
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"this driver needs {_error.name}; pip install 'voiceband[serve]' brings it", name=_error.name
    ) from None

from voiceband.servers.call import CallHandle
from voiceband.servers.context import split_options
from voiceband.servers.link import MAX_MESSAGE_BYTES, PING_S
from voiceband.servers.picows_connection import listener
from voiceband.servers.upgrade import REASONS, refusal

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable
    from typing import Any, Self

    from picows import WSUpgradeRequest

    from voiceband.callbacks import NonceCache

    Agent = Callable[[CallHandle], Awaitable[object]]

__all__ = ["SETTINGS", "CallHandle", "Server", "handler", "serve"]

CANCEL_S = (3.0, 1.0)
"""What a cancelled agent and the closing of its socket get; and then the agent, cancelled again, its socket cut."""
log = logging.getLogger("voiceband.calls")

SETTINGS: dict[str, Any] = {
    "max_frame_size": MAX_MESSAGE_BYTES,
    "enable_auto_ping": True,
    "auto_ping_idle_timeout": PING_S,
    "auto_ping_reply_timeout": PING_S,
    "auto_ping_strategy": WSAutoPingStrategy.PING_PERIODICALLY,
}
"""What ``picows.ws_create_server(handler(agent), ..., **SETTINGS)`` should be given besides."""


def handler(
    agent: Agent,
    *,
    auth_token: Any = None,
    public_base_url: str | None = None,
    nonces: NonceCache | None = None,
    tasks: set[asyncio.Task[None]] | None = None,
    **options: Any,
) -> Callable[[WSUpgradeRequest], Answer]:
    """Return what ``picows.ws_create_server(handler(agent), host, port, **SETTINGS)`` runs `agent(call)` with.

    Parameters
    ----------
    agent : coroutine function
        Runs for every call. An exception of it ends its call and goes to the log "voiceband.calls"; other calls go on.
    auth_token, public_base_url, nonces : optional
        With a token, upgrades are answered with 401 without a signature, and 403 with a wrong one, see
        `voiceband.callbacks.verify_upgrade`.
    tasks : set of Task, optional
        Holds the running calls, each of which ends when it is cancelled.
    **options
        For `CallHandle`: `api`, `idle_timeout_s`, and what `Session` takes; bad ones are refused here.
    """
    upgrade = {"auth_token": auth_token, "public_base_url": public_base_url, "nonces": nonces}
    split_options({**upgrade, **options})
    running_calls: set[asyncio.Task[None]] = set() if tasks is None else tasks

    def answer(request: WSUpgradeRequest) -> Answer:
        headers = request.headers
        if headers.get("Upgrade", "").lower() != "websocket":
            return Answer(Response.create_ok_response(b"ok\n"), None)
        status = refusal(f"ws://{headers.get('Host', '')}{request.path.decode('latin-1')}", headers, **upgrade)
        if status is not None:
            return Answer(Response.create_error_response(status, f"{REASONS[status]}\n".encode()), None)
        if "upgrade" in headers.get("Connection", "").lower():
            headers["Connection"] = "upgrade"  # the only value that picows takes; some send keep-alive with it
        offered = headers.get("Sec-WebSocket-Protocol", "").split(",")[0].strip()
        echoed = {"Sec-WebSocket-Protocol": offered} if offered and offered.isascii() else None
        return Answer(Response.create_101_response(echoed), listener(agent, options, running_calls))

    return answer


class Server:
    """A running server, and its calls; as an async context it shuts down at the end.

    Attributes
    ----------
    sockets : tuple of socket
        What it listens on.
    calls : set of Task
        The running calls.
    """

    def __init__(self, server: asyncio.Server, calls: set[asyncio.Task[None]]) -> None:
        self._server = server
        self.sockets = tuple(server.sockets)
        self.calls = calls

    def refuse(self) -> None:
        """Take no more calls."""
        self._server.close()

    async def shut_down(self, grace_s: float = 0.0) -> None:
        """Take no more calls, let the running ones go on for `grace_s` seconds, then cancel those that are left.

        An agent that goes on after that stays in `calls`, and the log says so.
        """
        self.refuse()
        until = monotonic() + grace_s
        while self.calls and (left_s := until - monotonic()) > 0:
            await asyncio.wait(self.calls, timeout=left_s)
        for pause_s in CANCEL_S:
            for task in self.calls:
                task.cancel()
            if self.calls:
                await asyncio.wait(self.calls, timeout=pause_s)
        if self.calls:
            log.error("%d agents go on although they were cancelled", len(self.calls))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut_down()


async def serve(
    agent: Agent, host: str = "127.0.0.1", port: int = 0, *, sock: socket.socket | None = None, **options: Any
) -> Server:
    """Start a server that runs `agent(call)` for every call, and return it.

    The options are those of `handler`. With `sock`, a bound socket, `host` and `port` are not used. A plain GET is
    answered with 200, for health checks. Compression is refused, an offered sub-protocol is echoed, and a message over
    1 MiB ends its call.
    """
    calls: set[asyncio.Task[None]] = set()
    where = {"host": host, "port": port} if sock is None else {"sock": sock}
    return Server(
        await ws_create_server(handler(agent, tasks=calls, **options), **where, backlog=1024, **SETTINGS), calls
    )
