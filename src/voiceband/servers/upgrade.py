"""Who may open a socket: the signature of a WebSocket upgrade, asked about before it is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiceband.callbacks import verify_upgrade

if TYPE_CHECKING:
    from typing import Any

    from voiceband.callbacks import NonceCache

SIGNATURE_HEADERS = ("X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3")
REASONS = {401: "no signature", 403: "wrong signature"}
"""What to answer with each status of `refusal`."""


def refusal(
    url: str,
    headers: Any,
    auth_token: Any = None,
    *,
    public_base_url: str | None = None,
    nonces: NonceCache | None = None,
) -> int | None:
    """Return the HTTP status to refuse an upgrade with, or None to accept it; ValueError for bad settings.

    Parameters
    ----------
    url, headers, auth_token, public_base_url, nonces : optional
        As for `voiceband.callbacks.verify_upgrade`; `headers` has ``in`` without case. Without `auth_token` everyone is
        let in.

    Returns
    -------
    status : int or None
        401 without a signature, 403 with a wrong one.
    """
    if auth_token is None or verify_upgrade(url, headers, auth_token, public_base_url=public_base_url, nonces=nonces):
        return None
    return 403 if any(name in headers for name in SIGNATURE_HEADERS) else 401
