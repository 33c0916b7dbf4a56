"""`measure`: what a call was like for its caller, in numbers. docs/measures.md defines each with a drawing."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from voiceband.sound.speech import Intervals, loud_enough, overlap_ms, speech_intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from voiceband.emulator.carrier.carrier_stream import CarrierStream
    from voiceband.emulator.carrier.player import Cut, Player
    from voiceband.formats import AudioFormat

SAME_TURN_MS = 1000.0
"""A caller who pauses for less, while the agent stays silent, goes on with the same turn."""
WORD_MS = 20
"""Speech on both sides of a cut, so near to it, was one word."""
FULL_SCALE_DB = 20 * math.log10(32768)
GAP_NEAR_MS = 200.0
"""A gap is audible if there is speech within this of both its ends."""


class Turn(msgspec.Struct, frozen=True):
    """One turn of the caller.

    Attributes
    ----------
    start_ms, end_ms : float
        When the caller began and ceased to speak.
    answer_ms : float or None
        From its end to the agent's first speech in the caller's ear; negative if the agent began before the end. None
        without an answer before the caller's next turn, or if the agent had been speaking since before this one.
    """

    start_ms: float
    end_ms: float
    answer_ms: float | None


class BargeIn(msgspec.Struct, frozen=True):
    """The caller began to speak while the agent spoke.

    Attributes
    ----------
    at_ms : float
        When the caller began.
    silence_ms : float
        From then to the end of the agent's speech in the caller's ear.
    cleared : bool
        Whether a clearAudio ended it, not the end of what the agent had to say.
    """

    at_ms: float
    silence_ms: float
    cleared: bool


class Silence(msgspec.Struct, frozen=True):
    """A gap in the agent's speech because its audio came too late: when it began, and its length."""

    at_ms: float
    ms: float


class Clipped(msgspec.Struct, frozen=True):
    """A word of the agent that was cut in two: when, and by what: "clear" or "end" (of the stream)."""

    at_ms: float
    by: str


class Unheard(msgspec.Struct, frozen=True):
    """Audio that the agent sent and the caller never heard, in ms: cleared, cut by the end, beyond the queue."""

    cleared_ms: float
    ended_ms: float
    dropped_ms: float

    @property
    def ms(self) -> float:
        """All of it."""
        return self.cleared_ms + self.ended_ms + self.dropped_ms


class Levels(msgspec.Struct, frozen=True):
    """How loud one side was.

    Attributes
    ----------
    active_dbfs : float or None
        Level of its speech, relative to a root mean square of full scale; pauses of 200 ms and more do not count.
        None without speech.
    peak_dbfs : float or None
        The largest sample; None for digital silence.
    clipped : int
        Samples at the largest value that the wire's format has.
    speech_ms : float
        How long this side spoke.
    """

    active_dbfs: float | None
    peak_dbfs: float | None
    clipped: int
    speech_ms: float


class Measures(msgspec.Struct, frozen=True):
    """What `measure` found; times are in ms from the start of the stream. ``as_dict()`` is fit for JSON.

    Attributes
    ----------
    duration_ms : float
        Of the stream.
    first_audio_ms : float or None
        When the caller first heard the agent speak.
    turns : list of Turn
        The caller's, in order.
    gaps : list of Silence
        Those that can be heard.
    talk_over_ms : float
        How long both spoke at once.
    barge_ins : list of BargeIn
        In order.
    unheard : Unheard
        What the caller missed.
    clipped_words : list of Clipped
        In order.
    caller, agent : Levels
        Of the inbound track, and of what the player played.
    """

    duration_ms: float
    first_audio_ms: float | None
    turns: list[Turn]
    gaps: list[Silence]
    talk_over_ms: float
    barge_ins: list[BargeIn]
    unheard: Unheard
    clipped_words: list[Clipped]
    caller: Levels
    agent: Levels

    @property
    def answers_ms(self) -> list[float]:
        """The answer times of the turns that were answered."""
        return [turn.answer_ms for turn in self.turns if turn.answer_ms is not None]

    @property
    def answer_median_ms(self) -> float | None:
        """Their median; None without any."""
        return statistics.median(self.answers_ms) if self.answers_ms else None

    def as_dict(self) -> dict[str, Any]:
        """Return it as what JSON knows, rounded to a microsecond, with `answer_median_ms`."""
        plain = _rounded(msgspec.to_builtins(self))
        median = self.answer_median_ms
        return {**plain, "answer_median_ms": None if median is None else round(median, 3)}


