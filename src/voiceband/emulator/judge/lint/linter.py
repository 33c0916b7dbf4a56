"""`Linter`: hands the entries of a log to the rules as they come, and folds what they report."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING

import msgspec

from voiceband.emulator.carrier.log import Entry
from voiceband.emulator.carrier.web.answers import TOLD_ONLY
from voiceband.emulator.judge.findings import Degree, Finding
from voiceband.emulator.judge.lint.agent_rules import (
    AfterStop,
    ConnectionEnd,
    EarlyCheckpoint,
    ForeignStreamId,
    RefusedMessages,
    RepeatedName,
    UnansweredCheckpoint,
)
from voiceband.emulator.judge.lint.agent_stream import AgentStream
from voiceband.emulator.judge.lint.content import Content
from voiceband.emulator.judge.lint.repeats import RepeatedAnswer
from voiceband.emulator.judge.lint.turns import NO_ANSWER_S, AudibleGap, NoClear, StoppedForNoise, UnansweredTurn
from voiceband.emulator.judge.lint.watcher import HOOKS, Watcher, overridden
from voiceband.emulator.judge.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from voiceband.emulator.judge.lint.played_sound import PlayedSound

WATCHERS: tuple[type[Watcher], ...] = (
    RefusedMessages,
    ForeignStreamId,
    Content,
    AudibleGap,
    EarlyCheckpoint,
    RepeatedName,
    UnansweredCheckpoint,
    NoClear,
    StoppedForNoise,
    RepeatedAnswer,
    UnansweredTurn,
    AfterStop,
    ConnectionEnd,
)
TOO_BIG = 1009
MAX_STREAMS = 1000
PATIENT_S = 5.0
"""A caller who hangs up sooner has not waited for the agent."""
CUT_OFF_S = 0.1
"""How much speech may be lost to the agent's own end: what a caller hardly notices."""
CUT_OFF_BY = frozenset({"unanswered-checkpoint", "agent-error"})
"""Findings that tell of the same end."""
NO_EXCUSE = frozenset({"gap", "stalled", "no-clear", "stopped-for-noise", "phone-call", "no-connection", "cut-off"})
"""Errors that do not explain why a caller was not answered; what is doubtful was obeyed, so it never does."""
WENT_ON = {
    "no-connection": "silence until the agent was reached",
    "phone-call": "a pause before the agent was connected, or an announcement missing",
}
"""What the caller hears where the call went on, for the agent was connected after all."""
AS_MEANT = "what was meant: the carrier here does as real programs expect"
"""What the caller hears of what is doubtful."""
ERROR_CODES = frozenset(range(1002, 1016)) - {1005, 1006}
"""Close codes of RFC 6455 and its registry that tell of an error; 1005 and 1006 are never sent."""


