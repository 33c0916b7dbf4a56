"""`Conversation`: who speaks on one stream, and where the agent's utterances begin and end; lint and measures go by it.

              sent, and played at once                    a checkpoint, a clear, or the caller's turn
                     v                                                    v
 agent   ...|====|======|==/     hole     /==|====|.......................|======|...
            one utterance, however long the hole                           the next one

An utterance goes on while what is sent goes on. That the player has run dry ends none: the agent may have been late.
Only a checkpoint or a clear behind the audio, or a turn of the caller that ended meanwhile, makes it a pause; a key
that the caller presses is such a turn. A turn that began in the silence makes none of it if the agent cannot have heard
its end when it sent the audio: the caller spoke on, or the agent was not reading. Between sounds that are quiet at
their ends it may be either.
"""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING

import msgspec

from voiceband.emulator.carrier.player import BURST_S
from voiceband.sound.speech import PAUSE_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NEAR_S = 0.2
"""A hole is in speech if there is speech within this of both its ends."""
WORD_S = 0.04
"""Speech so near to both ends of a hole breaks off and goes on in the middle of it."""
STALL_S = 1.0
"""A hole that is longer is a stall."""
SENTENCE_S = 0.4
"""So long an agent may mean to be silent between two sentences, of which neither breaks off in a word."""
TAIL_S = 0.015
"""What is shorter is the rest that a resampler gives back when an utterance is over."""
PROMPT_S = 6.0
"""After so much silence an agent that sends no checkpoints may as well speak to a caller who says nothing."""
LONGEST_S = 30.0
SAME_TURN_S = 1.0
"""A caller who pauses for less goes on with the same turn."""
SOON_S = 0.5
"""An answer may be sent this much before the caller has ended."""
LISTENING_S = 0.6
"""What is shorter, and over before the caller has ended, says that the agent listens, and is no answer."""
_EPS = 1e-6


class AgentUtterance(msgspec.Struct):
    """Something that the agent says.

    Attributes
    ----------
    sent_s : float
        When its first audio came.
    begins_s, ends_s : float
        When the caller hears its first and its last sound; inf and -inf if it has none.
    rest : bool
        Whether it is what was left of an utterance that the caller had spoken into.
    """

    sent_s: float
    begins_s: float = math.inf
    ends_s: float = -math.inf
    rest: bool = False


class Hole(msgspec.Struct, frozen=True):
    """Silence inside an utterance, because its audio came too late.

    Attributes
    ----------
    begins_s, ends_s : float
        When the player had run dry, and when it went on.
    sent_s : float
        When the late audio came.
    doubtful : bool
        Whether it may as well be a pause that the agent meant; then two utterances lie around it.
    behind_s : float
        How old the oldest message was that the agent had not read when the late audio came.
    dropped : bool
        Whether no late audio came: the caller spoke into the hole, and the agent cleared what it had not sent.
    """

    begins_s: float
    ends_s: float
    sent_s: float
    doubtful: bool = False
    behind_s: float = 0.0
    dropped: bool = False

    @property
    def ms(self) -> float:
        """Its length in milliseconds."""
        return (self.ends_s - self.begins_s) * 1000

    @property
    def stalled(self) -> bool:
        """Whether it is longer than a second."""
        return self.ends_s - self.begins_s > STALL_S + _EPS


class _Dry(msgspec.Struct):
    """A time in which the player had nothing to play, while nobody knows yet what it was."""

    begins_s: float
    ends_s: float
    sent_s: float
    late_mark: bool
    behind_s: float


class _Unsure(msgspec.Struct):
    """A hole, if the turn of the caller that began in it goes on for long enough."""

    hole: Hole
    before: AgentUtterance
    after: AgentUtterance


