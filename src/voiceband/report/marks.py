"""Finds in a stream what a report marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voiceband.emulator.judge.audible import audible
from voiceband.emulator.judge.findings import quoted
from voiceband.emulator.judge.rules import RULES
from voiceband.protocol import Dtmf, ProtocolError, parse
from voiceband.report.kinds import PageMark
from voiceband.report.traffic import checkpoint_name
from voiceband.sound.speech import overlaps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from voiceband.emulator.carrier.log import Entry
    from voiceband.emulator.judge.findings import Finding
    from voiceband.report.logged_stream import LoggedStream
    from voiceband.sound.speech import Intervals

TEXT_CHARS = 200
EVENTS = {
    "phone call": "The phone call began.",
    "announcement": "The carrier began to play an announcement.",
    "connecting": "The carrier dialled the agent.",
    "connected": "The agent accepted the stream.",
    "refused": "The agent did not accept the stream.",
    "closed": "The agent closed the connection.",
    "degraded": "The agent was behind in reading its messages.",
    "ended": "The stream ended.",
    "call over": "The phone call was over.",
    "problem": "Something around the stream failed.",
}
"""Events of a log that are marked."""
SHOWN = ("reason", "code", "percent", "problem", "url", "ms")


def stream_marks(stream: LoggedStream) -> list[PageMark]:
    """Return the marks of a stream, findings and events not among them."""
    marks = [*_keys(stream), *_checkpoints(stream), *_clears(stream), *_measured(stream)]
    for begin, end in stream.concealed():
        text = f"{_ms((end - begin) * 1000)} of the caller's audio never reached the agent."
        marks.append(PageMark("concealment", begin, end, text))
    return marks


def finding_marks(findings: Iterable[Finding], start_s: float) -> list[PageMark]:
    """Return findings as marks; their times count from `start_s`."""
    marks = []
    for finding in findings:
        at_s = start_s + finding.at_ms / 1000
        times = f" It happened {finding.count} times." if finding.count > 1 else ""
        rule = finding.rule if finding.degree == "error" else f"{finding.rule} ({finding.degree})"
        text = f"{rule}: {finding.message}.{times} The caller hears {finding.hears}."
        marks.append(PageMark("finding", at_s, at_s, text, f"{RULES[finding.rule].remedy}."))
    return marks


def event_marks(entries: Iterable[Entry]) -> list[PageMark]:
    """Return what the log says of the phone call and its connections."""
    marks = []
    for entry in entries:
        if entry.way == "event" and entry.name in EVENTS:
            details = ", ".join(f"{key} {short(entry.detail[key])}" for key in SHOWN if entry.detail.get(key))
            text = EVENTS[entry.name] + (f" ({details})" if details else "")
            marks.append(PageMark("connection", entry.at_s, entry.at_s, text))
    return marks


def short(value: Any, most: int = TEXT_CHARS) -> str:
    """Return a value as a text that is no longer than a few lines."""
    text = value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= most else text[:most] + "…"


def _keys(stream: LoggedStream) -> Iterator[PageMark]:
    for entry in stream.entries:
        if entry.way == "sent" and entry.name == "dtmf":
            event = _parsed(entry)
            if isinstance(event, Dtmf):
                text = f"The caller pressed {short(event.digit)}"
                yield PageMark("dtmf", entry.at_s, entry.at_s, text, sign=event.digit[:1])
        elif entry.way == "received" and entry.name == "sendDTMF" and "problem" not in entry.detail:
            yield PageMark("dtmf", entry.at_s, entry.at_s, f"The agent sent keys: {quoted(entry.text)}")


def _checkpoints(stream: LoggedStream) -> Iterator[PageMark]:
    """Give a mark for each checkpoint: where it was answered, or where it came if it never was."""
    waiting: list[tuple[str, float]] = []
    dropped: list[tuple[str, float]] = []  # by a clear; but an answer may have been on its way
    for entry in stream.entries:
        if entry.way == "received" and not {"problem", "ignored"} & entry.detail.keys():
            if entry.name == "checkpoint":
                waiting.append((checkpoint_name(entry), entry.at_s))
            elif entry.name == "clearAudio":
                dropped += waiting
                waiting.clear()
        elif entry.way == "sent" and entry.name == "playedStream":
            name = checkpoint_name(entry)
            for marks in (waiting, dropped):
                asked = next((mark for mark in marks if mark[0] == name), None)
                if asked is not None:
                    marks.remove(asked)
                    text = f"“{short(name)}” of {asked[1]:.2f} s: the caller has now heard all that was sent before it."
                    yield PageMark("checkpoint", entry.at_s, entry.at_s, text)
                    break
    for name, at_s in dropped:
        yield PageMark("checkpoint", at_s, at_s, f"“{short(name)}” was never answered: a clear dropped it.")
    for name, at_s in waiting:
        yield PageMark("checkpoint", at_s, at_s, f"“{short(name)}” was not answered before the end of the stream.")


def _clears(stream: LoggedStream) -> Iterator[PageMark]:
    ms_a_byte = 1000 / stream.call.player.bytes_per_s
    dropped = {round(cut.at - stream.at_s, 6): cut.n_bytes * ms_a_byte for cut in stream.call.player.cuts}
    for entry in stream.call.log:
        if entry.way == "received" and entry.name == "clearAudio" and not entry.detail:
            ms = dropped.get(entry.at_s, 0.0)
            at_s = stream.at_s + entry.at_s
            what = f"{_ms(ms)} of audio were dropped unheard." if ms else "There was nothing left to drop."
            yield PageMark("clear", at_s, at_s, what)


def _measured(stream: LoggedStream) -> Iterator[PageMark]:
    measures, at = stream.measures, stream.at_s
    for gap in measures.gaps:
        begin = at + gap.at_ms / 1000
        text = f"The caller heard {_ms(gap.ms)} of silence within the agent's speech: its audio came too late."
        yield PageMark("gap", begin, begin + gap.ms / 1000, text)
    for barge in measures.barge_ins:
        begin = at + barge.at_ms / 1000
        how = "a clear ended it" if barge.cleared else "no clear came: it ended by itself"
        text = f"The agent was still heard for {_ms(barge.silence_ms)}; {how}."
        yield PageMark("barge-in", begin, begin + barge.silence_ms / 1000, text)
    for word in measures.clipped_words:
        by = "its own clear" if word.by == "clear" else "the end of the stream"
        yield PageMark("clipped", at + word.at_ms / 1000, at + word.at_ms / 1000, f"Cut by {by}.")
    for begin_ms, end_ms in overlaps(stream.caller_speech, agent_speech(stream)):
        text = f"Both spoke for {_ms(end_ms - begin_ms)}."
        yield PageMark("talk-over", at + begin_ms / 1000, at + end_ms / 1000, text)


def agent_speech(stream: LoggedStream) -> Intervals:
    """Return where the caller heard the agent speak, in ms from the start of the stream."""
    call = stream.call
    return audible(call.player, call.format, call.started_at, call.ended_at).speech


def _parsed(entry: Entry) -> Any:
    try:
        return parse(entry.text or "")
    except ProtocolError:
        return None


def _ms(ms: float) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 10_000 else f"{ms:.0f} ms"
