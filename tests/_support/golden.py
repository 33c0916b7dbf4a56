"""Checksums of what the kernels make of fixed inputs: the same inputs, and the same lines, as tests/dsp/c/golden.c."""

import zlib
from functools import cache

import numpy as np

import voiceband as vb
from voiceband.dsp.base64 import base64_decode, base64_encode

SECONDS = 4


class Sum:
    """A CRC-32 of bytes and of samples by their value, and the random numbers of its inputs."""

    def __init__(self, seed=2026):
        self.crc = 0
        self.seed = seed

    def add(self, x):
        if isinstance(x, np.ndarray):
            x = x.astype(x.dtype.newbyteorder("<")).tobytes()
        self.crc = zlib.crc32(x, self.crc)

    def random(self, below):
        self.seed = (self.seed * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.seed >> 8) % below

    def __str__(self):
        return f"{self.crc:08x}"


@cache
def speech(rate):
    """Return the samples, and the state of the random numbers after them."""
    numbers = Sum(1)
    x = np.empty(SECONDS * rate, np.int16)
    one = two = phase = 0
    for i in range(len(x)):
        ms = i * 1000 // rate
        word = ms % 500
        pitch = 100 + ms // 40 % 70
        loud = 7000 if word < 280 else 1200 if word < 360 else 0
        phase = (phase + pitch) % rate
        now = (loud if phase < pitch else 0) + ((6400 * one - 3600 * two) >> 12)
        two, one = one, max(-30000, min(30000, now))
        noisy = one + numbers.random(401) - 200
        x[i] = max(-32768, min(32767, 0 if 1500 <= ms < 1700 else 40 * noisy if 2600 <= ms < 2700 else noisy))
    x.flags.writeable = False
    return x, numbers.seed


def codecs():
    pcm, codes = np.arange(-32768, 32768).astype(np.int16), bytes(range(256))
    for name, encode, decode in (("ulaw", vb.ulaw_encode, vb.ulaw_decode), ("alaw", vb.alaw_encode, vb.alaw_decode)):
        decoded, encoded = Sum(), Sum()
        decoded.add(decode(codes))
        encoded.add(encode(pcm))
        for n in range(100):
            encoded.add(encode(pcm[32700 + n : 32700 + 2 * n]))
        yield f"{name}_decode", decoded
        yield f"{name}_encode", encoded
    for name, made in (("l16_big", vb.l16_encode(pcm, byteorder="big")), ("to_float", vb.to_float(pcm))):
        total = Sum()
        total.add(made)
        yield name, total
    total = Sum()
    whole = np.array([total.random(1 << 24) for _ in range(65536)], np.float32)
    total.add(vb.to_int16((whole - np.float32(8388608)) / np.float32(8000000)))
    yield "to_int16", total
    total = Sum()
    for n in range(400):
        text = base64_encode(bytes(total.random(256) for _ in range(n)))
        total.add(text.encode())
        total.add(base64_decode(text))
    yield "base64", total


def pieces(total, x):
    at = 0
    while at < len(x):
        n = 1 + total.random(700)
        yield x[at : at + n]
        at += n


def resample():
    ratios = [(2, 1), (1, 2), (3, 1), (1, 3), (2, 3), (3, 2), (6, 1), (1, 6), (80, 441), (441, 80)]
    unit = {441: 100, 80: 100}
    total, x = Sum(), speech(8000)[0][:6000]
    for up, down in ratios:
        scale = unit.get(up, 8000)
        for quality in ("voice", "wide", "fast"):
            for samples in (x, vb.to_float(x)):
                stream = vb.Resampler(down * scale, up * scale, dtype=samples.dtype, quality=quality)
                for piece in pieces(total, samples):
                    total.add(stream.process(piece))
                total.random(700)
                total.add(stream.flush())
    yield "resample", total


