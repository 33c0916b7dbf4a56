"""What the tone detector tells."""

from __future__ import annotations

from typing import Literal

import msgspec

ToneKind = Literal["dtmf", "dial", "ringback", "busy", "congestion", "sit", "fax", "beep"]

# In the order of the kernel, from 1 on: a kind, and its name if that is always the same.
_KERNEL: tuple[tuple[ToneKind, str | None], ...] = (
    ("dtmf", None),
    ("dial", ""),
    ("ringback", ""),
    ("busy", ""),
    ("congestion", ""),
    ("sit", ""),
    ("fax", "cng"),
    ("fax", "ced"),
    ("beep", None),
)


class Tone(msgspec.Struct, frozen=True):
    """A tone on the line.

    Attributes
    ----------
    kind : {"dtmf", "dial", "ringback", "busy", "congestion", "sit", "fax", "beep"}
        "sit" is the special information tone, three rising tones before an announcement.
    name : str
        The key of "dtmf"; "cng" (a fax that calls) or "ced" (one that answers); the frequency in Hz of "beep", such as
        "1000", or "480+620" for two at once. Empty for other kinds.
    start_ms : float
        When it began, counted from the first sample.
    end_ms : float or None
        When it ended; None while it lasts. A cadence is one tone, from its first burst to its last.
    """

    kind: ToneKind
    name: str
    start_ms: float
    end_ms: float | None


def tone(kind: int, key: int, low_hz: int, high_hz: int, start_ms: int, end_ms: int) -> Tone:
    """Make a tone of what the kernel tells, see vb_tones.h."""
    said, name = _KERNEL[kind - 1]
    if name is None:
        name = chr(key) if key else f"{low_hz}+{high_hz}" if high_hz else str(low_hz)
    return Tone(said, name, float(start_ms), None if end_ms < 0 else float(end_ms))
