"""Who may open a socket: the signature of a WebSocket upgrade, asked about before it is accepted."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from voiceband.callbacks import verify_upgrade
from voiceband.servers.call_log import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from voiceband.callbacks.nonces import Nonces

SIGNATURE_HEADERS = ("X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3")
REASONS = {400: "bad host or path", 401: "no signature", 403: "wrong signature", 404: "no such path"}
"""What to answer with each status of `refusal`."""
_HOST = re.compile(r"[^/?#@\\\s]*")
log = logging.getLogger("voiceband.calls")


def refusal(
    url: str,
    headers: Any,
    peer: object,
    *,
    auth_token: str | Iterable[str] | None = None,
    public_base_url: str | None = None,
    nonces: Nonces | None = None,
    path: str | None = None,
) -> int | None:
    """Return the HTTP status to refuse an upgrade with, or None to accept it; the log is told of a refusal.

    Parameters
    ----------
    url, headers, auth_token, public_base_url, nonces : optional
        As for `voiceband.callbacks.verify_upgrade`; `headers` has ``in`` without case. Without `auth_token` everyone is
        let in.
    peer : object
        Whose address it is, for the log.
    path : str, optional
        The only path that may be asked for.

    Returns
    -------
    status : int or None
        400 for a ``Host`` that is no host or a target that is no path, 404 for another path, 401 without a signature,
        403 with a wrong one.

    Raises
    ------
    ValueError
        For bad settings.
    """
    status = _refusal(url, headers, auth_token, public_base_url, nonces, path)
    if status is not None:
        log.info("upgrade of %s from %s refused with %d: %s", printable(url), printable(peer), status, REASONS[status])
    return status


def _refusal(
    url: str,
    headers: Any,
    auth_token: str | Iterable[str] | None,
    public_base_url: str | None,
    nonces: Nonces | None,
    path: str | None,
) -> int | None:
    if path is not None and urlsplit(url).path != path:
        return 404
    if auth_token is None:
        return None
    hosts = _hosts(headers)
    target = url.partition("://")[2]
    if len(hosts) > 1 or not all(map(_HOST.fullmatch, hosts)) or "://" in target.partition("?")[0]:
        return 400  # what is signed as one part of the URL would be served as another
    if verify_upgrade(url, headers, auth_token, public_base_url=public_base_url, nonces=nonces):
        return None
    return 403 if any(name in headers for name in SIGNATURE_HEADERS) else 401


def _hosts(headers: Any) -> list[str]:
    """Return every ``Host`` that a request has, whatever the library calls its headers' methods."""
    for name in ("get_all", "getall", "getlist"):
        if callable(get := getattr(headers, name, None)):
            try:
                return list(get("Host"))
            except KeyError:
                return []
    host = headers.get("Host")
    return [] if host is None else [host]


def check_upgrade(
    auth_token: str | Iterable[str] | None = None,
    public_base_url: str | None = None,
    nonces: Nonces | None = None,
    path: str | None = None,
) -> None:
    """Raise ValueError for settings that no upgrade could be checked with."""
    if path is not None and not (isinstance(path, str) and re.fullmatch(r"/[^?#;\s]*", path)):
        raise ValueError(f"path must begin with / and have no query, such as '/ws', not {path!r}")
    if auth_token is not None:
        verify_upgrade("/", {}, auth_token, public_base_url=public_base_url, nonces=nonces)
