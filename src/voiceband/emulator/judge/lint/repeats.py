"""The rule about an agent that says the same thing twice in a row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from voiceband.emulator.judge.conversation import SAME_TURN_S
from voiceband.emulator.judge.lint.watcher import Watcher
from voiceband.sound.speech import STEP_MS, frame_energies

if TYPE_CHECKING:
    from voiceband.emulator.carrier.log import Entry
    from voiceband.emulator.judge.lint.agent_stream import AgentStream, Piece
    from voiceband.emulator.judge.lint.watcher import Report

SHORTEST_S = 1.5
"""What is shorter, such as "hello?", may be said twice."""
LONGEST_S = 30.0
SOON_S = 2.0
"""Who has heard nothing for longer may be asked the same again."""
LIVELY = 10.0
"""By what factor the power of speech rises and falls, at least; that of a tone does not."""
_EPS = 1e-6


class RepeatedAnswer(Watcher):
    """The same audio twice in a row, though nobody has spoken or pressed a key meanwhile."""

    def __init__(self, stream: AgentStream, report: Report) -> None:
        super().__init__(stream, report)
        self._frame = stream.wire.frame_bytes(STEP_MS)
        self._second = stream.wire.frame_bytes(1000)
        self._most = stream.wire.frame_bytes(int(LONGEST_S * 1000))
        self._forget()

    def _forget(self) -> None:
        self._before = b""  # what was said before, from its first loud frame to its last
        self._before_ends_s = self._before_sent_s = -math.inf
        self._begin()

    def _begin(self) -> None:
        self._now = bytearray()  # what is being said
        self._loud = 0  # how many bytes of it there are up to its last loud frame
        self._over = False  # a checkpoint is behind it
        self._asked = False  # the caller spoke, or pressed a key, since the one before was sent
        self._sent_s = self._begins_s = self._ends_s = self._end_s = -math.inf

    def played(self, entry: Entry, piece: Piece) -> None:
        """Take what is said; a checkpoint ends it, and silence."""
        loud, frame = piece.loud, self._frame
        dry = piece.plays_s > self._end_s + _EPS or piece.plays_s - self._ends_s > SAME_TURN_S
        if self._now and (dry or (self._over and len(loud))):
            self._close()
        first = 0
        if not self._now:
            if not len(loud):
                return
            first = int(loud[0]) * frame
            self._sent_s, self._begins_s = entry.at_s, piece.plays_s + int(loud[0]) * STEP_MS / 1000
            self._asked = self.stream.speaking_since_s < math.inf or self.stream.spoke_s >= self._before_sent_s
        if len(self._now) <= self._most:
            if len(loud):
                self._loud = len(self._now) + (int(loud[-1]) + 1) * frame - first
                self._ends_s = piece.plays_s + (int(loud[-1]) + 1) * STEP_MS / 1000
            self._now += piece.payload[first:]
        self._end_s = piece.plays_s + len(piece.payload) / self._second

    def marked(self, _entry: Entry) -> None:
        """Remember that what is said is over."""
        self._over = bool(self._now)

    def cleared(self, entry: Entry) -> None:
        """Reset to the initial state: what was interrupted may be said again; what was heard to its end is over."""
        if entry.at_s < self._end_s:
            self._forget()
        else:
            self.marked(entry)

    def ended(self, _entry: Entry) -> None:
        """Compare what was said last."""
        self._close()

    def _close(self) -> None:
        said = bytes(self._now[: self._loud])
        seconds = len(said) / self._second
        if SHORTEST_S <= seconds <= LONGEST_S and said == self._before and not self._asked:
            later_s = self._begins_s - self._before_ends_s
            if later_s < SOON_S and self._is_lively(said):
                message = f"the agent said the same {seconds:.1f} s again, {max(later_s, 0):.1f} s after their end, \
though nobody had spoken or pressed a key"
                self.report("repeated-answer", message, self._sent_s)
        self._before, self._before_sent_s, self._before_ends_s = said, self._sent_s, self._ends_s
        self._begin()

    def _is_lively(self, said: bytes) -> bool:
        wire = self.stream.wire
        size = wire.sample_rate * STEP_MS // 1000
        energies = np.sort(frame_energies(wire.decode(said), size))
        return bool(energies[len(energies) * 9 // 10] > LIVELY * energies[len(energies) // 10])
