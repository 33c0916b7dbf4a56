"""`Listener`: tells from what the player has played when the agent speaks, as the caller's ear would."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING

from voiceband.emulator.caller.tap import PlayerTap
from voiceband.protocol.limits import FRAME_MS
from voiceband.sound.noise_floor import USUAL, NoiseFloor

if TYPE_CHECKING:
    from voiceband.emulator.carrier.carrier_stream import CarrierStream

KEPT = 16
"""How many changes of the noise are remembered: a frame is heard within two seconds of the latest."""

HIDDEN_S = 0.2
"""Noise hides the weak sounds of speech for so long: a caller knows that it goes on."""


class Listener:
    """Listens to the agent on one stream.

    Parameters
    ----------
    stream : CarrierStream
        What to listen to.

    Attributes
    ----------
    speech_ms : float
        How much speech there was so far. Steady noise, such as an office behind the voice, is none once two seconds of
        it have been heard: then these count no longer.
    last_speech : float
        When the latest frame of it ended; -inf before the first.
    next_s : float
        Before this no further frame is whole.
    """

    def __init__(self, stream: CarrierStream) -> None:
        self.speech_ms = 0.0
        self.last_speech = -math.inf
        self._stream = stream
        self._tap = PlayerTap(stream)
        self._size = stream.format.frame_samples(FRAME_MS)
        self._frames = 0
        self._floor = NoiseFloor(stream.format.sample_rate, keep=KEPT)
        # Frames that may be noise: where each begins, its power and when it ended.
        self._doubtful: collections.deque[tuple[int, float, float]] = collections.deque()
        self._surely = -math.inf  # when the latest frame before them that is speech ended
        self.next_s = -math.inf

    def listen(self, now: float) -> None:
        """Take in what has been played by `now`, in whole frames of 20 ms."""
        started = self._stream.started_at
        if now < started or now < self.next_s:
            return
        frames = int((min(now, self._stream.ended_at) - started) * 1000 / FRAME_MS + 1e-6)
        while self._frames < frames:
            heard = self._tap.read(self._frames * self._size, self._size)
            self._frames += 1
            if heard is None:
                if self._floor.undecided:
                    self._floor.pause()
                continue
            at = self._floor.at
            power = sum(self._floor.push(heard) or ()) / self._size
            if self._doubtful:
                self._decide()
            limit, now_s = self._floor.limit(at), started + self._frames * FRAME_MS / 1000
            if power > limit:
                if self._floor.undecided:
                    self._surely = self._surely if self._doubtful else self.last_speech
                    self._doubtful.append((at, power, now_s))
                self.speech_ms += FRAME_MS
                self.last_speech = now_s
            elif limit > USUAL and not self._doubtful and now_s - self.last_speech < HIDDEN_S:
                self.speech_ms += FRAME_MS
        self.next_s = started + (self._frames + 1) * FRAME_MS / 1000 - 1e-6

    def _decide(self) -> None:
        """Take back what turns out to have been noise."""
        undecided_at = self._floor.undecided_at
        while self._doubtful and self._doubtful[0][0] + self._size <= undecided_at:
            at, power, end = self._doubtful.popleft()
            if power > self._floor.limit(at):
                self._surely = end
            else:
                self.speech_ms -= FRAME_MS
        if not self._doubtful:
            self.last_speech = self._surely
