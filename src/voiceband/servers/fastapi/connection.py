"""One call's connection in an ASGI application."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from voiceband.protocol.limits import MAX_RECEIVED_BYTES
from voiceband.servers.call import CallHandle
from voiceband.servers.context import running
from voiceband.servers.link import Link, TaskLink
from voiceband.servers.options import split_options
from voiceband.servers.upgrade import refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Unpack

    from starlette.websockets import WebSocket

    from voiceband.servers.options import ServerOptions


@contextlib.asynccontextmanager
async def accept(websocket: WebSocket, **options: Unpack[ServerOptions]) -> AsyncIterator[CallHandle]:
    """Accept a WebSocket that has not been accepted yet, and run a call on it.

    Parameters
    ----------
    websocket : WebSocket
        As the endpoint gets it. An offered sub-protocol is echoed.
    **options
        For `CallHandle`: `session`, `api`, `idle_timeout_s`, and what `Session` takes. With `auth_token`,
        `public_base_url` and `nonces`, the upgrade's signature is checked first, see
        `voiceband.callbacks.verify_upgrade`.

    Raises
    ------
    HTTPException
        401 without a signature, 403 with a wrong one; leave it to the framework, which refuses the upgrade with it.
    """
    upgrade, call_options = split_options(options)
    refused = refusal(str(websocket.url), websocket.headers, websocket.client, **upgrade)
    if refused is not None:
        raise HTTPException(*refused)
    extensions = websocket.scope.get("extensions") or {}
    below = extensions.get("voiceband.transport", {})  # from uvicorn with `settings`
    link = TaskLink(websocket.send_text, websocket.close, below.get("transport"))
    link.path = websocket.url.path
    call = CallHandle(link, **call_options)
    if below:
        link.use(below["meter"])
    offered = websocket.scope.get("subprotocols") or [None]
    try:
        await websocket.accept(subprotocol=offered[0])
    except BaseException:  # the peer has gone; the handle's timers would keep it
        call.lost("not accepted")
        raise
    async with running(call, _read(websocket, link)):
        yield call


async def _read(websocket: WebSocket, link: Link) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] != "websocket.receive":
            code = message.get("code")
            # uvicorn says 1005, no code, also for a connection that has broken off.
            link.lost(message.get("reason") or f"closed with code {code}", None if code == 1005 else code)
            return
        text = message.get("text")
        content = text if text is not None else message.get("bytes") or b""
        if len(content) > MAX_RECEIVED_BYTES:
            link.owner.end(1009, "message too big")
            return
        link.feed(content)
        if link.paused:
            await link.resumed()
