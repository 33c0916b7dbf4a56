"""`measure`: what a call was like for its caller, in numbers. docs/lint.md defines each with a drawing."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from voiceband.emulator.carrier.player import ReceivedCheckpoint, ReceivedClear
from voiceband.emulator.judge.audible import audible
from voiceband.emulator.judge.backchannel import apart_from, backchannels
from voiceband.emulator.judge.caller_turns import Turn, answered
from voiceband.emulator.judge.conversation import Conversation, Hole
from voiceband.sound.speech import Intervals, loud_enough, overlap_ms, within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from voiceband.emulator.carrier.carrier_stream import CarrierStream
    from voiceband.emulator.carrier.player import Cut, Player
    from voiceband.formats import AudioFormat

WORD_MS = 20
"""Speech on both sides of a cut, so near to it, was one word."""
FULL_SCALE_DB = 20 * math.log10(32768)
GAP_NEAR_MS = 200.0
"""How much before the clear that ended it speech may have ended."""


class MeasuredBargeIn(msgspec.Struct, frozen=True):
    """The caller began to speak while the agent spoke.

    Attributes
    ----------
    at_ms : float
        When the caller began.
    silence_ms : float
        From then to the end of what the agent was saying, in the caller's ear.
    cleared : bool
        Whether a clearAudio ended it, not the end of what the agent had to say.
    """

    at_ms: float
    silence_ms: float
    cleared: bool


class Silence(msgspec.Struct, frozen=True):
    """A hole inside an utterance of the agent because its audio came too late: when it began, and its length."""

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
        Those that can be heard, however long.
    talk_over_ms : float
        How long both spoke at once.
    barge_ins : list of MeasuredBargeIn
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
    barge_ins: list[MeasuredBargeIn]
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
    >>> _ = session.play(np.full(8000, 8000, np.int16), 8000, end=True)
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
    ear = audible(player, wire, started, end)
    heard, agent = ear.pcm, ear.speech
    said = wire.decode(bytes(call.spoken[: len(heard) * wire.sample_bytes]))
    caller = _clipped_to(call.speech if caller_speech is None else caller_speech, duration_ms)
    turns = apart_from(caller, backchannels(call))
    talk, holes = talk_of(player, started, end, turns, _presses(call), agent)
    cuts = [cut for cut in player.cuts if cut.at <= end]
    cleared = [(cut.at - started) * 1000 for cut in cuts if cut.at < call.ended_at]
    return Measures(
        duration_ms=duration_ms,
        first_audio_ms=agent[0][0] if agent else None,
        turns=answered(turns, talk),
        gaps=[Silence(hole.begins_s * 1000, hole.ms) for hole in holes if not hole.doubtful],
        talk_over_ms=overlap_ms(caller, agent),
        barge_ins=_barge_ins(turns, talk, cleared),
        unheard=_unheard(player, cuts, call.ended_at),
        clipped_words=[
            Clipped((cut.at - started) * 1000, "clear" if cut.at < call.ended_at else "end")
            for cut in cuts
            if _in_a_word(player, cut, wire, ear.limit(cut.at - started))
        ],
        caller=_levels(said, caller, wire),
        agent=_levels(heard, agent, wire),
    )


def _presses(call: CarrierStream) -> list[float]:
    """Return when the caller pressed keys, in seconds from the stream's start."""
    shift_s = (call.log.origin or 0.0) - call.started_at
    return [entry.at_s + shift_s for entry in call.log.named("dtmf") if entry.way == "sent"]


def talk_of(
    player: Player, started: float, end: float, caller: Intervals, presses: Sequence[float], agent: Intervals
) -> tuple[Conversation, list[Hole]]:
    """Return the talk of a stream, in seconds from its start."""
    holes: list[Hole] = []
    talk = Conversation(holes.append)
    events: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []
    for begin_ms, end_ms in caller:
        events.append((begin_ms / 1000, talk.caller_begins, ()))
        events.append((end_ms / 1000, talk.caller_ends, ()))
    events += [(at, talk.pressed, ()) for at in presses]
    for told in player.history:
        at = told.at - started
        if isinstance(told, ReceivedCheckpoint):
            events.append((at, talk.marked, ()))
        elif isinstance(told, ReceivedClear):
            events.append((at, talk.cleared, ()))
        elif told.start < end:
            begin, until = told.start - started, min(told.end, end) - started
            spans = [(max(a / 1000, begin), min(b / 1000, until)) for a, b in within(agent, begin * 1000, until * 1000)]
            events.append((at, talk.sent, (begin, until, spans, told.last - started, told.behind_s)))
    for at, tell, more in sorted(events, key=lambda event: event[0]):
        tell(at, *more)
    return talk, holes


def _barge_ins(caller: Intervals, talk: Conversation, cleared: Sequence[float]) -> list[MeasuredBargeIn]:
    found = []
    for at, _ in caller:
        for said in talk.utterances:
            since, until = said.begins_s * 1000, said.ends_s * 1000
            if since < at < until:
                # Speech may end a little before the clear that ends its audio, in a pause between two sounds.
                by_clear = any(at <= cut and until - WORD_MS <= cut <= until + GAP_NEAR_MS for cut in cleared)
                found.append(MeasuredBargeIn(at, until - at, by_clear))
    return found


def _unheard(player: Player, cuts: Sequence[Cut], ended_at: float) -> Unheard:
    ms_a_byte = 1000 / player.bytes_per_s
    cleared = sum(cut.n_bytes for cut in cuts if cut.at < ended_at)
    ended = sum(cut.n_bytes for cut in cuts if cut.at >= ended_at)
    return Unheard(cleared * ms_a_byte, ended * ms_a_byte, player.overflow_bytes * ms_a_byte)


def _in_a_word(player: Player, cut: Cut, wire: AudioFormat, limit: float) -> bool:
    seconds = WORD_MS / 1000
    before = player.heard(cut.at - seconds, seconds, wire.silence)
    after = cut.head[: wire.frame_bytes(WORD_MS)]
    return loud_enough(wire.decode(before), limit) and loud_enough(wire.decode(after), limit)


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
