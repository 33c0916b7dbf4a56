"""Hashes of what every kernel makes of awkward input: the same for each instruction set."""

import hashlib

import numpy as np

import voiceband
from _support.denoise_signals import as_int16, voice, white
from _support.jitter_paths import play, stalls, talk
from _support.sound_faults import caller, faults
from _support.tone_signals import key, pcm, silence, tone
from voiceband.dsp.base64 import base64_decode, base64_encode

RATES = (8000, 16000)
PAIRS = [
    (8000, 16000), (16000, 8000), (24000, 8000), (8000, 24000), (24000, 16000), (32000, 24000), (48000, 8000),
    (8000, 48000), (44100, 8000), (8000, 44100), (44100, 48000), (60000, 16000), (192000, 4000), (8000, 8000),
]  # fmt: skip
QUALITIES = ("voice", "wide", "fast")


def digest(results):
    """Hash arrays, bytes and texts, one after another."""
    state = hashlib.sha256()
    for result in results:
        state.update(result.encode() if isinstance(result, str) else bytes(result))
    return state.hexdigest()


def stateless():
    """What is made of inputs of many lengths."""
    for n in [*range(70), 160, 320, 1001, 70_000]:
        rng = np.random.default_rng(n)
        data, pcm = rng.bytes(2 * n), rng.integers(-32768, 32768, n, np.int16)
        x = rng.normal(0, 0.6, n).astype(np.float32)
        yield from (voiceband.ulaw_decode(data), voiceband.ulaw_encode(pcm))
        yield from (voiceband.alaw_decode(data), voiceband.alaw_encode(pcm))
        yield from (voiceband.l16_decode(data, byteorder="big"), voiceband.to_float(pcm), voiceband.to_int16(x))
        yield from (base64_encode(data), base64_decode(base64_encode(data)))


def resampler():
    """Streams cut into pieces, all qualities, both types."""
    rng = np.random.default_rng(11)
    for pair in PAIRS:
        for quality in QUALITIES:
            for dtype in ("int16", "float32"):
                x = rng.standard_normal(2500) * 9000
                x = x.clip(-32768, 32767).astype(np.int16) if dtype == "int16" else x.astype(np.float32)
                stream = voiceband.Resampler(*pair, dtype=dtype, quality=quality)
                yield from (stream.process(part) for part in np.split(x, [1, 3, 100, 101, 400, 1282, 1300]))
                stream.reset(fade_ms=3)
                yield from (stream.process(x), stream.flush(), voiceband.resample(x, *pair, quality=quality))
                yield str(stream.clipped)


def denoiser():
    """Speech, then a stretch of zeros, then full scale."""
    for rate in RATES:
        for dtype in ("int16", "float32"):
            for latency in ("normal", "low"):
                x = voice(2, rate) + white(2, rate, -45)
                x = as_int16(x) if dtype == "int16" else x.astype(np.float32)
                x[len(x) // 3 : len(x) // 2] = 0
                x[-2000:] = x[-2000:] * 0 + (32767 if dtype == "int16" else 3e30)
                stream = voiceband.Denoiser(rate, dtype=dtype, latency=latency)
                yield from (stream.process(x), stream.flush())


def jitter_buffer():
    """Half a minute of talk over a path that stalls, with holes."""
    for rate in RATES:
        x, active = talk(30, rate)
        for tick in (0.01, 0.02):
            buffer = voiceband.JitterBuffer(rate)
            sound, runs = play(buffer, x, stalls(len(active)), tick=tick, rate=rate, lost={300, 301, 700})
            yield from (sound, repr([(at, repr(r)) for at, r in runs]))


def concealer():
    """Holes of many lengths in a voice, by every method."""
    for rate in RATES:
        t = np.arange(6000) / rate
        phase = 2 * np.pi * np.cumsum(120 + 8 * np.sin(2 * np.pi * 2 * t)) / rate
        x = sum(2500 / h * np.sin(h * phase + h) for h in range(1, 12)) + np.random.default_rng(5).normal(0, 100, 6000)
        x = np.rint(x).astype(np.int16)
        for method in ("auto", "ar", "pitch"):
            plc = voiceband.Concealer(rate, method=method)
            yield from (plc.good(x[:2000]), plc.lost(333), plc.good(x[2333:3000]), plc.bridge(500, x[3500:]))
            yield from (plc.good(x[3500:4000]), plc.lost(100), plc.bridge(60, x[4160:]), plc.good(x[4160:]))


def sound_guard():
    """What is found in every fault, and the state behind it."""
    for _, _, data, taken in faults(caller(-20)):
        for rate in (8000, 11025, 16000, 48000):
            guard = voiceband.SoundGuard(taken, rate)
            for at in range(0, len(data), 999):
                yield repr(guard.process(data[at : at + 999]))
                if at % 7 == 0:
                    yield guard.__reduce__()[1][3]


def echo_guard():
    """Scores and states while an agent talks, his echo comes back and a caller joins in."""
    for rate in RATES:
        far = as_int16(voice(6, rate, -20, 3) * (np.arange(6 * rate) // rate % 3 < 2))
        near = np.roll(far, rate // 4) // 8 + as_int16(voice(6, rate, -26, 9) * (np.arange(6 * rate) > 4 * rate))
        guard = voiceband.EchoGuard(rate)
        for at in range(0, len(far), rate // 50):
            now = slice(at, at + rate // 50)
            yield repr((guard.process(near[now], far[now], bound_ms=60), guard.kind))
            yield guard.__reduce__()[1][1]


def tone_detector():
    """The whole state after each piece of a stream of keys, a beep, a voice and noise."""
    for rate in RATES:
        parts = [part for name in "159D" for part in (key(name, 0.05, rate), silence(0.05, rate))]
        x = np.concatenate([*parts, 20000 * voice(2, rate), tone(1000, 0.4, rate), silence(1, rate)])
        detector = voiceband.ToneDetector(rate)
        for part in np.split(pcm(x, noise_db=20), [1, 3, 100, 5000, 9001]):
            yield str(detector.process(part))
            yield detector.__reduce__()[1][1]


KERNELS = (stateless, resampler, denoiser, jitter_buffer, concealer, sound_guard, echo_guard, tone_detector)


def digests():
    """Return the hash of each kernel's results, by name."""
    return {kernel.__name__: digest(kernel()) for kernel in KERNELS}
