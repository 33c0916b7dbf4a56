"""A parrot: it waits until the caller has finished a sentence, and says it back.

The caller's sentences are found by a plain energy gate. A real agent would hand the audio to a recogniser here.
"""

import numpy as np

from voiceband.servers import CallHandle
from voiceband.session import Audio, Started

SPEECH_DBFS = -45.0
PAUSE_MS = 500.0
LONGEST_MS = 30_000.0


class EnergyGate:
    """Collects what lies between pauses; someone who never pauses is cut off after `LONGEST_MS`."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.pieces: list[np.ndarray] = []
        self.speech_ms = self.quiet_ms = 0.0
        self.speaking = False

    def push(self, samples: np.ndarray) -> np.ndarray | None:
        """Take some audio; return a whole utterance when one has just ended."""
        power = np.mean(np.square(samples.astype(np.float32) / 32768)) if len(samples) else 0.0
        loud = 10 * np.log10(power + 1e-12) > SPEECH_DBFS
        ms = len(samples) * 1000 / self.rate
        self.quiet_ms = 0.0 if loud else self.quiet_ms + ms
        if not self.speaking:
            self.pieces = self.pieces[-1:]  # of the pause, what comes right before the speech
        self.pieces.append(samples)
        self.speaking = self.speaking or bool(loud)
        self.speech_ms += ms if self.speaking else 0.0
        over = self.speaking and (self.quiet_ms >= PAUSE_MS or self.speech_ms >= LONGEST_MS)
        return self.finish() if over else None

    def finish(self) -> np.ndarray | None:
        """Return the utterance so far, if there is one, and begin again."""
        if not self.speaking:
            return None
        utterance = np.concatenate(self.pieces)
        self.pieces, self.speaking, self.speech_ms = [], False, 0.0
        return utterance


async def agent(call: CallHandle) -> None:
    """Answer one call."""
    gate = None
    async for event in call:
        if isinstance(event, Started):
            gate = EnergyGate(event.format.sample_rate)
        elif isinstance(event, Audio) and gate is not None:
            utterance = gate.push(event.samples)
            if utterance is not None:
                await call.play(utterance, gate.rate, end=True)
