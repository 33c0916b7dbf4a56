"""Audio formats on a wire, and the plan of fewest conversions between a stream and the services behind it."""

from voiceband.formats.audio_format import (
    PLIVO_FORMATS,
    PLIVO_L16_8K,
    PLIVO_L16_16K,
    PLIVO_MULAW_8K,
    AudioFormat,
    ByteOrder,
    Encoding,
)
from voiceband.formats.planning import Conversion, Plan, plan

__all__ = [
    "PLIVO_FORMATS",
    "PLIVO_L16_16K",
    "PLIVO_L16_8K",
    "PLIVO_MULAW_8K",
    "AudioFormat",
    "ByteOrder",
    "Conversion",
    "Encoding",
    "Plan",
    "plan",
]
