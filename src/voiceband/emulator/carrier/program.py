"""Runs the elements of an answer's XML one after the other, and says when the next has its turn."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING, Any, Protocol

from voiceband._checks import check_text
from voiceband.emulator.carrier.announcements import RATE, beep, read_sound, ringback
from voiceband.emulator.carrier.document import read_document
from voiceband.emulator.carrier.elements import (
    Break,
    ConferenceElement,
    DialElement,
    InputElement,
    RecordElement,
    StreamElement,
    WithAction,
)
from voiceband.emulator.carrier.reading import DIGITS
from voiceband.markup import Hangup, Play, Redirect, Speak, Stream, Wait

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from voiceband.emulator.carrier.announcements import Announcer
    from voiceband.emulator.carrier.elements import AnyElement
    from voiceband.emulator.carrier.leg import Leg

MAX_DOCUMENTS = 20
"""How many answers a call runs through before it is taken for a circle of redirections."""
REACTION_S = 1.0
"""How long the caller takes to press a key that is asked for."""
WORDS = "hello"
"""What the caller says where words are asked for."""


class ProgramHost(Protocol):
    """What a program needs of its `Carrier`."""

    def note(self, name: str, now: float, /, **detail: Any) -> None:
        """Put it into the log."""

    def warn(self, text: str, now: float, degree: str = "note") -> None:
        """Put into the log, once, what is not as documented and went on."""

    def problem(self, text: str, now: float, purpose: str | None = None, **detail: Any) -> None:
        """Put it into the log as something wrong."""

    def fetch(self, purpose: str, method: str, url: str, now: float, form: Mapping[str, str] = ...) -> int:
        """Send a request, and return its number."""

    def tell(self, method: str, url: str, form: Mapping[str, str], now: float) -> None:
        """Send a request whose answer does not matter."""

    def open_stream(self, stream: Stream, now: float, extra_headers: str | None = None) -> Leg | None:
        """Start a stream; None if it cannot be."""

    def end_call(self, reason: str, now: float) -> None:
        """Hang up."""


class Program:
    """The elements that remain, and what the call waits for.

    Parameters
    ----------
    stage : ProgramHost
        The phone call.
    announcer : Announcer
        Plays to the caller.
    keys : str
        What the caller presses where keys are asked for; empty for nothing.
    """

    def __init__(self, stage: ProgramHost, announcer: Announcer, keys: str) -> None:
        self.ended_at = math.inf  # when the last element was done
        self._stage = stage
        if set(check_text("keys", keys, "a text of 0-9*#A-D")) - DIGITS:
            raise ValueError(f"keys must be a text of 0-9*#A-D, not {keys!r}")
        self._announcer, self._keys = announcer, keys
        self._elements: collections.deque[AnyElement] = collections.deque()
        self._busy_until = -math.inf
        self._leg: Leg | None = None  # a stream that the next element waits for
        self._request: int | None = None  # an answer that it waits for
        self._clip: NDArray[np.int16] | None = None
        self._loops = 0.0  # how often the clip is still to be played; inf for ever
        self._wanted_loops = 0.0  # and how often one that is being fetched
        self._hang_up_at = math.inf
        self._outcome: tuple[WithAction, dict[str, str]] | None = None  # of the element that runs, once it is done
        self._documents = 0

    def fetch(
        self,
        purpose: str,
        method: str,
        url: str,
        now: float,
        form: Mapping[str, str] = {},
        *,
        afresh: bool = False,
    ) -> None:
        """Go on with the XML of a URL; afresh, whatever is running now."""
        if afresh:
            self._elements.clear()
            self._leg, self._loops, self._outcome, self._documents = None, 0.0, None, 0
            self._busy_until, self.ended_at = -math.inf, math.inf
            self._hang_up_at = math.inf
        self._documents += 1
        if self._documents > MAX_DOCUMENTS:
            self._stage.problem(f"{MAX_DOCUMENTS} answers led only to others: the call ends", now)
            self._stage.end_call("too many redirections", now)
            return
        self._request = self._stage.fetch(purpose, method, url, now, form)

    def load(self, elements: Iterable[AnyElement]) -> None:
        """Go on with these elements."""
        self._elements = collections.deque(elements)

    def answered(self, purpose: str, body: bytes, now: float) -> None:
        """Take the good answer to the request that this waits for; ValueError if it is unusable."""
        if purpose == "play":
            self._play(read_sound(body), self._wanted_loops, now)
        else:
            document = read_document(body)
            # What is doubtful about it is for whoever reads the log.
            for text, degree in document.notes:
                self._stage.warn(text, now, degree)
            self.load(document.elements)
        self._request = None

    def failed(self, purpose: str, reason: str, now: float, detail: Mapping[str, Any]) -> None:
        """Take it that no answer came, or none of use; `detail` is for the log."""
        self._request = None
        if purpose == "play":
            self._stage.problem(f"a file cannot be played: {reason}", now, **detail)
            return
        self._stage.problem(f"the {purpose} URL gave no XML that can be run: {reason}", now, **detail)
        answer = purpose in ("answer", "fallback")
        self._stage.end_call(f"no answer: {reason}" if answer else f"no XML: {reason}", now)

    def poll(self, now: float) -> None:
        """Run the elements whose turn it is."""
        while self.next_poll <= now:
            if self._hang_up_at <= now:
                self._stage.end_call("Hangup element", self._hang_up_at)
                return
            if self._loops > 0:
                self._repeat(now)
            elif self._outcome is not None:
                self._conclude(*self._outcome, now)
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

    def _conclude(self, element: WithAction, form: dict[str, str], now: float) -> None:
        """Send the outcome of an element, and go on with what is answered, or with the next one."""
        self._outcome = None
        if not element.action:
            return
        if element.redirect:
            self._elements.clear()
            self.fetch("action", element.method, element.action, now, form)
        else:
            self._stage.tell(element.method, element.action, form, now)

    def _run(self, element: AnyElement, now: float) -> None:
        """Begin one element."""
        stage = self._stage
        # Extra headers may name people, and a text may say anything: neither belongs in a log.
        stage.note("element", now, tag=element.tag)
        if isinstance(element, (Stream, StreamElement)):
            stream, headers = (
                (element, None) if isinstance(element, Stream) else (element.stream, element.extra_headers)
            )
            leg = stage.open_stream(stream, now, headers)
            self._leg = leg if stream.keep_call_alive else None
        elif isinstance(element, Speak):
            self._play(self._announcer.read(element.text, element.language, now), element.loop or math.inf, now)
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
        elif isinstance(element, Break):
            self._busy_until = now + element.wait_s
        elif isinstance(element, ConferenceElement):
            self._busy_until = math.inf
        elif isinstance(element, DialElement):
            tone = ringback()
            self._play(tone, math.ceil(element.ring_s * RATE / len(tone)), now)
            self._outcome = element, {"DialStatus": "no-answer", "DialRingStatus": "true"}
        elif isinstance(element, RecordElement):
            self._record(element, now)
        elif isinstance(element, InputElement):
            self._ask(element, now)

    def _record(self, element: RecordElement, now: float) -> None:
        tone_s = 0.0
        if element.beep:
            tone = beep()
            tone_s = len(tone) / RATE
            self._announcer.play(tone, now)
        self._busy_until = now + tone_s + element.wait_s
        self._outcome = element, {"RecordUrl": "", "RecordingDuration": str(round(element.wait_s))}

    def _ask(self, element: InputElement, now: float) -> None:
        """Let the caller press keys, or say something; nothing happens where there is nothing to press."""
        keys = self._keys[: element.n_keys]
        if element.by_keys and not keys:
            self._busy_until = now + element.wait_s
            return
        self._busy_until = now + REACTION_S
        if element.by_keys:
            self._stage.note("keys", now, digits=keys)
            self._outcome = element, {"Digits": keys, "InputType": "dtmf"}
        else:
            self._outcome = element, {"Speech": WORDS, "InputType": "speech", "SpeechConfidenceScore": "0.9"}

    def _play(self, pcm: NDArray[np.int16], loops: float, now: float) -> None:
        self._clip, self._loops = pcm, loops if len(pcm) else 0
        self._busy_until = now

    def _repeat(self, now: float) -> None:
        assert self._clip is not None
        self._loops -= 1
        self._busy_until = now + len(self._clip) / RATE
        self._announcer.play(self._clip, now)
