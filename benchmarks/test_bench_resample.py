"""Resamplers side by side: time of a 20 ms push and of a bulk call, the multiply-add limit, and quality.

Run with: python -m pytest benchmarks/test_bench_resample.py --benchmark-enable -s
Rivals that are not installed are left out: soxr, samplerate, scipy, livekit (pip), audioop (Python up to 3.12, or
audioop-lts), libspeexdsp (system library).
"""

import time

import numpy as np
import pytest
from benchmarks.costs.limits import measure_limits, resampling_work
from benchmarks.costs.rivals.packages import optional
from benchmarks.costs.rivals.resamplers import Push, rivals

from voiceband import Resampler, resample, simd_level
from voiceband.bench.signals import noise

PUSH_PAIRS = [
    (8000, 16000), (16000, 8000), (24000, 8000), (24000, 16000), (8000, 24000), (48000, 8000), (48000, 16000),
    (44100, 8000), (44100, 16000),
]  # fmt: skip
QUALITY_PAIRS = [
    (8000, 16000),
    (16000, 8000),
    (24000, 8000),
    (24000, 16000),
    (8000, 24000),
    (48000, 8000),
    (44100, 8000),
]
TONES_HZ = (300, 1000, 2000, 3000, 3400)
RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
BULK_S = 10


def contenders(rate_in: int, rate_out: int, dtype: str = "int16") -> dict[str, Push]:
    """One push function each, ours first."""
    others = rivals(rate_in, rate_out, dtype).items()
    ours = Resampler(rate_in, rate_out, dtype=dtype).process
    return {"voiceband voice": ours, **{name: push for name, push in others if push is not None}}


@pytest.mark.parametrize(("rate_in", "rate_out"), PUSH_PAIRS)
def test_20_ms_push(race, rate_in, rate_out):
    x = noise(rate_in // 50)
    pushes = contenders(rate_in, rate_out)
    for quality in ("wide", "fast"):
        pushes[f"voiceband {quality}"] = Resampler(rate_in, rate_out, quality=quality).process
    race(f"resample {rate_in} -> {rate_out}, one 20 ms push, int16", {n: lambda p=p: p(x) for n, p in pushes.items()})


def test_bulk(race):
    soxr = optional("soxr")
    peak = measure_limits(20, 0.02).multiply_adds_s
    rows = []
    for rate_in in RATES:
        for rate_out in RATES:
            if rate_in == rate_out or (race.smoke and (rate_in, rate_out) != (8000, 16000)):
                continue
            x = noise(rate_in * BULK_S)
            calls = {"voiceband": lambda x=x, a=rate_in, b=rate_out: resample(x, a, b)}
            if soxr:
                calls["soxr HQ"] = lambda x=x, a=rate_in, b=rate_out: soxr.resample(x, a, b, "HQ")
            seconds = {name: [] for name in calls}
            for _ in range(1 if race.smoke else 5):
                for name, call in calls.items():
                    start = time.perf_counter()
                    call()
                    seconds[name].append(time.perf_counter() - start)
            frames = BULK_S * 50
            ours = min(seconds["voiceband"])
            limit = resampling_work(rate_in, rate_out).multiply_adds * frames / peak
            rows.append(
                (rate_in, rate_out, ours / frames * 1e6, limit / ours, *(min(s) / ours for s in seconds.values()))
            )
    print(f"\nbulk, {BULK_S} s of int16, one thread, best of 5 (SIMD {simd_level()})")
    print(f"{'in':>6} {'out':>6} {'us/20 ms':>9} {'of mul-add limit':>17} {'soxr HQ takes':>14}")
    for rate_in, rate_out, us, share, _, *others in rows:
        print(f"{rate_in:>6} {rate_out:>6} {us:>9.3f} {share:>16.0%} {others[0] if others else float('nan'):>13.2f}x")
    assert rows


def snr_db(y: np.ndarray, hz: float, rate: int) -> float:
    w = 2 * np.pi * hz / rate * np.arange(len(y))
    basis = np.stack([np.cos(w), np.sin(w)], axis=1)
    left = y - basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
    return float(10 * np.log10(np.sum(np.square(y)) / max(np.sum(np.square(left)), 1e-30)))


def run(push: Push, x: np.ndarray, rate_in: int) -> tuple[np.ndarray, list[int]]:
    """Push 20 ms at a time: the samples, and how many each push gave."""
    step = rate_in // 50
    parts = [np.asarray(push(x[i : i + step])).astype(float) for i in range(0, len(x), step)]
    return np.concatenate(parts), [len(p) for p in parts]


@pytest.mark.parametrize("dtype", ["float32", "int16"])
@pytest.mark.parametrize(("rate_in", "rate_out"), QUALITY_PAIRS)
def test_quality(rate_in, rate_out, dtype):
    print(f"\nquality {rate_in} -> {rate_out}, {dtype}, 20 ms pushes")
    head = " ".join(f"{hz:>6}" for hz in TONES_HZ)
    print(f"{'':<36} SNR dB at {head} | {'5.5k leak dB':>12} {'delay ms':>9} {'empty':>6} {'held max ms':>12}")
    for name in contenders(rate_in, rate_out, dtype):
        figures = []
        for hz in TONES_HZ:
            x = 0.5 * np.cos(2 * np.pi * (hz + 1.37) / rate_in * np.arange(rate_in))
            x = np.rint(x * 32768).astype(np.int16) if dtype == "int16" else x.astype(np.float32)
            y, _ = run(contenders(rate_in, rate_out, dtype)[name], x, rate_in)
            figures.append(snr_db(y[len(y) // 3 :][: rate_out // 2], hz + 1.37, rate_out))
        leak = float("nan")
        if rate_in > 11000 and rate_out == 8000:
            x = 0.5 * np.cos(2 * np.pi * 5500 / rate_in * np.arange(rate_in))
            x = np.rint(x * 32768).astype(np.int16) if dtype == "int16" else x.astype(np.float32)
            y, _ = run(contenders(rate_in, rate_out, dtype)[name], x, rate_in)
            level = np.sqrt(np.mean(np.square(y[len(y) // 3 :])))
            leak = 20 * np.log10(max(level, 1e-9) / (0.5 / np.sqrt(2) * (32768 if dtype == "int16" else 1)))
        # The delay: where a slow tone burst's energy lies, against where it was put.
        t = np.arange(rate_in)
        burst = 0.5 * np.exp(-(((t / rate_in - 0.4) / 0.01) ** 2)) * np.cos(2 * np.pi * 700 * (t / rate_in - 0.4))
        x = np.rint(burst * 32768).astype(np.int16) if dtype == "int16" else burst.astype(np.float32)
        y, sizes = run(contenders(rate_in, rate_out, dtype)[name], x, rate_in)
        energy = np.square(y)
        delay_ms = (np.sum(energy * np.arange(len(y))) / max(np.sum(energy), 1e-30) / rate_out - 0.4) * 1000
        owed = np.arange(1, len(sizes) + 1) * (rate_out // 50) - np.cumsum(sizes)
        held_ms = max(owed) / rate_out * 1000
        row = " ".join(f"{f:>6.1f}" for f in figures)
        print(f"{name:<36}           {row} | {leak:>12.1f} {delay_ms:>9.2f} {sizes.count(0):>6} {held_ms:>12.1f}")
        if name == "voiceband voice":
            assert sizes == [rate_out // 50] * 50
            assert dtype == "int16" or min(figures) >= 90
            assert not leak > -90 or dtype == "int16"
