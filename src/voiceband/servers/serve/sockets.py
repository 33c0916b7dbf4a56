"""The port that the workers listen on together."""

from __future__ import annotations

import errno
import socket
import sys
from typing import Any


class StartError(Exception):
    """The server cannot start; the text says why in one line."""


def reserve(host: str, port: int) -> tuple[socket.socket, bool]:
    """Return a socket for the address, and whether workers are to share it, or to bind their own beside it.

    Where the system spreads connections over sockets of one port, each worker has its own, and a dead one gets none.
    The reserving socket does not listen. Elsewhere, all workers accept from the one that this returns.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        own = sys.platform == "linux" and hasattr(socket, "SO_REUSEPORT")
        if own and port:
            with socket.socket(family, kind, protocol) as probe:  # one that shares would not see that the port is taken
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                probe.listen()
        reserved = bound_socket(family, address, share=own)
    except OSError as error:
        why = "it is in use already" if error.errno == errno.EADDRINUSE else error.strerror or error
        raise StartError(f"{host}:{port} cannot be listened on: {why}") from None
    if not own:
        reserved.listen(1024)
    return reserved, not own


def bound_socket(family: int, address: Any, *, share: bool) -> socket.socket:
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
