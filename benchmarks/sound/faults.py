"""What can go wrong with speech on its way: each fault makes bytes of it, and says what they are taken for.

Speech comes as floats at 16 kHz; `wire` is the rate, 8000 or 16000, of streams of 16-bit samples. Those of one byte a
sample are at 8000.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import soundfile

import voiceband

Made = tuple[bytes, str, int]
"""Bytes, what they are taken for, and at which rate."""


class Fault(NamedTuple):
    """A kind of finding, how it is made, whether its level is its own, and how much time the fault stretches."""

    kind: str
    make: Callable[[np.ndarray, np.random.Generator, int], Made]
    own_level: bool = False
    slower: float = 1.0


def resampled(x: np.ndarray, ratio: float) -> np.ndarray:
    """Return speech with `ratio` times as many samples."""
    if ratio == 1:
        return x
    return voiceband.resample(x.astype(np.float32), 48000, round(48000 * ratio), quality="wide").astype(float)


def at_rate(x: np.ndarray, rate: int) -> np.ndarray:
    """Return speech of 16 kHz at another rate."""
    return resampled(x, rate / 16000)


def pcm(x: np.ndarray) -> np.ndarray:
    """Round floats to int16, and clip."""
    return np.clip(np.round(x * 32768), -32768, 32767).astype(np.int16)


def coded(x: np.ndarray, code: str) -> bytes:
    """Encode floats."""
    if code == "mulaw":
        return voiceband.ulaw_encode(pcm(x))
    if code == "alaw":
        return voiceband.alaw_encode(pcm(x))
    return pcm(x).astype(">i2" if code == "big" else "<i2").tobytes()


def speaking(x: np.ndarray) -> float:
    """Root mean square of the frames of 20 ms within 16 dB of the loudest ones."""
    power = np.square(x[: len(x) // 320 * 320].reshape(-1, 320)).mean(axis=1)
    return float(np.sqrt(power[power > 0.0257 * np.percentile(power, 95)].mean() + 1e-15))


def at_level(x: np.ndarray, dbov: float) -> np.ndarray:
    """Scale speech to a level while it speaks, relative to a square of full scale."""
    return x * 10 ** (dbov / 20) / speaking(x)


def _frames(x: np.ndarray, ms: float, rate: int) -> np.ndarray:
    n = round(ms * rate / 1000)
    return x[: len(x) // n * n].reshape(-1, n)


def _codec(of: str, taken: str) -> Fault:
    def make(x, _rng, wire):
        rate = wire if "l16" in (of, taken) else 8000
        return coded(at_rate(x, rate), of), taken, rate

    return Fault("wrong-codec", make)


def _floats(form: str, taken: str, scale: float = 1.0) -> Fault:
    def make(x, _rng, wire):
        rate = 8000 if taken == "mulaw" else wire
        return (at_rate(x, rate) * scale).astype(form).tobytes(), taken, rate

    return Fault("float-samples", make)


def _text(encode: Callable[[bytes], bytes], code: str) -> Fault:
    def make(x, _rng, wire):
        rate = 8000 if code == "mulaw" else wire
        return encode(coded(at_rate(x, rate), code)), code, rate

    return Fault("encoded-twice", make)


def _file(form: str, subtype: str | None, skip: int, taken: str) -> Fault:
    def make(x, _rng, wire):
        rate = 8000 if taken == "mulaw" else wire
        file = io.BytesIO()
        soundfile.write(file, at_rate(x, rate), rate, format=form, subtype=subtype)
        return file.getvalue()[skip:], taken, rate

    return Fault("file-bytes", make)


def _zeros(x, _rng, _wire) -> Made:
    y = at_rate(x, 8000)
    codes = np.frombuffer(coded(y, "mulaw"), np.uint8)[: len(y) // 160 * 160].reshape(-1, 160).copy()
    codes[np.square(_frames(y, 20, 8000)).mean(axis=1) < (0.06 * speaking(y)) ** 2] = 0
    head, tail = codes[:50].tobytes(), codes[50:].tobytes()
    return head + bytes(1600) + tail, "mulaw", 8000


def _wave(change: Callable[[np.ndarray, np.random.Generator, int], np.ndarray], kind: str, **more) -> Fault:
    """Return a fault of the samples, in mu-law or L16."""

    def make(x, rng, wire):
        code = ("mulaw", "l16")[rng.integers(2)]
        rate = wire if code == "l16" else 8000
        return coded(change(at_rate(x, rate), rng, rate), code), code, rate

    return Fault(kind, make, **more)


def _over(dbov: float) -> Fault:
    return _wave(lambda y, _rng, _rate: np.clip(at_level(y, dbov), -1, 1), "clipped", own_level=True)


def _wrap(dbov: float) -> Fault:
    def change(y, _rng, _rate):
        whole = np.round(at_level(y, dbov) * 32768).astype(np.int64)
        return ((whole + 32768 & 65535) - 32768) / 32768

    return _wave(change, "wrapped", own_level=True)


def _rate(ratio: Fraction) -> Fault:
    return _wave(lambda y, _rng, _rate: resampled(y, float(ratio)), "wrong-rate", slower=float(ratio))


def _stereo(right: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Fault:
    def make(x, rng, wire):
        y = at_rate(x, wire)
        code = "mulaw" if wire == 8000 and rng.random() < 0.5 else "l16"
        return coded(np.stack([y, right(y, rng)], axis=1).ravel(), code), code, wire

    return Fault("stereo", make, slower=2)


def _comb(on_ms: float, off_ms: float) -> Fault:
    def change(y, _rng, rate):
        return np.pad(_frames(y, on_ms, rate), ((0, 0), (0, round(off_ms * rate / 1000)))).ravel()

    return _wave(change, "holes", slower=1 + off_ms / on_ms)


def _again(ms: float, times: int) -> Fault:
    return _wave(
        lambda y, _rng, rate: np.repeat(_frames(y, ms, rate), times, axis=0).ravel(), "repeated-frames", slower=times
    )


def _lost(share: float, *, silent: bool) -> Fault:
    def change(y, rng, rate):
        frames = _frames(y, 20, rate).copy()
        gone = rng.random(len(frames)) < share
        frames[gone] = 0
        return (frames if silent else frames[~gone]).ravel()

    return _wave(change, "missing-frames")


def _panned(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 0.5 * np.roll(y, 5) + 0.01 * speaking(y) * rng.standard_normal(len(y))


FAULTS: dict[str, Fault] = {
    **{
        f"{of} as {taken}": _codec(of, taken)
        for of in ("mulaw", "alaw", "l16")
        for taken in ("mulaw", "alaw", "l16")
        if of != taken
    },
    "big-endian as little": Fault("swapped-bytes", lambda x, _rng, wire: (coded(at_rate(x, wire), "big"), "l16", wire)),
    "float32 as l16": _floats("<f4", "l16"),
    "float64 as l16": _floats("<f8", "l16"),
    "float32 as mulaw": _floats("<f4", "mulaw"),
    "float32 in int16 scale as l16": _floats("<f4", "l16", 32768),
    "float32 array in int16 scale": _floats("<f4", "float32", 32768),
    "WAV as l16": _file("WAV", "PCM_16", 0, "l16"),
    "WAV as mulaw": _file("WAV", "PCM_16", 0, "mulaw"),
    "MP3 from its middle": _file("MP3", None, 777, "l16"),
    "Ogg from its middle": _file("OGG", "VORBIS", 3000, "mulaw"),
    "FLAC": _file("FLAC", None, 0, "l16"),
    "FLAC from its middle": _file("FLAC", None, 9000, "mulaw"),
    "base64 of mulaw": _text(base64.b64encode, "mulaw"),
    "base64 of l16": _text(base64.b64encode, "l16"),
    "hex of mulaw": _text(lambda data: data.hex().encode(), "mulaw"),
    "zeros for silence": Fault("zero-silence", _zeros),
    "clipped, -6 dBov": _over(-6),
    "clipped, 0 dBov": _over(0),
    "clipped, +20 dBov": _over(20),
    "square of full scale": _wave(lambda y, _rng, _rate: np.where(y >= 0, 1.0, -1.0), "clipped", own_level=True),
    "wrapped, -6 dBov": _wrap(-6),
    "wrapped, 0 dBov": _wrap(0),
    "wrapped, +6 dBov": _wrap(6),
    "mean of 10 %": _wave(lambda y, _rng, _rate: y + 0.1, "dc-offset"),
    "mean of -20 %": _wave(lambda y, _rng, _rate: y - 0.2, "dc-offset"),
    "rate x 2": _rate(Fraction(2)),
    "rate x 1.5": _rate(Fraction(3, 2)),
    "rate x 3": _rate(Fraction(3)),
    "rate x 1/2": _rate(Fraction(1, 2)),
    "rate x 2/3": _rate(Fraction(2, 3)),
    "rate x 1/3": _rate(Fraction(1, 3)),
    "stereo, the same twice": _stereo(lambda y, _rng: y),
    "stereo, one silent": _stereo(lambda y, _rng: 0 * y),
    "stereo, two voices": _stereo(lambda y, _rng: np.roll(y, len(y) // 2)),
    "stereo, panned": _stereo(_panned),
    "holes, 20 + 20 ms": _comb(20, 20),
    "holes, 50 + 10 ms": _comb(50, 10),
    "holes, 12.5 + 7.5 ms": _comb(12.5, 7.5),
    "holes, 200 + 10 ms": _comb(200, 10),
    "20 ms twice": _again(20, 2),
    "20 ms three times": _again(20, 3),
    "100 ms twice": _again(100, 2),
    "10 % silent": _lost(0.1, silent=True),
    "20 % silent": _lost(0.2, silent=True),
    "20 % left out": _lost(0.2, silent=False),
    "33 % left out": _lost(0.33, silent=False),
    "-56 dBov": _wave(lambda y, _rng, _rate: at_level(y, -56), "too-quiet", own_level=True),
    "-62 dBov": _wave(lambda y, _rng, _rate: at_level(y, -62), "too-quiet", own_level=True),
}
