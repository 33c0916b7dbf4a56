"""The caller's turns, and how long each waited for an answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from voiceband.emulator.judge.conversation import LISTENING_S, SAME_TURN_S, SOON_S, Conversation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from voiceband.emulator.judge.conversation import AgentUtterance

REACTION_S = 0.2
"""What was sent sooner after the caller began was not sent because of that: it is a greeting, or a prompt."""


class Turn(msgspec.Struct, frozen=True):
    """One turn of the caller.

    Attributes
    ----------
    start_ms, end_ms : float
        When the caller began and ceased to speak.
    answer_ms : float or None
        From its end to the first sound of the agent's answer in the caller's ear; 0 if the agent began a little before
        the end. None without an answer before the caller's next turn, or if the agent talked on over this one.
    """

    start_ms: float
    end_ms: float
    answer_ms: float | None


def answered(caller: Sequence[tuple[float, float]], talk: Conversation) -> list[Turn]:
    """Return the caller's turns, and how long each waited for the agent's answer.

    Parameters
    ----------
    caller : sequence of (float, float)
        Where the caller speaks, in ms.
    talk : Conversation
        Of the whole stream, by the same clock in seconds.
    """
    said = [one for one in talk.utterances if one.begins_s < math.inf]
    onsets = [one.begins_s * 1000 for one in said]
    turns: list[tuple[float, float]] = []
    for begin, end in caller:
        if turns:
            before = turns[-1][1]
            if begin - before < SAME_TURN_S * 1000 and not any(before <= onset < begin for onset in onsets):
                turns[-1] = (turns[-1][0], end)
                continue
        turns.append((begin, end))
    following = [*(begin for begin, _ in turns), math.inf][1:]
    return [
        Turn(begin, end, _answer_ms(begin / 1000, end / 1000, limit / 1000, said))
        for (begin, end), limit in zip(turns, following, strict=True)
    ]


def _answer_ms(begin_s: float, end_s: float, limit_s: float, said: Sequence[AgentUtterance]) -> float | None:
    for one in said:
        if one.begins_s >= limit_s:
            return None
        if one.begins_s < begin_s and one.ends_s - end_s >= SAME_TURN_S:
            return None  # it talked on, whatever came then
        listens = one.ends_s <= end_s and one.ends_s - one.begins_s < LISTENING_S
        if one.sent_s >= max(begin_s + REACTION_S, end_s - SOON_S) and not listens and not one.rest:
            return round(max(0.0, one.begins_s - end_s) * 1000, 6)
    return None


def talk_of_sound(caller: Sequence[tuple[float, float]], agent: Sequence[tuple[float, float]]) -> Conversation:
    """Return the talk of a recording, where nobody knows when anything was sent; intervals are in ms."""
    talk = Conversation()
    events: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []
    for begin, end in caller:
        events += [(begin / 1000, talk.caller_begins, ()), (end / 1000, talk.caller_ends, ())]
    for begin, end in agent:
        span = (begin / 1000, end / 1000)
        events.append((begin / 1000, talk.sent, (*span, [span])))
    for at_s, tell, more in sorted(events, key=lambda event: event[0]):
        tell(at_s, *more)
    return talk
