"""The rules about who speaks when; the `Conversation` of the stream says what is an utterance, a hole, a turn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from voiceband.emulator.judge.conversation import LISTENING_S, NEAR_S, SAME_TURN_S, SOON_S
from voiceband.emulator.judge.lint.watcher import Watcher
from voiceband.protocol.limits import FRAME_MS

if TYPE_CHECKING:
    from voiceband.emulator.carrier.log import Entry
    from voiceband.emulator.judge.conversation import AgentUtterance, Hole
    from voiceband.emulator.judge.findings import Degree
    from voiceband.emulator.judge.lint.agent_stream import AgentStream, Piece
    from voiceband.emulator.judge.lint.watcher import Report

TALK_OVER_S = 1.0
"""How long an agent may still be heard after the caller has begun to speak."""
SECOND_S = 1.2
"""The same of one who has begun while the caller spoke, and needs a moment to notice."""
SPOKEN_S = 0.59
"""Somebody who speaks for less than 600 ms, give or take a frame, may have coughed."""
NO_ANSWER_S = 5.0
"""How long a caller waits before an agent counts as silent."""
ECHO_S = 0.8
"""An agent that gives the caller's own words back does so within this."""
ALIKE_S = 0.25
"""By how much an echo may be longer or shorter than what it repeats."""
QUIET_S = 0.3
MOST = 0.5
"""Which part of the time an agent is heard that clears and goes on, if it pauses meanwhile."""


class AudibleGap(Watcher):
    """Audio that came too late: a hole in the middle of an utterance."""

    def played(self, _entry: Entry, _piece: Piece) -> None:
        """Report what has turned out to be a hole."""
        self._report()

    def ended(self, _entry: Entry) -> None:
        """Report what only the end of the caller's turn has shown to be one."""
        self._report()

    def _report(self) -> None:
        for hole in self.stream.holes:
            late_ms = (hole.sent_s - hole.begins_s) * 1000
            message = (
                f"playAudio came {late_ms:.0f} ms after the queue had run dry in speech, so that the caller heard \
{hole.ms:.0f} ms of nothing; {_whether_it_read(hole)}"
            )
            degree: Degree | None = None
            hears: str | None = None
            if hole.dropped:
                message = f"the queue had run dry in speech, with no checkpoint behind it, {hole.ms:.0f} ms before the \
caller spoke, and the agent cleared what was to come"
                degree, hears = "doubtful", "an answer that breaks off, or one that ends abruptly"
            elif hole.doubtful:
                message += "; a pause between two sentences is shown to be one by a checkpoint behind the first"
                degree, hears = "doubtful", "a pause between two sentences, or a hole between two words"
            self.report("stalled" if hole.stalled else "gap", message, hole.sent_s, degree=degree, hears=hears)
        self.stream.holes.clear()


def _whether_it_read(hole: Hole) -> str:
    if hole.behind_s > NEAR_S:
        return f"it did not read its socket for {hole.behind_s:.1f} s meanwhile"
    return "it read its socket meanwhile"


