"""Typed values out of texts that a carrier wrote: what cannot be read is None, never an error."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime

from voiceband.formats import AudioFormat


def read_text(value: object) -> str | None:
    """Read a text; a blank one is None."""
    return value.strip() or None if isinstance(value, str) else None


def read_bool(value: object) -> bool | None:
    """Read ``true``, ``false``, ``1`` or ``0``, in any case, or a bool."""
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).strip().lower())


def read_int(value: object) -> int | None:
    """Read a whole number, from a number or a text."""
    number = read_float(value)
    return int(number) if number is not None and number.is_integer() else None


def read_float(value: object) -> float | None:
    """Read a finite number, from a number or a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > 40:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def read_time(value: object) -> datetime | None:
    """Read an ISO 8601 date and time; without a zone it is UTC."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def read_format(value: object) -> AudioFormat | None:
    """Read a MIME type."""
    with contextlib.suppress(ValueError):
        return AudioFormat.parse(value) if isinstance(value, str) else None
    return None
