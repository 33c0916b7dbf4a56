"""Sounds that come again and again and are right: modulated tones, cadences, sirens, loops, held vowels, clicks."""

from collections.abc import Iterator

import numpy as np


def periodic(rate: int, seconds: float = 8) -> Iterator[tuple[str, np.ndarray]]:
    """Make each as floats."""
    t = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(1)

    def sine(hz):
        return np.sin(2 * np.pi * hz * t)

    for hz, beats, depth in ((300, 4, 1), (300, 4, 0.5), (440, 2, 1), (1000, 8, 0.3), (200, 50, 1), (1000, 25, 0.6)):
        yield f"{hz} Hz, {beats} times a second", 0.4 * sine(hz) * (1 - depth / 2 + depth / 2 * sine(beats))
    for name, tones, cadence in (
        ("American ringback", (440, 480), (2, 4)),
        ("British ringback", (400, 450), (0.4, 0.2, 0.4, 2)),
        ("busy", (480, 620), (0.5, 0.5)),
        ("congestion", (425,), (0.25, 0.25)),
        ("beeps of 50 ms", (1000,), (0.05, 0.2)),
        ("beeps of 30 ms", (1500,), (0.03, 0.3)),
        ("off the hook", (1400, 2060, 2450), (0.1, 0.1)),
    ):
        ends = np.cumsum(cadence)
        on = np.searchsorted(ends, t % ends[-1], side="right") % 2 == 0
        yield name, 0.25 * on * sum(sine(hz) for hz in tones)
    for hz, beats, turns in ((100, 49.5, 2), (200, 24.5, 3), (224, 22, 6), (400, 46, 2)):
        yield f"{hz} Hz that wavers {beats} times a second", 0.3 * np.sin(2 * np.pi * hz * t + turns * sine(beats))
    hiss = rng.standard_normal(len(t))
    for hz, on, off in ((2417, 0.12, 0.44), (1100, 0.2, 0.18), (100, 0.43, 0.36)):
        yield f"beeps of {hz} Hz in noise", 0.3 * sine(hz) * (t % (on + off) < on) + 0.004 * hiss
    yield "2000 Hz, 23 times a second", 0.2 * sine(2000) * (1 + 0.7 * sine(23))
    yield "100 Hz that beats, in noise", 0.06 * sine(100) * (1 + 0.15 * sine(19)) + 0.003 * hiss
    yield "a siren", 0.3 * np.sin(2 * np.pi * np.cumsum(1000 + 500 * sine(0.5)) / rate)
    yield "a warble", 0.3 * np.where(t % 0.4 < 0.2, sine(800), sine(1000))
    yield "a yelp", 0.3 * np.sin(2 * np.pi * np.cumsum(500 + 1000 * (t * 4 % 1)) / rate)
    for period in (0.1, 0.24, 0.375, 0.48, 0.5):
        n = round(period * rate)
        fade = np.exp(-2 * np.arange(n) / n)
        hz, gain, phase = 100 + 1500 * rng.random(6), 0.1 * rng.random(6), 6 * rng.random(6)
        bell = sum(g * np.sin(2 * np.pi * f * np.arange(n) / rate + p) for f, g, p in zip(hz, gain, phase, strict=True))
        drum = rng.normal(0, 0.1, n)
        yield f"bells each {period} s", np.resize(bell * fade, len(t))
        yield f"drums each {period} s", np.resize(drum * fade, len(t))
        yield f"a rhythm of {period} s", np.resize(np.r_[bell, bell / 2, bell, drum] * np.tile(fade, 4), len(t))
        yield (
            f"bells after a noise, {period} s",
            np.r_[rng.normal(0, 0.05, rate), np.resize(bell * fade, len(t) - rate)],
        )
    for hz in (100, 125, 220.5):
        pulses = np.zeros(len(t))
        pulses[(np.arange(0, t[-1] * hz) / hz * rate).astype(int)] = 1
        ring = np.exp(-300 * t[: rate // 20]) * sum(np.sin(2 * np.pi * f * t[: rate // 20]) for f in (600, 1200, 2500))
        vowel = np.convolve(pulses, ring)[: len(t)]
        yield f"a vowel held on {hz} Hz", 0.4 * vowel / np.abs(vowel).max()
        yield f"a vowel that trembles on {hz} Hz", 0.4 * vowel / np.abs(vowel).max() * (0.6 + 0.4 * sine(5))
    for a_minute in (90, 125, 240):
        since = t % (60 / a_minute)
        yield f"a metronome, {a_minute} a minute", 0.5 * np.exp(-200 * since) * np.sin(2 * np.pi * 2000 * since)
        yield f"a bell, {a_minute} a minute", 0.3 * np.exp(-4 * since) * np.sin(2 * np.pi * 880 * since)