class Conversation:
    """One stream: what the agent sends, and when the caller speaks, in the order in which it happens.

    Parameters
    ----------
    on_hole : callable, optional
        Called with each `Hole` when it is certain.
    keep : int, optional
        How many utterances and turns are remembered; all of them without it.

    Attributes
    ----------
    utterances : deque of AgentUtterance
        Those that have begun to be sent.
    turns : deque of list of float
        When the caller began and ceased to speak; inf while the caller speaks.
    """

    def __init__(self, on_hole: Callable[[Hole], object] | None = None, *, keep: int | None = None) -> None:
        self.utterances: collections.deque[AgentUtterance] = collections.deque(maxlen=keep)
        self.turns: collections.deque[list[float]] = collections.deque(maxlen=keep)
        self._pressed_s: collections.deque[float] = collections.deque(maxlen=keep)
        self._on_hole = on_hole
        self._end_s = -math.inf  # when all that was sent will have been played
        self._sent_s = -math.inf  # when the latest audio came
        self._closed = True  # by a clear, or by a checkpoint before the player had run dry
        self._late_mark = False  # a checkpoint came after it had
        self._marks = False  # the agent sends checkpoints behind its audio
        self._unmarked = False  # but not behind all that it has said
        self._dry: _Dry | None = None
        self._short: list[tuple[float, float, float]] = []  # sounds after it, while they may be no more than a rest
        self._unsure: _Unsure | None = None  # one at most: a turn begins in one hole

    # ---- the caller

    def caller_begins(self, at_s: float) -> None:
        """Take note that the caller begins to speak."""
        self.turns.append([at_s, math.inf])

    def caller_ends(self, at_s: float) -> None:
        """Take note that the caller ceases to speak."""
        if self.turns and self.turns[-1][1] == math.inf:
            self.turns[-1][1] = at_s
            unsure, self._unsure = self._unsure, None
            if unsure is not None and not self._answers(unsure.hole):
                self._join(unsure.hole, unsure.before, unsure.after)

    def pressed(self, at_s: float) -> None:
        """Take note that the caller presses a key."""
        self._pressed_s.append(at_s)

    def _turn_in(self, since_s: float, until_s: float) -> bool:
        """Whether the caller had a turn that ended in that time, or was having one at its end."""
        return self._pressed_in(since_s, until_s) or any(self._turns_in(since_s, until_s))

    def _pressed_in(self, since_s: float, until_s: float) -> bool:
        return any(since_s <= at_s <= until_s for at_s in self._pressed_s)

    def _turns_in(self, since_s: float, until_s: float) -> Iterator[list[float]]:
        # A turn that begins as the sound comes is no reason for it.
        return (turn for turn in reversed(self.turns) if turn[0] < until_s and turn[1] >= since_s)

    def _answers(self, hole: Hole | _Dry) -> bool:
        """Whether what came late may be an answer to a turn, or follow an interruption: it was no stall then."""
        since_s, known_s = hole.begins_s - SAME_TURN_S, hole.sent_s - hole.behind_s + SOON_S
        return self._pressed_in(since_s, hole.sent_s) or any(
            begin <= hole.begins_s or end <= known_s for begin, end in self._turns_in(since_s, hole.sent_s)
        )

    def spoken_s(self, since_s: float, now_s: float) -> float:
        """Return how long the caller has certainly spoken since a time; an end turns out a little later than it is."""
        known_s = now_s - PAUSE_MS / 1000
        return sum(max(0.0, (known_s if end == math.inf else end) - max(begin, since_s)) for begin, end in self.turns)

    # ---- the agent

    def sent(
        self,
        at_s: float,
        begins_s: float,
        ends_s: float,
        spans: Sequence[tuple[float, float]],
        last_s: float | None = None,
        behind_s: float = 0.0,
    ) -> None:
        """Take audio that plays at a time known already.

        Parameters
        ----------
        at_s : float
            When it came.
        begins_s, ends_s : float
            When it plays.
        spans : sequence of (float, float)
            Where there is speech in it, by the same clock.
        last_s : float, optional
            When the last of it came, if it did not come at once.
        behind_s : float, optional
            How old the oldest message was that the agent had not read by then.
        """
        if begins_s > self._end_s + _EPS:
            self._rest()
            self._dry = None
            if not self._closed:
                self._dry = _Dry(self._end_s, begins_s, at_s, self._late_mark, behind_s)
                if not self._late_mark and self._turn_in(self._end_s, at_s):
                    self._unmarked = True
            self.utterances.append(AgentUtterance(at_s))
        elif at_s - self._sent_s > BURST_S and self._turn_in(self._sent_s, at_s):
            self._rest()
            self._dry = None
            self.utterances.append(AgentUtterance(at_s))
        self._closed = self._late_mark = False
        self._sent_s, self._end_s = at_s if last_s is None else last_s, ends_s
        came_s, lasts_s = self._sent_s - at_s, max(ends_s - begins_s, _EPS)
        sounds = [(at_s + came_s * (begin - begins_s) / lasts_s, begin, end) for begin, end in spans]
        if sounds and self._dry is not None:
            sounds = self._after_dry([*self._short, *sounds])
        for sound in sounds:
            self._sounds(*sound)

    def _after_dry(self, sounds: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
        """Settle the dry time if these sounds are speech, and return them; keep them while that is not known."""
        self._short = sounds
        begins_s = until_s = sounds[0][1]
        for _, begin, end in sounds:
            if begin - until_s > NEAR_S:
                self._rest()
                break
            until_s = end
            if until_s - begins_s >= TAIL_S - _EPS:
                self._short = []
                self._settle(begins_s)
                return sounds
        return []

    def _rest(self) -> None:
        """Let the short sounds after a dry time be what a filter still held: no speech, and the time was no pause."""
        sounds, self._short = self._short, []
        if sounds:
            self._dry = None
            self.utterances.pop()
        for sound in sounds:
            self._sounds(*sound)

    def _sounds(self, at_s: float, begins_s: float, ends_s: float) -> None:
        """Take a sound; an agent that streams silence too says several things in what never ceases."""
        now = self.utterances[-1]
        quiet_s = begins_s - now.ends_s if now.begins_s < math.inf else 0.0
        turn = quiet_s > NEAR_S and at_s > now.sent_s and self._turn_in(now.ends_s, begins_s)
        if turn or quiet_s > STALL_S:
            now = AgentUtterance(at_s)
            self.utterances.append(now)
        elif now.begins_s == math.inf:
            now.sent_s = max(now.sent_s, at_s)  # silence that was streamed before it is no part of it
        now.begins_s, now.ends_s = min(now.begins_s, begins_s), max(now.ends_s, ends_s)

    def marked(self, at_s: float) -> None:
        """Take a checkpoint."""
        self._rest()
        if at_s > self._end_s + _EPS:
            self._late_mark = True  # it may have been late for the same reason as the audio
        elif not self._closed:
            self._closed = self._marks = True

    def cleared(self, at_s: float) -> None:
        """Drop what has not been played."""
        self._rest()
        self._drop(at_s)
        self._dry = None
        while self.utterances and self.utterances[-1].begins_s >= at_s:
            self.utterances.pop()
        if self.utterances:
            self.utterances[-1].ends_s = min(self.utterances[-1].ends_s, at_s)
        self._end_s = min(self._end_s, at_s)
        self._closed = True

    def _drop(self, at_s: float) -> None:
        """See whether a clear drops the rest of an utterance that had broken off before the caller spoke."""
        waited_for = self._marks and not self._unmarked and self.open and at_s > self._end_s
        if not waited_for or not self.utterances or not self.turns or self._on_hole is None:
            return
        begins_s, spoke_s = self._end_s, self.turns[-1][0]
        broke_off = begins_s - self.utterances[-1].ends_s <= WORD_S
        answered = self._turn_in(begins_s - SAME_TURN_S, spoke_s - _EPS)
        if broke_off and not answered and SENTENCE_S < spoke_s - begins_s <= LONGEST_S:
            self._on_hole(Hole(begins_s, spoke_s, at_s, doubtful=True, dropped=True))

    @property
    def open(self) -> bool:
        """Whether neither a checkpoint nor a clear has said that the agent's utterance is over."""
        return not (self._closed or self._late_mark)

    def _settle(self, sounds_s: float) -> None:
        """Decide what a dry time was, now that it is known when the next sound comes."""
        dry, self._dry = self._dry, None
        if dry is None or len(self.utterances) < 2:
            return
        before, after = self.utterances[-2], self.utterances[-1]
        edges = (dry.begins_s - before.ends_s, sounds_s - dry.ends_s)
        if max(edges) > NEAR_S:
            return
        lasted_s = dry.ends_s - dry.begins_s
        certain = self._marks and not dry.late_mark
        if self._answers(dry):
            after.rest = certain
            return
        breaks_off = max(edges) <= WORD_S
        doubtful = SENTENCE_S < lasted_s <= STALL_S and not certain and not breaks_off
        if certain:
            inside = lasted_s <= LONGEST_S
        else:
            inside = lasted_s <= SENTENCE_S or (lasted_s <= PROMPT_S and breaks_off)
        hole = Hole(dry.begins_s, dry.ends_s, dry.sent_s, doubtful and not inside, dry.behind_s)
        if self._turn_in(dry.begins_s, dry.sent_s):
            after.rest = certain
            if inside and self.turns[-1][1] == math.inf:
                self._unsure = _Unsure(hole, before, after)
                return
        if inside:
            self._join(hole, before, after)
        elif doubtful and self._on_hole is not None:
            self._on_hole(hole)

    def _join(self, hole: Hole, before: AgentUtterance, after: AgentUtterance) -> None:
        """Let what came after a hole belong to the utterance before it, unless a clear came before it was heard."""
        kept = [one for one in self.utterances if one is not after]
        if len(kept) == len(self.utterances):
            return
        self.utterances = collections.deque(kept, self.utterances.maxlen)
        before.ends_s = max(hole.ends_s, after.ends_s)
        if self._on_hole is not None:
            self._on_hole(hole)