def measure(call: CarrierStream, now: float = math.inf, *, caller_speech: Intervals | None = None) -> Measures:
    """Measure a call from what its caller said and heard.

    Parameters
    ----------
    call : CarrierStream
        One that has started, whether it is over or not; for a stored log, what `replay` makes of it.
    now : float, optional
        The time up to which to measure, on the call's clock; its end without it.
    caller_speech : list of (float, float), optional
        Where the caller truly spoke, in ms from the start; by default where `CarrierStream.speech` says.

    Returns
    -------
    measures : Measures
        All of it.

    Raises
    ------
    ValueError
        If the call has not started, or runs and no `now` is given.

    Examples
    --------
    >>> from voiceband.emulator import Carrier, VirtualCall
    >>> from voiceband.formats import PLIVO_MULAW_8K
    >>> from voiceband.markup import Stream
    >>> from voiceband.session import Session
    >>> session = Session()
    >>> _ = session.play(np.full(8000, 8000, np.int16), 8000)
    >>> stream = Stream("wss://agent.test", bidirectional=True, keep_call_alive=True, content_type=PLIVO_MULAW_8K)
    >>> carrier = Carrier(stream, seed=1)
    >>> call = VirtualCall(carrier, lambda _: session)
    >>> call.run(until=3.0)
    >>> measures = measure(carrier.streams[0], call.now)
    >>> measures.gaps, measures.agent.speech_ms, measures.unheard.ms
    ([], 1000.0, 0.0)
    """
    end = min(now, call.ended_at)
    if not call.started_at <= end < math.inf:
        raise ValueError(f"now must be after the start of the call, and finite while it runs, not {now}")
    started, duration_ms = call.started_at, (end - call.started_at) * 1000
    player, wire = call.player, call.format
    heard = wire.decode(player.heard(started, end - started, wire.silence))
    said = wire.decode(bytes(call.spoken[: len(heard) * wire.sample_bytes]))
    agent = speech_intervals(heard, wire.sample_rate)
    caller = _clipped_to(call.speech if caller_speech is None else caller_speech, duration_ms)
    cuts = [cut for cut in player.cuts if cut.at <= end]
    cleared = [(cut.at - started) * 1000 for cut in cuts if cut.at < call.ended_at]
    return Measures(
        duration_ms=duration_ms,
        first_audio_ms=agent[0][0] if agent else None,
        turns=find_turns(caller, agent),
        gaps=[
            Silence((gap.start - started) * 1000, gap.ms)
            for gap in player.gaps
            if gap.end <= end and _within_speech((gap.start - started) * 1000, (gap.end - started) * 1000, agent)
        ],
        talk_over_ms=overlap_ms(caller, agent),
        barge_ins=_barge_ins(caller, agent, cleared),
        unheard=_unheard(player, cuts, call.ended_at),
        clipped_words=[
            Clipped((cut.at - started) * 1000, "clear" if cut.at < call.ended_at else "end")
            for cut in cuts
            if _in_a_word(player, cut, wire)
        ],
        caller=_levels(said, caller, wire),
        agent=_levels(heard, agent, wire),
    )


def find_turns(caller: Intervals, agent: Intervals) -> list[Turn]:
    """Return the caller's turns and how they were answered, from where both sides speak."""
    onsets = [begin for begin, _ in agent]
    turns: list[tuple[float, float]] = []
    for begin, end in caller:
        if turns:
            before = turns[-1][1]
            if begin - before < SAME_TURN_MS and not any(before <= onset < begin for onset in onsets):
                turns[-1] = (turns[-1][0], end)
                continue
        turns.append((begin, end))
    following = [*(begin for begin, _ in turns), math.inf][1:]
    return [
        Turn(begin, end, _answer(begin, end, limit, agent))
        for (begin, end), limit in zip(turns, following, strict=True)
    ]


def _answer(begin: float, end: float, limit: float, agent: Intervals) -> float | None:
    for since, until in agent:
        if until <= end:
            continue
        if since < begin or since >= limit:
            return None
        return since - end
    return None


def _barge_ins(caller: Intervals, agent: Intervals, cleared: Sequence[float]) -> list[BargeIn]:
    found = []
    for at, _ in caller:
        for since, until in agent:
            if since < at < until:
                # Speech may end a little before the clear that ends its audio, in a pause between two sounds.
                by_clear = any(at <= cut and until - WORD_MS <= cut <= until + GAP_NEAR_MS for cut in cleared)
                found.append(BargeIn(at, until - at, by_clear))
    return found


def _within_speech(begin: float, end: float, agent: Intervals) -> bool:
    before = any(since < begin and until >= begin - GAP_NEAR_MS for since, until in agent)
    after = any(until > end and since <= end + GAP_NEAR_MS for since, until in agent)
    return before and after


def _unheard(player: Player, cuts: Sequence[Cut], ended_at: float) -> Unheard:
    ms_a_byte = 1000 / player.bytes_per_s
    cleared = sum(cut.n_bytes for cut in cuts if cut.at < ended_at)
    ended = sum(cut.n_bytes for cut in cuts if cut.at >= ended_at)
    return Unheard(cleared * ms_a_byte, ended * ms_a_byte, player.overflow_bytes * ms_a_byte)


def _in_a_word(player: Player, cut: Cut, wire: AudioFormat) -> bool:
    seconds = WORD_MS / 1000
    before = player.heard(cut.at - seconds, seconds, wire.silence)
    after = cut.head[: wire.frame_bytes(WORD_MS)]
    return loud_enough(wire.decode(before)) and loud_enough(wire.decode(after))


def _levels(pcm: NDArray[np.int16], speech: Intervals, wire: AudioFormat) -> Levels:
    rate = wire.sample_rate
    top = int(wire.decode(wire.encode(np.array([32767], np.int16)))[0])
    pieces = [pcm[round(begin * rate / 1000) : round(end * rate / 1000)].astype(np.float32) for begin, end in speech]
    energy, n = sum(float(np.dot(x, x)) for x in pieces), sum(map(len, pieces))
    peak = max(int(pcm.max()), -int(pcm.min())) if len(pcm) else 0
    return Levels(
        active_dbfs=10 * math.log10(energy / n) - FULL_SCALE_DB if energy else None,
        peak_dbfs=20 * math.log10(peak / 32768) if peak else None,
        clipped=int(np.count_nonzero((pcm >= top) | (pcm <= -top))),
        speech_ms=sum(end - begin for begin, end in speech),
    )


def _clipped_to(intervals: Intervals, end_ms: float) -> Intervals:
    for (_, end), (begin, _) in itertools.pairwise(intervals):
        if begin < end:
            raise ValueError(f"caller_speech must be in order and apart, but {begin} follows {end}")
    return [(begin, min(end, end_ms)) for begin, end in intervals if begin < end_ms]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
