"""Calls in an aiohttp application: `handler` makes a route of an agent, `accept` is for handlers of your own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

try:
    from aiohttp import WSMsgType, web
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"this driver needs {_error.name}; pip install 'voiceband[aiohttp]' brings it", name=_error.name
    ) from None

from voiceband.servers.call import CallHandle
from voiceband.servers.context import running, split_options
from voiceband.servers.link import CLOSE_TIMEOUT_S, MAX_MESSAGE_BYTES, PING_S, TaskLink
from voiceband.servers.upgrade import REASONS, refusal

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import Any

    from voiceband.callbacks import NonceCache

    Agent = Callable[[CallHandle], Awaitable[object]]

__all__ = ["CallHandle", "accept", "handler"]


class _Link(TaskLink):
    def __init__(self, response: web.WebSocketResponse, transport: asyncio.WriteTransport | None) -> None:
        self.response = response
        super().__init__(
            response.send_str,
            lambda code, reason: response.close(code=code, message=reason.encode()),
            transport,
        )


@contextlib.asynccontextmanager
async def accept(
    request: web.Request,
    *,
    auth_token: Any = None,
    public_base_url: str | None = None,
    nonces: NonceCache | None = None,
    **options: Any,
) -> AsyncIterator[CallHandle]:
    """Accept an upgrade, and run a call on it; the handler then returns ``call.link.response``.

    Compression is refused: it costs several times the work of a message. A message over 1 MiB ends its call.

    Parameters
    ----------
    request : web.Request
        The upgrade. An offered sub-protocol is echoed.
    auth_token, public_base_url, nonces : optional
        With a token, the upgrade's signature is checked first, see `voiceband.callbacks.verify_upgrade`.
    **options
        For `CallHandle`: `api`, `idle_timeout_s`, and what `Session` takes.

    Raises
    ------
    HTTPUnauthorized, HTTPForbidden
        Without a signature, and with a wrong one; leave it to the framework, which refuses the upgrade with it.
    """
    status = refusal(str(request.url), request.headers, auth_token, public_base_url=public_base_url, nonces=nonces)
    if status is not None:
        raise (web.HTTPUnauthorized if status == 401 else web.HTTPForbidden)(text=REASONS[status] + "\n")
    offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]
    response = web.WebSocketResponse(
        compress=False,
        max_msg_size=MAX_MESSAGE_BYTES,
        heartbeat=PING_S,
        timeout=CLOSE_TIMEOUT_S,
        protocols=offered[:1],
    )
    await response.prepare(request)
    link = _Link(response, request.transport)
    call = CallHandle(link, **options)
    async with running(call, _read(response, call)):
        yield call


async def _read(response: web.WebSocketResponse, call: CallHandle) -> None:
    while True:
        message = await response.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            call.feed(message.data)
        else:
            error = response.exception()
            call.lost(str(error) if error is not None else f"closed with code {response.close_code}")
            return
        if call.link.paused:
            await call.link.resumed()


def handler(agent: Agent, **options: Any) -> Callable[[web.Request], Awaitable[web.WebSocketResponse]]:
    """Return a handler that runs `agent(call)` for every call, as for ``app.router.add_get("/ws", handler(agent))``.

    The options are those of `accept`; bad ones are refused here. An exception of the agent ends its call and goes to
    the server's log; other calls go on.
    """
    split_options(options)

    async def handle(request: web.Request) -> web.WebSocketResponse:
        async with accept(request, **options) as call:
            await agent(call)
        response: web.WebSocketResponse = call.link.response  # type: ignore[attr-defined]
        return response

    return handle
