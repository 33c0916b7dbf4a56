"""Who may open a socket: the signature of a WebSocket upgrade, asked about before it is accepted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from voiceband.callbacks import verify_upgrade
from voiceband.servers.call_log import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from voiceband.callbacks import NonceCache

SIGNATURE_HEADERS = ("X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3")
REASONS = {401: "no signature", 403: "wrong signature"}
"""What to answer with each status of `refusal`."""
log = logging.getLogger("voiceband.calls")


def refusal(
    url: str,
    headers: Any,
    peer: object,
    *,
    auth_token: str | Iterable[str] | None = None,
    public_base_url: str | None = None,
    nonces: NonceCache | None = None,
) -> int | None:
    """Return the HTTP status to refuse an upgrade with, or None to accept it; the log is told of a refusal.

    Parameters
    ----------
    url, headers, auth_token, public_base_url, nonces : optional
        As for `voiceband.callbacks.verify_upgrade`; `headers` has ``in`` without case. Without `auth_token` everyone is
        let in.
    peer : object
        Whose address it is, for the log.

    Returns
    -------
    status : int or None
        401 without a signature, 403 with a wrong one.

    Raises
    ------
    ValueError
        For bad settings.
    """
    if auth_token is None or verify_upgrade(url, headers, auth_token, public_base_url=public_base_url, nonces=nonces):
        return None
    status = 403 if any(name in headers for name in SIGNATURE_HEADERS) else 401
    log.info("upgrade of %s from %s refused with %d: %s", printable(url), printable(peer), status, REASONS[status])
    return status


def check_upgrade(
    auth_token: str | Iterable[str] | None = None,
    public_base_url: str | None = None,
    nonces: NonceCache | None = None,
) -> None:
    """Raise ValueError for settings that no upgrade could be checked with."""
    if auth_token is not None:
        verify_upgrade("/", {}, auth_token, public_base_url=public_base_url, nonces=nonces)
