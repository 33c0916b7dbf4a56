"""`Probe`: a caller who says the same thing again and again, each time the agent is quiet, and times the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiceband.load.figures import Figures
from voiceband.protocol.limits import FRAME_MS

if TYPE_CHECKING:
    from voiceband.load.messages import Frame

REST_S = 2.0
"""From an answer to the next attempt."""
QUIET_S = 0.2
"""How long the agent must have been quiet before something is said, so that its answer is an answer."""
TIMEOUT_S = 10.0
"""After that there is no answer."""
LOUD = 500
"""Samples from this size on are no silence, full scale 32768."""


class Probe:
    """Chooses what a call sends, and times the response.

    Parameters
    ----------
    silence : Frame
        What is sent mostly.
    utterance : tuple of Frame
        What is said.
    echo : bool
        Whether the response counts from the beginning of the utterance, which an echo answers at once; or its end.
    first_at : float
        When to say it for the first time.
    speech_s : (float, float), optional
        Where in the utterance there is speech; all of it otherwise.

    Attributes
    ----------
    delays : Figures
        From the caller's last sound to the first of the answer in the caller's ear; of an echo, from first to first.
    unanswered : int
        Utterances without a response in ten seconds.
    listens : bool
        Whether `heard` is to be told of what arrives: not mostly, so it need not be looked at.
    """

    __slots__ = (
        "_asked_at", "_echo", "_late_s", "_next_at", "_position", "_quiet_since", "_silence", "_utterance", "delays",
        "listens", "unanswered",
    )  # fmt: skip

    def __init__(
        self,
        silence: Frame,
        utterance: tuple[Frame, ...],
        *,
        echo: bool,
        first_at: float,
        speech_s: tuple[float, float] | None = None,
    ) -> None:
        self._silence = silence
        self._utterance = utterance
        self._echo = echo
        self._next_at = first_at
        self._position = len(utterance)  # where in the utterance
        self._quiet_since = 0.0
        self._asked_at = 0.0  # 0 while no answer is awaited
        # A frame is sent when its last sample has been spoken, the speech in it has begun or ended before that.
        begin_s, end_s = speech_s or (0.0, len(utterance) * FRAME_MS / 1000)
        self._late_s = FRAME_MS / 1000 - begin_s if echo else len(utterance) * FRAME_MS / 1000 - end_s
        self.delays = Figures()
        self.unanswered = 0
        self.listens = False

    def frame(self, now: float) -> Frame:
        """Return what is to be sent next."""
        if self._position < len(self._utterance):
            return self._say(now)
        if self._asked_at:
            if now - self._asked_at > TIMEOUT_S:
                self.unanswered += 1
                self._rest(now)
        elif self.listens:
            if now - self._quiet_since >= QUIET_S:
                self._position = 0
                return self._say(now)
        elif now >= self._next_at:
            self.listens = True
            self._quiet_since = now
        return self._silence

    def _say(self, now: float) -> Frame:
        frame = self._utterance[self._position]
        self._position += 1
        if self._position == (1 if self._echo else len(self._utterance)):
            self._asked_at = now - self._late_s
        return frame

    def heard(self, sounds_at: float | None, now: float) -> None:
        """Take note of audio that arrives while `listens`, and when its first sound will be heard, if it has any."""
        if sounds_at is None:
            return
        if self._asked_at:
            self.delays.add(max(0.0, sounds_at - self._asked_at) * 1000)
            self._rest(now)
        else:
            self._quiet_since = now

    def forget(self) -> None:
        """Count anew from here on."""
        self.delays = Figures()
        self.unanswered = 0

    def _rest(self, now: float) -> None:
        self._asked_at = 0.0
        self.listens = False
        self._next_at = now + REST_S
