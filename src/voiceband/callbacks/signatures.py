"""Signatures of Plivo's requests, versions 2 and 3: made, and checked."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from voiceband._checks import check_text
from voiceband.callbacks.forms import Form
from voiceband.callbacks.signed_text import SCHEMES, dialled_url, grouped, public_base, signed_v3, split_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from voiceband.callbacks.nonces import Nonces

    Headers = Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None
    """Names and values, text or bytes; a framework's headers, pairs as in ASGI, or a WSGI environment."""
    Tokens = str | Iterable[str]

UPGRADE_SCHEMES = ("http", "wss")
"""How the URL of a WebSocket upgrade may have been signed. Live calls sign ``http://``; documents say ``wss://``.
``https://`` is how callbacks are signed: what one of them was signed with would open the socket too."""

_MAX_HEADER_CHARS = 16 * 1024


def sign_v3(method: str, url: str, nonce: str, auth_token: str, params: Form = None) -> str:
    """Sign a request as Plivo does.

    Parameters
    ----------
    method : str
        GET or POST, in any case.
    url : str
        The whole URL, as it was dialled.
    nonce : str
        Any text that is not used twice.
    auth_token : str
        Of the account.
    params : str, bytes, mapping or iterable of pairs, optional
        The form of a POST; a name may have a list of values. With a GET they count as part of the query, which wins.

    Returns
    -------
    signature : str
        For the header ``X-Plivo-Signature-V3``.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If `method` is another, `url` is not absolute, or `auth_token` is empty.

    Examples
    --------
    >>> sign_v3("GET", "http://voice.example.com/ws/abc", "12345678901234567890", "MzAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw0")
    'U1rsJ+RWH3lQvv3tIt/Eu+mLfVnVaSGpb55UWXQvD8k='
    """
    (token,) = read_tokens(check_text("auth_token", auth_token))
    if not isinstance(nonce, str):
        raise TypeError(f"nonce must be a str, not {type(nonce).__name__}")
    return _hmac(token, f"{signed_v3(method, url, grouped(params))}.{nonce}")


def sign_v2(url: str, nonce: str, auth_token: str) -> str:
    """Sign a request the older way, which covers neither query nor form.

    Parameters
    ----------
    url : str
        The whole URL, as it was dialled.
    nonce : str
        Any text that is not used twice.
    auth_token : str
        Of the account.

    Returns
    -------
    signature : str
        For the header ``X-Plivo-Signature-V2``.

    Raises
    ------
    TypeError, ValueError
        As `sign_v3`.

    Examples
    --------
    >>> sign_v2("https://answer.url", "12345", "my_auth_token")
    'ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc='
    """
    (token,) = read_tokens(check_text("auth_token", auth_token))
    if not isinstance(nonce, str):
        raise TypeError(f"nonce must be a str, not {type(nonce).__name__}")
    return _hmac(token, f"{split_url(url)[0]}{nonce}")


def verify_v3(
    method: str,
    url: str,
    headers: Headers,
    auth_token: Tokens,
    params: Form = None,
    *,
    public_base_url: str | None = None,
    nonces: Nonces | None = None,
) -> bool:
    """Tell whether an HTTP request is Plivo's.

    Whatever the request holds gives an answer, never an error. All signatures of ``X-Plivo-Signature-V3`` and
    ``X-Plivo-Signature-Ma-V3`` are compared, in constant time.

    Parameters
    ----------
    method : str
        Of the request.
    url : str
        As Plivo dialled it; its path and query are enough with `public_base_url`.
    headers : mapping or iterable of pairs
        Of the request; names in any case.
    auth_token : str or iterable of str
        Of the account; or several, as while a token is being changed, or with a sub-account.
    params : str, bytes, mapping or iterable of pairs, optional
        The form of a POST, best as the body itself.
    public_base_url : str, optional
        What Plivo dials in front of the path, such as ``https://voice.example.com``, from your configuration: behind a
        proxy the server sees another scheme, host and port, and the ``Host`` header is the sender's to choose.
    nonces : NonceCache or NonceFile, optional
        Refuses the second of two requests with one nonce.

    Returns
    -------
    genuine : bool
        False also without headers.

    Raises
    ------
    TypeError, ValueError
        If `auth_token` or `public_base_url` is of a wrong type, empty or no URL: mistakes of the configuration, not of
        the request.
    """
    tokens, base = read_tokens(auth_token), public_base(public_base_url)

    def signed() -> list[str]:
        return [signed_v3(method, dialled_url(url, base), grouped(params)) + "."]

    return _verify("v3", signed, headers, tokens, nonces)


def verify_v2(
    url: str,
    headers: Headers,
    auth_token: Tokens,
    *,
    public_base_url: str | None = None,
    nonces: Nonces | None = None,
) -> bool:
    """Tell whether an HTTP request is Plivo's by its older signature, which covers neither query nor form.

    Parameters
    ----------
    url, headers, auth_token, public_base_url, nonces : optional
        As for `verify_v3`.

    Returns
    -------
    genuine : bool
        False also without headers.

    Raises
    ------
    TypeError, ValueError
        As `verify_v3`.
    """
    tokens, base = read_tokens(auth_token), public_base(public_base_url)
    return _verify("v2", lambda: [split_url(dialled_url(url, base))[0]], headers, tokens, nonces)


