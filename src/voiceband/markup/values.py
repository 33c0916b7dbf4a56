"""Checks of arguments that become attributes. Each gives the attribute's text, or None for "not written".

A wrong type is a TypeError, a wrong value a ValueError.
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_URL_CHARS = 2048

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_URL = re.compile(r"[\s\x00-\x20\x7f]")


def wire_name(name: str) -> str:
    """Return the attribute's spelling in XML: ``stream_timeout`` is ``streamTimeout``."""
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def label(name: str) -> str:
    """Name an argument in an error, with its spelling in XML when that is another."""
    wire = wire_name(name)
    return name if wire == name else f"{name} ({wire})"


def flag(name: str, value: bool | None) -> str | None:
    """Check a bool."""
    if value is None:
        return None
    if not isinstance(value, bool):
        raise TypeError(f"{label(name)} must be True or False, not {value!r}")
    return "true" if value else "false"


def whole(name: str, value: int | None, low: int, high: int | None = None, unit: str = "") -> str | None:
    """Check an integer of at least `low`, and at most `high` if there is one."""
    if value is None:
        return None
    span = f"of at least {low}" if high is None else f"from {low} to {high}"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{label(name)} must be an integer {span}{unit}, not {value!r}")
    number = operator.index(value)
    if number < low or (high is not None and number > high):
        raise ValueError(f"{label(name)} must be an integer {span}{unit}, not {value!r}")
    return str(number)


def one_of(name: str, value: str | None, allowed: Sequence[str]) -> str | None:
    """Check a choice."""
    if value is None:
        return None
    if not isinstance(value, str) or value not in allowed:
        wrong = ValueError if isinstance(value, str) else TypeError
        raise wrong(f"{label(name)} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def method(name: str, value: str | None) -> str | None:
    """Check an HTTP method, GET or POST in any case."""
    return one_of(name, value.upper() if isinstance(value, str) else value, ("GET", "POST"))


def text(name: str, value: str | None) -> str | None:
    """Check a text that is not blank."""
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        wrong = ValueError if isinstance(value, str) else TypeError
        raise wrong(f"{label(name)} must be a text that is not blank, not {value!r}")
    return xml_text(name, value)


def url(name: str, value: str, schemes: Sequence[str], max_chars: int | None = None) -> str:
    """Check an absolute URL of one of `schemes`."""
    kind = " or ".join(f"{scheme}://" for scheme in schemes)
    if not isinstance(value, str):
        raise TypeError(f"{label(name)} must be an URL that starts with {kind}, not {value!r}")
    if max_chars is not None and len(value) > max_chars:
        raise ValueError(f"{label(name)} must have at most {max_chars} characters, not {len(value)}: {value[:60]!r}...")
    if _NOT_URL.search(value):
        raise ValueError(f"{label(name)} must not hold white space or control characters: {value!r}")
    try:
        parts = urlsplit(value)
        host = parts.hostname
        _ = parts.port  # raises when it is not a number below 65536
    except ValueError as error:
        raise ValueError(f"{label(name)} must be an URL, not {value!r}: {error}") from None
    if parts.scheme not in schemes or not host:
        raise ValueError(f"{label(name)} must start with {kind} and a host, not {value!r}")
    return xml_text(name, value)


def xml_text(name: str, value: str) -> str:
    """Refuse what XML 1.0 cannot hold, escaped or not."""
    found = _NOT_XML.search(value)
    if found:
        raise ValueError(f"{label(name)} must not hold U+{ord(found[0]):04X}, as XML cannot: {value!r}")
    return value


def read_flag(value: str) -> bool | str:
    """Read a bool from an attribute; return anything else as it is, for the constructor to refuse."""
    return {"true": True, "false": False}.get(value.strip().lower(), value)


def read_whole(value: str) -> int | str:
    """Read an integer from an attribute; return anything else as it is."""
    digits = value.strip()
    return int(digits) if re.fullmatch(r"-?[0-9]{1,18}", digits) else value
