"""Sample rate converters that others ship."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from functools import partial
from math import gcd
from typing import Any

import numpy as np
from benchmarks.costs.rivals.packages import Rivals, optional

from voiceband.bench.kernels import BULK_PAIRS, PAIRS, RESAMPLING, RESAMPLING_BULK
from voiceband.bench.signals import BULK_S, noise

Push = Callable[[Any], Any]


def resampler_rivals() -> Rivals:
    """Return the rivals of the resampler."""
    found: Rivals = {}
    for rate_in, rate_out in PAIRS:
        x = noise(rate_in // 50)
        pushes = {name: push and partial(push, x) for name, push in rivals(rate_in, rate_out).items()}
        found[RESAMPLING, f"{rate_in} -> {rate_out}"] = pushes
    soxr, signal = optional("soxr"), optional("scipy.signal")
    for rate_in, rate_out in BULK_PAIRS:
        x = noise(rate_in * BULK_S)
        common = gcd(rate_in, rate_out)
        polyphase = signal and partial(signal.resample_poly, up=rate_out // common, down=rate_in // common)
        found[RESAMPLING_BULK, f"{rate_in} -> {rate_out}"] = {
            "soxr HQ": soxr and partial(soxr.resample, x, rate_in, rate_out, "HQ"),
            "soxr QQ": soxr and partial(soxr.resample, x, rate_in, rate_out, "QQ"),
            "scipy": polyphase and partial(polyphase, x.astype(np.float32)),
        }
    return found


def rivals(rate_in: int, rate_out: int, dtype: str = "int16") -> dict[str, Push | None]:
    """Return a function of each package that takes the next samples of a stream; None for what is not installed."""
    found: dict[str, Push | None] = {
        "soxr HQ": _soxr(rate_in, rate_out, dtype, "HQ"),
        "soxr QQ": _soxr(rate_in, rate_out, dtype, "QQ"),
        "samplerate sinc_fastest": _samplerate(rate_in, rate_out, dtype),
        "scipy, chunk by chunk": _scipy(rate_in, rate_out),
    }
    if dtype == "int16":
        found["audioop.ratecv"] = _audioop(rate_in, rate_out)
        found["speexdsp q5"] = _speex(rate_in, rate_out)
        found["livekit"] = _livekit(rate_in, rate_out)
    return found


def _soxr(rate_in: int, rate_out: int, dtype: str, quality: str) -> Push | None:
    soxr = optional("soxr")
    if soxr is None:
        return None
    push: Push = soxr.ResampleStream(rate_in, rate_out, 1, dtype=dtype, quality=quality).resample_chunk
    return push


def _samplerate(rate_in: int, rate_out: int, dtype: str) -> Push | None:
    samplerate = optional("samplerate")
    if samplerate is None:
        return None
    fastest = samplerate.Resampler("sinc_fastest", channels=1)
    ratio = rate_out / rate_in
    scale = np.float32(32768) if dtype == "int16" else np.float32(1)
    return lambda x: fastest.process(x / scale, ratio) * scale


def _scipy(rate_in: int, rate_out: int) -> Push | None:
    signal = optional("scipy.signal")
    common = gcd(rate_in, rate_out)
    if signal is None:
        return None
    return lambda x: signal.resample_poly(x.astype(np.float32), rate_out // common, rate_in // common)


def _audioop(rate_in: int, rate_out: int) -> Push | None:
    audioop = optional("audioop")
    if audioop is None:
        return None
    state = None

    def push(x: Any) -> Any:
        nonlocal state
        data, state = audioop.ratecv(x.tobytes(), 2, 1, rate_in, rate_out, state)
        return np.frombuffer(data, np.int16)

    return push


def _speex(rate_in: int, rate_out: int) -> Push | None:
    name = ctypes.util.find_library("speexdsp")
    if name is None:
        return None
    lib = ctypes.CDLL(name)
    lib.speex_resampler_init.restype = ctypes.c_void_p
    error = ctypes.c_int()
    state = ctypes.c_void_p(lib.speex_resampler_init(1, rate_in, rate_out, 5, ctypes.byref(error)))
    out = np.empty(4096, np.int16)

    def push(x: Any) -> Any:
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


def _livekit(rate_in: int, rate_out: int) -> Push | None:
    rtc = optional("livekit.rtc")
    if rtc is None:
        return None
    resampler = rtc.AudioResampler(rate_in, rate_out)

    def push(x: Any) -> Any:
        frames = resampler.push(rtc.AudioFrame(x.tobytes(), rate_in, 1, len(x)))
        return np.concatenate([np.zeros(0, np.int16), *(np.frombuffer(f.data, np.int16) for f in frames)])

    return push
