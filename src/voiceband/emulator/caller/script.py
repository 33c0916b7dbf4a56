"""`Script`: a caller who does as a list of steps says, sans-IO."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from voiceband._checks import check_number
from voiceband.emulator.caller.key_tones import dtmf_tones
from voiceband.emulator.caller.listener import Listener
from voiceband.emulator.caller.steps import BargeIn, HangUp, Pause, Press, Say, Step, WaitFor, WaitForSpeech

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from voiceband.emulator.caller.sounds import Clip
    from voiceband.emulator.carrier.carrier import Carrier
    from voiceband.emulator.carrier.carrier_stream import CarrierStream

SPEECH_MS = 40
"""This much speech is a start; less may be a click."""
UNSAID_S = 5.0
"""How much later than its length a clip may have been said, before the script goes on without it."""
DUE_S = 1e-9  # times are sums of floats
EARLY_S = 1e-6


class TimedOut(NamedTuple):
    """A step that did not happen: its number from 1 on, what it was, and when the caller gave up."""

    step: int
    what: Step
    at: float

    @property
    def text(self) -> str:
        """What it was, as a script spells it."""
        name = self.what.__struct_fields__[0]
        value = getattr(self.what, name)
        return f"{name}: {value}" if isinstance(value, (str, float, int)) else name


class Script:
    """One scripted caller on one call.

    Parameters
    ----------
    steps : sequence of Step
        What to do. A step whose time runs out is noted in `timed_out`, and the caller goes on with the next one; after
        the last one the caller hangs up. So a script always ends.
    name : str, optional
        Of the caller.
    start_s : float, optional
        How much later than the first caller this one calls, 0 to 86,400; for whoever places the calls.
    about : str, optional
        What it does, in words; by default how many steps it has.

    Attributes
    ----------
    step : int
        The number of the step that runs, from 1 on; 0 before the first, one more than there are after the last.
    speech_ends : list of float
        When the caller's turns to speak ended.
    timed_out : list of TimedOut
        Steps that did not happen.

    Notes
    -----
    "The caller's turn" is the start of the call, the end of something the caller said, or a "stop" or "greeting" that
    was waited for: what the agent says after it is its answer. A backchannel is no turn.

    Examples
    --------
    >>> from voiceband.emulator import Answering, Carrier, Say, VirtualCall, WaitFor
    >>> from voiceband.markup import Stream
    >>> script = Script([Say("@caller", sentence=1), WaitFor("start", timeout_s=2)])
    >>> stream = Stream("wss://agent.example.com", content_type="audio/x-mulaw;rate=8000", keep_call_alive=True)
    >>> carrier = Carrier(stream)
    >>> call = VirtualCall(carrier, lambda _: Answering(lambda text, now: None), on_tick=script.tick)
    >>> call.run(60)
    >>> script.timed_out[0].step, carrier.end_reason
    (2, 'caller')
    """

    def __init__(self, steps: Sequence[Step], *, name: str = "caller", start_s: float = 0.0, about: str = "") -> None:
        for number, step in enumerate(steps, 1):
            if not isinstance(step, Step):
                raise ValueError(f"step {number} must be a Step, not {step!r}")
        self.steps = list(steps)
        self.name = name
        self.about = about or f"a script of {len(self.steps)} step{'s' if len(self.steps) != 1 else ''}"
        self.start_s = check_number("start_s", start_s, 0, 86_400)
        self.step = 0
        self.speech_ends: list[float] = []
        self.timed_out: list[TimedOut] = []
        self._stream: CarrierStream  # there once the caller has been put through
        self._listener: Listener
        self._now = -math.inf
        self._answer_from_ms = 0.0  # how much speech there had been at the caller's turn
        self._speaking = self._in_turn = False
        self._play = self._run()
        self._due = -math.inf  # before this only what the caller hears, or has said, brings the script on
        self._acted = False  # in the latest tick
        self._ended = False

    def tick(self, now: float, carrier: Carrier) -> bool:
        """Do what is due, on the stream that the call has first: the `on_tick` of what runs the call.

        Returns whether anything was done that gives the carrier other plans.
        """
        if now < self._due and not self._speaking and now < self._listener.next_s:
            return False
        self._acted = False
        self._advance(now, carrier)
        return self._acted

    def _advance(self, now: float, carrier: Carrier) -> None:
        waiting = self._now == -math.inf
        stream = carrier.stream if waiting else self._stream
        if self._ended or stream is None:
            return
        if waiting:
            self._stream = stream
            self._listener = Listener(stream)
        self._now = now
        self._listener.listen(now)
        if self._speaking and stream.unsaid_ms <= 0:
            self._speaking = False
            if self._in_turn:
                self._in_turn = False
                self.speech_ends.append(now)
                self._turn()
        self._due = math.inf
        if stream.ended_at < math.inf:
            self._ended = True
        else:
            # A little early: what is due is decided by the steps.
            self._due = next(self._play, math.inf) - EARLY_S
            self._ended = self.step > len(self.steps)

    def _run(self) -> Generator[float, None, None]:
        actions: dict[type[Step], Callable[..., Iterator[float]]] = {
            Say: self._say,
            BargeIn: self._barge_in,
            Pause: self._wait,
            WaitFor: self._wait_for,
            WaitForSpeech: self._wait_for_speech,
            Press: self._press,
            HangUp: self._hang_up,
        }
        for step in self.steps:
            self.step += 1
            yield from actions[type(step)](step)
        self.step += 1
        self._hang_up_now()

    def _hang_up_now(self) -> None:
        self._acted = True
        self._stream.hang_up(self._now)

    def _until(self, step: Step, done: Callable[[], bool], limit_s: float) -> Generator[float, None, None]:
        begun = self._now
        while not done():
            if self._now - begun >= limit_s - DUE_S:
                self._give_up(step)
                return
            yield begun + limit_s

    def _give_up(self, step: Step) -> None:
        timed_out = TimedOut(self.step, step, self._now)
        self.timed_out.append(timed_out)
        self._stream.log.add(self._now, "event", "timed out", None, step=self.step, what=timed_out.text)

    def _answer_ms(self) -> float:
        return self._listener.speech_ms - self._answer_from_ms

    def _turn(self) -> None:
        self._answer_from_ms = self._listener.speech_ms

    # ---- the steps

    def _speak(self, step: Step, clip: Clip, *, wait: bool, kind: str = "") -> Generator[float, None, None]:
        before_ms = self._stream.unsaid_ms
        self._stream.say(clip.at(self._stream.format.sample_rate))
        if kind:  # the judge goes by it
            until_ms = round(self._stream.unsaid_ms, 3)
            self._stream.log.add(self._now, "event", "says", None, kind=kind, after_ms=before_ms, until_ms=until_ms)
        self._speaking = True
        self._in_turn = self._in_turn or kind != "backchannel"
        if wait:
            yield from self._until(step, lambda: not self._speaking, self._stream.unsaid_ms / 1000 + UNSAID_S)

    def _say(self, step: Say) -> Iterator[float]:
        return self._speak(step, step.say, wait=step.wait, kind="backchannel" if step.backchannel else "")

    def _barge_in(self, step: BargeIn) -> Generator[float, None, None]:
        yield from self._until(step, lambda: self._answer_ms() >= step.after_ms, step.timeout_s)
        yield from self._speak(step, step.barge_in, wait=True, kind="barge-in")

    def _wait(self, step: Pause) -> Generator[float, None, None]:
        until = self._now + step.wait_s - DUE_S
        while self._now < until:
            yield until

    def _wait_for(self, step: WaitFor) -> Generator[float, None, None]:
        assert step.timeout_s is not None
        begun = self._now
        if step.wait_for == "start":
            yield from self._until(step, lambda: self._answer_ms() >= SPEECH_MS, step.timeout_s)
            return
        while step.wait_for == "greeting" and self._answer_ms() < SPEECH_MS:
            if self._now - begun >= step.timeout_s - DUE_S:
                return
            yield begun + step.timeout_s

        def stopped() -> bool:
            return self._answer_ms() >= SPEECH_MS and self._silent_ms() >= step.silence_ms - DUE_S

        # The time-out counts from the last that was heard: a long answer is no missing one.
        while not stopped():
            quiet_s = min(self._now - begun, self._silent_ms() / 1000)
            if max(quiet_s - step.timeout_s, self._now - begun - step.longest_s) >= -DUE_S:
                self._give_up(step)
                break
            heard = self._listener.last_speech
            enough_s = heard + step.silence_ms / 1000 if self._answer_ms() >= SPEECH_MS else math.inf
            yield min(enough_s, max(begun, heard) + step.timeout_s, begun + step.longest_s)
        self._turn()

    def _silent_ms(self) -> float:
        return (self._now - self._listener.last_speech) * 1000

    def _wait_for_speech(self, step: WaitForSpeech) -> Iterator[float]:
        return self._until(step, lambda: self._answer_ms() >= step.wait_for_speech_ms, step.timeout_s)

    def _press(self, step: Press) -> Generator[float, None, None]:
        for number, digit in enumerate(step.press):
            if number:
                yield from self._wait(Pause(step.every_ms / 1000))
            if step.message:
                self._acted = True
                self._stream.press(digit, self._now)
            if step.tones:
                self._dial(digit, step.every_ms / 2)

    def _dial(self, digit: str, tone_ms: float) -> None:
        dial = getattr(self._stream.source, "dial", None)
        if dial is not None:
            dial(digit, tone_ms=tone_ms, pause_ms=tone_ms)
            return
        tones = dtmf_tones(digit, self._stream.format.sample_rate, tone_ms=tone_ms, pause_ms=tone_ms)
        self._stream.say(np.rint(tones).astype(np.int16))

    def _hang_up(self, _step: HangUp) -> Generator[float, None, None]:
        self._hang_up_now()
        yield math.inf  # nothing comes after it


def take_turns(sentences: Iterable[NDArray[np.int16] | Clip], *, patience_s: float = 3.0) -> list[Step]:
    """Return the steps of a caller who says a sentence, waits for the answer to end, and says the next.

    Parameters
    ----------
    sentences : iterable of ndarray or Clip
        What to say; arrays are at the call's rate.
    patience_s : float, optional
        How long to wait for an answer that does not come.
    """
    steps: list[Step] = []
    for sentence in sentences:
        steps += [Say(sentence), WaitFor("stop", timeout_s=patience_s)]
    return steps
