"""The ledger: of each utterance, what was queued, sent, acknowledged, heard, cleared and never sent.

    queued = sent + unsent,    sent = heard + cleared     once it is over, to the sample

All counts are samples of the wire; `acknowledged` is what the far end has confirmed, `heard` what the clock says.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from voiceband.session.heard import Heard, UtteranceHeard
from voiceband.session.outbound.playout import PlayoutClock, Stretch, reached_in

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from voiceband.session.outbound.chain import OutboundChain

    Reason = Literal["given", "lapsed", "interrupted", "failed", "closed"]
    """Why an utterance ends; see `end_utterance`."""

MAX_SPOKEN = 64
"""Utterances whose own figures are kept after they were heard."""
MAX_INTERRUPTIONS = 8
"""Interruptions whose answers are still waited for."""


class Utterance:
    """Utterance(name)\n--\n\n\
    One thing the agent says; made by `Session.play`, whose pieces join it until it ends.

    Attributes
    ----------
    name : str
        Unique in the call; it is also the name of the checkpoint at its end.
    ended : bool
        Whether all of its audio has been given to `Session.play`.
    lapsed : bool
        Whether it ended because nothing more came for too long.
    interrupted : bool
        Whether `Session.interrupt` ended it, or it could not be played; more audio for it is ignored.
    note : object
        For the session's owner: nothing here reads it.
    """  # noqa: D205, D301  (its first line is the signature, which `inspect` reads there)

    def __init__(self, name: str) -> None:
        self.name = name
        self.note: Any = None
        self.ended = False
        self.lapsed = False
        self.interrupted = False
        self._owner: Any = None  # what ends it, while it is open
        self.queued = 0  # wire samples, padding included
        self.sent = 0
        self.acknowledged = 0
        self.heard = 0  # for certain, or when it was interrupted
        self.cleared = 0
        self.content_ms = 0.0  # of what was given, without padding and the resampler's tail
        self._ms = 0.125  # milliseconds a wire sample
        self._given_ms = 0.125  # and a sample as it is given
        self._rate = 0  # at which that is, while the quick way is open
        self._pending = bytearray()
        self._convert: Any = None  # what turns the agent's audio into wire bytes, while it is open
        self._chain: OutboundChain | None = None  # the quick way of it
        self._start = 0  # position of its first sample on this stream, once one was sent
        self._base = 0  # samples sent on earlier streams of the call
        self._done = 0  # and how many of these were heard
        self._known = 0  # how many of these the far end had confirmed
        self._doubt = 0.0  # by how many the rest can be off

    def end(self) -> None:
        """End it: its last frame is padded with silence, and a checkpoint follows. Nothing happens if it has ended."""
        if self._owner is not None:
            self._owner.end_of(self)

    @property
    def queued_ms(self) -> float:
        """How much was given to `Session.play`, in milliseconds on the wire, padding included."""
        return self.queued * self._ms

    @property
    def sent_ms(self) -> float:
        """How much has been sent."""
        return self.sent * self._ms

    @property
    def heard_ms(self) -> float:
        """How much is known to have been heard; `Session.heard` says what is estimated for a given time."""
        return self.heard * self._ms

    @property
    def cleared_ms(self) -> float:
        """How much was sent and then dropped at the far end."""
        return self.cleared * self._ms

    @property
    def _end(self) -> int:
        """Position behind its last sample sent."""
        return self._start + self.sent - self._base

    def _reach(self, position: float) -> float:
        """Return how many of its samples are heard when the player is at `position`."""
        here = min(max(position - self._start, 0.0), float(self.sent - self._base))
        return self._done + max(here, float(self.acknowledged - self._known))

    @property
    def _over(self) -> bool:
        """Whether all of it has been sent, and no more can come."""
        return self.ended and self.sent == self.queued

    def __repr__(self) -> str:
        return f"Utterance({self.name!r}, queued_ms={self.queued_ms:g}, sent_ms={self.sent_ms:g}, ended={self.ended})"


def end_utterance(utterance: Utterance, reason: Reason) -> None:
    """End an utterance: it takes no more audio, and what converts its pieces is given back. Nothing else ends one.

    Parameters
    ----------
    utterance : Utterance
        One that has ended with all of its audio, and not been heard yet, can still be interrupted.
    reason : {"given", "lapsed", "interrupted", "failed", "closed"}
        All of its audio was given; nothing more came for too long; it is not to be heard any more; it cannot be
        converted; its stream is gone.
    """
    utterance.ended = True
    if reason == "lapsed":
        utterance.lapsed = True
    elif reason == "interrupted" or reason == "failed":
        utterance.interrupted = True
    if reason != "interrupted":
        utterance._owner = None  # else its `end` still says that nothing more comes of it
    if utterance._convert is not None:
        utterance._convert.drop()
    utterance._convert = utterance._chain = None
    utterance._rate = 0


class Interruption(msgspec.Struct):
    """What was known when the far end was told to clear its queue; its answer settles the rest."""

    stretches: list[Stretch]
    utterances: list[Utterance]
    before: int
    unsent: dict[int, int]
    at: float
    sent_at: float


class Ledger:
    """Keeps the utterances since the latest interruption."""

    __slots__ = ("_before", "_clock", "_rate", "_unsure", "interruptions", "spoken")

    def __init__(self, rate: int, clock: PlayoutClock) -> None:
        self._rate = rate
        self._clock = clock
        self._before = 0  # samples of those that `spoken` has no room for
        self.spoken: list[Utterance] = []
        self._unsure: list[Utterance] = []  # the last of these, that answers can be for
        self.interruptions: list[Interruption] = []

    def begin(self, utterance: Utterance, now: float) -> None:
        """Note that the first samples of an utterance go out."""
        utterance._start = self._clock.position
        spoken = self.spoken
        if len(spoken) >= MAX_SPOKEN:
            low = self._clock.reached(now, late=True)
            while len(spoken) >= MAX_SPOKEN and spoken[0].ended and spoken[0]._end <= low:
                old = spoken.pop(0)
                self._before += round(old._reach(low))
                if self._unsure and self._unsure[0] is old:
                    self._unsure.pop(0)
        spoken.append(utterance)
        self._unsure.append(utterance)

    def acknowledged(self, position: int) -> None:
        """Note that everything before a position has been played."""
        unsure = self._unsure
        while unsure and unsure[0]._start < position:
            utterance = unsure[0]
            played = min(position - utterance._start, utterance.sent - utterance._base)
            utterance.acknowledged = max(utterance.acknowledged, utterance._known + played)
            utterance.heard = max(utterance.heard, utterance.acknowledged - utterance._known + utterance._done)
            if utterance._end > position or not utterance._over:
                break
            unsure.pop(0)

    def heard(self, now: float, queued: Iterable[Utterance]) -> Heard:
        """Return the state of things, and change nothing."""
        low, high = self._clock.heard(now)
        waiting = [u for u in queued if u.sent == 0]
        return self._count(low, high, [*self.spoken, *waiting], self._before, None)[0]

    def _count(
        self, low: float, high: float, utterances: list[Utterance], before: int, unsent: dict[int, int] | None
    ) -> tuple[Heard, list[int]]:
        """Return the record for a player between two positions, and each utterance's heard samples."""
        ms = 1000 / self._rate
        records, samples = [], []
        total_low = total_high = float(before)
        total = before
        doubt = self._clock.doubt
        for u in utterances:
            least, most = u._reach(low), u._reach(high)
            heard = round((least + most) / 2)
            least = max(least - u._doubt, float(u.acknowledged))
            most = min(u._reach(high + doubt) + u._doubt, float(u.sent))
            error = max(most - heard, heard - least, 0.0)
            total += heard
            total_low += least
            total_high += most
            over = unsent is not None
            left = unsent.get(id(u), 0) if unsent is not None else u.queued - u.sent
            # A hair above the quotient, so that a whole number of milliseconds is not rounded down to one less.
            end_ms = math.floor(min(heard * ms, u.content_ms) + 1e-6)
            records.append(
                UtteranceHeard(
                    u.name,
                    u.queued * ms,
                    u.sent * ms,
                    u.acknowledged * ms,
                    heard * ms,
                    error * ms,
                    (u.sent - heard) * ms if over else u.cleared * ms,
                    left * ms,
                    end_ms,
                )
            )
            samples.append(heard)
        error = max(total_high - total, total - total_low, 0.0)
        return Heard(total * ms, error * ms, tuple(records)), samples

    def interrupt(self, now: float, queued: Iterable[Utterance]) -> Heard:
        """End all utterances, and return what was heard of them."""
        low, high = self._clock.heard(now)
        utterances = [*self.spoken, *(u for u in queued if u.sent == 0)]
        unsent = {id(u): u.queued - u.sent for u in utterances}
        heard, samples = self._count(low, high, utterances, self._before, unsent)
        for utterance, n in zip(utterances, samples, strict=True):
            utterance.heard, utterance.cleared = n, utterance.sent - n
            end_utterance(utterance, "interrupted")
            utterance._pending.clear()
        # Until the answer comes, a clear that cannot be dated is as good as one that was never sent.
        interruption = Interruption(self._clock.clear(), utterances, self._before, unsent, now, math.inf)
        self.interruptions = [*self.interruptions[1 - MAX_INTERRUPTIONS :], interruption]
        self.spoken.clear()
        self._unsure.clear()
        self._before = 0
        return heard

    def cleared(self, now: float) -> Heard | None:
        """Settle the oldest interruption: its clear happened before `now`."""
        if not self.interruptions or self.interruptions[0].sent_at > now:
            return None
        past = self.interruptions.pop(0)
        early, late = self._clock.dated(now)
        early = max(early, past.sent_at)
        found = reached_in(past.stretches, self._rate, early, max(late, early))
        low, high = found if found is not None else (-math.inf, -math.inf)
        if found is None and past.utterances:
            low = high = max((float(u._end) for u in past.utterances if u.sent), default=0.0)
        heard, samples = self._count(low, high, past.utterances, past.before, past.unsent)
        for utterance, n in zip(past.utterances, samples, strict=True):
            utterance.heard, utterance.cleared = n, utterance.sent - n
        return heard

    def cut(self, now: float) -> bool:
        """Settle what was sent on a stream that is gone: nobody will answer for it any more.

        Returns whether some of it may never have been heard.
        """
        low, high = self._clock.heard(now)
        doubt = self._clock.doubt
        self._clock.clear()
        lost = False
        for utterance in self.spoken:
            if utterance.sent > utterance._base:
                least, most = utterance._reach(low), utterance._reach(high)
                done = round((least + most) / 2)
                utterance._doubt += max(utterance._reach(high + doubt) - done, done - least)
                utterance._done = utterance.heard = done
                utterance.cleared = utterance.sent - done
                lost = lost or least < utterance.sent
            utterance._base, utterance._known = utterance.sent, utterance.acknowledged
            utterance._start = self._clock.position
        self._unsure = [u for u in self._unsure if not u._over]
        self.interruptions.clear()
        return lost
