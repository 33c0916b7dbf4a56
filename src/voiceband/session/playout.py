"""Where the far end's player is: an interval of positions for every instant, narrowed by acknowledgements.

The carrier's player is out of sight. We know when we sent each sample; between that and its sound lie

    sent --(forward delay)--> arrives --(playout delay, when the player was idle)--> plays, then without a break

and between the sound of the sample before a checkpoint and its acknowledgement lies the delay back. So the clock keeps,
for every stretch of unbroken playing, the earliest and the latest time at which it can have begun, and moves both when
an acknowledgement says more. An estimate is the middle of the interval, its error half the width.

Positions count wire samples sent since the call began; times are seconds of the caller's clock.
"""

from __future__ import annotations

import collections

IDLE_DELAY_S = (0.05, 0.55)
"""From sending to sound at an idle player, before any acknowledgement: carriers are known with 200 to 300 ms."""
ROUND_TRIP_S = 0.2
"""The longest round trip that is assumed before one has been measured."""
SLACK_S = 0.005
"""What clocks, timers and the player's frames may be off by, besides the network."""
JITTER_HALF_LIFE_S = 20.0
MAX_STRETCHES = 64
GIVE_UP_S = 3.0
"""An acknowledgement that is this much overdue is taken for one that never comes."""


class _Stretch:
    """Samples that play without a break: from `position` on, beginning between `early` and `late`."""

    __slots__ = ("early", "late", "n", "position", "sent_at")

    def __init__(self, sent_at: float, early: float, late: float, position: int, n: int) -> None:
        self.sent_at = sent_at
        self.early = early
        self.late = late
        self.position = position
        self.n = n


