"""The certificates that this machine trusts, for requests by httpx."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


@cache
def trusted() -> ssl.SSLContext:
    """Return what httpx would load for each client, loaded once: it takes longer than a request on this machine.

    Later changes of ``SSL_CERT_FILE`` or of the system's store are not seen in this process.
    """
    import httpx

    return httpx.create_ssl_context()
