"""Noise suppressors: a frame of a stream, and a recording at once; those that others ship are streams of int16 too."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from voiceband import Denoiser, Resampler, denoise
from voiceband.bench.cases import Case, Work, real_transform
from voiceband.bench.optional import optional
from voiceband.bench.signals import BULK_S, Int16, bursts

Stream = Callable[[Int16], Int16]
Maker = Callable[[int], Stream | None]


def suppressor_cases() -> Iterator[Case]:
    """Yield the suppressors' cases."""
    noisereduce = optional("noisereduce")
    for rate in (8000, 16000):
        frames = list(bursts(rate, 4).reshape(-1, rate // 50))
        names = ("speexdsp-ns", "webrtc-noise-gain 2", "pyrnnoise (neural)")
        made = {name: RIVALS[name](rate) for name in names}
        yield Case(
            "noise suppression, a frame",
            f"{rate} Hz",
            looped(Denoiser(rate).process, frames),
            {name: stream and looped(stream, frames) for name, stream in made.items()},
            work=work_of(rate),
        )
    x = bursts(8000, BULK_S)
    yield Case(
        f"noise suppression, {BULK_S} s at once",
        "8000 Hz",
        lambda: denoise(x, 8000),
        {"noisereduce": noisereduce and (lambda: noisereduce.reduce_noise(y=x, sr=8000))},
        frames=BULK_S * 50,
        work=work_of(8000),
    )


def looped(process: Stream, frames: list[Any]) -> Callable[[], object]:
    """Return a function that calls a suppressor with the next frame each time, so that it meets noise and sound."""
    following = itertools.cycle(frames).__next__
    return lambda: process(following())


def work_of(rate: int) -> Work:
    """Return the least work in 20 ms of int16, two hops of 10 ms.

    Counted are two real transforms of 48 ms, the window before and after, and for each bin its power and its gain. The
    noise tracker and the rule that finds the gain are not: the limit is lower than it could be.
    """
    points, window = 48 * rate // 1000, 30 * rate // 1000
    hop = 2 * real_transform(points) + 2 * window + 4 * (points // 2 + 1)
    return Work(2 * 2 * rate // 50, 2 * hop)


def ours(level: float, latency: Literal["normal", "low"] = "normal") -> Maker:
    """Return a maker of our streams."""
    return lambda rate: Denoiser(rate, level=level, latency=latency).process


def webrtc(level: int) -> Maker:
    """Return a maker of streams of WebRTC's suppressor, which works at 16 kHz."""

    def make(rate: int) -> Stream | None:
        package = optional("webrtc_noise_gain")
        if package is None:
            return None
        processor = package.AudioProcessor(0, level)

        def process(x: Int16) -> Int16:
            data = x.tobytes()
            return np.frombuffer(b"".join(processor.Process10ms(data[i : i + 320]).audio for i in (0, 320)), np.int16)

        return _at(rate, 16000, process)

    return make


def speexdsp(rate: int) -> Stream | None:
    """Return a stream of Speex's preprocessor."""
    package = optional("speexdsp_ns")
    if package is None:
        return None
    suppressor = package.NoiseSuppression.create(rate // 50, rate)
    return lambda x: np.frombuffer(suppressor.process(x.tobytes()), np.int16)


def rnnoise(rate: int) -> Stream | None:
    """Return a stream of RNNoise, which works at 48 kHz."""
    rn = optional("pyrnnoise.rnnoise")
    if rn is None:
        return None
    state = rn.create()

    def process(x: Int16) -> Int16:
        parts = [rn.process_mono_frame(state, x[i : i + 480])[0] for i in (0, 480)]
        y: Int16 = np.concatenate(parts).astype(np.int16)
        return y

    return _at(rate, 48000, process)


def _at(rate: int, work: int, process: Stream) -> Stream:
    """Run a suppressor at the one rate that it has, between our resamplers."""
    if rate == work:
        return process
    there, back = Resampler(rate, work), Resampler(work, rate)
    return lambda x: back.process(process(there.process(x)))


RIVALS: dict[str, Maker] = {
    "speexdsp-ns": speexdsp,
    **{f"webrtc-noise-gain {level}": webrtc(level) for level in (1, 2, 3, 4)},
    "pyrnnoise (neural)": rnnoise,
}
