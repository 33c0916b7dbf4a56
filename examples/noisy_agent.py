"""A voice agent for callers in the street: the carrier suppresses their noise, or else the agent does.

    pip install 'voiceband[fastapi]'
    PUBLIC_URL=https://voice.example.com python -m voiceband.examples.noisy_agent

An agent that waits for a pause never answers in noise: to its energy gate, noise is speech without an end.
"""

import numpy as np
from voiceband.examples.agent import PAUSE_MS, SPEECH_DBFS, EnergyGate

from voiceband.servers import CallHandle
from voiceband.session import Audio, Started

LEVEL = 85
STREAM = {
    "bidirectional": True,
    "keep_call_alive": True,
    "content_type": "audio/x-l16;rate=16000",
    "noise_cancellation": True,
    "noise_cancellation_level": LEVEL,
}
WINDOW_S = 1.5
NOISE_DBFS = SPEECH_DBFS - 6  # a gate at `SPEECH_DBFS` works while noise stays below
STEADY_DB = 10.0
CLICK_MS = 200.0


class NoiseWatch:
    """Tells noise from speech: in a second and a half speech has loud and quiet moments, noise is much the same."""

    def __init__(self) -> None:
        self.levels: list[float] = []
        self.heard_s = 0.0
        self.speech = False  # whether there has been any

    def push(self, level_dbfs: float, seconds: float) -> bool:
        """Take the level of some audio; return whether the time up to now was nothing but loud noise."""
        self.levels.append(max(level_dbfs, -100.0))  # digital silence is -inf
        self.heard_s += seconds
        if self.heard_s < WINDOW_S:
            return False
        low, high = np.percentile(self.levels, (10, 90))
        self.levels, self.heard_s = [], 0.0
        self.speech = self.speech or bool(high > SPEECH_DBFS and high - low >= STEADY_DB)
        return bool(low > NOISE_DBFS and high - low < STEADY_DB)


async def agent(call: CallHandle) -> None:
    """Say back what the caller says, however noisy it is around the caller."""
    gate, noise, rate = EnergyGate(8000), NoiseWatch(), 8000
    async for event in call:
        if isinstance(event, Started):
            rate = event.format.sample_rate
            gate = EnergyGate(rate)
        elif isinstance(event, Audio):
            if noise.push(event.level_dbfs, len(event.samples) / rate) and call.session.denoise is None:
                call.session.denoise = LEVEL  # this carrier does not do it, or not well enough
                if not noise.speech:
                    gate = EnergyGate(rate)  # what it has collected is noise
            sentence = gate.push(event.samples)
            if sentence is not None and len(sentence) > (PAUSE_MS + CLICK_MS) / 1000 * rate:
                await call.play(sentence, rate, end=True)


if __name__ == "__main__":
    from voiceband.examples.answer_server import main

    main(agent, stream=STREAM)
