"""One call's connection in an aiohttp application."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, cast

from aiohttp import WebSocketError, WSMsgType, web

from voiceband.protocol.limits import MAX_RECEIVED_BYTES
from voiceband.servers.call import CallHandle
from voiceband.servers.context import running
from voiceband.servers.link import CLOSE_TIMEOUT_S, PING_S, Link, TaskLink
from voiceband.servers.options import split_options
from voiceband.servers.read_meter import MeteredProtocol, MeteredTransport, ReadMeter
from voiceband.servers.relay import Relay
from voiceband.servers.upgrade import refusal

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator
    from typing import Unpack

    from voiceband.servers.options import ServerOptions

_REFUSALS = {
    400: web.HTTPBadRequest,
    401: web.HTTPUnauthorized,
    403: web.HTTPForbidden,
    404: web.HTTPNotFound,
}


class _AiohttpLink(TaskLink):
    def __init__(self, response: web.WebSocketResponse, transport: asyncio.WriteTransport | None) -> None:
        self.response = response
        super().__init__(
            response.send_str,
            lambda code, reason: response.close(code=code, message=reason.encode()),
            transport,
        )


class _MeteredRelay(MeteredProtocol, Relay):
    """Stands before the library's protocol of a connection that has begun as a request."""

    def __init__(self, request: web.Request, transport: asyncio.Transport) -> None:
        protocol = request.protocol
        super().__init__(protocol)
        # What a peer has sent that did not await its answer has come already.
        self.meter = ReadMeter(transport, protocol.data_received, before=getattr(protocol, "_message_tail", b""))
        self.transport = MeteredTransport(transport, self.meter)
        protocol.transport = cast("asyncio.Transport", self.transport)
        transport.set_protocol(self)


@contextlib.asynccontextmanager
async def accept(request: web.Request, **options: Unpack[ServerOptions]) -> AsyncIterator[CallHandle]:
    """Accept an upgrade, and run a call on it; the handler then returns ``call.link.response``.

    Compression is refused: it costs several times the work of a message. A message over 1 MiB ends its call.

    Parameters
    ----------
    request : web.Request
        The upgrade. An offered sub-protocol is echoed.
    **options
        For `CallHandle`: `session`, `api`, `idle_timeout_s`, and what `Session` takes. With `auth_token`,
        `public_base_url` and `nonces`, the upgrade's signature is checked first, see
        `voiceband.callbacks.verify_upgrade`.

    Raises
    ------
    HTTPUnauthorized, HTTPForbidden, HTTPNotFound, HTTPBadRequest
        Without a signature, with a wrong one, for another path, and for a ``Host`` that is none; leave it to the
        framework, which refuses the upgrade with it.
    """
    upgrade, call_options = split_options(options)
    refused = refusal(str(request.url), request.headers, request.remote, **upgrade)
    if refused is not None:
        raise _REFUSALS[refused.status](text=f"{refused.reason}\n")
    offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]
    response = web.WebSocketResponse(
        compress=False,
        max_msg_size=MAX_RECEIVED_BYTES,
        heartbeat=PING_S,
        timeout=CLOSE_TIMEOUT_S,
        protocols=offered[:1],
    )
    # Not for an upgrade that `prepare` refuses: the next one on the connection would be put behind two meters.
    relay = None
    if request.transport is not None and response.can_prepare(request):
        relay = _MeteredRelay(request, request.transport)
    await response.prepare(request)
    link = _AiohttpLink(response, request.transport)
    if relay is not None:
        link.use(relay.meter)
    link.path = request.path
    call = CallHandle(link, **call_options)
    async with running(call, _read(response, link)):
        yield call


async def _read(response: web.WebSocketResponse, link: Link) -> None:
    while True:
        try:
            message = await response.receive()
        except ConnectionError as gone:  # of its own answer to a ping, or to a close
            link.lost(str(gone))
            return
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            link.feed(message.data)
        else:
            error, code = response.exception(), response.close_code
            if isinstance(message.data, WebSocketError):  # after that the library's own code is that of a broken socket
                error, code = message.data, message.data.code
            link.lost(str(error) if error is not None else f"closed with code {code}", code)
            return
        if link.paused:
            await link.resumed()