class PlayoutClock:
    """Follows one player.

    Parameters
    ----------
    rate : int
        Of the wire, in Hz.

    Notes
    -----
    Each acknowledgement bounds the playout delay and the network's; `jitter` learns from the inbound side how late messages
    of this call can be. What no acknowledgement could show yet, such as the first long stall of a call on its way out, no
    clock knows.
    """

    __slots__ = ("_idle", "_jitter", "_jitter_at", "_rate", "_round_trip", "_stretches", "_waiting", "position")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._idle = IDLE_DELAY_S
        self._round_trip: float | None = None
        self._jitter = 0.0
        self._jitter_at = 0.0
        self._stretches: collections.deque[_Stretch] = collections.deque()
        self._waiting: collections.deque[tuple[str, int]] = collections.deque()
        self.position = 0

    @property
    def round_trip_s(self) -> float | None:
        """The shortest round trip seen; None before the first."""
        return self._round_trip

    def round_trip(self, seconds: float) -> None:
        """Learn from a message that the far end answers at once."""
        if seconds >= 0 and (self._round_trip is None or seconds < self._round_trip):
            self._round_trip = seconds

    def lateness(self, seconds: float, now: float) -> None:
        """Learn how late a message of this call has just been, in either direction."""
        self._jitter = max(seconds, self._jitter_now(now))
        self._jitter_at = now

    def _jitter_now(self, now: float) -> float:
        return self._jitter * 0.5 ** (max(0.0, now - self._jitter_at) / JITTER_HALF_LIFE_S)

    def sent(self, n: int, now: float) -> None:
        """Note n samples sent at `now`."""
        rate = self._rate
        way = self._round_trip if self._round_trip is not None else ROUND_TRIP_S
        jitter = self._jitter_now(now)
        latest_arrival = now + way + jitter + SLACK_S
        early, late = now + self._idle[0], now + self._idle[1] + jitter + SLACK_S
        if self._stretches:
            last = self._stretches[-1]
            early_end, late_end = last.early + last.n / rate, last.late + last.n / rate
            if latest_arrival <= early_end:
                last.n += n  # it arrives before the player can have run dry
                self.position += n
                return
            if now <= late_end:  # it may arrive in time, or may not
                early, late = max(early_end, now), max(late_end, late)
        if len(self._stretches) >= MAX_STRETCHES:
            self._stretches.popleft()
        self._stretches.append(_Stretch(now, early, late, self.position, n))
        self.position += n

    def expect(self, name: str) -> None:
        """Note a checkpoint sent behind everything so far."""
        if len(self._waiting) >= MAX_STRETCHES:
            self._waiting.popleft()
        self._waiting.append((name, self.position))

    def acknowledged(self, name: str, now: float, late_s: float) -> int | None:
        """Learn that all before the checkpoint `name` has been played; `late_s` is how late the message was.

        Returns the checkpoint's position, or None when nobody waits for it. Earlier ones are taken as passed.
        """
        if not any(name == waiting for waiting, _ in self._waiting):
            return None
        position = 0
        while self._waiting:
            waiting, position = self._waiting.popleft()
            if waiting == name:
                break
        back = self._round_trip if self._round_trip is not None else ROUND_TRIP_S
        # The acknowledgement left when the last sample had sounded, and took no longer than the path and its lateness.
        self._played_between(position, now - late_s - back - SLACK_S, now - max(0.0, late_s - 0.02))
        return position

    def _played_between(self, position: int, early: float, late: float) -> None:
        """Narrow the stretch that holds the sample before `position`, and all behind it."""
        rate = self._rate
        index = next((i for i, s in enumerate(self._stretches) if s.position < position <= s.position + s.n), None)
        if index is None:
            return
        stretch = self._stretches[index]
        into = (position - stretch.position) / rate
        alone = index == 0 or stretch.sent_at > self._stretches[index - 1].late + self._stretches[index - 1].n / rate
        early, late = early - into, late - into
        low = min(max(stretch.early, early), late)
        high = max(min(stretch.late, late), low)
        if late < stretch.early:  # it was faster than was thought possible
            low, high = early, late
        elif early > stretch.late:  # it was held up on its way
            low, high = early, late
        if alone and into * rate == stretch.n or alone:
            self._learn_idle(low - stretch.sent_at, high - stretch.sent_at)
        moved = high - stretch.late
        stretch.early, stretch.late = low, high
        for i in range(index + 1, len(self._stretches)):
            before, follower = self._stretches[i - 1], self._stretches[i]
            follower.early = max(follower.early, before.early + before.n / rate)
            if moved < 0 and follower.sent_at <= before.late + before.n / rate:
                # It may have followed without a break, so it can be as early as its forerunner lets it.
                follower.late = max(follower.early, before.late + before.n / rate, follower.sent_at + self._idle[1])
            else:
                follower.late = max(follower.late, before.late + before.n / rate)

    def _learn_idle(self, low: float, high: float) -> None:
        """Keep the shortest delay at an idle player: what is above it was the network's lateness."""
        low = max(low, 0.0)
        if self._idle is IDLE_DELAY_S or high < self._idle[1]:
            self._idle = (min(low, high), high)
        elif low > self._idle[1] + 0.5:
            # Nothing near the old figure any more: the player has changed.
            self._idle = (low, high)

    def heard(self, now: float) -> tuple[float, float]:
        """Return the least and the greatest position that the player can have reached."""
        self._overdue(now)
        return self._reached(now, late=True), self._reached(now, late=False)

    def _reached(self, now: float, *, late: bool) -> float:
        for stretch in reversed(self._stretches):
            begins = stretch.late if late else stretch.early
            if now > begins:
                return stretch.position + min((now - begins) * self._rate, stretch.n)
        return float(self._stretches[0].position) if self._stretches else float(self.position)

    def _overdue(self, now: float) -> None:
        """Let an acknowledgement that should be here say that playing may be behind."""
        while self._waiting:
            _, position = self._waiting[0]
            stretch = next((s for s in self._stretches if s.position < position <= s.position + s.n), None)
            if stretch is None:
                return
            way = self._round_trip if self._round_trip is not None else ROUND_TRIP_S
            due = stretch.late + (position - stretch.position) / self._rate + way + SLACK_S
            if now <= due:
                return
            if now - due > GIVE_UP_S:
                self._waiting.popleft()
                continue
            # Still silent: the latest possible beginning moves on with time.
            stretch.late += now - due
            return

    def clear(self) -> None:
        """Forget what was still to be played: the far end has been told to drop it."""
        self._stretches.clear()
        self._waiting.clear()
