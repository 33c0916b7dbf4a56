"""`Ear`: what a player's listener would hear of the gaps, without the audio: a few additions a message."""

from __future__ import annotations

import math

from voiceband.emulator.carrier.player import TALK_GAP_S
from voiceband.load.figures import Figures

MAX_QUEUE_S = 60.0
_HEARD = 1.0 - 1e-9
"""A second of speech, less what adding up its fiftieths may lack."""


class Ear:
    """Follows a `Player` by the lengths of what is played: when it runs dry, and how long the silence is.

    Parameters
    ----------
    delay_s : float
        From the arrival of audio at an idle player to its sound.
    always : bool, optional
        Whether the agent is expected to speak without end, as an echo does. Every silence is a gap then; otherwise one
        after a checkpoint, and one of more than a second, is the agent's pause.

    Attributes
    ----------
    gaps : Figures
        For every second of speech heard, the longest silence inside it, 0 for none.
    heard_s : float
        How much audio was taken.
    dropped_s : float
        How much did not fit into the queue.
    end : float
        When all that was taken will have been heard; -inf before the first.
    """

    __slots__ = (
        "_always",
        "_delay_s",
        "_idle",
        "_speech_s",
        "_start",
        "_talking",
        "_worst_ms",
        "dropped_s",
        "end",
        "gaps",
        "heard_s",
    )

    def __init__(self, delay_s: float, *, always: bool = False) -> None:
        self._delay_s = delay_s
        self._always = always
        self.gaps = Figures()
        self.heard_s = self.dropped_s = 0.0
        self.end = -math.inf
        self._talking = False
        self._idle = True
        self._start = -math.inf  # when the latest stretch began, or will begin
        self._speech_s = 0.0  # of the second that is being heard
        self._worst_ms = 0.0  # the longest silence in it

    def play(self, seconds: float, now: float) -> None:
        """Take audio of a length."""
        if now > self.end or self._idle:
            start = now + self._delay_s
            if self._talking:
                self._silence(start - self.end)
            self.end = self._start = start
            self._idle = False
        if self.end + seconds - now > MAX_QUEUE_S:
            room_s = max(0.0, MAX_QUEUE_S - (self.end - max(now, self._start)))
            if seconds > room_s:
                self.dropped_s += seconds - room_s
                seconds = room_s
        self.end += seconds
        self.heard_s += seconds
        self._talking = True
        self._speech_s += seconds
        if self._speech_s >= _HEARD:
            self._count()

    def checkpoint(self, now: float) -> float:
        """Take a mark; return when it will be reached."""
        if not self._always:
            self._talking = False
        return max(self.end, now)

    def clear(self, now: float) -> None:
        """Drop what has not been heard."""
        self._talking = False
        self._idle = True
        self.end = min(self.end, now)

    def finish(self, now: float) -> None:
        """Hear to the end: a silence that still lasts counts where the agent should be speaking."""
        if self._always and self._talking and now > self.end:
            self._silence(now - self.end)
        if self._speech_s > 0 or self._worst_ms > 0:
            self._count()

    def forget(self) -> None:
        """Count anew from here on; what waits in the player stays there."""
        self.gaps = Figures()
        self._speech_s = self._worst_ms = 0.0

    def _silence(self, seconds: float) -> None:
        if self._always or seconds <= TALK_GAP_S:
            self._worst_ms = max(self._worst_ms, seconds * 1000)

    def _count(self) -> None:
        self.gaps.add(self._worst_ms)
        self._speech_s = self._worst_ms = 0.0
