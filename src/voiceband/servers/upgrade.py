"""Who may open a socket: the signature of a WebSocket upgrade, asked about before it is accepted."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from voiceband._checks import check_number
from voiceband.callbacks import verify_path_token, verify_upgrade
from voiceband.servers.call_log import printable
from voiceband.servers.totals import TOTALS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from voiceband.callbacks.nonces import Nonces

SIGNATURE_HEADERS = ("X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3")
_HOST = re.compile(r"[^/?#@\\\s]*")
log = logging.getLogger("voiceband.calls")


class Refusal(NamedTuple):
    """How an upgrade is refused: the status of HTTP, and a few words."""

    status: int
    reason: str


def refusal(
    url: str,
    headers: Any,
    peer: object,
    *,
    auth_token: str | Iterable[str] | None = None,
    public_base_url: str | None = None,
    nonces: Nonces | None = None,
    path: str | None = None,
    token_ttl_s: float | None = None,
) -> Refusal | None:
    """Return what to refuse an upgrade with, or None to accept it; the log is told of a refusal.

    Parameters
    ----------
    url, headers, auth_token, public_base_url, nonces : optional
        As for `voiceband.callbacks.verify_upgrade`; `headers` has ``in`` without case. Without `auth_token` everyone is
        let in.
    peer : object
        Whose address it is, for the log.
    path : str, optional
        The only path that may be asked for; with `token_ttl_s`, what stands before the token.
    token_ttl_s : float, optional
        Takes one-time tokens of that age in the last part of the path in place of signatures, see
        `voiceband.callbacks.path_token`.

    Returns
    -------
    refusal : Refusal or None
        400 for a ``Host`` that is no host or a target that is no path, 404 for another path, 401 without a signature,
        403 with a wrong one; the same for tokens.

    Raises
    ------
    ValueError
        For bad settings.
    """
    place, token = urlsplit(url).path, ""
    if token_ttl_s is not None:
        check_upgrade(auth_token, public_base_url, nonces, path, token_ttl_s)
        place, _, token = place.rpartition("/")
        url, path = f"{place}/...", path and path.rstrip("/")  # a token does not belong in a log
    refused = None
    if path is not None and place != path:
        refused = Refusal(404, "no such path")
    elif token_ttl_s is not None and auth_token is not None and nonces is not None:
        if not token:
            refused = Refusal(401, "no token")
        elif not verify_path_token(token, auth_token, token_ttl_s, nonces=nonces):
            refused = Refusal(403, "wrong token, or one that is old or was used before")
    elif auth_token is not None:
        refused = _refusal_by_signature(url, headers, auth_token, public_base_url, nonces)
    if refused is not None:
        TOTALS.add("upgrades_refused_total", reason=refused.reason)
        log.info("upgrade of %s from %s refused with %d: %s", printable(url), printable(peer), *refused)
    return refused


def _refusal_by_signature(
    url: str, headers: Any, auth_token: str | Iterable[str], public_base_url: str | None, nonces: Nonces | None
) -> Refusal | None:
    hosts = _hosts(headers)
    target = url.partition("://")[2]
    if len(hosts) > 1 or not all(map(_HOST.fullmatch, hosts)) or "://" in target.partition("?")[0]:
        return Refusal(400, "bad host or path")  # what is signed as one part would be served as another
    if verify_upgrade(url, headers, auth_token, public_base_url=public_base_url, nonces=nonces):
        return None
    if any(name in headers for name in SIGNATURE_HEADERS):
        return Refusal(403, "wrong signature")
    return Refusal(401, "no signature")


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
    token_ttl_s: float | None = None,
) -> None:
    """Raise ValueError or TypeError for settings that no upgrade could be checked with."""
    if path is not None and not (isinstance(path, str) and re.fullmatch(r"/[^?#;\s]*", path)):
        raise ValueError(f"path must begin with / and have no query, such as '/ws', not {path!r}")
    if token_ttl_s is not None:
        check_number("token_ttl_s", token_ttl_s, 0, unit="s", above=True)
        if auth_token is None or nonces is None:
            raise ValueError(
                "token_ttl_s needs auth_token, the secret of the tokens, and nonces, which let each in once"
            )
    if auth_token is not None:
        verify_upgrade("/", {}, auth_token, public_base_url=public_base_url)
