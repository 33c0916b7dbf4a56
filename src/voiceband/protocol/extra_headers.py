"""The extra headers that a stream was opened with, as they come back in its messages."""

from __future__ import annotations

import functools
import re
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


MAX_CACHED = 512
"""Characters of the longest text whose reading is remembered: what Plivo allows in a stream's extraHeaders."""


def parse_extra_headers(raw: str | None, *, percent_decode: bool = False) -> Mapping[str, str]:
    """Read an ``extra_headers`` text, in whichever of its forms it came.

    Documents show pairs parted by commas, pairs parted by semicolons, and a JSON object; all are read. Neither names
    nor values are trustworthy: whoever opens the stream chooses them.

    Parameters
    ----------
    raw : str or None
        As in `Start.extra_headers`.
    percent_decode : bool, optional
        Whether ``%2B`` in names and values means ``+``.

    Returns
    -------
    headers : mapping of str to str
        Read-only, in order; a name without ``=`` has an empty value, and the last of several equal names wins.

    Raises
    ------
    TypeError
        If `raw` is neither.

    Examples
    --------
    >>> dict(parse_extra_headers("userId=12345;sessionId=abc-xyz"))
    {'userId': '12345', 'sessionId': 'abc-xyz'}
    """
    if raw is not None and not isinstance(raw, str):
        raise TypeError(f"raw must be a text or None, not {raw!r}")
    raw = raw or ""
    # The same text comes with every message, so it is read once; whoever sends long ones gets no memory for them.
    return (_cached if len(raw) <= MAX_CACHED else _read)(raw, bool(percent_decode))


def _read(raw: str, percent_decode: bool) -> Mapping[str, str]:
    text = raw.strip()
    pairs: list[tuple[str, str]] = []
    loaded: object = None
    if text.startswith("{"):
        try:
            loaded = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            loaded = None
    if isinstance(loaded, dict):
        for key, value in loaded.items():
            pairs.append((str(key), value if isinstance(value, str) else msgspec.json.encode(value).decode()))
    else:
        for part in re.split("[;,]", text):
            key, _, value = part.partition("=")
            if key.strip():
                pairs.append((key.strip(), value.strip()))
    if percent_decode:
        pairs = [(unquote(key), unquote(value)) for key, value in pairs]
    return MappingProxyType(dict(pairs))


_cached = functools.lru_cache(maxsize=256)(_read)
