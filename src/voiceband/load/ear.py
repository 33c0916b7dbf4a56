"""`Ear`: what a player's listener would hear of the gaps; audio is looked at a second at a time, or when it matters.

messages  -> lengths -> the player's clock: when it runs dry
          -> kept, at most a second -> where there is speech -> `Conversation`: which silence is a hole
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from voiceband.dsp.base64 import base64_decode
from voiceband.emulator.carrier.player import BURST_S
from voiceband.emulator.judge.conversation import STALL_S, Conversation, Hole
from voiceband.load.distribution import Distribution
from voiceband.sound.noise_floor import NoiseFloor
from voiceband.sound.speech import STEP_MS, speech_intervals

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat

MAX_QUEUE_S = 60.0
KEPT = 16
"""How many utterances and turns are remembered, as by the linter."""
STEPS_KEPT = 16
"""How many changes of the noise."""
_HEARD = 1.0 - 1e-9
"""A second of speech, less what adding up its fiftieths may lack."""


class Ear:
    """Follows a `Player` by the lengths of what is played, and the talk by the sound of it.

    Parameters
    ----------
    delay_s : float
        From the arrival of audio at an idle player to its sound.
    format : AudioFormat
        Of the audio.
    always : bool, optional
        Whether the agent is expected to speak without end, as an echo does. Every silence is a gap then; otherwise
        `Conversation` says which one is.

    Attributes
    ----------
    talk : Conversation
        Who speaks when, up to the latest `listen`.
    gaps : Distribution
        For every second of speech heard, the longest silence inside it, 0 for none.
    heard_s : float
        How much audio was taken.
    dropped_s : float
        How much did not fit into the queue.
    unread : int
        Pieces that were no base64.
    end : float
        When all that was taken will have been heard; -inf before the first.
    """

    __slots__ = (
        "_always",
        "_begins",
        "_delay_s",
        "_first",
        "_floor",
        "_format",
        "_idle",
        "_last",
        "_pieces",
        "_speech_s",
        "_start",
        "_talking",
        "_worst_ms",
        "dropped_s",
        "end",
        "gaps",
        "heard_s",
        "talk",
        "unread",
    )

    def __init__(self, delay_s: float, format: AudioFormat, *, always: bool = False) -> None:  # noqa: A002
        self._delay_s = delay_s
        self._format = format
        self._always = always
        self._floor = NoiseFloor(format.sample_rate, keep=STEPS_KEPT)
        self.talk = Conversation(None if always else self._hole, keep=KEPT)
        self.gaps = Distribution()
        self.heard_s = self.dropped_s = 0.0
        self.unread = 0
        self.end = -math.inf
        self._talking = False
        self._idle = True
        self._start = -math.inf  # when the latest stretch began, or will begin
        self._speech_s = 0.0  # of the second that is being heard
        self._worst_ms = 0.0  # the longest silence in it
        self._pieces: list[bytes] = []  # base64 that nobody has listened to yet
        self._begins = 0.0  # when the first of them sounds
        self._first = self._last = -math.inf  # when the first and the last of them came

    @property
    def stalled(self) -> bool:
        """Whether a gap was longer than a second."""
        return self.gaps.max > STALL_S * 1000

    def parched(self, now: float) -> bool:
        """Return whether the player has run dry, and nobody has said that it should."""
        return not self._always and now > self.end and self.talk.open

    def play(self, payload: bytes, seconds: float, now: float) -> None:
        """Take audio of a length, as base64; that may be empty where nobody will listen."""
        if now > self.end or self._idle:
            self.listen()
            start = now + self._delay_s
            if self._always and self._talking:
                self._silence(start - self.end)
            self.end = self._start = start
            self._idle = False
        elif now - self._last > BURST_S:
            self.listen()
        if self.end + seconds - now > MAX_QUEUE_S:
            room_s = max(0.0, MAX_QUEUE_S - (self.end - max(now, self._start)))
            if seconds > room_s:
                self.dropped_s += seconds - room_s
                seconds = room_s
        if payload:
            if not self._pieces:
                self._begins, self._first = self.end, now
            self._pieces.append(payload)
            self._last = now
        self.end += seconds
        self.heard_s += seconds
        self._talking = True
        self._speech_s += seconds
        if self._speech_s >= _HEARD:
            self.listen()
            self._count()

    def listen(self) -> list[tuple[float, float]]:
        """Hear what has come since the last time; return where there is speech in it, by the player's clock."""
        pieces, self._pieces = self._pieces, []
        if not pieces or self.end <= self._begins:
            return []
        wire = self._format
        pcm = wire.decode(b"".join(map(self._decoded, pieces)))
        pcm = pcm[: round((self.end - self._begins) * wire.sample_rate)]
        size = wire.sample_rate * STEP_MS // 1000
        if rest := -len(pcm) % size:
            pcm = np.append(pcm, np.zeros(rest, np.int16))
        at = self._floor.at
        self._floor.push(pcm)
        limits = self._floor.limits(at, len(pcm) // size, size)
        speech = speech_intervals(pcm, wire.sample_rate, limits)
        spans = [(self._begins + begin / 1000, self._begins + end / 1000) for begin, end in speech]
        self.talk.sent(self._first, self._begins, self.end, spans, self._last)
        return spans

    def _decoded(self, payload: bytes) -> bytes:
        try:
            data = base64_decode(payload)
        except ValueError:
            self.unread += 1
            return b""
        return data[: len(data) // self._format.sample_bytes * self._format.sample_bytes]

    def caller(self, at: float, *, begins: bool) -> None:
        """Take note that the caller begins to speak, or ceases."""
        self.listen()
        (self.talk.caller_begins if begins else self.talk.caller_ends)(at)

    def checkpoint(self, now: float) -> float:
        """Take a mark; return when it will be reached."""
        self.listen()
        self.talk.marked(now)
        return max(self.end, now)

    def clear(self, now: float) -> None:
        """Drop what has not been heard."""
        self.listen()
        self.talk.cleared(now)
        self._talking = False
        self._idle = True
        self.end = min(self.end, now)

    def finish(self, now: float) -> None:
        """Hear to the end: a silence that still lasts counts where the agent should be speaking."""
        self.listen()
        if self._always and self._talking and now > self.end:
            self._silence(now - self.end)
        if self._speech_s > 0 or self._worst_ms > 0:
            self._count()

    def forget(self) -> None:
        """Count from zero; what waits in the player stays there."""
        self.gaps = Distribution()
        self._speech_s = self._worst_ms = 0.0

    def _hole(self, hole: Hole) -> None:
        if not hole.doubtful:
            self._silence(hole.ends_s - hole.begins_s)

    def _silence(self, seconds: float) -> None:
        self._worst_ms = max(self._worst_ms, seconds * 1000)

    def _count(self) -> None:
        self.gaps.add(self._worst_ms)
        self._speech_s = self._worst_ms = 0.0
