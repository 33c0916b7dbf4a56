"""The log "voiceband.calls": one line when a call begins, one when it ends, and one for each kind of warning."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from voiceband.servers.totals import TOTALS
from voiceband.session import Failed, Malformed, Refused, Started, Warned

if TYPE_CHECKING:
    from voiceband.session import SessionEvent

MOST = 200
"""Characters of a peer's that one line shows."""
log = logging.getLogger("voiceband.calls")


def printable(text: object) -> str:
    r"""Return what a peer has sent in a form that a log may show: cut, and without characters that a terminal obeys.

    Examples
    --------
    >>> printable("c1\n2026-11-29 ERROR forged \x1b[31m")
    'c1\\n2026-11-29 ERROR forged \\x1b[31m'
    """
    shown = str(text)
    if len(shown) > MOST:
        shown = f"{shown[:MOST]}..."
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else escaped(c) for c in shown)


def escaped(character: str) -> str:
    """Return a character as a literal of Python has it."""
    return character.encode("unicode_escape").decode()


class PrintableFormatter(logging.Formatter):
    """Formats records of several lines, and of an agent's errors that quote a peer, so that no line can be forged."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record; lines after the first are indented."""
        lines = super().format(record).split("\n")
        return "\n    ".join("".join(c if c.isprintable() else escaped(c) for c in line) for line in lines)


class CallLogger:
    """The lines of one call."""

    def __init__(self, now: float) -> None:
        self._began_at = now
        self._id: str | None = None
        self._told: set[str] = set()
        TOTALS.connections += 1
        TOTALS.add("connections_total")

    def note(self, event: SessionEvent) -> None:
        """Log an event, if it is the first of its kind."""
        if isinstance(event, Started):
            is_first, self._id = self._id is None, event.call_id or event.stream_id or "without an id"
            if is_first:
                TOTALS.add("calls_total")
            if not event.again:
                log.info("call %s begins: stream %s, %s", *map(printable, (self._id, event.stream_id, event.format)))
        elif isinstance(event, Warned):
            self._warn(event.kind, event.reason)
        elif isinstance(event, Refused):
            self._warn("refused", f"{event.message or 'a message'}: {event.reason or 'no reason given'}")
        elif isinstance(event, (Malformed, Failed)):
            self._warn(type(event).__name__.lower(), event.reason or "no reason given")

    def _warn(self, kind: str, reason: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            TOTALS.add("warnings_total", kind=kind)
            log.warning("call %s: %s: %s", *map(printable, (self._id or "without an id", kind, reason)))

    def end(self, reason: str | None, now: float) -> None:
        """Say that the call has ended."""
        TOTALS.connections -= 1
        why, lasted_s = printable(reason or "the agent has ended it"), now - self._began_at
        if self._id is None:
            log.info("a connection ends without a call after %.1f s: %s", lasted_s, why)
        else:
            log.info("call %s ends after %.1f s: %s", printable(self._id), lasted_s, why)
