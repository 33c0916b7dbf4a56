"""What `fastapi.UVICORN` sets uvicorn's WebSockets to: an application gets its transport, which ASGI keeps from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

from voiceband.servers.link import send_at_once
from voiceband.servers.read_meter import MeteredProtocol
from voiceband.servers.relay import AwaitsRequest

if TYPE_CHECKING:
    import asyncio
    from typing import Any

if AutoWebSocketsProtocol is None:
    raise ModuleNotFoundError(
        "this driver needs websockets; pip install 'voiceband[fastapi]' brings it", name="websockets"
    )


def http(**options: Any) -> AwaitsRequest:
    """Return uvicorn's own protocol of a connection, behind what cuts a peer whose request does not come."""
    return AwaitsRequest(AutoHTTPProtocol(**options))


class Protocol(MeteredProtocol, AutoWebSocketsProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's own, which leaves a socket unread whose peer sends too fast, or does not read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        send_at_once(transport)
        super().connection_made(transport)

    async def run_asgi(self) -> None:
        """Run the application, which can cut a peer with the transport that takes nothing, not even a close frame."""
        self.scope["extensions"]["voiceband.transport"] = {"transport": self.transport, "meter": self.meter}
        await super().run_asgi()
