"""Runs the elements of an answer's XML one after the other, and says when the next has its turn."""

from __future__ import annotations

import collections
import math
import warnings
from typing import TYPE_CHECKING, Any, Protocol

from voiceband.emulator.carrier.announcements import RATE, read_sound
from voiceband.markup import Hangup, Play, Redirect, Response, Speak, Stream, Wait

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from voiceband.emulator.carrier.leg import Leg
    from voiceband.markup import Element

MAX_DOCUMENTS = 20
"""How many answers a call runs through before it is taken for a circle of redirections."""


class Stage(Protocol):
    """What a program needs of its `Carrier`."""

    def note(self, name: str, now: float, /, **detail: Any) -> None:
        """Put it into the log."""

    def problem(self, text: str, now: float) -> None:
        """Put it into the log as something wrong."""

    def fetch(self, purpose: str, method: str, url: str, now: float) -> int:
        """Send a request, and return its number."""

    def open_stream(self, stream: Stream, now: float) -> Leg | None:
        """Start a stream; None if it cannot be."""

    def announce(self, pcm: NDArray[np.int16], now: float) -> None:
        """Play samples at 16 kHz to the caller."""

    def speech(self, text: str, language: str | None, now: float) -> NDArray[np.int16]:
        """Read a text, at 16 kHz."""

    def end_call(self, reason: str, now: float) -> None:
        """Hang up."""


class Program:
    """The elements that remain, and what the call waits for.

    Parameters
    ----------
    stage : Stage
        The phone call.
    """

    def __init__(self, stage: Stage) -> None:
        self.ended_at = math.inf  # when the last element was done
        self._stage = stage
        self._elements: collections.deque[Element] = collections.deque()
        self._busy_until = -math.inf
        self._leg: Leg | None = None  # a stream that the next element waits for
        self._request: int | None = None  # an answer that it waits for
        self._clip: NDArray[np.int16] | None = None
        self._loops = 0.0  # how often the clip is still to be played; inf for ever
        self._wanted_loops = 0.0  # and how often one that is being fetched
        self._hang_up_at = math.inf
        self._documents = 0

    def fetch(self, purpose: str, method: str, url: str, now: float, *, afresh: bool = False) -> None:
        """Go on with the XML of a URL; afresh, whatever is running now."""
        if afresh:
            self._elements.clear()
            self._leg, self._loops, self._documents = None, 0.0, 0
            self._busy_until, self.ended_at = -math.inf, math.inf
            self._hang_up_at = math.inf
        self._documents += 1
        if self._documents > MAX_DOCUMENTS:
            self._stage.problem(f"{MAX_DOCUMENTS} answers led only to others: the call ends", now)
            self._stage.end_call("too many redirections", now)
            return
        self._request = self._stage.fetch(purpose, method, url, now)

    def load(self, response: Response) -> None:
        """Go on with these elements."""
        self._elements = collections.deque(response.elements)

    def answered(self, purpose: str, status: int, body: bytes, now: float) -> None:
        """Take the answer to the request that this waits for."""
        self._request = None
        try:
            if not 200 <= status < 300:
                signed = "; it may want a signature" if status in (401, 403) else ""
                raise ValueError(f"it answered with HTTP {status}{signed}")
            if purpose == "play":
                self._play(read_sound(body), self._wanted_loops, now)
            else:
                # What is doubtful about it is for whoever reads the log.
                with warnings.catch_warnings(record=True) as doubts:
                    warnings.simplefilter("always")
                    response = Response.from_xml(body)
                for doubt in doubts:
                    self._stage.note("warning", now, text=str(doubt.message))
                self.load(response)
        except ValueError as error:
            self.failed(purpose, str(error), now)

    def failed(self, purpose: str, reason: str, now: float) -> None:
        """Take it that no answer came, or none of use."""
        self._request = None
        if purpose == "play":
            self._stage.problem(f"a file cannot be played: {reason}", now)
            return
        self._stage.problem(f"the {purpose} URL gave no XML that can be run: {reason}", now)
        self._stage.end_call(f"no answer: {reason}" if purpose == "answer" else f"no XML: {reason}", now)

    def poll(self, now: float) -> None:
        """Run the elements whose turn it is."""
        while self.next_poll <= now:
            if self._hang_up_at <= now:
                self._stage.end_call("Hangup element", self._hang_up_at)
                return
            if self._loops > 0:
                self._repeat(now)
            elif self._elements:
                self._run(self._elements.popleft(), now)
            else:
                self.ended_at = now

    @property
    def next_poll(self) -> float:
        """When the next element has its turn; inf while it waits for something other than time."""
        if self._request is not None or self.ended_at < math.inf or (self._leg is not None and not self._leg.over):
            return self._hang_up_at
        return min(self._busy_until, self._hang_up_at)

    def _run(self, element: Element, now: float) -> None:
        """Begin one element."""
        stage = self._stage
        # Extra headers may name people, and a text may say anything: neither belongs in a log.
        stage.note("element", now, tag=element.tag)
        if isinstance(element, Stream):
            leg = stage.open_stream(element, now)
            self._leg = leg if element.keep_call_alive else None
        elif isinstance(element, Speak):
            self._play(stage.speech(element.text, element.language, now), element.loop or math.inf, now)
        elif isinstance(element, Play):
            self._wanted_loops = element.loop or math.inf
            self._request = stage.fetch("play", "GET", element.url, now)
        elif isinstance(element, Wait):
            # Nobody listens to the caller here, so silence is what there is.
            silence_s = element.min_silence / 1000 if element.silence else math.inf
            self._busy_until = now + min(element.length, silence_s)
        elif isinstance(element, Redirect):
            self._elements.clear()
            self.fetch("redirect", element.method, element.url, now)
        elif isinstance(element, Hangup):
            self._hang_up_at = now + (element.schedule or 0)

    def _play(self, pcm: NDArray[np.int16], loops: float, now: float) -> None:
        self._clip, self._loops = pcm, loops if len(pcm) else 0
        self._busy_until = now

    def _repeat(self, now: float) -> None:
        assert self._clip is not None
        self._loops -= 1
        self._busy_until = now + len(self._clip) / RATE
        self._stage.announce(self._clip, now)