def verify_upgrade(
    url: str,
    headers: Headers,
    auth_token: Tokens,
    *,
    public_base_url: str | None = None,
    nonces: Nonces | None = None,
    schemes: Sequence[str] = UPGRADE_SCHEMES,
) -> bool:
    """Tell whether a WebSocket upgrade is Plivo's; ask before accepting it.

    Parameters
    ----------
    url : str
        The stream's URL as it is in the XML; its path and query are enough with `public_base_url`. Its scheme does not
        matter. With ``;parameters`` or a fragment, which are not signed, the answer is False.
    headers, auth_token, public_base_url, nonces : optional
        As for `verify_v3`; the base URL may be ``wss://``.
    schemes : sequence of str, optional
        Schemes that the URL may have been signed with.

    Returns
    -------
    genuine : bool
        False also without headers.

    Raises
    ------
    TypeError, ValueError
        As `verify_v3`, and if one of `schemes` is none of http, https, ws and wss.

    Examples
    --------
    >>> token, nonce = "MzAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw0", "12345678901234567890"
    >>> signature = "U1rsJ+RWH3lQvv3tIt/Eu+mLfVnVaSGpb55UWXQvD8k="
    >>> headers = {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": nonce}
    >>> verify_upgrade("wss://voice.example.com/ws/abc", headers, token)
    True
    >>> verify_upgrade("/ws/abc", headers, token, public_base_url="wss://voice.example.com")
    True
    """
    tokens, base = read_tokens(auth_token), public_base(public_base_url)
    if isinstance(schemes, str) or not isinstance(schemes, Iterable):
        raise TypeError(f"schemes must be some of {', '.join(SCHEMES)}, in a tuple, not {schemes!r}")
    if not schemes or not set(schemes) <= set(SCHEMES):
        raise ValueError(f"schemes must be some of {', '.join(SCHEMES)}, not {schemes!r}")

    def signed() -> list[str]:
        dialled = dialled_url(url, base)
        parts = urlsplit(dialled)
        if ";" in parts.path.rpartition("/")[2] or parts.fragment:  # neither is signed
            raise ValueError("an upgrade's URL must have no ;parameters and no fragment")
        rest = dialled.partition("://")[2]
        return [signed_v3("GET", f"{scheme}://{rest}", {}) + "." for scheme in schemes]

    return _verify("v3", signed, headers, tokens, nonces)


def _verify(
    version: str, signed: Callable[[], list[str]], headers: Headers, tokens: list[str], nonces: Nonces | None
) -> bool:
    """Compare every signature of the headers with every one that would be right."""
    found = _plivo_headers(headers)
    nonce_values = set(found.get(f"x-plivo-signature-{version}-nonce", ()))
    signatures = [
        signature.strip()
        for name in (f"x-plivo-signature-{version}", f"x-plivo-signature-ma-{version}")
        for value in found.get(name, ())
        for signature in value.split(",")
    ]
    if len(nonce_values) != 1 or not signatures:
        return False
    nonce = nonce_values.pop()
    if version == "v3" and "." in nonce:
        return False  # a part of what is signed before it: the rest would be another request's
    try:
        messages = [text + nonce for text in signed()]
        wanted = [(_hmac(token, message).encode(), message) for token in tokens for message in messages]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False  # an URL, method or form that nobody can have signed
    genuine: str | None = None
    for signature in signatures:
        candidate = signature.encode("utf-8", "replace")
        for right, message in wanted:
            if hmac.compare_digest(candidate, right):
                genuine = message
    if genuine is None or nonces is None:
        return genuine is not None
    # Only a genuine request may take room in the cache, and all of it does: V2 does not say where its nonce begins.
    return nonces.add(f"{version}:{hashlib.sha256(genuine.encode('utf-8', 'surrogatepass')).hexdigest()}")


def _plivo_headers(headers: Headers) -> dict[str, list[str]]:
    """Return the signature headers by lower-case name, every value of each; what is odd about the rest is skipped."""
    found: dict[str, list[str]] = {}
    for pair in _header_pairs(headers):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            continue
        name, value = (part.decode("latin-1") if isinstance(part, bytes) else part for part in pair)
        if isinstance(name, str) and isinstance(value, str) and len(value) <= _MAX_HEADER_CHARS:
            plain = name.lower().replace("_", "-").removeprefix("http-")
            if plain.startswith("x-plivo-signature") and value.strip():
                found.setdefault(plain, []).append(value.strip())
    return found


def _header_pairs(headers: Headers) -> list[Any]:
    # `websockets` raises from items() when a header comes twice, and httpx joins there.
    try:
        for getter in ("raw_items", "multi_items", "items"):
            if callable(method := getattr(headers, getter, None)):
                return list(method())
        return list(headers) if headers is not None else []
    except (TypeError, ValueError, LookupError, AttributeError):
        return []


def read_tokens(auth_token: Tokens) -> list[str]:
    """Check the tokens: an empty one would let anybody sign."""
    if auth_token is not None and not isinstance(auth_token, Iterable):
        raise TypeError(f"auth_token must be the account's token, or several, not {type(auth_token).__name__}")
    tokens = [auth_token] if isinstance(auth_token, str) else list(auth_token or ())
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"auth_token must be the account's token, or several, not {type(token).__name__}")
    if not tokens or "" in tokens:
        raise ValueError("auth_token must be the account's token, or several; it is empty")
    return tokens


def _hmac(token: str, text: str) -> str:
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha256")).decode()
