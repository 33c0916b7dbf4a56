"""What answers a call: when it spoke, for how long, with which pauses, and whether it beeped."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec

from voiceband.protocol.limits import FRAME_MS
from voiceband.session.inbound.frames import Frames
from voiceband.sound.speech import loud_enough

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from voiceband.dsp.tone_kinds import Tone

SPEECH_FRAMES = 3
"""Loud frames in a row that are no click."""
END_PAUSE_MS = 3000.0
"""Silence that ends a greeting."""
LONGEST_MS = 60_000.0


class Greeting(msgspec.Struct, frozen=True):
    """What answered a call, so far: a person says little and waits, a machine talks on and beeps.

    Attributes
    ----------
    began_ms : float or None
        Where the first speech began, on the timeline of `Audio.position_ms`; None before any.
    speech_ms : float or None
        From there to the end of its last speech, the beep aside. It ends with the beep, at 3 s of silence, or after a
        minute.
    longest_pause_ms : float or None
        The longest silence within that.
    beep_ms : float or None
        Where the first beep began; None before one.
    """

    began_ms: float | None = None
    speech_ms: float | None = None
    longest_pause_ms: float | None = None
    beep_ms: float | None = None


class GreetingEar:
    """Measures the greeting of a track from its samples and its beeps."""

    __slots__ = ("_beep", "_frames", "_loud", "_over", "_runs")

    def __init__(self) -> None:
        self._runs: list[list[float]] = []  # [begin, end] of speech, in ms
        self._loud = 0  # frames of speech in a row
        self._frames = Frames(8000)
        self._beep: float | None = None
        self._over = False

    def open(self, rate: int) -> None:
        """Begin to hear a track."""
        self._frames = Frames(rate)

    def hear(self, pcm: NDArray[np.int16], start_ms: float) -> None:
        """Hear samples that stand at `start_ms`."""
        if self._over:
            return
        start_ms -= self._frames.n_left * FRAME_MS / self._frames.size
        for k, frame in enumerate(self._frames.cut(pcm)):
            self._frame(loud_enough(frame), start_ms + k * FRAME_MS)

    def _frame(self, loud: bool, at_ms: float) -> None:
        runs = self._runs
        self._loud = self._loud + 1 if loud else 0
        if self._loud == SPEECH_FRAMES:
            runs.append([at_ms - (SPEECH_FRAMES - 1) * FRAME_MS, at_ms + FRAME_MS])
        elif self._loud > SPEECH_FRAMES:
            runs[-1][1] = at_ms + FRAME_MS
        if runs and (at_ms - runs[-1][1] >= END_PAUSE_MS or at_ms - runs[0][0] >= LONGEST_MS):
            self._over = True

    def note(self, tone: Tone) -> None:
        """Take a tone that was told: the first beep ends the greeting."""
        if tone.kind != "beep" or self._beep is not None:
            return
        self._beep = tone.start_ms
        self._over = True
        # The beep was loud too.
        self._runs = [[a, min(b, self._beep)] for a, b in self._runs if a < self._beep - FRAME_MS]

    @property
    def greeting(self) -> Greeting:
        """What is known so far."""
        runs = self._runs
        if not runs:
            return Greeting(beep_ms=self._beep)
        pauses = [b[0] - a[1] for a, b in itertools.pairwise(runs)]
        return Greeting(runs[0][0], runs[-1][1] - runs[0][0], max(pauses, default=0.0), self._beep)
