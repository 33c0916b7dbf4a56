"""Servers on picows: what they are to be given, and one that is complete."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from picows import WSAutoPingStrategy
from picows import WSUpgradeResponse as Response
from picows import WSUpgradeResponseWithListener as Answer

from voiceband.protocol.limits import MAX_RECEIVED_BYTES
from voiceband.servers.joining import check_redials
from voiceband.servers.link import PING_S
from voiceband.servers.moderation import MODERATION_MS, moderate
from voiceband.servers.options import check_shared, split_options
from voiceband.servers.picows.connection import listener
from voiceband.servers.picows.front import PicowsDoor
from voiceband.servers.server import Server, listening_socket
from voiceband.servers.upgrade import refusal

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any, Unpack

    from picows import WSUpgradeRequest

    from voiceband.servers.call import Agent
    from voiceband.servers.link import Timers
    from voiceband.servers.options import ServerOptions

READ_BYTES = 2048
"""What picows reads at once into, for each connection, until more comes at once: some four messages of a call."""


def settings() -> dict[str, Any]:
    """Return what ``picows.ws_create_server`` should be given besides the handler and the address.

    A message over 1 MiB ends its call, and a peer that does not answer pings is given up.
    """
    return {
        "max_frame_size": MAX_RECEIVED_BYTES,
        "read_buffer_init_size": READ_BYTES,
        "enable_auto_pong": False,  # the listener answers, within bounds
        "enable_auto_ping": True,
        "auto_ping_idle_timeout": PING_S,
        "auto_ping_reply_timeout": PING_S,
        "auto_ping_strategy": WSAutoPingStrategy.PING_PERIODICALLY,
    }


def handler(
    agent: Agent, *, tasks: set[asyncio.Task[object]] | None = None, **options: Unpack[ServerOptions]
) -> Callable[[WSUpgradeRequest], Answer]:
    """Return what ``picows.ws_create_server(handler(agent), host, port, **settings())`` runs `agent(call)` with.

    Parameters
    ----------
    agent : coroutine function
        Runs for every call. An exception of it ends its call and goes to the log "voiceband.calls"; other calls go on.
    tasks : set of Task, optional
        Holds the running calls, each of which ends when it is cancelled.
    **options
        For `CallHandle`: `api`, `idle_timeout_s`, and what `Session` takes. With `auth_token`, `public_base_url` and
        `nonces`, upgrades are answered with 401 without a signature, and 403 with a wrong one, see
        `voiceband.callbacks.verify_upgrade`. Bad options are refused here.
    """
    return _answerer(agent, set() if tasks is None else tasks, options, lambda: "a peer")


def _answerer(
    agent: Agent,
    tasks: set[asyncio.Task[object]],
    options: ServerOptions,
    peer: Callable[[], object],
    timers: Timers | None = None,
) -> Callable[[WSUpgradeRequest], Answer]:
    """Return what answers upgrades; `peer` says whose request it is, which picows does not."""
    check_shared(options)
    upgrade, call_options = split_options(options)

    def answer(request: WSUpgradeRequest) -> Answer:
        headers = request.headers
        if headers.get("Upgrade", "").lower() != "websocket":
            return Answer(Response.create_ok_response(b"ok\n"), None)
        url = f"ws://{headers.get('Host', '')}{request.path.decode('latin-1')}"
        refused = refusal(url, headers, peer(), **upgrade)
        if refused is not None:
            return Answer(Response.create_error_response(refused.status, f"{refused.reason}\n".encode()), None)
        if "upgrade" in headers.get("Connection", "").lower():
            headers["Connection"] = "upgrade"  # the only value that picows takes; some send keep-alive with it
        offered = headers.get("Sec-WebSocket-Protocol", "").split(",")[0].strip()
        echoed = {"Sec-WebSocket-Protocol": offered} if offered and offered.isascii() else None
        return Answer(Response.create_101_response(echoed), listener(agent, call_options, tasks, timers))

    return answer


async def serve(
    agent: Agent,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    sock: socket.socket | None = None,
    moderation_ms: float = MODERATION_MS,
    **options: Unpack[ServerOptions],
) -> Server:
    """Start a server that runs `agent(call)` for every call, and return it.

    The options are those of `handler`. With `sock`, a bound socket, `host` and `port` are not used. GET, HEAD and
    OPTIONS are answered with 200, for health checks. Compression is refused, an offered sub-protocol is echoed, and a
    message over 1 MiB ends its call.

    With `moderation_ms`, 0 to 100, all calls are read on a common beat of that length as soon as they are many, which
    costs a fraction of waking for each message; what comes waits for so long at most. 0 wakes always. On Linux only.
    """
    moderated = moderate(asyncio.get_running_loop(), moderation_ms)
    calls: set[asyncio.Task[object]] = set()
    redials = options["redials"] = check_redials(options.get("redials"))
    answer = _answerer(agent, calls, options, lambda: door.peer, moderated)
    loop = asyncio.get_running_loop() if moderated is None else moderated
    door = PicowsDoor(listening_socket(host, port, sock), answer, settings(), calls, loop)
    await door.open()

    async def close() -> None:
        """Nothing: the calls were all that picows ran."""

    return Server(door.sockets, calls, door.close, close, redials, door.turn_away)
