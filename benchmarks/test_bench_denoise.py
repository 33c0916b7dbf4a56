"""The suppressor per 20 ms frame and per hour, beside its rivals."""

import numpy as np
import pytest

from denoise_rivals import RIVALS, installed
from voiceband import Denoiser, denoise


def noisy(n: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    burst = np.repeat(rng.uniform(0, 1, n // 2000 + 1) > 0.5, 2000)[:n]
    x = 300 * rng.standard_normal(n) + burst * 6000 * np.sin(np.cumsum(rng.uniform(0.05, 0.6, n)))
    return x.astype(np.int16)


def looped(process, frames):
    """Call a suppressor with the next frame each time, so that it meets noise and sound."""
    n = len(frames)
    state = [0]

    def step():
        state[0] = (state[0] + 1) % n
        return process(frames[state[0]])

    return step


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_frame(race, rate):
    frames = list(noisy(4 * rate).reshape(-1, rate // 50))
    ours = Denoiser(rate)
    contenders = {
        "voiceband 85, int16": looped(ours.process, frames),
        "voiceband 85, float32": looped(
            Denoiser(rate, dtype="float32").process, [(f / 32768).astype(np.float32) for f in frames]
        ),
        'voiceband 85, int16, latency="low"': looped(Denoiser(rate, latency="low").process, frames),
    }
    for name, make in RIVALS.items():
        if installed(make) and name not in ("webrtc-noise-gain 1", "webrtc-noise-gain 3", "webrtc-noise-gain 4"):
            contenders[name] = looped(make(rate), frames)
    race(f"noise suppression, 20 ms at {rate} Hz", contenders)


def test_a_minute(race):
    x = noisy(60 * 8000)
    race("denoise() of 60 s at 8000 Hz; times 60 for an hour", {"voiceband": lambda: denoise(x, 8000)})
