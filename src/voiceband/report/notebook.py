"""What notebooks show of calls and clips: small, quick, without scripts, and readable on any theme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.dsp.resample import resample
from voiceband.report.errors import ReportError
from voiceband.report.model import clock
from voiceband.report.page import render
from voiceband.report.page_sound import PlayerSource, listening_rate, players
from voiceband.report.plots import level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from voiceband.emulator.call.placed import PlacedCall
    from voiceband.sound.speech import Intervals

    Side = tuple[str, NDArray[np.int16], Intervals]

PLAYER_S = 120.0
"""What lasts longer has no players: a notebook keeps all that it shows."""
PLAYER_BYTES = 400_000
"""Players are lossless up to this, together."""
COLUMNS = 600
MAX_FINDINGS = 20
COLOURS = ("#3a86d0", "#35986a")
"""Of the caller and the agent; both stand out against white and against black."""


def call_html(call: PlacedCall) -> str | None:
    """Return a call as a piece of HTML; None if a package is missing.

    Both sides' level, with gaps in red, players for calls of up to two minutes, the main measures, and what is wrong.
    """
    findings = [str(finding) for finding in call.findings]
    note = f"{len(findings) - MAX_FINDINGS} more findings" if len(findings) > MAX_FINDINGS else ""
    sides: list[Side] = []
    figures = [("ended by", call.end_reason), ("findings", str(len(findings)))]
    rate, seconds = 8000, call.duration
    if call.connected:
        measures, rate = call.measures, call.rate
        answer, first = measures.answer_median_ms, measures.first_audio_ms
        figures += [
            ("format", str(call.stream.format)),
            ("first audio", "never" if first is None else f"{first:.0f} ms"),
            ("median answer", "none" if answer is None else f"{answer:.0f} ms"),
            ("gaps", str(len(measures.gaps))),
        ]
        whole_ms = measures.duration_ms
        holes = [(gap.at_ms / whole_ms, (gap.at_ms + gap.ms) / whole_ms) for gap in measures.gaps]
        sides = [("The caller", call.said, []), ("The agent, as the caller heard it", call.heard, holes)]
        note = note or ("" if whole_ms / 1000 <= PLAYER_S else _too_long())
    return _html(f"Call of {clock(seconds)}", seconds, rate, sides, figures, findings[:MAX_FINDINGS], note)


def clip_html(pcm: NDArray[Any], rate: int | None) -> str | None:
    """Return int16 samples as a piece of HTML: their level and a player; None if a package is missing.

    A clip without a rate has no player, and is drawn as if it had 8000 Hz.
    """
    if pcm.ndim != 1 or pcm.dtype != np.int16:
        return None
    own = rate or 8000
    seconds = len(pcm) / own
    figures = [("rate", f"{rate} Hz" if rate else "that of its call"), ("samples", str(len(pcm)))]
    note = "" if seconds <= PLAYER_S else _too_long()
    if rate and note == "":
        pcm, own = resample(pcm, rate, listening_rate(rate)), listening_rate(rate)
    sides: list[Side] = [("The clip", pcm, [])] if len(pcm) else []
    return _html(f"Clip of {clock(seconds)}", seconds, own, sides, figures, [], note, sound=rate is not None)


def _html(
    title: str,
    seconds: float,
    rate: int,
    sides: Sequence[Side],
    figures: Sequence[tuple[str, str]],
    findings: Sequence[str],
    note: str,
    *,
    sound: bool = True,
) -> str | None:
    tracks = [pcm for _, pcm, _ in sides]
    heard: list[PlayerSource | None] = [None] * len(sides)
    if sound and seconds <= PLAYER_S and all(map(len, tracks)):
        try:
            heard = list(players(tracks, rate, PLAYER_BYTES))
        except ReportError as error:
            note = str(error)
    drawn = [
        (name, level(pcm, rate, COLUMNS), player, colour, holes)
        for (name, pcm, holes), player, colour in zip(sides, heard, COLOURS, strict=False)
        if len(pcm)
    ]
    try:
        return render(
            "notebook.html.j2",
            title=title,
            figures=figures,
            sides=drawn,
            findings=findings,
            note=note,
            duration_s=seconds,
        )
    except ReportError:
        return None


def _too_long() -> str:
    return f"There are no players, for it lasts more than {PLAYER_S:.0f} s; voiceband report makes a page with them."
