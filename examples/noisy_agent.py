"""A voice agent for callers in the street: the carrier suppresses their noise, and the agent does if the carrier does not.

    pip install 'voiceband[fastapi]'
    PUBLIC_URL=https://voice.example.com python -m voiceband.examples.noisy_agent

An agent that waits for a pause never answers in noise: to its energy gate, noise is speech without an end.
"""

import numpy as np

from voiceband.examples.agent import SPEECH_DBFS, EnergyGate
from voiceband.integrations.call import CallHandle
from voiceband.session import Audio, Started

LEVEL = 85
STREAM = {
    "bidirectional": True,
    "keep_call_alive": True,
    "content_type": "audio/x-l16;rate=16000",
    "noise_cancellation": True,
    "noise_cancellation_level": LEVEL,
}
LISTEN_S = 1.0
MARGIN_DB = 6.0


class NoiseFloor:
    """How loud it is where nobody speaks: speech has a quiet moment in each second, noise has none."""

    def __init__(self) -> None:
        self.levels: list[float] = []
        self.heard_s = 0.0

    def push(self, level_dbfs: float, seconds: float) -> float | None:
        """Take the level of some audio; once in `LISTEN_S`, return that of the quietest tenth."""
        self.levels.append(max(level_dbfs, -100.0))  # digital silence is -inf
        self.heard_s += seconds
        if self.heard_s < LISTEN_S:
            return None
        floor = float(np.percentile(self.levels, 10))
        self.levels, self.heard_s = [], 0.0
        return floor


async def agent(call: CallHandle) -> None:
    """Say back what the caller says, however noisy it is around the caller."""
    gate, floor, rate = EnergyGate(8000), NoiseFloor(), 8000
    async for event in call:
        if isinstance(event, Started):
            rate = event.format.sample_rate
            gate = EnergyGate(rate)
        elif isinstance(event, Audio):
            quietest = floor.push(event.level_dbfs, len(event.samples) / rate)
            if quietest is not None and quietest > SPEECH_DBFS - MARGIN_DB and call.session.denoise is None:
                call.session.denoise = LEVEL  # this carrier does not do it, or not well enough
                gate = EnergyGate(rate)  # what it has collected is noise
            sentence = gate.push(event.samples)
            if sentence is not None:
                await call.play(sentence, rate)


if __name__ == "__main__":
    from voiceband.examples.answer_server import main

    main(agent, stream=STREAM)
