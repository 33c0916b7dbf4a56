"""Every kernel: a frame of 20 ms through Python, and ten seconds at once."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import voiceband as vb
from voiceband.bench.cases import Case
from voiceband.bench.race import Each
from voiceband.bench.signals import BULK_S, Int16, bursts, levels, noise
from voiceband.dsp.base64 import base64_decode, base64_encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CODECS, CODECS_BULK = "codecs, a frame", f"codecs, {BULK_S} s at once"
RESAMPLING, RESAMPLING_BULK = "resampling, a push of 20 ms", f"resampling, {BULK_S} s at once"
SUPPRESSION, SUPPRESSION_BULK = "noise suppression, a frame", f"noise suppression, {BULK_S} s at once"
PLAYOUT = "playout, 20 ms at 8000 Hz"
DETECTORS = "detectors, a frame at 8000 Hz"

RATE = 8000
N = RATE // 50
BULK_FRAMES = BULK_S * 50
PAIRS = ((8000, 16000), (16000, 8000), (24000, 8000), (8000, 24000), (24000, 16000), (48000, 8000), (44100, 16000))
BULK_PAIRS = ((8000, 16000), (16000, 8000), (24000, 8000), (44100, 16000))


def kernel_cases() -> Iterator[Case]:
    """Yield the cases of all kernels."""
    frames = levels(RATE)
    pcm = bulk_pcm()
    yield from _companding("mu-law", "ulaw", frames, pcm)
    yield from _companding("A-law", "alaw", frames, pcm)
    data, out = vb.l16_encode(pcm, byteorder="big"), np.empty_like(pcm)
    yield _bulk(CODECS_BULK, "L16 big-endian decode", lambda: vb.l16_decode(data, byteorder="big", out=out))
    big = partial(vb.l16_decode, byteorder="big")
    yield Case(CODECS, "L16 big-endian decode", Each(big, [x.tobytes() for x in frames]))
    yield Case(CODECS, "L16 big-endian encode", Each(partial(vb.l16_encode, byteorder="big"), frames))
    yield Case(CODECS, "int16 to float32", Each(vb.to_float, frames))
    yield Case(CODECS, "float32 to int16", Each(vb.to_int16, [vb.to_float(x) for x in frames]))
    payloads = [vb.ulaw_encode(x) for x in frames]
    yield Case(CODECS, "base64 encode", Each(base64_encode, payloads))
    yield Case(CODECS, "base64 decode, strict", Each(base64_decode, [base64_encode(data) for data in payloads]))
    for pair in PAIRS:
        push = partial(vb.Resampler(*pair).process, noise(pair[0] // 50))
        yield Case(RESAMPLING, f"{pair[0]} -> {pair[1]}", push)
    for pair in BULK_PAIRS:
        yield _bulk(
            RESAMPLING_BULK, f"{pair[0]} -> {pair[1]}", partial(vb.resample, noise(pair[0] * BULK_S), pair[0], pair[1])
        )
    for rate in (8000, 16000):
        yield Case(SUPPRESSION, f"{rate} Hz", looped(vb.Denoiser(rate).process, burst_frames(rate)))
    yield _bulk(SUPPRESSION_BULK, "8000 Hz", partial(vb.denoise, bursts(8000, BULK_S), 8000))
    yield Case(PLAYOUT, "Timeline.push", _placing())
    yield Case(PLAYOUT, "JitterBuffer.push and pull_into", _buffering())
    yield Case(PLAYOUT, 'Concealer("ar"): a hole, after 60 ms of sound', _bridging("ar"))
    yield Case(PLAYOUT, 'Concealer("pitch"): a hole, after 60 ms of sound', _bridging("pitch"))
    yield Case(DETECTORS, "ToneDetector", looped(vb.ToneDetector(RATE).process, burst_frames(RATE)))
    silence = np.zeros(N, np.int16)
    yield Case(DETECTORS, "EchoGuard, the agent speaks", _guarding(burst_frames(RATE)))
    yield Case(DETECTORS, "EchoGuard, the agent is silent", _guarding([silence]))


def bulk_pcm() -> Int16:
    """Return ten seconds of the codecs' frames."""
    frames = levels(RATE)
    return np.tile(np.concatenate(frames), BULK_FRAMES // len(frames) + 1)[: BULK_FRAMES * N]


def burst_frames(rate: int) -> list[Int16]:
    """Return the suppressors' frames: noise and sound."""
    return list(bursts(rate, 4).reshape(-1, rate // 50))


def looped(process: Callable[[Int16], object], frames: list[Any]) -> Callable[[], object]:
    """Return a function that calls a suppressor with the next frame each time, so that it meets noise and sound."""
    following = itertools.cycle(frames).__next__
    return lambda: process(following())


def _companding(title: str, law: str, frames: Sequence[Int16], pcm: Int16) -> Iterator[Case]:
    decode, encode = getattr(vb, f"{law}_decode"), getattr(vb, f"{law}_encode")
    data, out, small = encode(pcm), np.empty_like(pcm), np.empty(len(pcm), np.uint8)
    yield Case(CODECS, f"{title} decode", Each(decode, [encode(x) for x in frames]))
    yield Case(CODECS, f"{title} encode", Each(encode, frames))
    yield _bulk(CODECS_BULK, f"{title} decode", lambda: decode(data, out=out))
    yield _bulk(CODECS_BULK, f"{title} encode", lambda: encode(pcm, out=small))


def _bulk(group: str, name: str, ours: Callable[[], object]) -> Case:
    return Case(group, name, ours, frames=BULK_FRAMES)


def _placing() -> Callable[[], object]:
    timeline, count, x = vb.Timeline(RATE), itertools.count(1), noise(N)

    def place() -> None:
        k = next(count)
        timeline.push(k, 20 * k, x, arrival=0.02 * k)

    return place


def _buffering() -> Callable[[], object]:
    buffer, count, x = vb.JitterBuffer(RATE), itertools.count(1), noise(N)
    out = np.empty(N, np.int16)

    def tick() -> None:
        k = next(count)
        buffer.push(k, 20 * k, x, arrival=0.02 * k)
        buffer.pull_into(out, 0.02 * k + 0.001)

    return tick


def _guarding(far: list[Int16]) -> Callable[[], object]:
    guard, near = vb.EchoGuard(RATE), itertools.cycle(burst_frames(RATE)).__next__
    following = itertools.cycle(far).__next__
    return lambda: guard.process(near(), following(), bound_ms=60)


def _bridging(method: Literal["ar", "pitch"]) -> Callable[[], object]:
    concealer, x = vb.Concealer(RATE, method=method), noise(10 * N)

    def hole() -> None:
        concealer.good(x[: 3 * N])
        concealer.bridge(N, x[4 * N :])

    return hole
