"""What those messages mean that change nothing in a session."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from voiceband.protocol import Dtmf as DtmfMessage
from voiceband.protocol import Error, PlayFailed, Unknown
from voiceband.session.events import Dtmf, Failed, Malformed, Other

if TYPE_CHECKING:
    from voiceband.protocol import Event
    from voiceband.session.events import SessionEvent

MAX_KEYS = 32
"""Keys that one message may bring; a carrier sends one."""
_KEY = re.compile(r"[0-9*#A-D]")
_JUNK = re.compile(r"[^0-9*#A-D]{1,20}")


def events_of(message: Event) -> list[SessionEvent]:
    """Return the events of a message that needs no session to be understood."""
    if isinstance(message, DtmfMessage):
        digits = message.digit.upper()
        pressed = [key[0] for key in islice(_KEY.finditer(digits), MAX_KEYS + 1)]
        events: list[SessionEvent] = [Dtmf(key, message.track, message.timestamp_ms) for key in pressed[:MAX_KEYS]]
        junk = _JUNK.search(digits)
        if junk is not None:
            events.append(Malformed(f"digit must be one of 0-9*#A-D, not {junk[0]!r}", message))
        elif len(pressed) > MAX_KEYS:
            events.append(Malformed(f"digit must be one key, at most {MAX_KEYS}, not {len(digits)}", message))
        return events
    if isinstance(message, (PlayFailed, Error)):
        return [Failed(message.reason, message.raw)]
    if isinstance(message, Unknown):
        return [Other(message.name, message.raw)]
    raise AssertionError(message)