class NoClear(Watcher):
    """Barge-in without clearAudio."""

    def __init__(self, stream: AgentStream, report: Report) -> None:
        super().__init__(stream, report)
        self._refused = False
        self._cleared_s = -math.inf
        self._forget()

    def _forget(self) -> None:
        self._since_s = math.inf  # since when both have spoken
        self._utterance: AgentUtterance | None = None  # which the agent was saying then
        self._second = False  # the agent began to speak while the caller did
        self._echo_s: float | None = None  # how much later than the caller it began, if it may be an echo
        self._agent_s = 0.0  # when the agent was last heard
        self._suspect = self._said = self._paused = False
        self._frames = 0  # in which the agent was heard since then

    def frame(self, entry: Entry) -> None:
        """See whether both speak."""
        stream, now = self.stream, entry.at_s
        speaking = stream.speaking_since_s < math.inf and stream.kind != "backchannel"
        if self._since_s == math.inf:
            if speaking and stream.agent_speaks(now):
                self._begin(now)
            return
        agent = stream.agent_speaks(now)
        if agent and stream.utterance(now) is not self._utterance:
            if not (speaking and self._goes_on and now - self._agent_s < SAME_TURN_S):
                self._decide()
                self._forget()  # it says something else by now
                return
            self._utterance, self._paused = stream.utterance(now), True
        if agent:
            self._agent_s = now
            self._frames += 1
            judged = stream.kind == "barge-in" or stream.talk.spoken_s(self._since_s, now) >= SPOKEN_S
            # Somebody who only says mhm now and then is silent for most of the time.
            judged = judged and (not self._paused or self._frames * FRAME_MS / 1000 >= (now - self._since_s) * MOST)
            if judged and now - self._since_s >= (TALK_OVER_S if not self._second else SECOND_S):
                self._suspect = True
                if self._echo_s is None:
                    self._decide()
        if not speaking and now - stream.quiet_since_s > SAME_TURN_S:
            self._decide()
            self._forget()
        elif not speaking and not agent and now - self._agent_s > QUIET_S:
            self._decide()

    @property
    def _goes_on(self) -> bool:
        """Whether the agent speaks again right after its own clear, so that a pause is no end of it."""
        return self._second and self._since_s - self._cleared_s < SAME_TURN_S

    def _begin(self, now: float) -> None:
        began_s = self.stream.speaking_since_s
        self._second = now - began_s > NEAR_S
        self._since_s = now if self._second else began_s
        self._echo_s = now - began_s if self._second and now - began_s <= ECHO_S else None
        self._utterance = self.stream.utterance(now)
        self._agent_s = now

    def _decide(self) -> None:
        """Report what is suspected, once, unless the agent only repeated the caller."""
        if not self._suspect or self._said or self._refused:
            return
        self._said = True
        quiet_s = self.stream.quiet_since_s
        if self._echo_s is not None and abs(self._agent_s - quiet_s - self._echo_s) <= ALIKE_S:
            return
        at_ms = (self._since_s - self.stream.started_s) * 1000
        who = "the agent began to speak into the caller's speech" if self._second else "the caller began to speak"
        later_s = self._agent_s - self._since_s
        message = f"{who} at {at_ms:.0f} ms; the agent was still heard {later_s:.1f} s later"
        if self._goes_on:
            message += ", by audio that it sent after its clearAudio"
        else:
            message += " and had sent no clearAudio"
        self.report("no-clear", message, self._since_s)

    def cleared(self, entry: Entry) -> None:
        """See what is asked for."""
        self._decide()
        self._forget()
        self._cleared_s = entry.at_s

    def ended(self, _entry: Entry) -> None:
        """Decide what is open."""
        self._decide()

    def refused(self, entry: Entry) -> None:
        """Let a clear that the carrier did not take count: that has its own finding."""
        if entry.name == "clearAudio":
            self._refused = True


class StoppedForNoise(Watcher):
    """An answer that breaks off for a cough; only a script can tell that it is one."""

    def cleared(self, entry: Entry) -> None:
        """Look what the caller said, if anything."""
        stream = self.stream
        recent = stream.speaking_since_s < math.inf or entry.at_s - stream.quiet_since_s < SAME_TURN_S
        if stream.kind == "backchannel" and recent and stream.dropped_s > NEAR_S:
            message = f"the caller coughed or said mhm, and the agent cleared {stream.dropped_s:.1f} s of its speech"
            self.report("stopped-for-noise", message, entry.at_s)


class UnansweredTurn(Watcher):
    """A caller who has spoken, and waits; what is found is reported at the end, if nothing else explains it."""

    def __init__(self, stream: AgentStream, report: Report) -> None:
        super().__init__(stream, report)
        self._turn = False  # the caller has spoken, and was neither answered nor given up
        self._agent_s = self._since_s = -math.inf  # when the agent was last heard, and since when

    def frame(self, entry: Entry) -> None:
        """See who speaks, and who waits."""
        stream, now = self.stream, entry.at_s
        if stream.agent_speaks(now):
            if now - self._agent_s > NEAR_S:
                self._since_s = now
            self._agent_s = now
        if stream.speaking_since_s < math.inf:
            self._turn = self._turn or stream.kind != "backchannel"
        elif self._turn and self._answered(stream.quiet_since_s):
            self._turn = False
        elif self._turn and now - stream.quiet_since_s >= NO_ANSWER_S:
            self._turn = False
            stream.unanswered_s.append(stream.quiet_since_s)

    def _answered(self, quiet_since_s: float) -> bool:
        """Whether the agent was heard after the caller's end, or near it with more than a word that says it listens."""
        says = self._agent_s - self._since_s >= LISTENING_S
        return self._agent_s >= quiet_since_s - (SOON_S if says else 0.0)
