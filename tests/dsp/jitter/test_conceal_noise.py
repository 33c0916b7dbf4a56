"""Steady noise stays at its level through a hole, whatever its length: neither a dip nor a step between lengths."""

import numpy as np
import pytest

from voiceband import Concealer, JitterBuffer, Timeline
from voiceband.dsp.jitter import RunKind, SegmentKind

TRIALS = 24


def noise(rng, n: int, rms: float, rho: float) -> np.ndarray:
    """First-order noise, by its impulse response."""
    x = np.convolve(rng.normal(size=n + 200), rho ** np.arange(200))[200 : n + 200]
    return np.rint(x * (rms / x.std())).astype(np.int16)


def level_db(pieces: list[np.ndarray], rms: float) -> float:
    return 10 * np.log10(np.mean(np.concatenate(pieces).astype(float) ** 2) / rms**2)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize(("rms", "rho"), [(20, 0.0), (300, 0.0), (2000, 0.0), (60, 0.5), (300, 0.8)])
@pytest.mark.parametrize("way", ["bridge", "lost"])
def test_noise_keeps_its_level_through_a_hole_of_any_length(rate, rms, rho, way):
    rng = np.random.default_rng(1)
    pieces = {ms: [] for ms in (10, 20, 30, 40, 60, 200)}
    for _ in range(TRIALS):
        x = noise(rng, 2 * rate, rms, rho)
        for ms, got in pieces.items():
            n = rate * ms // 1000
            plc = Concealer(rate)
            plc.good(x[:rate])
            got.append(plc.bridge(n, x[rate + n : rate + n + rate // 20]) if way == "bridge" else plc.lost(n))
    levels = [level_db(got, rms) for got in pieces.values()]
    assert -2.5 < min(levels) <= max(levels) < 1.0


def test_a_jitter_buffer_keeps_the_level_of_noise_with_missing_messages():
    rng = np.random.default_rng(2)
    x = noise(rng, 160 * 1000, 1000, 0.0)
    buffer, concealed = JitterBuffer(8000, mode="fixed", delay_ms=60), []
    for k in range(1000):
        if rng.random() > 0.05:
            buffer.push(k, 20 * k, x[160 * k : 160 * k + 160], arrival=0.02 * k)
        pulled = buffer.pull(0.02 * k + 0.001)
        if [r.kind for r in pulled.runs] == [RunKind.CONCEAL] and k > 50:
            concealed.append(pulled.pcm)
    assert len(concealed) > 20
    assert abs(level_db(concealed, 1000)) < 2


def test_a_voice_over_noise_is_not_driven_by_noise():
    """What sticks out of the floor is predicted as ever: a hum 30 dB above it comes back as a hum."""
    rng = np.random.default_rng(3)
    hum = 3000 * np.sin(np.arange(9000) * 2 * np.pi * 150 / 8000) * (np.arange(9000) > 4000)
    x = np.rint(hum + rng.normal(0, 60, 9000)).astype(np.int16)
    plc = Concealer(8000)
    plc.good(x[:8000])
    error = plc.bridge(160, x[8160:8560]) - hum[8000:8160]
    assert np.sqrt(np.mean(error**2)) < 150


@pytest.mark.parametrize("rms", [30, 60, 400])
@pytest.mark.parametrize("frame_ms", [20, 60])
def test_the_middle_of_a_long_hole_in_a_timeline_is_the_background(rms, frame_ms):
    rng = np.random.default_rng(4)
    n = 8 * frame_ms
    x = noise(rng, 4 * 8000, rms, 0.4)
    timeline, count = Timeline(8000), 24000 // n
    for k in range(count):
        timeline.push(k, frame_ms * k, x[n * k : n * k + n])
    missing = 960 // frame_ms
    fill, _ = timeline.push(count + missing, frame_ms * (count + missing), x[:n])
    assert fill.kind is SegmentKind.FILL
    assert abs(level_db([fill.pcm[2000:-2000]], rms)) < 3
