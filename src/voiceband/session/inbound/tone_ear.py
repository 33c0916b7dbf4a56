"""The ear for tones of a session: what the detector tells, as events; a key that the carrier tells too, once."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING, Any

import msgspec

from voiceband.dsp.tones import ToneDetector
from voiceband.session.events import Dtmf
from voiceband.session.inbound.greeting import GreetingEar

if TYPE_CHECKING:
    from voiceband.session.events import SessionEvent

SAME_KEY_S = 1.5
"""A key of the carrier's and one that is heard are the same within so much."""
MAX_KEYS = 64
"""Keys that are remembered for it."""


class ToneEar:
    """Hears the caller's track, before all stages that change its sound."""

    __slots__ = ("_detector", "_heard", "_keys", "_rate", "greeting", "now")

    def __init__(self) -> None:
        self.now = -math.inf  # when the message came that is heard
        self._detector: ToneDetector | None = None
        self._rate = 0
        self.greeting = GreetingEar()
        self._heard = 0
        # Keys that were told by one of both ways and not yet by the other: digit, when, and whether it was heard.
        self._keys: collections.deque[tuple[str, float, bool]] = collections.deque(maxlen=MAX_KEYS)

    def open(self, rate: int) -> None:
        """Begin to hear a track."""
        self._detector, self._rate, self._heard = ToneDetector(rate), rate, 0
        self.greeting.open(rate)

    def hear(self, pcm: Any, start_ms: float, track: str, out: list[SessionEvent]) -> None:
        """Hear samples that stand at `start_ms` on the track's timeline, and append what they tell."""
        assert self._detector is not None
        self.greeting.hear(pcm, start_ms)
        told = self._detector.process(pcm)
        shift_ms = start_ms - self._heard * 1000 / self._rate
        self._heard += len(pcm)
        for tone in told:
            begin_ms = max(tone.start_ms + shift_ms, 0.0)
            if tone.kind != "dtmf":
                end_ms = None if tone.end_ms is None else tone.end_ms + shift_ms
                placed = msgspec.structs.replace(tone, start_ms=begin_ms, end_ms=end_ms)
                self.greeting.note(placed)
                out.append(placed)
            elif tone.end_ms is None and self._is_first(tone.name, heard=True):
                out.append(Dtmf(tone.name, track, round(begin_ms), in_band=True))

    def sift(self, events: list[SessionEvent], now: float) -> list[SessionEvent]:
        """Leave out the carrier's keys that were heard before."""
        self.now = now
        return [e for e in events if not isinstance(e, Dtmf) or self._is_first(e.digit, heard=False)]

    def _is_first(self, digit: str, *, heard: bool) -> bool:
        """Whether the other way has not told this key yet."""
        while self._keys and not 0.0 <= self.now - self._keys[0][1] <= SAME_KEY_S:
            self._keys.popleft()
        for key in self._keys:
            if key[0] == digit and key[2] != heard:
                self._keys.remove(key)
                return False
        self._keys.append((digit, self.now, heard))
        return True
