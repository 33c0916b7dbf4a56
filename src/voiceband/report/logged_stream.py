"""One stream of a stored call: what the log says, run again so that it can be measured and heard."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from voiceband.emulator.judge.lint import lint
from voiceband.emulator.judge.measures import Measures, measure
from voiceband.emulator.judge.replay import noted_speech, replay
from voiceband.protocol import Media, ProtocolError, Start, parse
from voiceband.session import Audio, Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from voiceband.emulator.carrier.carrier_stream import CarrierStream
    from voiceband.emulator.carrier.log import Entry
    from voiceband.emulator.judge.findings import Finding
    from voiceband.sound.speech import Intervals


class LoggedStream:
    """A stream of a call: from its start message to the next one's.

    Parameters
    ----------
    entries : sequence of Entry
        The part of the log, the start message first.
    captured : bool
        Whether the log was seen from the agent's end; then nothing but messages is in it.

    Attributes
    ----------
    entries : sequence of Entry
        As given.
    at_s : float
        When it began, on the log's clock.
    call : CarrierStream
        The call again; its own log has what each message came to, in seconds from `at_s`.
    measures : Measures
        What it was like for its caller.
    findings : list of Finding
        What is wrong with the agent.

    Raises
    ------
    ValueError, TypeError, KeyError, ArithmeticError
        If the entries make no sense: a file that was edited may hold anything.
    """

    def __init__(self, entries: Sequence[Entry], *, captured: bool) -> None:
        self.entries = entries
        self.at_s = entries[0].at_s
        self.call: CarrierStream = replay(entries)
        caller = None if captured else noted_speech(entries)
        self.measures: Measures = measure(self.call, caller_speech=caller)
        self.findings: list[Finding] = lint(self.call.log if captured else entries)
        self.caller_speech: Intervals = self.call.speech if caller is None else caller
        self.start: Start = _start(entries[0])

    @property
    def end_s(self) -> float:
        """When it ended, on the log's clock."""
        return self.call.ended_at

    @property
    def media_from_s(self) -> float:
        """When the caller's first audio began, on the log's clock."""
        for at_s, media in self._inbound():
            return at_s - len(media.payload) / self.call.format.frame_bytes(1000)
        return self.at_s

    def lateness(self) -> list[tuple[float, float]]:
        """Return (time in s, ms) for each message of the caller's audio: how much later it was than the earliest.

        That is its time less its timestamp; the least of these is zero.
        """
        timed = ((at_s, media.timestamp_ms) for at_s, media in self._inbound())
        raw = [(at_s, at_s * 1000 - stamp_ms) for at_s, stamp_ms in timed if stamp_ms is not None]
        least = min((late for _, late in raw), default=0.0)
        return [(at_s, late - least) for at_s, late in raw]

    def concealed(self) -> Intervals:
        """Return where the caller's audio is missing, and a `Session` makes some up: seconds on the log's clock."""
        session = Session()
        holes: Intervals = []
        first_s: float | None = None
        for entry in self.entries:
            if entry.way != "sent" or entry.text is None:
                continue
            for event in session.receive(entry.text, entry.at_s):
                if not isinstance(event, Audio) or event.track != "inbound":
                    continue
                seconds = len(event.samples) / self.call.format.sample_rate
                if first_s is None:
                    first_s = entry.at_s - seconds
                if event.concealed:
                    begin = first_s + event.position_ms / 1000
                    if holes and begin - holes[-1][1] < 1e-3:
                        begin = holes.pop()[0]
                    holes.append((begin, first_s + event.position_ms / 1000 + seconds))
        return holes

    def _inbound(self) -> Iterable[tuple[float, Media]]:
        for entry in self.entries:
            if entry.way == "sent" and entry.name == "media":
                try:
                    media = parse(entry.text or "")
                except ProtocolError:
                    continue
                if isinstance(media, Media) and media.track == "inbound":
                    yield entry.at_s, media


def split(entries: Sequence[Entry]) -> tuple[Sequence[Entry], list[Sequence[Entry]]]:
    """Return what the log has before its first stream, and the part of each stream."""
    starts = [i for i, entry in enumerate(entries) if entry.way == "sent" and entry.name == "start"]
    parts = [entries[begin:end] for begin, end in itertools.pairwise([*starts, len(entries)])]
    return entries[: starts[0] if starts else len(entries)], parts


def _start(entry: Entry) -> Start:
    event = parse(entry.text or "")
    assert isinstance(event, Start)  # `replay` has read it
    return event
