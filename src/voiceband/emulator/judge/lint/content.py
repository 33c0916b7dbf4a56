"""The rule about the bytes of the agent's audio, which may not look like what the message says they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voiceband.emulator.judge.findings import quoted
from voiceband.emulator.judge.lint.watcher import Watcher
from voiceband.formats import Encoding
from voiceband.protocol import Media
from voiceband.session.inbound.guard import SOUNDS, FormatGuard

if TYPE_CHECKING:
    from voiceband.emulator.carrier.log import Entry
    from voiceband.emulator.judge.lint.agent_stream import AgentStream, Piece
    from voiceband.emulator.judge.lint.watcher import Report

WATCHED = 200
"""Loud frames of 20 ms after which the bytes are believed."""
IN_A_ROW = 5
RULE_OF = {"byteorder": "swapped-bytes", "mulaw": "wrong-codec", "wav": "wav-header", "rate": "wrong-format"}
L16_AS_MULAW = "the payload seems to be 16-bit samples, not mu-law; decoded as it is it sounds like noise"


class Content(Watcher):
    """Reads the first four seconds of speech in frames of 20 ms, and looks for the head of a WAV file always."""

    def __init__(self, stream: AgentStream, report: Report) -> None:
        super().__init__(stream, report)
        self._guard = FormatGuard(stream.wire, "little")
        self._size = stream.wire.frame_bytes(20)
        self._left = WATCHED
        self._l16_like = 0
        self._wav = False

    def played(self, entry: Entry, piece: Piece) -> None:
        """Look at the bytes of one message."""
        payload = piece.payload
        if payload.startswith(b"RIFF") and payload[8:12] == b"WAVE":
            self._wav = True  # whatever comes after the head is a consequence
            self.report("wav-header", f"{SOUNDS['wav']}: {quoted(entry.text)}", entry.at_s)
        if self._left <= 0 or self._wav or not len(piece.loud):
            return
        for frame in dict.fromkeys((piece.loud // 2).tolist()):
            if self._left <= 0:
                return
            self._left -= 1
            self._look(entry, payload[frame * self._size : (frame + 1) * self._size])

    def _look(self, entry: Entry, frame: bytes) -> None:
        if self.stream.wire.encoding is Encoding.MULAW:
            self._l16_like = self._l16_like + 1 if looks_like_l16(frame) else 0
            if self._l16_like == IN_A_ROW:
                self._left = 0
                self.report("wrong-codec", f"{L16_AS_MULAW}: {quoted(entry.text)}", entry.at_s)
            return
        for kind, text in self._guard.look(Media(payload=frame, track="inbound")):
            self._left = 0
            self.report(RULE_OF[kind], f"{text}: {quoted(entry.text)}", entry.at_s)


def looks_like_l16(codes: bytes) -> bool:
    """Return whether a frame of mu-law looks like 16-bit speech.

    One byte of every pair is then the high one of a small number, 0x00 to 0x0F or 0xF0 to 0xFF in nearly equal parts,
    which as mu-law would be the loudest and the softest codes of one sign only; the other byte is anything.
    """
    pairs = np.frombuffer(codes, np.uint8)[: len(codes) // 2 * 2].reshape(-1, 2)
    if len(pairs) < 20:
        return False
    low = np.mean(pairs < 0x10, axis=0)
    high = np.mean(pairs >= 0xF0, axis=0)
    small = low + high
    which = int(np.argmax(small))
    return bool(small[which] > 0.9 and small[1 - which] < 0.5 and min(low[which], high[which]) > 0.1)
