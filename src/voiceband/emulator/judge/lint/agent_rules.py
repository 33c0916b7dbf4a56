"""The rules about what an agent sends, one small class each; `turns` has those about who speaks when, `content` bytes.

A rule is a `Watcher`: it overrides the hooks for what it wants to see, and reports through ``self.report``.
"""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING

from voiceband.emulator.judge.findings import quoted
from voiceband.emulator.judge.lint.agent_stream import name_of
from voiceband.emulator.judge.lint.turns import NO_ANSWER_S
from voiceband.emulator.judge.lint.watcher import Watcher

if TYPE_CHECKING:
    from voiceband.emulator.carrier.log import Entry
    from voiceband.emulator.judge.findings import Degree
    from voiceband.emulator.judge.lint.agent_stream import AgentStream, Piece
    from voiceband.emulator.judge.lint.watcher import Report

AFTER_STOP_S = 1.0
"""What was on its way when the stream ended is no fault."""
SLACK = 1.5
"""How much slower than before an agent that is behind may read after the end."""
UNUSUAL = "nothing unusual"


class RefusedMessages(Watcher):
    """What the carrier itself did not take, or doubted, by the rule that it named."""

    _played = False

    def played(self, entry: Entry, _piece: Piece) -> None:
        """Remember that the agent can do it right."""
        self._played = self._played or "doubts" not in entry.detail

    def refused(self, entry: Entry) -> None:
        """Report it; an agent that was asked to listen only is not expected to be heard."""
        rule = str(entry.detail.get("rule", "invalid-message"))
        listening = rule == "one-way" and self.stream.listens
        self._report(rule, entry.detail["problem"], entry, "note" if listening else None)

    def doubted(self, entry: Entry) -> None:
        """Report it."""
        for rule, text in entry.detail["doubts"].items():
            self._report(rule, text, entry, "doubtful")

    def _report(self, rule: str, text: str, entry: Entry, degree: Degree | None = None) -> None:
        if rule == "wrong-format" and self._played:
            rule = "format-switch"
        self.report(rule, f"{text}: {quoted(entry.text)}", entry.at_s, degree=degree)


class ForeignStreamId(Watcher):
    """A playAudio needs no streamId, but one of another stream is a mistake."""

    def played(self, entry: Entry, piece: Piece) -> None:
        """Look for one."""
        given = piece.stream_id
        if given is not None and given != self.stream.stream_id:
            message = f"playAudio with streamId {given!r:.60}, which is not this stream's: {quoted(entry.text)}"
            self.report("wrong-stream-id", message, entry.at_s, degree="note", hears=UNUSUAL)


class EarlyCheckpoint(Watcher):
    """A checkpoint that has no audio before it; one on each side of an utterance tells when it begins and ends."""

    _tried = False  # the agent has sent something that was to be audio, perhaps: that has its own finding
    _early: Entry | None = None  # one that would be in its place if another came behind the audio

    def refused(self, _entry: Entry) -> None:
        """Remember it."""
        self._tried = True

    def cleared(self, _entry: Entry) -> None:
        """Reset to the initial state; whether another checkpoint would have come, nobody knows."""
        self._tried, self._early = False, None

    def marked(self, entry: Entry) -> None:
        """Remember it if nothing was queued."""
        if self.stream.queued:
            self._early = None
        elif not self._tried and self._early is None:
            self._early = entry

    def ended(self, _entry: Entry) -> None:
        """Report one that was left alone."""
        if self._early is not None:
            message = f"checkpoint with no playAudio before it, since the start or a clear, and no checkpoint behind \
what came later: {quoted(self._early.text)}"
            self.report("early-checkpoint", message, self._early.at_s)


class RepeatedName(Watcher):
    """A checkpoint whose answer cannot be told from that of another."""

    def __init__(self, stream: AgentStream, report: Report) -> None:
        super().__init__(stream, report)
        self._waiting: collections.Counter[str] = collections.Counter()

    def marked(self, entry: Entry) -> None:
        """Look whether one of the same name still waits."""
        name = name_of(entry)
        if self._waiting[name]:
            self.report("repeated-name", f"checkpoint {name!r:.60} while another of this name waits", entry.at_s)
        self._waiting[name] += 1

    def answered(self, entry: Entry) -> None:
        """Take it off."""
        self._waiting[name_of(entry)] -= 1

    def cleared(self, _entry: Entry) -> None:
        """Forget what a clear has dropped."""
        self._waiting.clear()


class UnansweredCheckpoint(Watcher):
    """A checkpoint that was lost to a clear or to the agent's own end, where the agent shows that it mattered."""

    def __init__(self, stream: AgentStream, report: Report) -> None:
        super().__init__(stream, report)
        self._waiting: collections.deque[Entry] = collections.deque()
        self._dropped: Entry | None = None  # since when the agent has sent no audio
        self._cleared_s = 0.0

    def marked(self, entry: Entry) -> None:
        """Wait for its answer."""
        self._waiting.append(entry)

    def answered(self, _entry: Entry) -> None:
        """Take it off: marks are answered in their order."""
        if self._waiting:
            self._waiting.popleft()

    def cleared(self, entry: Entry) -> None:
        """Remember what was dropped."""
        if self._waiting:
            self._dropped, self._cleared_s = self._waiting[-1], entry.at_s
            self._waiting.clear()

    def played(self, _entry: Entry, _piece: Piece) -> None:
        """See that the agent goes on: it did not wait."""
        self._dropped = None

    def ended(self, entry: Entry) -> None:
        """Report what was still open."""
        if self._waiting and entry.detail.get("reason") == "closed by the agent":
            message = f"the agent closed the stream before a checkpoint was reached: {quoted(self._waiting[-1].text)}"
            self.report("unanswered-checkpoint", message, entry.at_s)
        quiet_s = entry.at_s - max(self._cleared_s, self.stream.quiet_since_s)
        if self._dropped is not None and quiet_s >= NO_ANSWER_S:
            message = f"a clear dropped a checkpoint, and the agent said nothing any more, for {quiet_s:.0f} s after \
the caller had spoken: {quoted(self._dropped.text)}"
            self.report("unanswered-checkpoint", message, self._cleared_s)


class AfterStop(Watcher):
    """Messages after the end."""

    _allowed_s = AFTER_STOP_S

    def ended(self, entry: Entry) -> None:
        """Allow for what the agent had not read by then: it comes to the stop behind that."""
        behind_s = entry.detail.get("behind_s")
        if isinstance(behind_s, (int, float)):
            lasted_s = entry.at_s - self.stream.started_s
            # It has taken the whole stream to read what was sent until so long ago, and reads the rest no faster.
            slowness = lasted_s / (lasted_s - behind_s) if behind_s < lasted_s else math.inf
            self._allowed_s = AFTER_STOP_S + SLACK * behind_s * slowness

    def ignored(self, entry: Entry) -> None:
        """Report it, unless it may have been on its way."""
        if entry.at_s - self.stream.ended_s > self._allowed_s:
            late_s = entry.at_s - self.stream.ended_s
            message = f"{entry.name} {late_s:.1f} s after the end of the stream: {quoted(entry.text)}"
            self.report("after-stop", message, entry.at_s)


class ConnectionEnd(Watcher):
    """Ends that are nobody's wish."""

    def ended(self, entry: Entry) -> None:
        """Report it."""
        reason = entry.detail.get("reason")
        if reason == "slow connection":
            self.report("slow-reader", "the agent's connection took no messages until the backlog was full", entry.at_s)
        elif reason == "broken off" and not self.stream.failed:
            self.report("broken-off", "the agent's connection broke off without a close frame", entry.at_s)
