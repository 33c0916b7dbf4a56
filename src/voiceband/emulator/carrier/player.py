"""The carrier's player: a queue of audio, a clock that plays it, silence when it runs dry.

Nothing ticks: the time at which each sample plays is settled when it arrives, and a clear cuts what lies in the future.

    time     ----|====run====|........|==run==|---->
                 ^ start     ^ the queue ran dry: a gap, if the same talk goes on
"""

from __future__ import annotations

import bisect
import collections
import itertools
import operator
from dataclasses import dataclass, field

MAX_CUTS = 10_000
"""How many cuts are told apart; the last one takes in what comes after."""
MAX_HISTORY = 1_000_000
BURST_S = 0.4
"""Audio that comes within this of the audio before it came in one go with it."""
TALK_GAP_S = 1.0
"""Silence longer than this is a pause of the agent, not a gap."""


@dataclass(frozen=True)
class Gap:
    """Silence that the caller heard in the middle of speech, in seconds of the player's clock."""

    start: float
    end: float

    @property
    def ms(self) -> float:
        """Its length in milliseconds."""
        return (self.end - self.start) * 1000


@dataclass
class PlayedRun:
    """Audio played without interruption: wire bytes, and when the first of them plays."""

    start: float
    data: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True)
class Cut:
    """A clear that dropped audio: when, how much of it, and the first 20 ms of that, as wire bytes."""

    at: float
    n_bytes: int
    head: bytes


@dataclass
class ReceivedStretch:
    """Audio that came in one go: when its first and last came, when it was to play, how far its sender was behind."""

    at: float
    last: float
    start: float
    end: float
    behind_s: float = 0.0


@dataclass(frozen=True)
class ReceivedCheckpoint:
    """A checkpoint, and when it came."""

    at: float


@dataclass(frozen=True)
class ReceivedClear:
    """A clear, and when it came."""

    at: float


_start = operator.attrgetter("start")


class Player:
    """Plays wire bytes in the order they come.

    Parameters
    ----------
    bytes_per_s : int
        Of the format that is played.
    delay_s : float
        How long audio waits before it is heard when the player is idle.
    max_queue_s : float
        How much may wait; what does not fit is dropped.

    Attributes
    ----------
    end_s : float
        When all that was queued will have been played; -inf before the first.
    """

    def __init__(self, bytes_per_s: int, *, delay_s: float = 0.25, max_queue_s: float = 60.0) -> None:
        self.bytes_per_s = bytes_per_s
        self.delay_s = delay_s
        self.max_queue_s = max_queue_s
        self.runs: list[PlayedRun] = []
        self.gaps: list[Gap] = []
        self.cuts: list[Cut] = []
        self.history: list[ReceivedStretch | ReceivedCheckpoint | ReceivedClear] = []
        self.overflow_bytes = 0
        self.end_s = float("-inf")
        self._talking = False  # no checkpoint and no clear since the last audio
        self._idle = True  # nothing has come since the beginning or the last clear
        self._checkpoints: collections.deque[tuple[float, str]] = collections.deque()

    def played(self, now: float) -> int:
        """Return how many bytes have been played by `now`, not counting what was cleared."""
        return sum(min(max(int((now - run.start) * self.bytes_per_s + 1e-6), 0), len(run.data)) for run in self.runs)

    def queued_s(self, now: float) -> float:
        """How much waits to be played; the delay before an idle player begins is no audio, and does not count."""
        waits_from = now if self._idle else max(now, self.runs[-1].start)
        return max(0.0, self.end_s - waits_from)

    def dry_ms(self, now: float) -> float:
        """Return how long there will have been nothing to play, if audio comes now; 0 if something is, or never was."""
        if self._idle or now <= self.end_s:
            return 0.0
        return (now + self.delay_s - self.end_s) * 1000

    def parched(self, now: float) -> bool:
        """Return whether it has run dry, and nobody has said that it should."""
        return self._talking and now > self.end_s

    def play(self, data: bytes, now: float, behind_s: float = 0.0) -> None:
        """Queue wire bytes that arrive at `now`, from an agent whose oldest unread message is `behind_s` old."""
        room = int((self.max_queue_s - self.queued_s(now)) * self.bytes_per_s) // 2 * 2
        if len(data) > room:
            self.overflow_bytes += len(data) - max(room, 0)
            data = data[: max(room, 0)]
        if not data:
            return
        if now > self.end_s or not self.runs or self._idle:
            start = now + self.delay_s
            if self._talking and start - self.end_s <= TALK_GAP_S:
                self.gaps.append(Gap(self.end_s, start))
            self.runs.append(PlayedRun(start))
            self.end_s = start
            self._idle = False
        self.runs[-1].data += data
        begin, self.end_s = self.end_s, self.end_s + len(data) / self.bytes_per_s
        latest = self.history[-1] if self.history else None
        if isinstance(latest, ReceivedStretch) and begin <= latest.end + 1e-6 and now - latest.last <= BURST_S:
            latest.last, latest.end = now, self.end_s
        else:
            self.history.append(ReceivedStretch(now, now, begin, self.end_s, behind_s))
        self._talking = True

    def checkpoint(self, name: str, now: float) -> None:
        """Queue a mark; it is reached when everything before it has been played."""
        self._checkpoints.append((max(self.end_s, now), name))
        if len(self.history) < MAX_HISTORY:
            self.history.append(ReceivedCheckpoint(now))
        self._talking = False

    def clear(self, now: float) -> None:
        """Drop what has not been played, marks included."""
        if len(self.history) < MAX_HISTORY:
            self.history.append(ReceivedClear(now))
        dropped = bytearray()
        while self.runs and self.runs[-1].start >= now:
            dropped[:0] = self.runs.pop().data
        if self.runs:
            played = int((now - self.runs[-1].start) * self.bytes_per_s + 1e-6) // 2 * 2
            dropped[:0] = self.runs[-1].data[played:]
            del self.runs[-1].data[played:]
        if dropped:
            before = self.cuts.pop().n_bytes if len(self.cuts) == MAX_CUTS else 0
            self.cuts.append(Cut(now, before + len(dropped), bytes(dropped[: self.bytes_per_s // 50])))
        # What playing has passed already is still to be told.
        self._checkpoints = collections.deque(mark for mark in self._checkpoints if mark[0] <= now)
        self._talking = False
        self.end_s = min(self.end_s, now)
        self._idle = True

    def reached(self, now: float) -> list[str]:
        """Return the marks that playing has passed since the last call."""
        names = []
        while self._checkpoints and self._checkpoints[0][0] <= now:
            names.append(self._checkpoints.popleft()[1])
        return names

    @property
    def waiting_marks(self) -> int:
        """How many marks have not been told yet."""
        return len(self._checkpoints)

    @property
    def next_mark(self) -> float:
        """When the next mark will be reached; inf without one."""
        return self._checkpoints[0][0] if self._checkpoints else float("inf")

    def heard(self, start: float, seconds: float, silence: bytes) -> bytes:
        """Return what was played from `start` on, with silence where nothing was."""
        width = len(silence)
        total = round(seconds * self.bytes_per_s / width) * width
        heard = bytearray(silence * (total // width))
        # Runs never overlap, so only the one that sounds at `start` and those after it count.
        first = max(0, bisect.bisect_right(self.runs, start, key=_start) - 1)
        for run in itertools.islice(self.runs, first, None):
            at = round((run.start - start) * self.bytes_per_s / width) * width
            if at >= total:
                break
            piece = run.data[max(0, -at) : max(0, total - at)]
            heard[max(0, at) : max(0, at) + len(piece)] = piece
        return bytes(heard)
