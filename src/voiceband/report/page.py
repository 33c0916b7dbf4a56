"""Puts reports into HTML: templates that escape everything, one style sheet, one script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import math
from importlib import resources
from typing import TYPE_CHECKING, Any

from voiceband.emulator.judge.rules import RULES
from voiceband.report.errors import ReportError
from voiceband.report.kinds import KINDS, PageMark
from voiceband.report.model import CallReport, clock, spread
from voiceband.report.page_sound import players
from voiceband.report.plots import dots, level, spectrogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voiceband.report.clip import ClipReport

MAX_MARKS = 2000
"""How many marks a page shows of each kind."""
MAX_ROWS = 500
"""How many rows a table has at most."""
LEAD_TOP_MS = 2000.0


def call_page(report: CallReport) -> str:
    """Return the page of a call.

    Raises
    ------
    ReportError
        If what a page is made with is missing.
    """
    shown: list[PageMark] = []
    counts = dict.fromkeys(KINDS, 0)
    for mark in report.marks:
        counts[mark.kind] += 1
        if counts[mark.kind] <= MAX_MARKS:
            shown.append(mark)
    duration_s = report.duration_s
    sides = [
        {
            "key": key,
            "name": name,
            "level": level(pcm, report.rate),
            "spectrogram": spectrogram(pcm, report.rate),
            "speech": speech,
            "player": player,
        }
        for (key, name, pcm, speech), player in zip(
            (
                ("caller", "The caller", report.caller, report.caller_speech),
                ("agent", "The agent, as the caller heard it", report.agent, report.agent_speech),
            ),
            players([report.caller, report.agent], report.rate),
            strict=True,
        )
    ]
    lead_top = _top(report.lead, LEAD_TOP_MS)
    interval_top = _top(report.intervals, math.inf)
    lateness_top = _top(report.lateness, math.inf)
    return _page(
        "call.html.j2",
        report=report,
        sides=sides,
        marks=shown,
        counts=counts,
        hidden=len(report.marks) - len(shown),
        kinds=KINDS,
        rules=RULES,
        duration_s=duration_s,
        lead=dots(report.lead, duration_s, lead_top, least=True),
        lead_top=lead_top,
        lead_spread=_low(report.lead),
        intervals=dots(report.intervals, duration_s, interval_top),
        interval_top=interval_top,
        interval_spread=spread(value for _, value in report.intervals),
        lateness=dots(report.lateness, duration_s, lateness_top),
        lateness_top=lateness_top,
        lateness_spread=spread(value for _, value in report.lateness),
        most=MAX_ROWS,
        longest_answer=max(
            (max(turn.answer_ms, 1.0) for turn in report.turns if turn.answer_ms is not None), default=1.0
        ),
    )


def clip_page(report: ClipReport) -> str:
    """Return the page of a clip; it raises as `call_page` does."""
    versions = [
        {
            "key": key,
            "name": name,
            "level": level(pcm, report.rate),
            "spectrogram": spectrogram(pcm, report.rate),
            "figures": figures,
            "player": player,
        }
        for (key, name, pcm, figures), player in zip(
            report.versions, players([v.pcm for v in report.versions], report.rate), strict=True
        )
    ]
    return _page("clip.html.j2", report=report, versions=versions, duration_s=report.duration_s)


def _top(series: Sequence[tuple[float, float]], most: float) -> float:
    """Return a round number at the upper end of a scale."""
    largest = min(most, max((value for _, value in series), default=1.0))
    step = 10 ** math.floor(math.log10(max(largest, 1.0)))
    return float(math.ceil(max(largest, 1.0) / step) * step)


def _low(series: Sequence[tuple[float, float]]) -> tuple[float, float, float] | None:
    """Return least, 5th percentile and median; None of nothing."""
    turned = spread(-value for _, value in series)
    return None if turned is None else (-turned[2], -turned[1], -turned[0])


def render(template: str, **values: Any) -> str:
    """Fill a template; whatever is put in is escaped.

    Raises
    ------
    ReportError
        If jinja2 is missing.
    """
    try:
        import jinja2
    except ModuleNotFoundError:
        raise ReportError("a page needs jinja2; pip install 'voiceband[report]' brings it") from None
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = clock
    environment.filters["picture"] = _picture
    environment.filters["percent"] = lambda value, whole: f"{100 * value / whole:.4f}%"
    return environment.get_template(template).render(**values)


def _page(template: str, **values: Any) -> str:
    """Fill the template of a whole page, with a policy that lets nothing run or load but what is in it."""
    style, script = _source("page.css"), _source("page.js")
    policy = (
        f"default-src 'none'; img-src data:; media-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return render(template, style=_Own(style), script=_Own(script), policy=policy, **values)


def _picture(svg: str) -> str:
    """Return an SVG as a data URI."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.strip().encode()).decode()}"


class _Own(str):
    """A text that is not escaped, for it is ours and holds nothing of a call."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def _source(name: str) -> str:
    return (resources.files("voiceband.report") / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