class Linter:
    """Watches a call while it runs, or reads its log afterwards.

    A rule that is broken again and again on one stream, through all its connections, makes one finding of each degree,
    with a count.
    The work for a message does not grow with the call.
    While the agent plays what may turn out to be steady noise, what comes waits, and `findings` says nothing of it yet;
    the end of the stream, and `finish`, leave nothing waiting.

    Examples
    --------
    >>> from voiceband.emulator import CarrierStream, CallLog
    >>> linter = Linter()
    >>> call = CarrierStream(log=CallLog(on_entry=linter.see, keep=False))
    >>> call.start(0.0)
    >>> call.receive('{"event":"media","media":{"payload":"//8="}}', 0.5)
    >>> [(finding.rule, finding.at_ms) for finding in linter.findings]
    [('media-event', 500.0)]
    >>> linter.findings[0].hears
    'nothing: the message is ignored'
    """

    def __init__(self) -> None:
        self._stream: AgentStream | None = None
        self._found: dict[tuple[int, str, Degree, str], Finding] = {}
        self._n_streams = 0
        self._started_s = 0.0  # of the stream, in the log; of the log before there is one
        self._again = False  # the next start message is that of a stream which has broken off
        self._dialling_s = math.inf  # since when an upgrade waits for its answer
        self._last_s = 0.0
        self._waiting: collections.deque[tuple[Entry, PlayedSound | None]] = collections.deque()
        self._hooks: dict[str, list[Callable[..., None]]] = {hook: [] for hook in HOOKS}

    @property
    def findings(self) -> list[Finding]:
        """What was found so far, in the order of time, stream by stream; nothing of what still waits."""
        return [self._found[key] for key in sorted(self._found, key=lambda key: (key[0], self._found[key].at_ms))]

    def see(self, entry: Entry) -> None:
        """Take one entry of the log.

        The rules see it at once, unless the agent plays what may turn out to be steady noise: then they wait for up to
        two seconds of sound, so that its beginning is judged as what it is.
        """
        self._last_s = entry.at_s
        stream = self._stream
        if stream is None or entry.name == "start":
            self._settle()
            self._see(entry, None)
            return
        heard = stream.hearing.take(entry) if entry.way == "received" else None
        if not self._waiting and not stream.hearing.floor.undecided:
            self._see(entry, heard)
            return
        self._waiting.append((entry, heard))
        if entry.way == "event" and entry.name == "ended":
            self._settle()
        else:
            self._show(stream.hearing.undecided_at(entry.at_s))

    def _settle(self) -> None:
        """Let what is undecided be speech."""
        if self._waiting:
            if self._stream is not None:
                self._stream.hearing.floor.pause()
            self._show()

    def _show(self, undecided_at: float = math.inf) -> None:
        """Show the rules what comes before the sound that is undecided, from a sample on."""
        while self._waiting:
            heard = self._waiting[0][1]
            if heard is not None and heard.at + len(heard.pcm) > undecided_at:
                break
            self._see(*self._waiting.popleft())

    def _see(self, entry: Entry, heard: PlayedSound | None) -> None:
        stream = self._stream
        if entry.way == "sent":
            if entry.name == "start":
                self._begin(entry)
            elif stream is not None:
                if entry.name == "media":
                    self._tell("frame", entry)
                elif entry.name == "playedStream":
                    self._tell("answered", entry)
                elif entry.name == "dtmf":
                    stream.pressed(entry.at_s)
        elif entry.way == "event":
            self._event(entry)
        elif stream is not None:
            self._received(entry, stream, heard)

    @property
    def _errors(self) -> list[str]:
        """The rules of the errors on this stream, or before one."""
        return [rule for number, rule, degree, _ in self._found if number == self._n_streams and degree == "error"]

    def _event(self, entry: Entry) -> None:
        if entry.name == "connecting":
            self._dialling_s = entry.at_s
        elif entry.name == "connected":
            self._dialling_s, self._again = math.inf, entry.detail.get("again") is True
        elif entry.name == "refused":
            self._dialling_s = math.inf
            self._report("no-connection", f"the agent was not reached: {entry.detail.get('reason')}", entry.at_s)
        elif entry.name == "problem":
            rule = "status-callback" if entry.detail.get("purpose") in TOLD_ONLY else "phone-call"
            self._report(rule, str(entry.detail.get("problem")), entry.at_s)
        elif entry.name == "warning":
            degree: Degree = "doubtful" if entry.detail.get("degree") == "doubtful" else "note"
            self._report("answer-xml", str(entry.detail.get("text")), entry.at_s, degree=degree)
        elif entry.name == "closed" and entry.detail.get("code") in ERROR_CODES:
            self._closed(entry)
        elif entry.name == "call over" and not self._n_streams and not self._errors:
            self._no_stream(entry)
        stream = self._stream
        if stream is None:
            return
        if entry.name == "call over" and entry.detail.get("reason") == "end of XML":
            self._out_of_xml(entry, stream)
        if entry.name in ("speech begins", "speech ends"):
            stream.caller(entry)
        elif entry.name == "says":
            stream.says(entry)
        elif entry.name == "timed out":
            stream.timed_out.append(entry)
        elif entry.name == "ended" and stream.ended_s > entry.at_s:
            stream.ended_s, stream.end_reason = entry.at_s, str(entry.detail.get("reason"))
            self._tell("ended", entry)
            self._ended(entry)

    def _no_stream(self, entry: Entry) -> None:
        reason = entry.detail.get("reason")
        waited_s = entry.at_s - (self._dialling_s if self._dialling_s < math.inf else 0.0)
        # A caller who hangs up at once, or is interrupted, says nothing about the agent.
        degree: Degree | None = "note" if reason == "caller" and waited_s < PATIENT_S else None
        if self._dialling_s < math.inf:
            message = f"the agent had not accepted the stream in {waited_s:.1f} s, when the call ended: {reason}"
            self._report("no-connection", message, entry.at_s, degree=degree)
        else:
            self._report("no-stream", f"the call ended before a stream began: {reason}", entry.at_s, degree=degree)

    def _closed(self, entry: Entry) -> None:
        """Report a close code that tells of an error, by the side that gave it."""
        code, reason = entry.detail["code"], entry.detail.get("reason") or "no reason given"
        if entry.detail.get("proper", True):
            self._report("agent-error", f"the agent closed the connection with code {code}: {reason}", entry.at_s)
            return
        # Nothing but what the agent sent makes the carrier fail a connection with a code.
        if self._stream is not None:
            self._stream.failed = True
        rule = "too-large" if code == TOO_BIG else "invalid-message"
        message = f"the carrier ended the connection with code {code} for what the agent sent: {reason}"
        self._report(rule, message, entry.at_s)

    def _out_of_xml(self, entry: Entry, stream: AgentStream) -> None:
        # A stream that ended for a reason of its own, even in the same moment, was not cut.
        if stream.bidirectional and stream.ended_s == entry.at_s and stream.end_reason == "hang-up":
            lasted_s = entry.at_s - stream.started_s
            message = f"the XML came to its end, and the call with it, {lasted_s:.1f} s after the agent was connected"
            self._report("no-keep-call-alive", message, entry.at_s)

    def _received(self, entry: Entry, stream: AgentStream, heard: PlayedSound | None) -> None:
        if "ignored" in entry.detail:
            self._tell("ignored", entry)
            return
        if "problem" in entry.detail:
            self._tell("refused", entry)
            return
        if "doubts" in entry.detail:
            self._tell("doubted", entry)
        if entry.name == "playAudio":
            piece = None if heard is None else stream.piece(entry, heard)
            if piece is not None:
                for hook in self._hooks["played"]:
                    hook(entry, piece)
        elif entry.name == "checkpoint":
            stream.talk.marked(entry.at_s)
            self._tell("marked", entry)
        elif entry.name == "clearAudio":
            stream.clear(entry.at_s)
            self._tell("cleared", entry)

    def finish(self) -> list[Finding]:
        """Return the findings of a log that is over, even if it breaks off before the end of the stream."""
        self._settle()
        if self._stream is not None:
            self._event(Entry(self._last_s, "event", "ended", None, {"reason": "the end of the log"}))
        return self.findings

    def _begin(self, entry: Entry) -> None:
        for key, found in self._found.items():
            if key[0] == self._n_streams and found.rule in WENT_ON:
                self._found[key] = msgspec.structs.replace(found, hears=WENT_ON[found.rule])
        if not (self._again and self._n_streams):
            self._n_streams = min(self._n_streams + 1, MAX_STREAMS)
            self._started_s = entry.at_s
        self._again = False
        self._stream = stream = AgentStream(entry)
        watchers = [watcher(stream, self._report) for watcher in WATCHERS]
        for hook in HOOKS:
            methods = (overridden(watcher, hook) for watcher in watchers)
            self._hooks[hook] = [method for method in methods if method is not None]

    def _tell(self, hook: str, entry: Entry) -> None:
        for method in self._hooks[hook]:
            method(entry)

    def _report(
        self, rule: str, message: str, at_s: float, *, degree: Degree | None = None, hears: str | None = None
    ) -> None:
        about = RULES[rule]
        degree = degree or about.degree
        # Of an answer there are few messages, and each tells of something else.
        key = (self._n_streams, rule, degree, message if rule == "answer-xml" else "")
        found = self._found.get(key)
        if found is not None:
            self._found[key] = msgspec.structs.replace(found, count=found.count + 1)
            return
        at_ms = round((at_s - self._started_s) * 1000, 3)
        hears = hears or (AS_MEANT if degree == "doubtful" and about.degree != degree else about.hears)
        self._found[key] = Finding(rule, message, at_ms, hears, stream=self._n_streams, degree=degree)

    def _ended(self, entry: Entry) -> None:
        """Report what the caller missed of the agent, unless an error on the same stream says why."""
        stream = self._stream
        assert stream is not None
        at_s, lasted_s = entry.at_s, entry.at_s - stream.started_s
        closed = stream.end_reason == "closed by the agent"
        rules = set(self._errors)
        if not stream.bidirectional:
            return
        if stream.sounds_from_s >= at_s:
            if not rules and (lasted_s >= NO_ANSWER_S or closed):
                self._silent(stream, at_s, closed=closed)
            return
        unheard_s = stream.unheard_s(at_s)
        if closed and unheard_s >= CUT_OFF_S and not rules & CUT_OFF_BY:
            message = f"the agent closed the stream while {unheard_s * 1000:.0f} ms of its speech were unheard"
            self._report("cut-off", message, at_s)
        if not rules - NO_EXCUSE:
            for since_s in stream.unanswered_s:
                message = f"the caller had spoken, and heard nothing of the agent for {NO_ANSWER_S:.0f} s"
                self._report("unanswered-turn", message, since_s)
            for step in () if stream.unanswered_s else stream.timed_out:
                number, what = step.detail.get("step"), step.detail.get("what")
                self._report("timed-out", f"the caller gave up step {number} of its script, {what}", step.at_s)

    def _silent(self, stream: AgentStream, at_s: float, *, closed: bool) -> None:
        what = "never sent playAudio"
        if stream.own_clears + stream.other_clears:
            if (stream.own_clears, stream.other_clears) == (1, 0) and not closed and not stream.unanswered_s:
                return  # it may have thought better of its one utterance, and nobody waited for another
            what = "cleared all that it ever said before it was heard"
            what += ", while nobody spoke," if stream.own_clears else ""
        elif stream.sounds_from_s < math.inf:
            what = "was not heard"
        elif stream.empty and not stream.queued:
            what = "sent playAudio with nothing in it"
        elif stream.hearing.floor.noisy:
            if not stream.unanswered_s:
                return  # the sound of a room may be meant, as long as nobody waits for more
            what = "played nothing but steady noise"
        elif stream.queued:
            what = "sent nothing but silence"
        ended = "though it was connected"
        if closed:
            unheard_ms = stream.unheard_s(at_s) * 1000
            ended = f"and closed the stream{f' before {unheard_ms:.0f} ms of speech sounded' if unheard_ms else ''}"
        self._report("silent-agent", f"the agent {what} in {at_s - stream.started_s:.1f} s, {ended}", stream.started_s)


def lint(log: Iterable[Entry]) -> list[Finding]:
    """Return what is wrong with the agent of a call, from its log.

    Parameters
    ----------
    log : iterable of Entry
        A `CallLog`, of a call that is over, or read from a ``wire.jsonl``.

    Returns
    -------
    findings : list of Finding
        One for each rule that was broken; empty for a good agent.
    """
    linter = Linter()
    for entry in log:
        linter.see(entry)
    return linter.finish()
