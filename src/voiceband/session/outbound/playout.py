"""Where the far end's player is: an interval of positions for every instant, narrowed by acknowledgements.

The carrier's player is out of sight. We know when we sent each sample; between that and its sound lie

    sent --(way there)--> arrives --(playout delay, when the player was idle)--> plays, then without a break

and between the sound of the sample before a checkpoint and its acknowledgement lies the way back. So the clock keeps,
for every stretch of unbroken playing, the earliest and the latest time at which it can have begun, and moves both when
an acknowledgement says more. An estimate is the middle of the interval, its error half the width.

Positions count wire samples sent since the call began; times are seconds of the caller's clock.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from voiceband.protocol.limits import FRAME_MS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voiceband.session.transport import Transport

IDLE_DELAY_S = (0.0, 0.6)
"""From sending to sound at an idle player, before any acknowledgement: carriers are known with 200 to 300 ms."""
ROUND_TRIP_S = 0.2
"""The longest round trip that is assumed before one has been measured."""
WAY_BACK_S = 0.08
"""The way of an answer that is likely before a round trip has been measured: half of the world is nearer."""
FAR_BACK_S = 0.3
"""The longest such way that the error bound allows for."""
LEAST_DELAY_S = 0.1
"""What an idle player waits for at least, of the delay that the first acknowledgements show."""
FRAME_S = FRAME_MS / 1000
SLACK_S = 0.003
"""What clocks and timers may be off by, besides the network."""
MAX_STRETCHES = 64
MAX_OBSERVATIONS = 8
OVERDUE_S = 0.15
"""How far behind an unanswered checkpoint can still be, once it is overdue."""
GIVE_UP_S = 3.0
"""An acknowledgement that is this much overdue is taken for one that never comes."""


class Stretch:
    """Samples that play without a break: from `position` on, beginning between `early` and `late`."""

    def __init__(self, sent_at: float, early: float, late: float, position: int, n: int, idle: bool) -> None:
        self.sent_at = sent_at
        self.early = early
        self.late = late
        self.position = position
        self.n = n
        self.idle = idle  # whether the player surely was idle when it arrived
        self.observed = False


class PlayoutClock:
    """Follows one player.

    Parameters
    ----------
    rate : int
        Of the wire, in Hz.
    transport : Transport
        What is known of the path.

    Notes
    -----
    Each acknowledgement bounds the playout delay and the network's; how late messages can be on their way out is taken
    from how late those on their way in have been. What neither could show yet, such as the first stall of a call on its
    way out only, no clock knows.
    """

    def __init__(self, rate: int, transport: Transport) -> None:
        self._rate = rate
        self._transport = transport
        self._idle = IDLE_DELAY_S
        self._observations: list[tuple[float, float]] = []  # the latest
        self.round_trip_s: float | None = None
        self.stretches: list[Stretch] = []
        self._waiting: list[tuple[str, int, float]] = []
        self.position = 0
        self._arrives = -math.inf  # until when what is sent surely arrives in time
        self._holds = -math.inf  # and until when that holds
        self._sent_at = -math.inf  # when the latest stretch began to be sent
        self._last_at = -math.inf  # and when anything was

    @property
    def calibrated(self) -> bool:
        """Whether the playout delay has been seen."""
        return bool(self._observations)

    @property
    def idle_delay_s(self) -> tuple[float, float]:
        """From sending to sound at an idle player: least and greatest, but for jitter."""
        return self._idle

    @property
    def _way(self) -> float:
        return self.round_trip_s if self.round_trip_s is not None else ROUND_TRIP_S

    @property
    def doubt(self) -> float:
        """How many samples the player may be further than `heard` says, while no round trip has been measured."""
        if self.round_trip_s is not None or not self._observations:
            return 0.0
        longest = min(FAR_BACK_S, self._idle[1] - LEAST_DELAY_S)
        return max(longest - WAY_BACK_S, 0.0) * self._rate

    def learn_round_trip(self, seconds: float, past: Iterable[Stretch] = ()) -> None:
        """Learn from a message that the far end answers at once: the shortest bounds the way in each direction.

        What was dated by a likely way until then, with the stretches of the `past`, can have been earlier.
        """
        if self.round_trip_s is None and self._observations and seconds > WAY_BACK_S:
            by = seconds - WAY_BACK_S
            for stretch in (*self.stretches, *past):
                stretch.early = max(stretch.early - by, stretch.sent_at)
            self._observations = [(max(low - by, 0.0), high) for low, high in self._observations]
            self._idle = (max(self._idle[0] - by, 0.0), self._idle[1])
        if seconds >= 0 and (self.round_trip_s is None or seconds < self.round_trip_s):
            self.round_trip_s = seconds

    def dated(self, now: float) -> tuple[float, float]:
        """Return between which times a message that arrives at `now` was sent by the far end."""
        way = (self.round_trip_s if self.round_trip_s is not None else WAY_BACK_S) + SLACK_S
        if self._transport.seen_at > now - 1.0:
            date = self._transport.date
            return min(date, now) - way, min(now, date + FRAME_S + SLACK_S)
        return now - way - self._transport.jitter(now), now

    def sent(self, n: int, now: float) -> None:
        """Note n samples sent at `now`."""
        stretches = self.stretches
        self._last_at = now
        # What leaves in one go arrives in one go, however many messages it is.
        if self.surely_playing(now) or (now == self._sent_at and stretches):
            last = stretches[-1]
            last.n += n
            self.position += n
            self._arrives += n / self._rate
            return
        self._sent_at = now
        if len(stretches) >= MAX_STRETCHES:
            stretches.pop(0)
        stretch = Stretch(now, now, now, self.position, n, False)
        self._place(stretch, stretches[-1] if stretches else None, now)
        stretches.append(stretch)
        self._arrives = self._holds = -math.inf
        self.position += n

    def surely_playing(self, now: float) -> bool:
        """Whether what is sent now arrives before the player can have run dry."""
        if now <= self._arrives and now <= self._holds:
            return True
        if not self.stretches:
            return False
        last = self.stretches[-1]
        self._arrives = last.early + last.n / self._rate - self._way - self._transport.jitter(now) - SLACK_S
        # The path may become worse, so this is looked at again five times a second.
        self._holds = now + 0.2
        return now <= self._arrives

    def _place(self, stretch: Stretch, before: Stretch | None, now: float) -> None:
        """Bound the beginning of a stretch by the one before, and by the delay at an idle player."""
        sent_at = stretch.sent_at
        jitter = self._transport.jitter(now)
        early = sent_at + self._idle[0]
        late = sent_at + self._idle[1] + jitter + SLACK_S
        stretch.idle = True
        if before is not None:
            early_end, late_end = before.early + before.n / self._rate, before.late + before.n / self._rate
            if sent_at + self._way + jitter + SLACK_S <= early_end:  # it surely goes on without a break
                early, late = early_end, late_end
                stretch.idle = False
            elif sent_at <= late_end:  # it may, or may not
                early, late = max(early_end, sent_at), max(late_end, late)
                stretch.idle = False
        stretch.early, stretch.late = early, max(early, late)

    def expect(self, name: str, now: float) -> int:
        """Note a checkpoint sent at `now` behind everything so far; return its position."""
        if len(self._waiting) >= MAX_STRETCHES:
            self._waiting.pop(0)
        ahead = now == self._last_at or self.surely_playing(now)  # it arrives before what it is behind has been played
        self._waiting.append((name, self.position, -math.inf if ahead else now))
        return self.position

    def forget(self, name: str) -> None:
        """Expect a checkpoint no more."""
        self._waiting = [w for w in self._waiting if w[0] != name]

    def acknowledged(self, name: str, now: float) -> None:
        """Learn that all before the checkpoint `name` has been played. Earlier checkpoints are taken as passed."""
        if name not in [waiting for waiting, _, _ in self._waiting]:
            return
        position, sent_at = 0, now
        while self._waiting:
            waiting, position, sent_at = self._waiting.pop(0)
            if waiting == name:
                break
        index = len(self.stretches) - 1  # the last ones are the most likely
        while index >= 0 and self.stretches[index].position >= position:
            index -= 1
        stretch = self.stretches[index] if index >= 0 else None
        if stretch is None or position > stretch.position + stretch.n:
            return
        into = (position - stretch.position) / self._rate
        early, late = self.dated(now)
        early, late = max(early - into, stretch.sent_at), max(late - into, stretch.sent_at)
        if now - sent_at <= self._way + self._transport.jitter(now) + SLACK_S:
            # Perhaps it came when all had been played already, and was answered at once.
            stretch.late = min(stretch.late, late)
            stretch.early = min(stretch.early, stretch.late)
            self._arrives = self._holds = -math.inf
            return
        if stretch.idle and not stretch.observed:
            self._observe(early - stretch.sent_at, late - stretch.sent_at)
        low, high = max(stretch.early, early), min(stretch.late, late)
        if low > high:  # it was held up, or faster than was thought possible
            low, high = early, late
        stretch.early, stretch.late, stretch.observed = low, high, True
        self._arrives = self._holds = -math.inf
        for i in range(index + 1, len(self.stretches)):
            follower = self.stretches[i]
            if not follower.observed:
                self._place(follower, self.stretches[i - 1], now)

    def _observe(self, low: float, high: float) -> None:
        """Learn the delay at an idle player: the shortest one seen; what was above it was the network's."""
        self._observations = [*self._observations[1 - MAX_OBSERVATIONS :], (max(low, 0.0), high)]
        high = min(high for _, high in self._observations)
        self._idle = (min(high, min(low for low, _ in self._observations)), high)

    def heard(self, now: float) -> tuple[float, float]:
        """Return the least and the greatest position that the player can have reached."""
        behind = zip(reversed(self.stretches), reversed(self._behind()), strict=True)
        return self._reached(now, behind), self.reached(now, late=False)

    def reached(self, now: float, *, late: bool) -> float:
        """Return the position at `now` if all stretches begin as late, or as early, as they can."""
        return self._reached(now, ((s, s.late if late else s.early) for s in reversed(self.stretches)))

    def _reached(self, now: float, begins: Iterable[tuple[Stretch, float]]) -> float:
        """Return the position at `now` if the stretches, from the last one on, begin at these times."""
        for stretch, at in begins:
            if now > at:
                return stretch.position + min((now - at) * self._rate, float(stretch.n))
        return float(self.stretches[0].position) if self.stretches else float(self.position)

    def played_at(self, position: int) -> tuple[float, float] | None:
        """Return between which times `position` is reached; None for what is forgotten."""
        for stretch in reversed(self.stretches):
            if stretch.position <= position:
                into = min(position - stretch.position, stretch.n) / self._rate
                return stretch.early + into, stretch.late + into
        return None

    def played_by(self, when: float) -> int:
        """Return the position that is surely reached at a time; what is forgotten is."""
        for stretch in reversed(self.stretches):
            if stretch.late <= when:
                return stretch.position + min(int((when - stretch.late) * self._rate), stretch.n)
        return self.stretches[0].position if self.stretches else self.position

    def placed(self) -> list[tuple[float, float, float, int]]:
        """Return of each stretch when it begins and ends, by how much that may be off, and its first position."""
        rate, doubt_s = self._rate, self.doubt / self._rate
        found = []
        for stretch, late in zip(self.stretches, self._behind(), strict=True):
            begin = (stretch.early + late) / 2
            found.append((begin, begin + stretch.n / rate, (late - stretch.early) / 2 + doubt_s, stretch.position))
        return found

    def ends_by(self) -> float:
        """Return by when all that was sent has been played, as far as is known."""
        return self.stretches[-1].late + self.stretches[-1].n / self._rate if self.stretches else float("-inf")

    def _behind(self) -> list[float]:
        """Return when each stretch begins at the latest: an acknowledgement that should be here says that it is behind.

        Worked out again each time: asking must not change the answer, nor put off giving up.
        """
        lates = [stretch.late for stretch in self.stretches]
        if not self._waiting or self._transport.date == -math.inf:
            return lates
        # Had it been played by then, its answer would have come before the latest media.
        at_least = self._transport.date - self._way - SLACK_S
        for _, position, _ in self._waiting:
            index = next((i for i, s in enumerate(self.stretches) if s.position < position <= s.position + s.n), None)
            if index is None:
                continue
            into = (position - self.stretches[index].position) / self._rate
            overdue = at_least - (lates[index] + into)
            if overdue <= 0:
                break
            if overdue > GIVE_UP_S:
                continue
            lates[index] = at_least - into + OVERDUE_S
            for i in range(index + 1, len(lates)):
                before = self.stretches[i - 1]
                lates[i] = max(lates[i], lates[i - 1] + before.n / self._rate)
            break
        return lates

    def clear(self) -> list[Stretch]:
        """Begin again with an idle player; return what was known of the stretches so far."""
        for stretch, late in zip(self.stretches, self._behind(), strict=True):
            stretch.late = late  # nothing more will be learned of these
        old, self.stretches = self.stretches, []
        self._arrives = self._holds = self._sent_at = self._last_at = -math.inf
        self._waiting.clear()
        return old

    def go_on(self, past: Iterable[Stretch]) -> None:
        """Take it back that the player is idle: what it has of the past goes on."""
        self.stretches.extend(Stretch(s.sent_at, s.early, s.late, s.position, s.n, s.idle) for s in past)


def reached_in(stretches: list[Stretch], rate: int, early: float, late: float) -> tuple[float, float] | None:
    """Return the least and the greatest position of stretches of the past, at a time between `early` and `late`."""
    if not stretches:
        return None
    low = high = float(stretches[0].position)
    for stretch in stretches:
        if early > stretch.late:
            low = stretch.position + min((early - stretch.late) * rate, float(stretch.n))
        if late > stretch.early:
            high = stretch.position + min((late - stretch.early) * rate, float(stretch.n))
    return low, high
