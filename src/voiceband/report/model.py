"""`CallReport`: all that a report says of a call, gathered from its files and brought onto one timeline.

The timeline begins with the log, which is when the phone began to ring; times are seconds from there.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from voiceband.dsp.resample import resample
from voiceband.emulator.judge.audible import speech_of
from voiceband.emulator.judge.caller_turns import answered, talk_of_sound
from voiceband.emulator.judge.findings import quoted
from voiceband.emulator.judge.lint import lint
from voiceband.report.errors import ReportError
from voiceband.report.kinds import PageMark
from voiceband.report.logged_stream import LoggedStream, split
from voiceband.report.marks import agent_speech, event_marks, finding_marks, short, stream_marks
from voiceband.report.page_sound import MAX_S, listening_rate
from voiceband.report.sound_marks import sound_marks
from voiceband.report.traffic import Series, SpokenPiece, traffic
from voiceband.sound.speech import overlaps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from voiceband.emulator.carrier.log import Entry
    from voiceband.emulator.judge.caller_turns import Turn
    from voiceband.report.stored import Stored
    from voiceband.sound.speech import Intervals

MUCH_S = 2.0
"""A recording that differs from its log by more is noted."""


@dataclass
class CallReport:
    """What a report says of a call.

    Attributes
    ----------
    name : str
        Of the files.
    rate : int
        Of both tracks, 8000 or 16000 Hz.
    caller, agent : ndarray, int16
        What the caller said, and heard; equally long.
    caller_speech, agent_speech : list of (float, float)
        Where there is speech in them, in seconds.
    logged : bool
        Whether there was a log: without it there are no marks but those of the sound, no lead, no ledger.
    captured : bool
        Whether the log was seen from the agent's end.
    marks : list of PageMark
        In order of time.
    turns : list of Turn
        The caller's turns, in milliseconds.
    talk_over_s : float
        How long both spoke at once.
    lead, intervals, lateness : Series
        How far ahead the agent's audio came, how long after the message before, and how late the caller's audio was.
    talks : list of SpokenPiece
        The ledger.
    facts, figures : list of (str, str)
        What the call was, and the numbers that sum it up.
    messages : list of (float, str, str, str)
        When, which way, what, and its text: all but audio.
    notes : list of str
        What a reader should know.
    """

    name: str
    rate: int
    caller: NDArray[np.int16]
    agent: NDArray[np.int16]
    caller_speech: Intervals
    agent_speech: Intervals
    logged: bool
    captured: bool
    notes: list[str]
    marks: list[PageMark] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    talk_over_s: float = 0.0
    lead: Series = field(default_factory=list)
    intervals: Series = field(default_factory=list)
    lateness: Series = field(default_factory=list)
    talks: list[SpokenPiece] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    figures: list[tuple[str, str]] = field(default_factory=list)
    messages: list[tuple[float, str, str, str]] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        """Length of the timeline, in seconds."""
        return len(self.caller) / self.rate

    @property
    def findings(self) -> list[PageMark]:
        """Findings of the linter."""
        return [mark for mark in self.marks if mark.kind == "finding"]


def call_report(stored: Stored) -> CallReport:
    """Gather what there is to say of a stored call.

    Raises
    ------
    ReportError
        If its log makes no sense, or it is longer than four hours.
    """
    if stored.log is None:
        return _of_sound(stored)
    entries = stored.log.entries
    if entries[-1].at_s > MAX_S:
        raise ReportError(f"{stored.name} lasts {entries[-1].at_s / 3600:.1f} hours: reports go up to {MAX_S // 3600}")
    before, parts = split(entries)
    try:
        streams = [LoggedStream(part, captured=stored.captured) for part in parts]
        found = finding_marks(lint(before), 0.0)
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise ReportError(f"{stored.name}: the log makes no sense: {error}") from None
    report = _with_sound(stored, entries[-1].at_s, streams)
    report.marks = found + event_marks(entries)
    for stream in streams:
        _add_stream(report, stream)
    report.marks += sound_marks(report.caller, report.agent, report.rate)
    report.marks.sort(key=lambda mark: mark.at_s)
    report.messages = list(_messages(entries))
    report.facts = _facts(stored, streams, report)
    report.figures = _figures(report, streams)
    if stored.captured:
        report.notes.append(
            "The log was written at the agent's end, so what the caller heard, and when, is reckoned: as if the "
            "carrier had played what it was sent 250 ms after it had left."
        )
    if not streams:
        report.notes.append("No stream was opened, so there is no agent to be heard.")
    if stored.timed_out:
        report.notes.append(
            f"Of what the caller was to do, this did not happen: {short(', '.join(stored.timed_out), 1000)}."
        )
    return report


def _of_sound(stored: Stored) -> CallReport:
    """Return what the sound alone says."""
    assert stored.sound is not None
    pcm, rate, was, _ = stored.sound
    report = CallReport(
        stored.name, rate, pcm[0], pcm[1], _seconds(pcm[0], rate), _seconds(pcm[1], rate), False, False, stored.notes
    )
    report.notes.append(
        "There is no log beside the recording, so checkpoints, clears, keys, gaps and findings are not known. Turns "
        "are judged by the sound: the left side is taken for the caller, the right for the agent."
    )
    caller, agent = ([(a * 1000, b * 1000) for a, b in side] for side in (report.caller_speech, report.agent_speech))
    report.turns = answered(caller, talk_of_sound(caller, agent))
    both = overlaps(report.caller_speech, report.agent_speech)
    report.talk_over_s = sum(end - begin for begin, end in both)
    for begin, end in both:
        report.marks.append(PageMark("talk-over", begin, end, f"Both spoke for {(end - begin) * 1000:.0f} ms."))
    report.marks += sound_marks(report.caller, report.agent, report.rate)
    report.marks.sort(key=lambda mark: mark.at_s)
    report.facts = [("Recording", f"{clock(report.duration_s)}, {was}")]
    report.figures = _figures(report, [])
    return report


def _with_sound(stored: Stored, end_s: float, streams: Sequence[LoggedStream]) -> CallReport:
    """Put the sound onto the timeline: the recording, or what the log holds of it."""
    if stored.sound is not None:
        pcm, rate, _, _ = stored.sound
        # A session records from the caller's first audio on.
        begins_s = max(0.0, streams[0].media_from_s) if stored.captured and streams else 0.0
        pcm = np.pad(pcm, ((0, 0), (round(begins_s * rate), 0)))
        seconds = pcm.shape[1] / rate
        if abs(seconds - end_s) > MUCH_S:
            stored.notes.append(f"The recording ends at {seconds:.1f} s, and the log at {end_s:.1f} s.")
        pcm = np.pad(pcm, ((0, 0), (0, max(0, round(end_s * rate) - pcm.shape[1]))))
    else:
        rate = listening_rate(max((s.call.format.sample_rate for s in streams), default=8000))
        stored.notes.append("The sound was made from the log: announcements of the carrier are not in it.")
        pcm = _sound_of(streams, end_s, rate)
    if not pcm.shape[1]:  # a call that was refused at once
        pcm = np.zeros((2, rate // 10), np.int16)
    caller = [(s.at_s + a / 1000, s.at_s + b / 1000) for s in streams for a, b in s.caller_speech]
    agent = [(s.at_s + a / 1000, s.at_s + b / 1000) for s in streams for a, b in agent_speech(s)]
    return CallReport(stored.name, rate, pcm[0], pcm[1], caller, agent, True, stored.captured, stored.notes)


def _sound_of(streams: Iterable[LoggedStream], end_s: float, rate: int) -> NDArray[np.int16]:
    pcm = np.zeros((2, round(end_s * rate)), np.int16)
    for stream in streams:
        first = round(stream.at_s * rate)
        for row, track in zip(pcm, stream.call.recording(stream.end_s), strict=True):
            piece = resample(track, stream.call.format.sample_rate, rate)[: max(0, len(row) - first)]
            row[first : first + len(piece)] = piece
    return pcm


def _seconds(pcm: NDArray[np.int16], rate: int) -> Intervals:
    return [(begin / 1000, end / 1000) for begin, end in speech_of(pcm, rate)]


def _add_stream(report: CallReport, stream: LoggedStream) -> None:
    sent = traffic(stream)
    report.talks += sent.talks
    report.lead += sent.lead
    report.intervals += sent.intervals
    report.lateness += stream.lateness()
    report.marks += stream_marks(stream) + finding_marks(stream.findings, stream.at_s)
    began_ms = stream.at_s * 1000
    report.turns += [
        type(turn)(turn.start_ms + began_ms, turn.end_ms + began_ms, turn.answer_ms) for turn in stream.measures.turns
    ]
    report.talk_over_s += stream.measures.talk_over_ms / 1000
    text = f"A stream of {stream.call.format} began."
    report.marks.append(PageMark("connection", stream.at_s, stream.at_s, text))


def _messages(entries: Iterable[Entry]) -> Iterable[tuple[float, str, str, str]]:
    """Give what was said on the wire and around it, without audio that was in order."""
    for entry in entries:
        refused = entry.detail.get("problem") or entry.detail.get("ignored")
        if entry.name in ("media", "playAudio") and not refused:
            continue
        way = {"sent": "to the agent", "received": "from the agent"}.get(entry.way, "event")
        if entry.text is not None:
            text = quoted(entry.text) + (f" — not taken: {short(refused)}" if refused else "")
        else:
            text = ", ".join(f"{short(key)} {short(value)}" for key, value in entry.detail.items())
        yield entry.at_s, way, entry.name, text


def _facts(stored: Stored, streams: Sequence[LoggedStream], report: CallReport) -> list[tuple[str, str]]:
    facts = [("Length", clock(report.duration_s))]
    for stream in streams:
        start = stream.start
        headers = start.extra_headers or ""
        facts += [
            ("Stream", f"{start.stream_id or 'without an id'}, {stream.call.format}"),
            ("Call", start.call_id or "without an id"),
            *([("Extra headers", headers)] if headers else []),
            *((f"Parameter {key}", short(value)) for key, value in start.custom_parameters.items()),
            ("Ended", stream.call.end_reason),
        ]
    if stored.log is not None:
        for way, words in (("sent", "To the agent"), ("received", "From the agent")):
            sizes = [len(entry.text or "") for entry in stored.log if entry.way == way]
            facts.append((words, f"{len(sizes)} messages, {sum(sizes) / 1000:.0f} kB"))
    return list(dict.fromkeys(facts))


def _figures(report: CallReport, streams: Sequence[LoggedStream]) -> list[tuple[str, str]]:
    """Return the numbers that sum up a call."""
    answers = [turn.answer_ms for turn in report.turns if turn.answer_ms is not None]
    first = next((begin for begin, _ in report.agent_speech), None)
    figures = [
        ("first heard of the agent", "never" if first is None else f"{first:.2f} s"),
        ("median answer", f"{statistics.median(answers):.0f} ms" if answers else "none"),
        ("turns answered", f"{len(answers)} of {len(report.turns)}"),
        ("talk-over", f"{report.talk_over_s:.1f} s"),
    ]
    if report.logged:
        gaps = [mark for mark in report.marks if mark.kind == "gap"]
        unheard_ms = sum(stream.measures.unheard.ms for stream in streams)
        figures += [
            ("gaps heard", str(len(gaps))),
            ("sent and never heard", f"{unheard_ms / 1000:.1f} s"),
            ("findings", str(len(report.findings))),
        ]
        levels = {"caller": [s.measures.caller for s in streams], "agent": [s.measures.agent for s in streams]}
        for side, found in levels.items():
            active = [level.active_dbfs for level in found if level.active_dbfs is not None]
            if active:
                figures.append((f"level of the {side}", f"{max(active):.0f} dBFS"))
    return figures


def clock(seconds: float) -> str:
    """Return a time as a person reads it: 1:02.5."""
    tenths = round(seconds * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else str(minutes)
    return f"{head}:{tenths // 10:02d}.{tenths % 10}"


def spread(values: Iterable[float]) -> tuple[float, float, float] | None:
    """Return median, 95th percentile and maximum; None of nothing."""
    x = np.fromiter(values, float)
    return (float(np.median(x)), float(np.percentile(x, 95)), float(x.max())) if len(x) else None
