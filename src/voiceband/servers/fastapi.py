"""Calls in a FastAPI or Starlette application, within its own WebSocket endpoints."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

try:
    from starlette.exceptions import HTTPException
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"this driver needs {_error.name}; pip install 'voiceband[fastapi]' brings it", name=_error.name
    ) from None

from voiceband.servers.call import CallHandle
from voiceband.servers.context import running
from voiceband.servers.link import MAX_MESSAGE_BYTES, PING_S, TaskLink
from voiceband.servers.upgrade import REASONS, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from starlette.websockets import WebSocket

    from voiceband.callbacks import NonceCache

__all__ = ["UVICORN", "CallHandle", "accept"]

UVICORN: dict[str, Any] = {
    "ws": "voiceband.servers.uvicorn:Protocol",
    "ws_per_message_deflate": False,
    "ws_max_size": MAX_MESSAGE_BYTES,
    "ws_ping_interval": PING_S,
    "ws_ping_timeout": PING_S,
}
"""Settings for ``uvicorn.run(app, **UVICORN)``: an application can neither refuse compression, which costs several
times the work of a message, nor bound a message, nor ping, nor cut a peer that takes nothing."""


@contextlib.asynccontextmanager
async def accept(
    websocket: WebSocket,
    *,
    auth_token: Any = None,
    public_base_url: str | None = None,
    nonces: NonceCache | None = None,
    **options: Any,
) -> AsyncIterator[CallHandle]:
    """Accept a WebSocket that has not been accepted yet, and run a call on it.

    Parameters
    ----------
    websocket : WebSocket
        As the endpoint gets it. An offered sub-protocol is echoed.
    auth_token, public_base_url, nonces : optional
        With a token, the upgrade's signature is checked first, see `voiceband.callbacks.verify_upgrade`.
    **options
        For `CallHandle`: `api`, `idle_timeout_s`, and what `Session` takes.

    Raises
    ------
    HTTPException
        401 without a signature, 403 with a wrong one; leave it to the framework, which refuses the upgrade with it.
    """
    status = refusal(str(websocket.url), websocket.headers, auth_token, public_base_url=public_base_url, nonces=nonces)
    if status is not None:
        raise HTTPException(status, REASONS[status])
    extensions = websocket.scope.get("extensions") or {}
    transport = extensions.get("voiceband.transport", {}).get("transport")  # from uvicorn with `UVICORN`
    link = TaskLink(websocket.send_text, websocket.close, transport)
    call = CallHandle(link, **options)
    offered = websocket.scope.get("subprotocols") or [None]
    try:
        await websocket.accept(subprotocol=offered[0])
    except BaseException:  # the peer has gone; the handle's timers would keep it
        call.lost("not accepted")
        raise
    async with running(call, _read(websocket, call)):
        yield call


async def _read(websocket: WebSocket, call: CallHandle) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] != "websocket.receive":
            call.lost(message.get("reason") or f"closed with code {message.get('code')}")
            return
        text = message.get("text")
        content = text if text is not None else message.get("bytes") or b""
        if len(content) > MAX_MESSAGE_BYTES:
            call.end(1009, "message too big")
            return
        call.feed(content)
        if call.link.paused:
            await call.link.resumed()
