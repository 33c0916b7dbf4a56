"""Plivo's Audio Streaming protocol: texts of the wire <-> typed values, without state and without audio."""

from voiceband.protocol.commands import Checkpoint, ClearAudio, PlayAudio, SendDtmf, play_audio_encoder
from voiceband.protocol.errors import ProtocolError
from voiceband.protocol.events import (
    ClearedAudio,
    Dtmf,
    Error,
    Event,
    IncorrectPayload,
    Media,
    MuteStream,
    PlayedStream,
    PlayFailed,
    Start,
    Stop,
    Unknown,
    UnmuteStream,
)
from voiceband.protocol.extra_headers import parse_extra_headers
from voiceband.protocol.parser import parse

__all__ = [
    "Checkpoint",
    "ClearAudio",
    "ClearedAudio",
    "Dtmf",
    "Error",
    "Event",
    "IncorrectPayload",
    "Media",
    "MuteStream",
    "PlayAudio",
    "PlayFailed",
    "PlayedStream",
    "ProtocolError",
    "SendDtmf",
    "Start",
    "Stop",
    "Unknown",
    "UnmuteStream",
    "parse",
    "parse_extra_headers",
    "play_audio_encoder",
]
