"""One call at the agent's end: texts and time in, events, audio and texts out. No sockets, no clock."""

from voiceband.session.events import (
    Audio,
    Cleared,
    Drained,
    Dtmf,
    Failed,
    Malformed,
    Missed,
    Other,
    Played,
    SessionEvent,
    Started,
    Stopped,
    Warned,
)
from voiceband.session.ledger import Heard, Utterance, UtteranceHeard
from voiceband.session.pacer import QueueFullError
from voiceband.session.session import Session
from voiceband.session.stats import SessionStats

__all__ = [
    "Audio",
    "Cleared",
    "Drained",
    "Dtmf",
    "Failed",
    "Heard",
    "Malformed",
    "Missed",
    "Other",
    "Played",
    "QueueFullError",
    "Session",
    "SessionEvent",
    "SessionStats",
    "Started",
    "Stopped",
    "Utterance",
    "UtteranceHeard",
    "Warned",
]