def denoise():
    for dtype in ("int16", "float32"):
        total = Sum()
        for rate in (8000, 16000):
            x, seed = speech(rate)
            samples = x if dtype == "int16" else vb.to_float(x)
            for form in range(8):
                total.seed = seed
                d = vb.Denoiser(
                    rate, level=(60, 70, 85, 100)[form // 2], dtype=dtype, latency=("normal", "low")[form % 2]
                )
                for piece in pieces(total, samples):
                    total.add(d.process(piece))
        yield f"denoise_{dtype}", total


def conceal():
    for method in ("auto", "ar", "pitch"):
        total = Sum()
        for rate in (8000, 16000):
            x, total.seed = speech(rate)
            c, at = vb.Concealer(rate, method=method), 0
            while at + 4000 < len(x):
                n, hole, in_hand = 1 + total.random(2000), 1 + total.random(rate // 8), total.random(2) == 0
                total.add(c.good(x[at : at + n]))
                at += n
                total.add(c.bridge(hole, x[at : at + 400]) if in_hand else c.lost(hole))
        yield f"conceal_{method}", total


def jitter():
    total = Sum()
    for rate in (8000, 16000):
        for mode in ({}, {"mode": "fixed", "delay_ms": 100}):
            x, total.seed = speech(rate)
            buffer, n, chunk, until = vb.JitterBuffer(rate, **mode), rate // 50, 0, 0.0
            for tick in range(1500):
                now = (tick * 20 + 1000) / 1000
                while chunk * 0.02 + 1.0 <= now and now >= until:
                    arrival, at = now + total.random(15) / 1000, chunk * n % (len(x) - n)
                    if total.random(60):
                        buffer.push(chunk, 20 * chunk, x[at : at + n], arrival=arrival)
                    if total.random(120) == 0:
                        until = now + (40 + total.random(300)) / 1000
                    chunk += 1
                total.add(buffer.pull(now + 0.016).pcm)
    yield "jitter", total


def timeline():
    """Holes, repeats and late messages; the C program has no such line, as the filling is the wrapper's."""
    total = Sum()
    for rate in (8000, 16000):
        x, total.seed = speech(rate)
        line, n = vb.Timeline(rate), rate // 50
        for k in range(len(x) // n):
            chunk = k - total.random(3) * (total.random(20) == 0)
            if total.random(15):
                for segment in line.push(chunk, 20 * chunk, x[chunk * n : chunk * n + n] if chunk >= 0 else x[:n]):
                    total.add(segment.pcm)
    yield "timeline", total


def echo():
    """Score an echo a quarter of a second late, and the voice once more from the middle on, as the caller's."""
    total, kinds = Sum(), ("silence", "echo", "speech", "both")
    for rate in (8000, 16000):
        x, late, frame = speech(rate)[0], rate // 4, rate // 50
        near = np.zeros(len(x), np.int64)
        near[late:] = np.trunc(x[: len(x) - late] / 8)
        near[len(x) // 2 :] += np.trunc(x[: len(x) // 2] / 2).astype(int)
        near, guard = near.astype(np.int16), vb.EchoGuard(rate)
        for at in range(0, len(x), frame):
            score = guard.process(near[at : at + frame], x[at : at + frame], bound_ms=60)
            total.add(bytes([kinds.index(guard.kind)]))
            total.add(np.array([score], np.float32))
    yield "echo", total


def tones():
    """Name a tone of period 8 samples, in bursts of growing length over the voice, after the voice by itself."""
    total, wave = Sum(), np.array([0, 5657, 8000, 5657, 0, -5657, -8000, -5657])
    for rate in (8000, 16000):
        x, total.seed = speech(rate)
        i, x = np.arange(len(x)), x.copy()
        sounds = i % (len(x) // 8) < i // 8
        with_tone = np.trunc(x / 64).astype(int) + np.where(sounds, wave[i * 8000 // rate % 8], 0)
        x[len(x) // 4 :] = with_tone[len(x) // 4 :]
        detector = vb.ToneDetector(rate)
        for piece in pieces(total, x):
            for tone in detector.process(piece):
                hertz = int(tone.name) if tone.kind == "beep" else 0
                end_ms = -1 if tone.end_ms is None else int(tone.end_ms)
                total.add(np.array([hertz, int(tone.start_ms), end_ms], np.int32))
    yield "tones", total


def lines():
    for kernel in (codecs, resample, denoise, conceal, jitter, echo, tones, timeline):
        for name, total in kernel():
            yield f"{name} {total}"


if __name__ == "__main__":
    print(*lines(), sep="\n")
