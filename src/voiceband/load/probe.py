"""`Probe`: a caller who says the same thing again and again, each time the agent is quiet, and times the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiceband.emulator.judge.caller_turns import answered
from voiceband.load.distribution import Distribution
from voiceband.protocol.limits import FRAME_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiceband.load.ear import Ear
    from voiceband.load.media_texts import Frame

REST_S = 2.0
"""From an answer to the next attempt."""
QUIET_S = 0.2
"""How long the caller must have heard nothing before something is said, so that the answer to it is one."""
PATIENCE_S = 3.0
"""The same if the player has run dry and no checkpoint has said that this was all: the agent may have stalled."""
TIMEOUT_S = 10.0
"""After that there is no answer."""


class Probe:
    """Chooses what a call sends, and times the response.

    Parameters
    ----------
    ear : Ear
        Hears the agent, and is told when the caller speaks.
    silence : Frame
        What is sent mostly.
    utterance : tuple of Frame
        What is said.
    echo : bool
        Whether the response counts from the beginning of the utterance, which an echo answers at once; or as an answer
        does.
    first_at : float
        When to say it for the first time.
    speech_s : (float, float), optional
        Where in the utterance there is speech; all of it otherwise.

    Attributes
    ----------
    delays : Distribution
        Answer times, as `answered` has them; of an echo, from the first sound to the first of what comes back.
    unanswered : int
        Utterances without a response in ten seconds.
    listens : bool
        Whether `heard` is to be told of what arrives: not mostly, so it need not be looked at then.
    """

    __slots__ = (
        "_begins_s", "_ear", "_echo", "_ends_s", "_next_at", "_position", "_quiet_at", "_silence", "_turn",
        "_utterance", "delays", "listens", "unanswered",
    )  # fmt: skip

    def __init__(
        self,
        ear: Ear,
        silence: Frame,
        utterance: tuple[Frame, ...],
        *,
        echo: bool,
        first_at: float,
        speech_s: tuple[float, float] | None = None,
    ) -> None:
        self._ear = ear
        self._silence = silence
        self._utterance = utterance
        self._echo = echo
        self._next_at = first_at
        self._position = len(utterance)  # where in the utterance
        self._quiet_at = 0.0  # when the agent will have been silent for long enough
        self._turn: tuple[float, float] | None = None  # the caller's, while its answer is awaited
        # A frame is sent when its last sample has been spoken, the speech in it has begun or ended before that.
        self._begins_s, self._ends_s = speech_s or (0.0, len(utterance) * FRAME_MS / 1000)
        self.delays = Distribution()
        self.unanswered = 0
        self.listens = False

    def frame(self, now: float) -> Frame:
        """Return what is to be sent next."""
        if self._position < len(self._utterance):
            return self._say(now)
        if self._turn:
            if now - self._turn[1] > TIMEOUT_S:
                self.unanswered += 1
                self._rest(now)
        elif self.listens:
            if now >= self._quiet_at + (PATIENCE_S - QUIET_S if self._ear.parched(now) else 0.0):
                self._position = 0
                return self._say(now)
        elif now >= self._next_at:
            self._ear.listen()
            said = self._ear.talk.utterances
            self._quiet_at = max(now, said[-1].ends_s if said else now) + QUIET_S
            self.listens = True
        return self._silence

    def _say(self, now: float) -> Frame:
        frame = self._utterance[self._position]
        if self._position == 0:
            begins_at = now - FRAME_MS / 1000 + self._begins_s
            self._turn = (begins_at, begins_at + self._ends_s - self._begins_s)
            self._ear.caller(begins_at, begins=True)
        self._position += 1
        if self._position == len(self._utterance) and self._turn:
            ends_at = now - (len(self._utterance) * FRAME_MS / 1000 - self._ends_s)
            self._turn = (self._turn[0], ends_at)
            self._ear.caller(ends_at, begins=False)
            if not self._echo:
                self._look(now)
        return frame

    def heard(self, spans: Sequence[tuple[float, float]], now: float) -> None:
        """Take note of what was heard while `listens`."""
        if not spans:
            return
        if self._turn is None:
            self._quiet_at = max(now, spans[-1][1]) + QUIET_S
        elif self._echo:
            self._answered((spans[0][0] - self._turn[0]) * 1000, now)
        elif self._position == len(self._utterance):
            self._look(now)

    def _look(self, now: float) -> None:
        """Look whether the turn is answered."""
        begin_s, end_s = self._turn  # type: ignore[misc]
        answer_ms = answered([(begin_s * 1000, end_s * 1000)], self._ear.talk)[0].answer_ms
        if answer_ms is not None:
            self._answered(answer_ms, now)

    def _answered(self, ms: float, now: float) -> None:
        self.delays.add(ms)
        self._rest(now)

    def forget(self) -> None:
        """Count from zero."""
        self.delays = Distribution()
        self.unanswered = 0

    def _rest(self, now: float) -> None:
        self._turn = None
        self.listens = False
        self._next_at = now + REST_S
