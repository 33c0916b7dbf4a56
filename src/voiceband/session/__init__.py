"""One call at the agent's end: texts and time in, events, audio and texts out. No sockets, no clock."""

from voiceband.dsp.tone_kinds import Tone
from voiceband.session.capture import Capture
from voiceband.session.events import (
    Audio,
    CallerSpoke,
    Cleared,
    Drained,
    Dtmf,
    Failed,
    Held,
    Malformed,
    Missed,
    Other,
    Played,
    Refused,
    SessionEvent,
    Started,
    Stopped,
    Warned,
)
from voiceband.session.heard import Heard, UtteranceHeard
from voiceband.session.inbound.barge_in import BargeInSettings
from voiceband.session.inbound.greeting import Greeting
from voiceband.session.metrics import METRICS, Metric
from voiceband.session.options import SessionOptions
from voiceband.session.outbound.far import Far
from voiceband.session.outbound.ledger import Utterance
from voiceband.session.outbound.pacer import QueueFullError
from voiceband.session.recorder import Recorder
from voiceband.session.replay_capture import replay
from voiceband.session.session import Session
from voiceband.session.stats import SessionStats

__all__ = [
    "METRICS",
    "Audio",
    "BargeInSettings",
    "CallerSpoke",
    "Capture",
    "Cleared",
    "Drained",
    "Dtmf",
    "Failed",
    "Far",
    "Greeting",
    "Heard",
    "Held",
    "Malformed",
    "Metric",
    "Missed",
    "Other",
    "Played",
    "QueueFullError",
    "Recorder",
    "Refused",
    "Session",
    "SessionEvent",
    "SessionOptions",
    "SessionStats",
    "Started",
    "Stopped",
    "Tone",
    "Utterance",
    "UtteranceHeard",
    "Warned",
    "replay",
]
