"""Names and values out of a request, in whichever form the framework hands them over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

MAX_FORM_BYTES = 256 * 1024
MAX_FIELDS = 1000

Form = str | bytes | bytearray | Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None
"""A form body or query, a mapping (a framework's multi-dict too), or pairs."""


def form_pairs(form: Form, name: str = "params") -> list[tuple[Any, Any]]:
    """Return the pairs of a form, in order, all values of a name that comes more than once.

    Raises
    ------
    TypeError
        If it is none of the above.
    ValueError
        If a text is longer than 256 KB, or there are more than 1000 fields.
    """
    pairs = _pairs(form, name)
    if len(pairs) > MAX_FIELDS:
        raise ValueError(f"{name} must have at most {MAX_FIELDS} fields, not {len(pairs)}")
    return pairs


def _pairs(form: Form, name: str) -> list[tuple[Any, Any]]:
    if form is None:
        return []
    if isinstance(form, str | bytes | bytearray):
        if len(form) > MAX_FORM_BYTES:
            raise ValueError(f"{name} must have at most {MAX_FORM_BYTES} bytes, not {len(form)}")
        text = form if isinstance(form, str) else form.decode("utf-8", "replace")
        return parse_qsl(text.strip().removeprefix("?"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    # Multi-dicts of Starlette and httpx, then of aiohttp, then of Django and Werkzeug; their items() may drop values.
    if callable(method := getattr(form, "multi_items", None)):
        return [(key, value) for key, value in method()]
    for getter in ("getall", "getlist"):
        if isinstance(form, Mapping) and callable(method := getattr(form, getter, None)):
            return [(key, value) for key in dict.fromkeys(form) for value in method(key)]
    if isinstance(form, Mapping):
        return list(form.items())
    try:
        return [(key, value) for key, value in form]
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a form, a query, a mapping or pairs, not {type(form).__name__}") from None


def as_text(value: object) -> str:
    """Return a key or value as the text that a form would hold; bytes are UTF-8.

    Raises
    ------
    ValueError
        If bytes are not UTF-8.
    """
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8")
    return str(value)
