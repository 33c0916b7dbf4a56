"""The port that the workers listen on together."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from typing import Any


class StartError(Exception):
    """The server cannot start; the text says why in one line."""


class Port:
    """An address, and the sockets that listen on it.

    Where the system spreads connections over sockets of one port, each worker has its own, and one that is dead or
    stands still gets none. Elsewhere all accept from one.

    Parameters
    ----------
    host, port
        Where to listen; port 0 for any that is free.

    Attributes
    ----------
    number : int
        The port.

    Raises
    ------
    StartError
        If the address cannot be listened on.
    """

    def __init__(self, host: str, port: int) -> None:
        self._own = sys.platform == "linux" and hasattr(socket, "SO_REUSEPORT")
        try:
            found: Any = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            self._family, kind, protocol, _, self._address = found
            if self._own and port:
                with socket.socket(self._family, kind, protocol) as probe:  # one that shares would not see it taken
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(self._address)
                    probe.listen()
            self._reserved = _bound_socket(self._family, self._address, share=self._own)
        except OSError as error:
            why = "it is in use already" if error.errno == errno.EADDRINUSE else error.strerror or error
            raise StartError(f"{host}:{port} cannot be listened on: {why}") from None
        self.number: int = self._reserved.getsockname()[1]
        if not self._own:
            self._reserved.listen(1024)

    def listener(self) -> socket.socket:
        """Return a socket for one worker to listen on."""
        if not self._own:
            return self._reserved
        return _bound_socket(self._family, self._reserved.getsockname(), share=True)

    def close(self, listener: socket.socket) -> None:
        """Let no more connections come to a worker's own socket, whoever has it open."""
        if self._own:
            with contextlib.suppress(OSError):  # nobody has listened on it yet
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def release(self) -> None:
        """Give up the address."""
        self._reserved.close()


def _bound_socket(family: int, address: Any, *, share: bool) -> socket.socket:
    """Return a socket bound to an address, which others may bind too if they `share`; OSError if it cannot be."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
