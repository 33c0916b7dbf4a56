"""`Finding`: one thing that is wrong with an agent, or doubtful, or worth knowing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Degree = Literal["error", "doubtful", "note"]
DEGREES: tuple[Degree, ...] = ("error", "doubtful", "note")
"""From what is certainly wrong to what is merely worth knowing."""
QUOTED_CHARS = 200
_PAYLOAD = re.compile(r'("payload"\s*:\s*"[^"]{0,12})([^"]*)')


class Finding(msgspec.Struct, frozen=True):
    """Something that an agent did on a call, and that its author should know.

    Attributes
    ----------
    rule : str
        A key of `RULES`.
    message : str
        What was wrong, with the fields of the message that was; the first one, if there were several.
    at_ms : float
        When, in ms from the start of the stream, which is that of its first connection; from that of the log where
        there was no stream yet.
    hears : str
        What the caller hears of it.
    count : int
        How often it happened on this stream.
    stream : int
        Which of the call's streams, from 1 on; 0 where there was none yet. A connection that is made again after one
        that broke off belongs to the same stream.
    degree : {"error", "doubtful", "note"}
        Error: documents and real programs agree that it is wrong, and the caller hears it or the agent is not obeyed.
        Doubtful: they disagree, and the message names both. Note: the caller hears nothing of it.
    """

    rule: str
    message: str
    at_ms: float
    hears: str
    count: int = 1
    stream: int = 1
    degree: Degree = "error"

    def __str__(self) -> str:
        times = f" ({self.count} times)" if self.count > 1 else ""
        which = f" of stream {self.stream}" if self.stream > 1 else ""
        rule = self.rule if self.degree == "error" else f"{self.rule} ({self.degree})"
        return f"{self.at_ms / 1000:.2f} s{which}  {rule}: {self.message}{times}. The caller hears {self.hears}."


def failing(findings: Iterable[Finding], *, strict: bool = False) -> list[Finding]:
    """Return the findings that make a call a failure: the errors; with `strict` all of them."""
    return [finding for finding in findings if strict or finding.degree == "error"]


def verdict(findings: Sequence[Finding]) -> str:
    """Return what they come to: "good: nothing is wrong", "2 errors, 1 doubtful", "no errors, 1 note"."""
    if not findings:
        return "good: nothing is wrong"
    counts = [(sum(finding.degree == degree for finding in findings), degree) for degree in DEGREES]
    words = [f"{n} {degree}{'s' if n > 1 and degree != 'doubtful' else ''}" for n, degree in counts if n]
    return ", ".join(words if counts[0][0] else ["no errors", *words])


def quoted(text: str | None) -> str:
    """Return a message as a finding shows it: its audio left out, and no longer than a few lines."""
    if text is None:
        return "a frame without text"
    short = _PAYLOAD.sub(lambda m: f"{m[1]}…" if m[2] else m[1], text[:1000])
    return short if len(short) <= QUOTED_CHARS else short[:QUOTED_CHARS] + "…"
