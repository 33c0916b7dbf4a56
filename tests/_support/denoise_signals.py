"""Signals for the suppressor's tests, made from seeds: voices, noises, tones; and what is measured on them."""

from functools import lru_cache

import numpy as np

from voiceband import Denoiser

DTMF_LOW, DTMF_HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)


def seconds(duration: float, rate: int) -> np.ndarray:
    return np.arange(round(duration * rate)) / rate


def level(x: np.ndarray, dbfs: float) -> np.ndarray:
    """Scale to a root mean square of `dbfs` relative to full scale 1.0."""
    return x * 10 ** (dbfs / 20) / np.sqrt(np.mean(np.square(x)))


def white(duration: float, rate: int, dbfs: float = -50.0, seed: int = 1) -> np.ndarray:
    return level(np.random.default_rng(seed).standard_normal(round(duration * rate)), dbfs)


def coloured(duration: float, rate: int, dbfs: float, seed: int, power: float) -> np.ndarray:
    """Make noise whose power falls with frequency as f^-power: 1 is pink."""
    spectrum = np.fft.rfft(white(duration, rate, seed=seed))
    f = np.maximum(np.fft.rfftfreq(round(duration * rate), 1 / rate), 60.0)
    return level(np.fft.irfft(spectrum * f ** (-power / 2), round(duration * rate)), dbfs)


def gusts(duration: float, rate: int, dbfs: float, seed: int) -> np.ndarray:
    """Make pink noise whose level wanders by several dB within a second, as traffic and wind do."""
    rng = np.random.default_rng(seed)
    knots = rng.uniform(-6, 6, round(duration * 2) + 2)
    swing = np.interp(seconds(duration, rate) * 2, np.arange(len(knots)), knots)
    return level(coloured(duration, rate, dbfs, seed, 1.0) * 10 ** (swing / 20), dbfs)


def hum(duration: float, rate: int, mains: int, dbfs: float = -30.0) -> np.ndarray:
    t = seconds(duration, rate)
    return level(sum(np.sin(2 * np.pi * mains * k * t + k) / k for k in (1, 2, 3, 5, 7, 9)), dbfs)


def voice(duration: float, rate: int, dbfs: float = -26.0, seed: int = 1) -> np.ndarray:
    """Make something with a voice's build: a gliding pitch, three moving formants, syllables and pauses, some hiss."""
    return level(_voice(duration, rate, seed), dbfs)


@lru_cache(32)  # many tests want the same one
def _voice(duration: float, rate: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = seconds(duration, rate)
    n = round(duration * 4) + 3

    def wander(low: float, high: float) -> np.ndarray:
        return np.interp(t * 4, np.arange(n), rng.uniform(low, high, n))

    pitch = wander(90, 220)
    formants = [wander(300, 800), wander(900, 1900), wander(2200, 3000)]
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    x = np.zeros(len(t))
    for k in range(1, 36):
        f = k * pitch
        gain = sum(w / (1 + ((f - c) / 110) ** 2) for c, w in zip(formants, (1.0, 0.5, 0.25), strict=True))
        x += np.where(f < 0.45 * rate, gain, 0) * np.sin(k * phase)
    said = np.convolve(np.interp(t * 4, np.arange(n), rng.uniform(0, 1, n) > 0.35), np.hanning(rate // 40), "same")
    x = x / np.std(x) + 0.05 * rng.standard_normal(len(t))
    return x * said / said.max()


def keys(burst_ms: float, gap_ms: float, rate: int, dbfs: float) -> tuple[np.ndarray, list[slice]]:
    """Press all 16 keys after two seconds: each burst is at `dbfs`. Return the signal and where the bursts are."""
    n, gap = round(burst_ms * rate / 1000), np.zeros(round(gap_ms * rate / 1000))
    t = np.arange(n) / rate
    parts, places, at = [np.zeros(2 * rate)], [], 2 * rate
    for low in DTMF_LOW:
        for high in DTMF_HIGH:
            parts += [level(np.sin(2 * np.pi * low * t + 1) + np.sin(2 * np.pi * high * t + 2), dbfs), gap]
            places.append(slice(at, at + n))
            at += n + len(gap)
    return np.concatenate(parts), places


def power_db(x: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(x.astype(float))) + 1e-20))


def as_int16(x: np.ndarray) -> np.ndarray:
    return np.clip(np.round(x * 32768), -32768, 32767).astype(np.int16)


def run(x, rate, lev=85, latency="normal"):
    """Denoise float samples as a stream, delay removed."""
    d = Denoiser(rate, level=lev, dtype="float32", latency=latency)
    y = np.concatenate([d.process(x.astype(np.float32)), d.flush()])
    return y[round(d.latency * rate) :][: len(x)].astype(float)


def lost_db(x, y, a, b, rate):
    return power_db(x[int(a * rate) : int(b * rate)]) - power_db(y[int(a * rate) : int(b * rate)])
