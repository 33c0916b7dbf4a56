"""Resamplers side by side: time of a 20 ms push and of a bulk call, the multiply-add limit, and quality.

Run with: python -m pytest benchmarks/test_bench_resample.py --benchmark-enable -s
Rivals that are not installed are left out: soxr, samplerate, scipy, livekit (pip), audioop (Python up to 3.12, or
audioop-lts), libspeexdsp (system library).
"""

import ctypes
import ctypes.util
import importlib
import importlib.util
import time
from collections.abc import Callable
from math import gcd
from typing import Any

import numpy as np
import pytest

from voiceband import Resampler, resample, simd_level

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
Push = Callable[[np.ndarray], np.ndarray]


def optional(name: str) -> Any:
    if name == "audioop" and importlib.util.find_spec(name) is not None:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(name)
    return importlib.import_module(name) if importlib.util.find_spec(name.split(".")[0]) else None


def noise(n: int) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(n) * 3000).clip(-32768, 32767).astype(np.int16)


def speex(rate_in: int, rate_out: int) -> Push | None:
    name = ctypes.util.find_library("speexdsp")
    if name is None:
        return None
    lib = ctypes.CDLL(name)
    lib.speex_resampler_init.restype = ctypes.c_void_p
    error = ctypes.c_int()
    state = ctypes.c_void_p(lib.speex_resampler_init(1, rate_in, rate_out, 5, ctypes.byref(error)))
    out = np.empty(4096, np.int16)

    def push(x: np.ndarray) -> np.ndarray:
        n_in, n_out = ctypes.c_uint32(len(x)), ctypes.c_uint32(len(out))
        lib.speex_resampler_process_int(
            state,
            0,
            ctypes.c_void_p(x.ctypes.data),
            ctypes.byref(n_in),
            ctypes.c_void_p(out.ctypes.data),
            ctypes.byref(n_out),
        )
        return out[: n_out.value].copy()

    return push


def livekit(rate_in: int, rate_out: int) -> Push | None:
    if importlib.util.find_spec("livekit") is None:
        return None
    rtc = importlib.import_module("livekit.rtc")
    resampler = rtc.AudioResampler(rate_in, rate_out)

    def push(x: np.ndarray) -> np.ndarray:
        frames = resampler.push(rtc.AudioFrame(x.tobytes(), rate_in, 1, len(x)))
        return np.concatenate([np.zeros(0, np.int16), *(np.frombuffer(f.data, np.int16) for f in frames)])

    return push


def audioop_stream(rate_in: int, rate_out: int) -> Push | None:
    audioop = optional("audioop")
    if audioop is None:
        return None
    state = None

    def push(x: np.ndarray) -> np.ndarray:
        nonlocal state
        data, state = audioop.ratecv(x.tobytes(), 2, 1, rate_in, rate_out, state)
        return np.frombuffer(data, np.int16)

    return push


def scipy_chunks(rate_in: int, rate_out: int) -> Push | None:
    signal = optional("scipy.signal")
    common = gcd(rate_in, rate_out)
    if signal is None:
        return None
    return lambda x: signal.resample_poly(x.astype(np.float32), rate_out // common, rate_in // common)


def contenders(rate_in: int, rate_out: int, dtype: str = "int16") -> dict[str, Push]:
    """One push function each, ours first, then soxr."""
    found: dict[str, Push | None] = {"voiceband voice": Resampler(rate_in, rate_out, dtype=dtype).process}
    soxr, samplerate = optional("soxr"), optional("samplerate")
    if soxr:
        found["soxr HQ stream"] = soxr.ResampleStream(rate_in, rate_out, 1, dtype=dtype, quality="HQ").resample_chunk
    if samplerate:
        fastest = samplerate.Resampler("sinc_fastest", channels=1)
        ratio = rate_out / rate_in
        scale = np.float32(32768) if dtype == "int16" else np.float32(1)
        found["samplerate sinc_fastest (float32)"] = lambda x: fastest.process(x / scale, ratio) * scale
    found["scipy resample_poly per chunk"] = scipy_chunks(rate_in, rate_out)
    if dtype == "int16":
        found["audioop.ratecv"] = audioop_stream(rate_in, rate_out)
        found["speexdsp q5 (ctypes)"] = speex(rate_in, rate_out)
        found["livekit AudioResampler"] = livekit(rate_in, rate_out)
    return {name: push for name, push in found.items() if push is not None}


@pytest.mark.parametrize(("rate_in", "rate_out"), PUSH_PAIRS)
def test_20_ms_push(race, rate_in, rate_out):
    x = noise(rate_in // 50)
    pushes = contenders(rate_in, rate_out)
    for quality in ("wide", "fast"):
        pushes[f"voiceband {quality}"] = Resampler(rate_in, rate_out, quality=quality).process
    race(f"resample {rate_in} -> {rate_out}, one 20 ms push, int16", {n: lambda p=p: p(x) for n, p in pushes.items()})


def multiplications(rate_in: int, rate_out: int) -> float:
    """Taps that are not zero, times outputs, a 20 ms push: the response to one impulse at each input phase."""
    down = rate_in // gcd(rate_in, rate_out)
    up = rate_out // gcd(rate_in, rate_out)
    taps = 0
    for phase in range(down):
        x = np.zeros(3000 + phase + 1, np.float32)
        x[1500 // down * down + phase] = 1
        taps += np.count_nonzero(resample(x, rate_in, rate_out))
    return taps / up * (rate_out // 50)


def peak_multiply_adds() -> float:
    """Multiply-adds a second of one core, as numpy's BLAS reaches them in a matrix product (with FMA; we use none)."""
    n = 384
    a = np.random.default_rng(1).standard_normal((n, n), dtype=np.float32)
    rates = []
    for _ in range(20):
        start = time.process_time()  # of all threads, in case the BLAS uses several
        for _ in range(4):
            a @ a
        rates.append(4 * n**3 / (time.process_time() - start))
    return max(rates)


def test_bulk(race):
    soxr = optional("soxr")
    peak = peak_multiply_adds()
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
            limit = multiplications(rate_in, rate_out) * frames / peak
            rows.append(
                (rate_in, rate_out, ours / frames * 1e6, limit / ours, *(min(s) / ours for s in seconds.values()))
            )
    print(f"\nbulk, {BULK_S} s of int16, one thread, best of 5 (SIMD {simd_level()})")
    print(f"{'in':>6} {'out':>6} {'us/20 ms':>9} {'of mul-add limit':>17} {'soxr HQ takes':>14}")
    for rate_in, rate_out, us, share, _, *rivals in rows:
        print(f"{rate_in:>6} {rate_out:>6} {us:>9.3f} {share:>16.0%} {rivals[0] if rivals else float('nan'):>13.2f}x")
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
