"""What stands before a library's protocol of a connection, and a limit to how long a request may take to come."""

from __future__ import annotations

import asyncio
import re
from typing import cast

HEAD_S = 5.0
"""How long a request may take to come."""
PROBES = "GET, HEAD, OPTIONS"
"""The methods that health checks ask with."""
MAX_HEAD_BYTES = 16 * 1024
_END = re.compile(rb"\n\r?\n")


class Relay(asyncio.Protocol):
    """Hands all on to another protocol.

    Parameters
    ----------
    protocol : Protocol
        The library's.
    """

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self.protocol = protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand on the beginning."""
        self.protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Hand on what the socket has brought."""
        self.protocol.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on the end of what the peer sends."""
        return self.protocol.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """Hand on the end."""
        self.protocol.connection_lost(error)

    def pause_writing(self) -> None:
        """Hand on that much waits to be sent."""
        self.protocol.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that less does."""
        self.protocol.resume_writing()


class AwaitsRequest(Relay):
    """Cuts a peer whose request does not come in time, or is too long; once it has come, this steps aside."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the request."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of its classes
        self._timeout = asyncio.get_running_loop().call_later(HEAD_S, self._transport.abort)
        self._end = b""
        self._n_bytes = 0
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Look for the end of the request."""
        self._n_bytes += len(data)
        if _END.search(self._end + data):
            self._timeout.cancel()
            self._transport.set_protocol(self.protocol)
        elif self._n_bytes > MAX_HEAD_BYTES:
            self._transport.abort()
            return
        self._end = (self._end + data)[-2:]
        super().data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Wait no more."""
        self._timeout.cancel()
        super().connection_lost(error)
