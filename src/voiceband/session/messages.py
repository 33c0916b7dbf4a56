"""What those messages mean that change nothing in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiceband.protocol import Dtmf as DtmfMessage
from voiceband.protocol import Error, IncorrectPayload, PlayFailed, Unknown
from voiceband.session.events import Dtmf, Failed, Malformed, Other, Refused

if TYPE_CHECKING:
    from voiceband.protocol import Event
    from voiceband.session.events import SessionEvent

MAX_KEYS = 32
"""Keys that one message may bring; a carrier sends one."""
_KEYS = frozenset("0123456789*#ABCD")


def events_of(message: Event) -> list[SessionEvent]:
    """Return the events of a message that needs no session to be understood."""
    if isinstance(message, DtmfMessage):
        digits = message.digit[:MAX_KEYS].upper()
        events: list[SessionEvent] = [
            Dtmf(digit, message.track, message.timestamp_ms) for digit in digits if digit in _KEYS
        ]
        junk = "".join(digit for digit in digits if digit not in _KEYS)
        if junk:
            events.append(Malformed(f"digit must be one of 0-9*#A-D, not {junk[:20]!r}", message))
        if len(message.digit) > MAX_KEYS:
            events.append(Malformed(f"digit must be one key, at most {MAX_KEYS}, not {len(message.digit)}", message))
        return events
    if isinstance(message, (PlayFailed, Error)):
        return [Failed(message.reason, message.raw)]
    if isinstance(message, IncorrectPayload):
        return [Refused(message.reason, message.raw)]
    if isinstance(message, Unknown):
        return [Other(message.name, message.raw)]
    raise AssertionError(message)
