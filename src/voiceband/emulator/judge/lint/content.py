"""The rules about the sound of what the agent plays."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from voiceband.dsp.base64 import base64_encode
from voiceband.emulator.judge.findings import quoted
from voiceband.emulator.judge.lint.watcher import Watcher
from voiceband.session.codecs import codec_of
from voiceband.session.guard import guard_of

if TYPE_CHECKING:
    from voiceband.emulator.carrier.log import Entry
    from voiceband.emulator.judge.findings import Degree
    from voiceband.emulator.judge.lint.agent_stream import AgentStream, Piece
    from voiceband.emulator.judge.lint.watcher import Report

HEX = (set(string.digits + "abcdef"), set(string.digits + "ABCDEF"))
HEX_BYTES = 240
"""As many bytes of audio never make base64 of hexadecimal digits alone, unless they are all alike."""
HEX_DIGITS = 8
ROOM_DBOV = -35.0
"""Steady noise that is quieter may be an office or the rain, which an agent plays on purpose."""
AS_HEX = "the payload seems to be hexadecimal digits, read as base64: it sounds like noise. Encode the audio as base64"


class Content(Watcher):
    """Lets the guard of the session hear what is played: the rules are the kinds of what it finds."""

    def __init__(self, stream: AgentStream, report: Report) -> None:
        super().__init__(stream, report)
        self._guard = guard_of(codec_of(stream.wire, "little")[0], stream.wire.sample_rate)

    def played(self, entry: Entry, piece: Piece) -> None:
        """Listen to the bytes of one message."""
        if self._guard is None:
            return
        if is_hex(piece.payload):
            self._guard = None  # what it sounds like is a consequence
            self.report("encoded-twice", f"{AS_HEX}: {quoted(entry.text)}", entry.at_s)
            return
        for found in self._guard.process(piece.payload):
            room = found.kind == "no-speech" and found.value < ROOM_DBOV
            degree: Degree | None = "doubtful" if room else None
            hears = "noise, or the sound of a room that is meant" if room else None
            self.report(found.kind, f"{found.reason}: {quoted(entry.text)}", entry.at_s, degree=degree, hears=hears)


def is_hex(payload: bytes) -> bool:
    """Return whether bytes are what reading hexadecimal digits as base64 gives."""
    digits = set(base64_encode(payload[:HEX_BYTES])) if len(payload) >= HEX_BYTES // 2 else set()
    return len(digits) >= HEX_DIGITS and any(digits <= known for known in HEX)
