"""The limits of a machine: how fast one core copies, how fast it multiplies and adds, and the least work of a case."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from voiceband import resample
from voiceband.bench.kernels import (
    BULK_PAIRS,
    CODECS,
    CODECS_BULK,
    PAIRS,
    PLAYOUT,
    RESAMPLING,
    RESAMPLING_BULK,
    SUPPRESSION,
    SUPPRESSION_BULK,
)
from voiceband.bench.messages import FORMATS, GROUP, wire_payloads
from voiceband.bench.race import race
from voiceband.bench.signals import media_texts
from voiceband.protocol import play_audio_encoder

COPIED = 128 * 1024
"""Bytes on each side of the copy: like ten seconds of companded audio, both stay in a core's own cache."""
SIZE = 384
"""Rows of the square matrices."""


class Work(NamedTuple):
    """The least work in 20 ms of audio: bytes that are read or written once, and multiplications with an addition."""

    moved: float
    multiply_adds: float = 0.0


class Limits(NamedTuple):
    """The physical limits of one core, as far as numpy reaches them.

    `bytes_s` counts both what is read and what is written. `multiply_adds_s` is of float32 in a matrix product, with
    fused multiply-adds, where the processor has them; the kernels here use none, so that every machine makes the same
    bits.
    """

    bytes_s: float
    multiply_adds_s: float

    def seconds(self, work: Work) -> float:
        """Return the least time for some work: data must be moved and multiplied, and the two can overlap."""
        return max(work.moved / self.bytes_s, work.multiply_adds / self.multiply_adds_s)


def measure_limits(rounds: int, round_s: float) -> Limits:
    """Measure both, the best of some rounds."""
    source = np.ones(COPIED, np.uint8)
    target = np.empty_like(source)
    matrix = np.random.default_rng(1).standard_normal((SIZE, SIZE), dtype=np.float32)
    product = np.empty_like(matrix)
    # One after the other: a matrix product's helper threads go on spinning for a while.
    copy = race({"copy": lambda: np.copyto(target, source)}, rounds=rounds, round_s=round_s)["copy"]
    matmul = race({"matmul": lambda: np.matmul(matrix, matrix, out=product)}, rounds=rounds, round_s=round_s)["matmul"]
    return Limits(2 * COPIED / min(copy), SIZE**3 / min(matmul))


def works() -> dict[tuple[str, str], Work]:
    """Return the least work of each case of which it can be counted, by group and name."""
    n = 160
    found = {
        **{(CODECS, f"{law} {way}"): Work(3 * n) for law in ("mu-law", "A-law") for way in ("decode", "encode")},
        **{(CODECS, f"L16 big-endian {way}"): Work(4 * n) for way in ("decode", "encode")},
        **{(CODECS, f"{a} to {b}"): Work(6 * n) for a, b in (("int16", "float32"), ("float32", "int16"))},
        **{(CODECS, name): Work(n + 4 * -(-n // 3)) for name in ("base64 encode", "base64 decode, strict")},
        **{(RESAMPLING, f"{a} -> {b}"): resampling_work(a, b) for a, b in PAIRS},
        **{(RESAMPLING_BULK, f"{a} -> {b}"): resampling_work(a, b) for a, b in BULK_PAIRS},
        **{(SUPPRESSION, f"{rate} Hz"): suppression_work(rate) for rate in (8000, 16000)},
        (SUPPRESSION_BULK, "8000 Hz"): suppression_work(8000),
        **{(PLAYOUT, name): Work(4 * n) for name in ("Timeline.push", "JitterBuffer.push and pull_into")},
    }
    bulk = ("mu-law decode", "mu-law encode", "A-law decode", "A-law encode", "L16 big-endian decode")
    found |= {(CODECS_BULK, name): found[CODECS, name] for name in bulk}
    for audio_format in FORMATS:
        text, payload = media_texts(audio_format)[0], wire_payloads(audio_format)[0]
        found[GROUP, f"parse: media, {audio_format}"] = Work(len(text) + len(payload))
        written = Work(len(play_audio_encoder(audio_format)(payload)) + len(payload))
        for name in ("PlayAudio.encode", "play_audio_encoder"):
            found[GROUP, f"build: {name}, {audio_format}"] = written
    return found


def resampling_work(rate_in: int, rate_out: int) -> Work:
    """Return the work in 20 ms of int16: both sides once, and each tap of the filter that is not zero.

    The taps are counted in the response to an impulse at every phase of the input, so nothing is said about how the
    sum is made; where the computation adds two inputs that share a tap, it needs fewer multiplications than this.
    """
    down = rate_in // math.gcd(rate_in, rate_out)
    up = rate_out // math.gcd(rate_in, rate_out)
    taps = 0
    for phase in range(down):
        x = np.zeros(3000 + phase + 1, np.float32)
        x[1500 // down * down + phase] = 1
        taps += int(np.count_nonzero(resample(x, rate_in, rate_out)))
    return Work((rate_in + rate_out) // 50 * 2, taps / up * (rate_out // 50))


def suppression_work(rate: int) -> Work:
    """Return the least work in 20 ms of int16, two hops of 10 ms.

    Counted are two real transforms of 48 ms, the window before and after, and for each bin its power and its gain. The
    noise tracker and the rule that finds the gain are not: the limit is lower than it could be.
    """
    points, window = 48 * rate // 1000, 30 * rate // 1000
    hop = 2 * real_transform(points) + 2 * window + 4 * (points // 2 + 1)
    return Work(2 * 2 * rate // 50, 2 * hop)


def real_transform(points: int) -> float:
    """Return the multiply-adds of a real Fourier transform: 2.5 N log2 N operations, two of them to each."""
    return 1.25 * points * math.log2(points)
