"""What the commands that place calls share: running them before a person's eyes, recording them, summing them up."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from rich.console import Console

from voiceband.commands import _console
from voiceband.commands.meters import Meters
from voiceband.emulator.call.place import Placement
from voiceband.emulator.call.placed import PlacedCall
from voiceband.emulator.call.record import CallRecord
from voiceband.emulator.judge.findings import DEGREES, verdict
from voiceband.emulator.judge.rules import RULES
from voiceband.emulator.run.real import run_call

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from voiceband.emulator.caller.steps import Step
    from voiceband.emulator.carrier.carrier import Carrier
    from voiceband.emulator.carrier.log import Entry
    from voiceband.emulator.judge.measures import Measures


class Desk:
    """One call of a command: its placement, its record, what is shown of it.

    Parameters
    ----------
    name : str
        Of the caller; empty where there is only one.
    folder : path-like
        For the record.
    console : Console
        Where lines go.
    lines : mapping of str to str
        Events of the log that give a line, and its text.
    target, steps, **options
        For `Placement`.
    start_s : float, optional
        How much later than the first caller this one calls.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        console: Console,
        lines: Mapping[str, str],
        target: Any,
        steps: Sequence[Step],
        *,
        start_s: float = 0.0,
        **options: Any,
    ) -> None:
        self.name, self.start_s = name, start_s
        self._console, self._lines = console, lines
        self.record = CallRecord(folder, on_entry=self._tell)
        self.placement = Placement(target, steps, log=self.record.log, **options)
        self.call: PlacedCall | None = None
        self.summary: dict[str, Any] = {}

    def _tell(self, entry: Entry) -> None:
        text = self._lines.get(entry.name) if entry.way != "sent" else None
        if text is None or self._console.is_terminal:
            return
        reason = next((str(entry.detail[key]) for key in ("reason", "problem", "text") if entry.detail.get(key)), "")
        who = f"{self.name}: " if self.name else ""
        line = f"{self.start_s + entry.at_s:5.1f} s  {who}{text}{': ' if reason else ''}{reason}"
        _console.note(line)

    async def run(self, meters: Meters, tls: ssl.SSLContext | None, max_s: float) -> None:
        """Place the call, and see it through."""
        await asyncio.sleep(self.start_s)
        placement = self.placement

        def tick(now: float, carrier: Carrier) -> None:
            self.record.check()
            placement.tick(now, carrier)
            meters.show(self.name, carrier, now)

        networks = placement.networks if placement.delayed else None
        await run_call(placement.carrier, on_tick=tick, tls=tls, network=networks, max_s=max_s)

    def finish(self) -> None:
        """Write what is left of the call, if it has begun."""
        if len(self.record.log):
            self.call = PlacedCall(self.placement)
            self.summary = self.record.write(self.call)


def run(
    desks: Sequence[Desk],
    console: Console,
    *,
    tls: ssl.SSLContext | None = None,
    max_s: float = 300.0,
    before_files: Callable[[], object] = lambda: None,
) -> None:
    """Place calls at once, and leave whole files of each however this ends.

    Parameters
    ----------
    desks : sequence of Desk
        The calls.
    console : Console
        Where meters are shown.
    tls : ssl.SSLContext, optional
        Instead of the system's certificates.
    max_s : float, optional
        After how many seconds the callers hang up.
    before_files : callable, optional
        Called before summaries are written, to add to them.

    Raises
    ------
    KeyboardInterrupt
        After the files have been written.
    """

    async def all_of_them(meters: Meters) -> None:
        # Of a disk that is full, say, one error is enough; the other calls are cancelled then.
        await asyncio.gather(*(desk.run(meters, tls, max_s) for desk in desks))

    with contextlib.ExitStack() as stack:
        for desk in desks:
            stack.enter_context(desk.record)
        try:
            with Meters(console, [desk.name for desk in desks]) as meters:
                asyncio.run(all_of_them(meters))
        finally:
            before_files()
            for desk in desks:
                desk.finish()


def why_none(call: PlacedCall) -> str:
    """Return in one line why no stream was opened."""
    for entry in call.log.named("refused"):
        return str(entry.detail["reason"])
    return "; ".join(call.carrier.problems or [finding.message for finding in call.findings])


COLOURS = {"error": "red", "doubtful": "yellow", "note": "cyan", "good": "green"}


def print_summary(desk: Desk, *, interrupted: bool = False) -> None:
    """Print the outcome of a call, the verdict first."""
    summary = desk.summary
    assert desk.call is not None
    findings = desk.call.findings
    if summary["connected"]:
        said = verdict(findings)
        worst = next((degree for degree in DEGREES for finding in findings if finding.degree == degree), "good")
    else:
        said, worst = "no call took place", "error"
    said = f"{desk.name}: {said}" if desk.name else said
    _console.note(f"{said} (interrupted)" if interrupted else said, COLOURS[worst])
    rows: list[tuple[str, str]] = []
    if summary["connected"]:
        replies = ", ".join(f"{ms:.0f} ms" for ms in summary["reply_ms"])
        first = summary["measures"]["first_audio_ms"]
        rows += [
            ("call", summary["call_id"]),
            ("lasted", f"{summary['duration_s']:.1f} s, {summary['format']}"),
            ("script", summary["script"]),
            ("to the agent", "{messages} messages, {bytes} bytes".format(**summary["to_agent"])),
            ("from the agent", "{messages} messages, {bytes} bytes".format(**summary["from_agent"])),
            ("first audio", "never" if first is None else f"{first:.0f} ms"),
            ("replies", f"{replies} after the caller's speech" if replies else "none"),
            ("gaps heard", str(len(summary["measures"]["gaps"]))),
            *_manners(desk.call.measures),
        ]
    if "agent_cpu_us_per_frame" in summary:
        rows.append(("agent CPU", f"{summary['agent_cpu_us_per_frame']:.0f} us per 20 ms frame, sockets included"))
    for step in summary["timed_out"]:
        rows.append(("gave up", f"step {step['step']} of the script, {step['what']}"))
    colours = {}
    for finding in findings:
        colours[len(rows)] = COLOURS[finding.degree]
        rows += [(finding.degree, str(finding)), ("  what to do", RULES[finding.rule].remedy)]
    rows.append(desk.record.kept)
    _console.note_rows(rows, colours)


def _manners(measures: Measures) -> list[tuple[str, str]]:
    """Return what became of interruptions, and of what was not heard."""
    clipped = [word for word in measures.clipped_words if word.by == "clear"]
    rows = []
    for barge in measures.barge_ins:
        how = "cleared" if barge.cleared else "not cleared"
        cut = any(barge.at_ms <= word.at_ms <= barge.at_ms + barge.silence_ms + 50 for word in clipped)
        rows.append(
            ("barge-in", f"at {barge.at_ms / 1000:.1f} s, silence after {barge.silence_ms:.0f} ms, {how}"
                         + (", a word clipped" if cut else ""))
        )  # fmt: skip
    unheard = measures.unheard
    parts = [
        f"{ms:.0f} ms {what}"
        for ms, what in (
            (unheard.cleared_ms, "cleared"), (unheard.ended_ms, "cut by the end"), (unheard.dropped_ms, "not queued"),
        )
        if ms >= 0.5
    ]  # fmt: skip
    if parts:
        rows.append(("never heard", ", ".join(parts)))
    if measures.talk_over_ms >= 0.5:
        rows.append(("talk-over", f"{measures.talk_over_ms:.0f} ms"))
    return rows
