"""What a signature is over: the URL as it was dialled, and a form, in one order.

What version 3 signs is, before a dot and the nonce::

    GET    base ? query              base and query without one another's separator when the query is empty
    POST   base ? query . params     the dot only after a query that is not empty; without params, as GET

``base`` is scheme, host, port and path as they were dialled. The query is *decoded*, its names sorted by code point and
the values of one name sorted too; ``params`` is the form in the same order, ``namevalue`` after ``namevalue``. The
signature is the HMAC-SHA256 of that, keyed with the account's token, in base64. Version 2 signs base and nonce only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlparse, urlsplit, urlunparse

from voiceband.callbacks.forms import MAX_FIELDS, Form, as_text, form_pairs

SCHEMES = ("http", "https", "ws", "wss")


def public_base(url: str | None) -> str | None:
    """Check the public base URL and drop its last slash."""
    if url is None:
        return None
    if not isinstance(url, str):
        raise TypeError(f"public_base_url must be like 'https://voice.example.com', not {url!r}")
    try:
        parts = urlsplit(url)
        whole = parts.scheme in SCHEMES and bool(parts.hostname)
    except ValueError:
        whole = False
    if not whole or parts.query or parts.fragment:
        raise ValueError(f"public_base_url must be like 'https://voice.example.com', not {url!r}")
    return url.rstrip("/")


def dialled_url(url: str, base: str | None) -> str:
    """Return the URL with the public base in front of its path, when there is one."""
    if not isinstance(url, str):
        url = str(url)  # frameworks have classes for URLs
    if base is None:
        return url
    if not url.startswith("/") and "://" in url.partition("?")[0]:
        rest = url.partition("://")[2]
        start = min((place for mark in "/?#" if (place := rest.find(mark)) >= 0), default=len(rest))
        url = rest[start:]
    if url and url[0] not in "/?#":
        url = f"/{url}"
    return base + url


def split_url(url: str) -> tuple[str, str]:
    """Return the part of an URL that is signed as it is, and the query."""
    if not isinstance(url, str):
        raise TypeError(f"url must be a str, not {type(url).__name__}")
    parts = urlparse(url)
    if parts.scheme not in SCHEMES or not parts.netloc:
        raise ValueError(f"url must start with http://, https://, ws:// or wss:// and a host, not {url!r}")
    return urlunparse((parts.scheme, parts.netloc, parts.path, "", "", "")), parts.query


def signed_v3(method: str, url: str, params: Mapping[str, Any]) -> str:
    """Return what version 3 signs, up to the nonce's dot."""
    if not isinstance(method, str):
        raise TypeError(f"method must be GET or POST, not {method!r}")
    kind = method.upper()
    if kind not in ("GET", "POST"):
        raise ValueError(f"method must be GET or POST, not {method!r}")
    base, query = split_url(url)
    fields: dict[str, Any] = dict(params) if kind == "GET" else {}
    fields.update(parse_qs(query, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    text = "&".join("&".join(f"{name}={value}" for value in _values(fields[name])) for name in sorted(fields))
    if kind == "GET" or not params:
        return f"{base}?{text}" if text else base
    return f"{base}?{text}{'.' if text else ''}{_joined(params)}"


def _joined(params: Mapping[str, Any]) -> str:
    """Return a form as it is signed: name, value, name, value; what is nested after its name."""
    parts = []
    for name in sorted(params):
        value = params[name]
        if isinstance(value, Mapping):
            parts.append(f"{name}{_joined(grouped(value))}")
        else:
            parts.extend(f"{name}{item}" for item in _values(value))
    return "".join(parts)


def _values(value: object) -> list[str]:
    return sorted(as_text(item) for item in value) if isinstance(value, list | tuple) else [as_text(value)]


def grouped(params: Form) -> dict[str, Any]:
    """Return a form by name, with a list where a name comes more than once."""
    grouped: dict[str, Any] = {}
    for key, value in form_pairs(params):
        name = as_text(key)
        if name in grouped:
            before = grouped[name]
            grouped[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            grouped[name] = value
    return grouped
