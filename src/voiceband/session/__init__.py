"""One call at the agent's end: texts and time in, events, audio and texts out. No sockets, no clock."""

from voiceband.session.events import (
    Audio,
    Cleared,
    Dtmf,
    Failed,
    Malformed,
    Other,
    Played,
    SessionEvent,
    Started,
    Stopped,
)
from voiceband.session.outbound import Heard, Utterance
from voiceband.session.session import Session

__all__ = [
    "Audio",
    "Cleared",
    "Dtmf",
    "Failed",
    "Heard",
    "Malformed",
    "Other",
    "Played",
    "Session",
    "SessionEvent",
    "Started",
    "Stopped",
    "Utterance",
]
