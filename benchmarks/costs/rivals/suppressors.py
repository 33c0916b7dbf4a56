"""Noise suppressors that others ship, as streams of int16 like ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from benchmarks.costs.rivals.packages import Rivals, optional

from voiceband import Denoiser, Resampler
from voiceband.bench.kernels import SUPPRESSION, SUPPRESSION_BULK, burst_frames, looped
from voiceband.bench.signals import BULK_S, Int16, bursts

Stream = Callable[[Int16], Int16]
Maker = Callable[[int], Stream | None]


def suppressor_rivals() -> Rivals:
    """Return the rivals of the suppressor."""
    found: Rivals = {}
    for rate in (8000, 16000):
        names = ("speexdsp-ns", "webrtc-noise-gain 2", "pyrnnoise (neural)")
        made = {name: RIVALS[name](rate) for name in names}
        found[SUPPRESSION, f"{rate} Hz"] = {
            name: stream and looped(stream, burst_frames(rate)) for name, stream in made.items()
        }
    noisereduce, x = optional("noisereduce"), bursts(8000, BULK_S)
    found[SUPPRESSION_BULK, "8000 Hz"] = {
        "noisereduce": noisereduce and (lambda: noisereduce.reduce_noise(y=x, sr=8000))
    }
    return found


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
