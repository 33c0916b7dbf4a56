"""`Watcher`: what every rule of the linter derives from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiceband.emulator.carrier.log import Entry
    from voiceband.emulator.judge.findings import Degree
    from voiceband.emulator.judge.lint.agent_stream import AgentStream, Piece


class Report(Protocol):
    """What a rule is given to report with."""

    def __call__(
        self, rule: str, message: str, at_s: float, *, degree: Degree | None = None, hears: str | None = None
    ) -> None:
        """Report something.

        Parameters
        ----------
        rule : str
            A key of `RULES`.
        message : str
            What is wrong, with the fields of the message that is.
        at_s : float
            When, on the clock of the log.
        degree : {"error", "doubtful", "note"}, optional
            If it is not the rule's own.
        hears : str, optional
            What the caller hears of it, if not what the rule or the degree says.
        """


class Watcher:
    """A rule: it sees one stream go by, and reports what is wrong.

    A subclass overrides the hooks that it needs. A public method that is no hook is a TypeError when the class is made,
    since nobody would ever call it.

    Parameters
    ----------
    stream : AgentStream
        What it watches.
    report : Report
        Called for each thing that is wrong.
    """

    def __init__(self, stream: AgentStream, report: Report) -> None:
        self.stream = stream
        self.report = report

    def __init_subclass__(cls) -> None:
        for name, value in vars(cls).items():
            if callable(value) and not name.startswith("_") and name not in HOOKS:
                raise TypeError(f"{cls.__name__}.{name} is no hook of the linter; the hooks are {', '.join(HOOKS)}")

    def refused(self, entry: Entry) -> None:
        """See a message that the carrier did not take."""

    def doubted(self, entry: Entry) -> None:
        """See a message that was taken, though documents and real programs disagree about it; before the next hooks."""

    def ignored(self, entry: Entry) -> None:
        """See a message after the end of the stream."""

    def played(self, entry: Entry, piece: Piece) -> None:
        """See a playAudio that was taken."""

    def marked(self, entry: Entry) -> None:
        """See a checkpoint that was taken."""

    def answered(self, entry: Entry) -> None:
        """See a playedStream."""

    def cleared(self, entry: Entry) -> None:
        """See a clearAudio that was taken."""

    def frame(self, entry: Entry) -> None:
        """See a media message to the agent."""

    def ended(self, entry: Entry) -> None:
        """See the end of the stream."""


HOOKS = tuple(name for name, value in vars(Watcher).items() if callable(value) and not name.startswith("_"))
"""Names of the hooks, in the order of `Watcher`."""


def overridden(watcher: Watcher, hook: str) -> Callable[..., None] | None:
    """Return a rule's own method for a hook; None where it has none, so that nobody calls it for nothing."""
    if getattr(type(watcher), hook) is getattr(Watcher, hook):
        return None
    method: Callable[..., None] = getattr(watcher, hook)
    return method
