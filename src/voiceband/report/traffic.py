"""What the agent sent, as the carrier's player took it: how far ahead, how evenly, and what of it was heard."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from voiceband.emulator.carrier.log import Entry
    from voiceband.report.logged_stream import LoggedStream

Series = list[tuple[float, float]]
"""Seconds on the log's clock, and a value."""


class SpokenPiece(msgspec.Struct):
    """A piece of the agent's speech: up to a checkpoint or a clear, or until the player had run dry.

    Attributes
    ----------
    at_s, from_s : float
        When its first audio came, and when that was to be heard; seconds on the log's clock.
    name : str or None
        The checkpoint at its end.
    sent_ms, cleared_ms, cut_ms, refused_ms : float
        What came of it, and what of that a clear dropped, the end of the stream cut, and the full queue refused.
    answered_s : float or None
        When the checkpoint was answered.
    """

    at_s: float
    from_s: float
    name: str | None = None
    sent_ms: float = 0.0
    cleared_ms: float = 0.0
    cut_ms: float = 0.0
    refused_ms: float = 0.0
    answered_s: float | None = None

    @property
    def heard_ms(self) -> float:
        """What the caller heard of it."""
        return max(0.0, self.sent_ms - self.cleared_ms - self.cut_ms - self.refused_ms)


class Traffic(NamedTuple):
    """What `traffic` found.

    Attributes
    ----------
    lead : list of (float, float)
        For each playAudio, how much audio waited in the player when it came, in ms.
    intervals : list of (float, float)
        How long after the message before it each playAudio came, in ms; only where the same talk went on.
    talks : list of SpokenPiece
        The ledger.
    """

    lead: Series
    intervals: Series
    talks: list[SpokenPiece]


def traffic(stream: LoggedStream) -> Traffic:
    """Follow what the agent sent on one stream."""
    call, player = stream.call, stream.call.player
    ms_a_byte = 1000 / player.bytes_per_s
    # By the time as a log has it.
    cuts = {round(cut.at - stream.at_s, 6): cut.n_bytes * ms_a_byte for cut in player.cuts}
    found = Traffic([], [], [])
    before_s: float | None = None  # when the message before came, within the same talk
    waiting: list[SpokenPiece] = []
    for entry in call.log:
        at_s = stream.at_s + entry.at_s
        if entry.way == "received" and "ignored" not in entry.detail:
            if entry.name == "playAudio" and "ms" in entry.detail:
                queued_ms = entry.detail["queued_ms"]
                goes_on = before_s is not None and (queued_ms > 0 or 0 < entry.detail.get("dry_ms", 0) <= 1000)
                found.lead.append((at_s, queued_ms))
                if goes_on and before_s is not None:
                    found.intervals.append((at_s, (at_s - before_s) * 1000))
                else:
                    found.talks.append(SpokenPiece(at_s, at_s + (queued_ms / 1000 or player.delay_s)))
                talk = found.talks[-1]
                talk.sent_ms += entry.detail["ms"]
                if "problem" in entry.detail:  # its end did not fit
                    room_ms = player.max_queue_s * 1000 - queued_ms
                    talk.refused_ms += max(0.0, entry.detail["ms"] - max(0.0, room_ms))
                before_s = at_s
            elif entry.name == "checkpoint" and "problem" not in entry.detail:
                if before_s is not None:
                    found.talks[-1].name = checkpoint_name(entry)
                    waiting.append(found.talks[-1])
                before_s = None
            elif entry.name == "clearAudio" and "problem" not in entry.detail:
                _drop(found.talks, cuts.get(entry.at_s, 0.0), "cleared_ms")
                before_s = None
        elif entry.name == "playedStream" and waiting:
            name = checkpoint_name(entry)
            answered = next((talk for talk in waiting if talk.name == name), None)
            if answered is not None:
                answered.answered_s = at_s
                waiting.remove(answered)
    _drop(found.talks, cuts.get(round(call.ended_at - stream.at_s, 6), 0.0), "cut_ms")
    return found


def _drop(talks: list[SpokenPiece], ms: float, what: str) -> None:
    """Take so much from the end of what was sent and has not been dropped yet."""
    for talk in reversed(talks):
        taken = min(ms, talk.heard_ms)
        setattr(talk, what, getattr(talk, what) + taken)
        ms -= taken
        if ms <= 1e-6:
            return


def checkpoint_name(entry: Entry) -> str:
    """Return the name that a checkpoint, or the answer to one, has; empty if it has none."""
    try:
        name = json.loads(entry.text or "")["name"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return name if isinstance(name, str) else ""
