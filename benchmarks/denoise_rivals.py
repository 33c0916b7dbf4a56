"""The suppressors that others ship, each as a function that makes a stream: frames of 20 ms of int16 in and out."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from voiceband import Denoiser, Resampler

Int16 = NDArray[np.int16]
Stream = Callable[[Int16], Int16]


def ours(level: float, latency: str = "normal") -> Callable[[int], Stream]:
    return lambda rate: Denoiser(rate, level=level, latency=latency).process


def _at(rate: int, work: int, process: Stream) -> Stream:
    """Run a suppressor at the one rate that it has, between our resamplers."""
    if rate == work:
        return process
    there, back = Resampler(rate, work), Resampler(work, rate)
    return lambda x: back.process(process(there.process(x)))


def webrtc(level: int) -> Callable[[int], Stream]:
    def make(rate: int) -> Stream:
        from webrtc_noise_gain import AudioProcessor

        processor = AudioProcessor(0, level)

        def process(x: Int16) -> Int16:
            data = x.tobytes()
            return np.frombuffer(b"".join(processor.Process10ms(data[i : i + 320]).audio for i in (0, 320)), np.int16)

        return _at(rate, 16000, process)

    return make


def speexdsp(rate: int) -> Stream:
    from speexdsp_ns import NoiseSuppression

    suppressor = NoiseSuppression.create(rate // 50, rate)
    return lambda x: np.frombuffer(suppressor.process(x.tobytes()), np.int16)


def rnnoise(rate: int) -> Stream:
    from pyrnnoise import rnnoise as rn

    state = rn.create()

    def process(x: Int16) -> Int16:
        return np.concatenate([rn.process_mono_frame(state, x[i : i + 480])[0] for i in (0, 480)]).astype(np.int16)

    return _at(rate, 48000, process)


def installed(make: Callable[[int], Stream]) -> bool:
    """Return whether the package behind a rival is there."""
    try:
        make(16000)
    except ImportError:
        return False
    return True


RIVALS: dict[str, Callable[[int], Stream]] = {
    "speexdsp-ns": speexdsp,
    **{f"webrtc-noise-gain {level}": webrtc(level) for level in (1, 2, 3, 4)},
    "pyrnnoise (neural)": rnnoise,
}
