"""The suppressor per 20 ms frame and per hour, in its kinds; its rivals are in the suite."""

import numpy as np
import pytest

from voiceband import Denoiser, denoise
from voiceband.bench.kernels import looped
from voiceband.bench.signals import bursts


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_frame(race, rate):
    frames = list(bursts(rate, 4).reshape(-1, rate // 50))
    ours = Denoiser(rate)
    contenders = {
        "voiceband 85, int16": looped(ours.process, frames),
        "voiceband 85, float32": looped(
            Denoiser(rate, dtype="float32").process, [(f / 32768).astype(np.float32) for f in frames]
        ),
        'voiceband 85, int16, latency="low"': looped(Denoiser(rate, latency="low").process, frames),
    }
    race(f"noise suppression, 20 ms at {rate} Hz", contenders)


def test_a_minute(race):
    x = bursts(8000, 60)
    race("denoise() of 60 s at 8000 Hz; times 60 for an hour", {"voiceband": lambda: denoise(x, 8000)})
