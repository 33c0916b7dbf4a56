"""Captures of sessions as logs: the same call, seen from the agent's end.

What the session received is what the carrier had sent; the times are those of the agent's clock.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from voiceband.emulator.carrier.log import CallLog

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_capture(line: bytes) -> bool:
    """Whether a file that begins so is the capture of a session."""
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(raw, dict) and "time" in raw and "at_s" not in raw


def as_log(lines: Iterable[bytes]) -> CallLog:
    """Return the log that the carrier might have made of the call, up to where the two ends differ.

    Raises
    ------
    ValueError
        If a line does not belong to a capture; the text says which.
    """
    log = CallLog()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
            now, way = float(raw["time"]), raw["way"]
            if not math.isfinite(now):
                raise ValueError(f"time must be finite, not {now}")
            text = raw["text"] if way in ("received", "sent") else None
            call = raw["call"] if way == "call" else None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"line {number} is no line of a capture: {error}") from None
        if way == "received":
            log.add(now, "sent", _event(text), str(text))
        elif way == "sent":
            log.add(now, "received", _event(text), str(text))
        elif call == "close":
            log.add(now, "event", "ended", None, reason=str(raw.get("reason") or "closed by the agent"))
    return log


def _event(text: Any) -> str:
    try:
        name = json.loads(text)["event"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "invalid"
    return name[:60] if isinstance(name, str) else "invalid"
