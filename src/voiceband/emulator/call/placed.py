"""`PlacedCall`: what became of a phone call, for people, tests and files."""

from __future__ import annotations

import collections
import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from voiceband.emulator._html import drawn, page
from voiceband.emulator.call.files import write_sound_and_summary
from voiceband.emulator.judge import whole_call
from voiceband.emulator.judge.findings import failing, verdict
from voiceband.emulator.judge.lint import lint
from voiceband.emulator.judge.measures import measure
from voiceband.emulator.judge.rules import RULES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.emulator.call.place import Placement
    from voiceband.emulator.caller.script import TimedOut
    from voiceband.emulator.carrier.carrier import Carrier
    from voiceband.emulator.carrier.carrier_stream import CarrierStream
    from voiceband.emulator.carrier.log import CallLog
    from voiceband.emulator.judge.caller_turns import Turn
    from voiceband.emulator.judge.findings import Finding
    from voiceband.emulator.judge.measures import MeasuredBargeIn, Measures, Silence


class PlacedCall:
    """A phone call that is over.

    Parameters
    ----------
    placement : Placement
        The call, as it was run.
    now : float, optional
        When it broke off, if the carrier does not know of its end.

    Attributes
    ----------
    carrier : Carrier
        All of it.
    timed_out : list of TimedOut
        Steps of the caller that did not happen.

    Notes
    -----
    Where there were several connections, what is measured and heard is of the last one. A call that never took place
    has findings, and no measures: what asks for them raises RuntimeError, with the findings in its text.
    """

    def __init__(self, placement: Placement, now: float | None = None) -> None:
        self.carrier: Carrier = placement.carrier
        self.timed_out: list[TimedOut] = [step for script in placement.scripts for step in script.timed_out]
        self._about = placement.about
        self._now = self.carrier.ended_at if now is None else min(now, self.carrier.ended_at)

    def __repr__(self) -> str:
        found = ", ".join(finding.rule for finding in self.findings) or "no findings"
        return f"<PlacedCall: {self.duration:.1f} s, ended by {self.end_reason!r}, {found}>"

    def _repr_html_(self) -> str | None:
        """Show it in a notebook; as plain text without what ``voiceband[report]`` brings."""
        return drawn("call_html", self)

    @property
    def log(self) -> CallLog:
        """Everything that happened, as one list."""
        return self.carrier.log

    @cached_property
    def transcript(self) -> str:
        """The log as ``wire.jsonl`` has it: the same for the same seed, where the clock was virtual."""
        return "".join(self.log.lines())

    @cached_property
    def findings(self) -> list[Finding]:
        """What is wrong with the agent, what is doubtful, and what is worth knowing."""
        return lint(self.log)

    @property
    def errors(self) -> list[Finding]:
        """The findings that are certain and that the caller hears."""
        return failing(self.findings)

    @property
    def explanation(self) -> str:
        """The verdict, and each finding with what to do, as lines."""
        lines = [verdict(self.findings)]
        for finding in self.findings:
            lines += [f"{finding.degree}: {finding}", f"    what to do: {RULES[finding.rule].remedy}"]
        return "\n".join(lines)

    def save(self, folder: str | Path) -> Path:
        """Keep the call: call.wav, wire.jsonl and summary.json, and report.html with ``voiceband[report]``.

        Parameters
        ----------
        folder : path-like
            Made if need be; what is there of another call is replaced.

        Returns
        -------
        folder : Path
            Where the files are.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "wire.jsonl").write_text(self.transcript, encoding="utf-8")
        write_sound_and_summary(folder, self.recording(), self.summary())
        (folder / "report.html").unlink(missing_ok=True)
        if (html := page(folder)) is not None:
            (folder / "report.html").write_text(html, encoding="utf-8")
        return folder

    @property
    def connected(self) -> bool:
        """Whether a stream was opened."""
        return bool(self.carrier.streams)

    @property
    def end_reason(self) -> str:
        """Why the phone call ended."""
        return self.carrier.end_reason

    @property
    def duration(self) -> float:
        """Length of the phone call, in seconds."""
        return self._now - self.carrier.started_at

    @property
    def stream(self) -> CarrierStream:
        """The last connection."""
        if not self.carrier.streams:
            why = "; ".join(map(str, self.findings)) or self.end_reason
            raise RuntimeError(f"no stream was opened, so there is nothing to measure: {why}")
        return self.carrier.streams[-1]

    @cached_property
    def measures(self) -> Measures:
        """Measures of what the caller heard."""
        return measure(self.stream, self._now)

    @property
    def first_audio(self) -> float:
        """Time of the agent's first audible speech, in seconds from the start of the stream; inf for never."""
        ms = self.measures.first_audio_ms
        return float("inf") if ms is None else ms / 1000

    @property
    def answers(self) -> list[float]:
        """Seconds from the end of each answered turn of the caller to the agent's first speech."""
        return [ms / 1000 for ms in self.measures.answers_ms]

    @property
    def turns(self) -> list[Turn]:
        """The caller's turns to speak."""
        return self.measures.turns

    @property
    def gaps(self) -> list[Silence]:
        """Holes that can be heard in the agent's speech."""
        return self.measures.gaps

    @property
    def barge_ins(self) -> list[MeasuredBargeIn]:
        """Moments at which the caller spoke into the agent's speech."""
        return self.measures.barge_ins

    @property
    def rate(self) -> int:
        """Sample rate of `said` and `heard`, in Hz."""
        return self.stream.format.sample_rate

    @property
    def said(self) -> NDArray[np.int16]:
        """What the caller's line brought to the carrier."""
        return self.stream.recording(self._now)[0]

    @property
    def heard(self) -> NDArray[np.int16]:
        """What the caller heard, from the start of the stream on."""
        return self.stream.recording(self._now)[1]

    @property
    def digits(self) -> str:
        """Keys that the agent pressed."""
        return "".join(self.stream.digits)

    def recording(self) -> tuple[NDArray[np.int16], NDArray[np.int16], int]:
        """Return both sides of the whole phone call, announcements included, and their rate in Hz."""
        rate = max((call.format.sample_rate for call in self.carrier.streams), default=8000)
        return *whole_call.recording(self.carrier, self._now, rate), rate

    def traffic(self) -> dict[str, dict[str, int]]:
        """Return how many messages went each way, and their bytes."""
        count = {way: collections.Counter(messages=0, bytes=0) for way in ("sent", "received")}
        for entry in self.log:
            if entry.way in count:
                size = len(entry.text.encode()) if entry.text is not None else entry.detail.get("binary_bytes", 0)
                count[entry.way].update(messages=1, bytes=size)
        return {"to_agent": dict(count["sent"]), "from_agent": dict(count["received"])}

    def summary(self) -> dict[str, Any]:
        """Return what it came to, fit for JSON."""
        facts: dict[str, Any] = {
            "call_id": self.carrier.call_id,
            "connected": self.connected,
            "script": self._about,
        }
        if self.connected:
            measures = self.measures
            facts |= {
                "stream_id": self.stream.stream_id,
                "format": str(self.stream.format),
                "duration_s": round(measures.duration_ms / 1000, 3),
                "connections": len(self.carrier.streams),
                "streams": [
                    {"stream_id": leg.stream_id, "starts_ms": round((leg.started_at - self.carrier.started_at) * 1000)}
                    for leg in sorted(self.carrier.legs, key=lambda leg: leg.started_at)
                    if leg.started_at < math.inf
                ],
            }
            plain = measures.as_dict()
            turns = {
                "caller_turns": len(measures.turns),
                "replies": len(measures.answers_ms),
                "reply_ms": [round(ms, 1) for ms in measures.answers_ms],
                "reply_median_ms": plain["answer_median_ms"],
            }
        else:
            plain, turns = None, {}
        return {
            **facts,
            "end_reason": self.end_reason,
            **self.traffic(),
            **turns,
            "timed_out": [{"step": step.step, "what": step.text} for step in self.timed_out],
            "measures": plain,
            "findings": msgspec.to_builtins(self.findings),
        }
