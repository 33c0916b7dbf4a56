"""A call that is driven by hand, so that its truth is known to the millisecond."""

import numpy as np

from voiceband.emulator import CarrierStream, measure
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.protocol import Checkpoint, ClearAudio, PlayAudio

DELAY_MS = 250


def tone(ms, level=8000, rate=8000):
    """Return a loud sound whose first and last samples are loud too, so that its ends are exact."""
    return (level * np.where(np.arange(round(ms * rate / 1000)) % 16 < 8, 1, -1)).astype(np.int16)


class Desk:
    """A call that is driven by hand; times are in ms from its start, which is not at zero."""

    def __init__(self, wire=PLIVO_MULAW_8K, **options):
        self.call = CarrierStream(wire, playout_delay_ms=DELAY_MS, seed=1, **options)
        self.call.start(100.0)
        self.ms = 0
        self.wire = wire

    def at(self, ms):
        while self.ms + 20 < ms:  # as a clock would
            self.ms += 20
            self.call.poll(100.0 + self.ms / 1000)
        self.ms = ms
        self.call.poll(100.0 + ms / 1000)
        return 100.0 + ms / 1000

    def say(self, ms, length_ms):
        """Say something from the frame that begins at `ms` on."""
        self.at(ms)
        self.call.say(tone(length_ms, rate=self.wire.sample_rate))

    def play(self, ms, length_ms, level=8000):
        pcm, most = tone(length_ms, level, self.wire.sample_rate), self.wire.sample_rate
        for i in range(0, len(pcm), most):
            self.call.receive(PlayAudio(self.wire.encode(pcm[i : i + most]), self.wire).encode(), self.at(ms))

    def mark(self, ms):
        self.call.receive(Checkpoint("mark", self.call.stream_id).encode(), self.at(ms))

    def clear(self, ms):
        self.call.receive(ClearAudio(self.call.stream_id).encode(), self.at(ms))

    def press(self, ms, digit="1"):
        self.call.press(digit, self.at(ms))

    def end(self, ms):
        self.call.hang_up(self.at(ms))
        return measure(self.call)
