"""`Answers`: what becomes of requests once they have an outcome: XML that is run, files that are played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from voiceband.emulator.carrier.announcements import read_sound
from voiceband.emulator.carrier.web.requests import kept, shown
from voiceband.markup.values import url as check_url

if TYPE_CHECKING:
    from voiceband.emulator.carrier.announcements import Announcer
    from voiceband.emulator.carrier.program import Program
    from voiceband.emulator.carrier.web.requests import RequestOutcome

TOLD_ONLY = {"callback": "a status callback", "hangup": "the hangup URL", "tell": "an action URL"}
"""What a request is called whose answer nobody waits for, by its purpose."""


class AnswersHost(Protocol):
    """What `Answers` needs of its `Carrier`."""

    @property
    def over(self) -> bool:
        """Whether the call has ended."""

    def warn(self, text: str, now: float, degree: str = "note") -> None:
        """Put into the log, once, what is not as documented and went on."""

    def problem(self, text: str, now: float, purpose: str | None = None, **detail: Any) -> None:
        """Put it into the log as something wrong."""


class Answers:
    """Gives outcomes to whoever waits for them.

    Parameters
    ----------
    host : AnswersHost
        The phone call.
    program : Program
        Runs XML, and plays what it names.
    announcer : Announcer
        Plays what the API names.
    fallback_url : str or None
        Asked where the answer URL gives nothing of use.
    """

    def __init__(self, host: AnswersHost, program: Program, announcer: Announcer, fallback_url: str | None) -> None:
        if fallback_url is not None:
            check_url("fallback_url", fallback_url, ("https", "http"))
        self.loops: dict[int, int] = {}  # how often each file that the API asked for is to be played, by its ticket
        self._host, self._program, self._announcer = host, program, announcer
        self._fallback_url = fallback_url

    def take(self, outcome: RequestOutcome | None, now: float) -> None:
        """Take an outcome, if there is one yet."""
        if outcome is None:
            return
        purpose = outcome.purpose
        if purpose in TOLD_ONLY:
            if outcome.problem:
                text = f"{outcome.url}: {TOLD_ONLY[purpose]}: {outcome.problem}"
                self._host.problem(text, now, purpose, **outcome.detail)
        elif purpose == "file":
            self._play(self.loops.pop(outcome.ticket), outcome, now)
        elif not self._host.over:
            self._go_on(outcome, now)

    def _go_on(self, outcome: RequestOutcome, now: float) -> None:
        """Let the program have what it waits for."""
        problem, detail = outcome.problem, outcome.detail
        if not problem:
            try:
                self._program.answered(outcome.purpose, outcome.body, now)
            except ValueError as error:
                problem = f"{error}{shown(outcome.body, outcome.content_type)}"
                detail = kept(outcome.body, outcome.content_type)
            else:
                if outcome.purpose != "play" and "xml" not in outcome.content_type and outcome.content_type:
                    self._host.warn(f"XML was answered as {outcome.content_type}, not application/xml", now)
                return
        if outcome.purpose == "answer" and self._fallback_url is not None:
            self._host.problem(f"the answer URL gave no XML that can be run: {problem}", now, **detail)
            self._program.fetch("fallback", "POST", self._fallback_url, now)
        else:
            self._program.failed(outcome.purpose, problem, now, detail)

    def _play(self, loops: int, outcome: RequestOutcome, now: float) -> None:
        if self._host.over:
            return
        try:
            if outcome.problem:
                raise ValueError(outcome.problem)
            pcm = read_sound(outcome.body)
        except ValueError as error:
            self._host.problem(f"a file cannot be played: {outcome.url}: {error}", now, **outcome.detail)
        else:
            self._announcer.play(np.tile(pcm, loops), now)
