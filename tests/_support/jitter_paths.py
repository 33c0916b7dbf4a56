"""Talk, paths that stall, and a replay of one through a buffer over the other."""

import math

import numpy as np
import pytest

from voiceband.dsp.jitter import RunKind

RATE = 8000
N = 160
MEDIA = (RunKind.NORMAL, RunKind.FAST, RunKind.SLOW)


def talk(seconds: float, rate: int = RATE, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Talk spurts of a gliding voice and pauses of faint noise; the second array marks the speech, per 20 ms."""
    rng = np.random.default_rng(seed)
    n, frame = int(seconds * rate), rate // 50
    t = np.arange(n) / rate
    phase = 2 * np.pi * np.cumsum(120 + 15 * np.sin(2 * np.pi * 1.3 * t)) / rate
    x = sum(2500 / h * np.sin(h * phase + h) for h in range(1, 12))
    active = []
    while len(active) < n // frame:
        active += [True] * int(10 + rng.exponential(40)) + [False] * int(15 + rng.exponential(60))
    active = np.array(active[: n // frame])
    gate = np.repeat(active, frame)
    return np.rint(x[: len(gate)] * gate + rng.normal(0, 8, len(gate))).astype(np.int16), active


def stalls(count: int, seed: int = 2, every: float = 2.0, step: float = 0.02) -> np.ndarray:
    """Arrivals (s) of a path of 50 ms that stops for 50 to 300 ms now and then: in order, as over TCP."""
    rng = np.random.default_rng(seed)
    at = 0.05 + step * np.arange(count) + rng.exponential(0.0004, count)
    t = 1.0
    while t < step * count:
        end = t + rng.uniform(0.05, 0.3)
        at[(at >= t) & (at < end)] = end
        t += rng.exponential(every) + 0.3
    return np.maximum.accumulate(at)


def play(buffer, x, arrival, *, tick=0.02, rate=RATE, frame=None, lost=(), start=None, tail=1.0):
    """Replay messages into a buffer; returns the sound, and the runs with where in the sound they begin."""
    frame = frame or rate // 50
    sound, runs, at, k = [], [], 0, 0
    now = (arrival[0] if start is None else start) + 0.001
    while now < arrival[-1] + tail:
        while k < len(arrival) and arrival[k] <= now:
            if k not in lost:
                buffer.push(
                    k, 1000 + k * frame * 1000 / rate, x[k * frame : (k + 1) * frame], arrival=float(arrival[k])
                )
            k += 1
        out = np.empty(round(tick * rate), np.int16)
        got = buffer.pull_into(out, now)
        assert sum(r.ms for r in got) == pytest.approx(tick * 1000)
        for r in got:
            runs.append((at, r))
            at += round(r.ms * rate / 1000)
        sound.append(out)
        now += tick
    return np.concatenate(sound), runs


def covered(runs, length_ms, offset=1000.0):
    """How much of each ms of media was rendered."""
    seen = np.zeros(int(length_ms))
    for _, r in runs:
        if r.kind in MEDIA:
            seen[max(0, math.floor(r.media_start_ms - offset)) : math.ceil(r.media_end_ms - offset)] = 1
    return seen
