"""What a caller says that is no turn: a cough, an "mhm". Only the script of the caller can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voiceband.emulator.carrier.carrier_stream import CarrierStream
    from voiceband.emulator.carrier.log import Entry
    from voiceband.sound.speech import Intervals

EARLY_S = 0.02
LATE_S = 0.3
"""How much later than the script has it the caller may be heard."""


def window(entry: Entry) -> tuple[float, float, str] | None:
    """Return when something said by a script may begin, on the log's clock, and what kind of thing; None of others."""
    after_ms, until_ms, kind = (entry.detail.get(key) for key in ("after_ms", "until_ms", "kind"))
    if not (isinstance(after_ms, (int, float)) and isinstance(until_ms, (int, float)) and isinstance(kind, str)):
        return None
    return entry.at_s + after_ms / 1000 - EARLY_S, entry.at_s + until_ms / 1000 + LATE_S, kind


def backchannels(call: CarrierStream) -> Intervals:
    """Return when backchannels may begin on a stream, in ms from its start."""
    if call.log.origin is None:
        return []
    shift_s = call.log.origin - call.started_at
    windows = [found for entry in call.log.named("says") if (found := window(entry)) is not None]
    return [
        ((since + shift_s) * 1000, (until + shift_s) * 1000) for since, until, kind in windows if kind == "backchannel"
    ]


def apart_from(speech: Intervals, windows: Intervals) -> Intervals:
    """Return the speech that begins in none of some windows."""
    if not windows:
        return speech
    return [(begin, end) for begin, end in speech if not any(since <= begin <= until for since, until in windows)]
