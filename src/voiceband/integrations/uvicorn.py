"""What `fastapi.UVICORN` sets uvicorn's WebSockets to: an application gets its transport, which ASGI keeps from it."""

from __future__ import annotations

from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

TRANSPORT = "voiceband.transport"
"""The extension in an ASGI scope; the transport is its "transport"."""


class Protocol(AutoWebSocketsProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's own."""

    async def run_asgi(self) -> None:
        """Run the application, which can cut a peer with the transport that takes nothing, not even a close frame."""
        self.scope["extensions"][TRANSPORT] = {"transport": self.transport}
        await super().run_asgi()
