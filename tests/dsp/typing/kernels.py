"""How kernels are called, for a type checker; a line that must be refused ends with the word for it."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import voiceband as vb
from voiceband.dsp.jitter import Push


def numbers_may_be_numpys(x: NDArray[np.int16], now: np.float32) -> None:
    vb.Resampler(np.int64(8000), np.uint16(16000)).reset(fade_ms=np.float32(5))
    vb.Denoiser(np.int32(8000), level=np.float32(85)).level = np.int64(70)
    vb.JitterBuffer(np.int64(8000), max_ms=np.int16(400), stretch=np.bool_(True)).pull(now)
    vb.Timeline(np.int64(8000), frame_ms=np.float64(20)).stalled_ms(now)
    vb.Concealer(np.int64(8000)).lost(np.int64(80))
    vb.Rechunker(np.int64(256), rate=np.int64(8000)).process(x, timestamp_ms=np.float32(3))
    assert_type(vb.JitterBuffer(8000).push(1, 0, x, arrival=now), Push)


def samples_of_any_width(
    int16: NDArray[np.int16], int64: NDArray[np.int64], float64: NDArray[np.float64], raw: bytes, other: NDArray[Any]
) -> None:
    assert_type(vb.ulaw_encode(int64), bytes)
    assert_type(vb.ulaw_decode(raw), NDArray[np.int16])
    assert_type(vb.resample(int16, 8000, 16000), NDArray[np.int16])
    assert_type(vb.resample(int64, 8000, 16000), NDArray[np.int16])
    assert_type(vb.resample(float64, 8000, 16000), NDArray[np.float32])
    assert_type(vb.denoise(float64, 8000), NDArray[np.float32])
    assert_type(vb.to_int16(other, out=int16), NDArray[np.int16])


def refused(x: NDArray[np.int16]) -> None:
    vb.Resampler("8000", 16000)  # refused
    vb.Resampler(8000, 16000.5)  # refused
    vb.Denoiser(8000, level="85")  # refused
    vb.Timeline(8000).stalled_ms("now")  # refused
    vb.ulaw_encode([1, 2])  # refused
    vb.resample(x, 8000, 16000, quality="best")  # refused
