"""`Listener`: tells from what the player has played when the agent speaks, as the caller's ear would."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from voiceband.emulator.caller.tap import PlayerTap
from voiceband.protocol.limits import FRAME_MS
from voiceband.sound.speech import loud_enough

if TYPE_CHECKING:
    from voiceband.emulator.carrier.carrier_stream import CarrierStream


class Listener:
    """Listens to the agent on one stream.

    Parameters
    ----------
    stream : CarrierStream
        What to listen to.

    Attributes
    ----------
    speech_ms : float
        How much speech there was so far.
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
            if heard is not None and loud_enough(heard):
                self.speech_ms += FRAME_MS
                self.last_speech = started + self._frames * FRAME_MS / 1000
        self.next_s = started + (self._frames + 1) * FRAME_MS / 1000 - 1e-6
