"""Does an agent interrupt itself, and does it hear the caller? A table for the page about the echo guard.

    python benchmarks/echo_guard.py FOLDER [--calls 12] [--plot FILE.svg]

FOLDER holds WAV or FLAC files, one talker each; at least two. In each call of 60 s one talker is the agent and another
the caller, who talks over the agent every few seconds. The line has a loudspeaker that is not linear, a room, another
level from 30 s on, noise and mu-law; the playout clock is off by up to 60 ms, by another amount in every utterance. A
caller has spoken up after 60 ms of speech. Per loss of the echo and per method:

    false    interruptions in 10 minutes in which the caller had said nothing
    missed   share of the times that the caller talked over the agent and was not heard
    delay    ms from the caller's first sound to the interruption: median and 95th percentile
    added    ms more than on the same line without any echo: median and 95th percentile

WebRTC's echo canceller, with a gate behind it, is in the table where `livekit` is installed. A second table has the
sounds of 150 to 400 ms, like "mhm", that interrupt with and without `BargeInSettings(backchannel_ms=400)`, and what
longer speech pays for that. --plot draws false against
missed interruptions instead, by how much speech is asked for: for each loss, and for each error of the clock.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voiceband import EchoGuard, resample, ulaw_decode, ulaw_encode

try:
    from livekit import rtc
    from livekit.rtc import apm
except ImportError:
    apm = None

Array = NDArray[np.float64]
RATE, FRAME = 8000, 160
SECONDS, BOUND_MS, LAG_MS = 60, 60, 300
NEED = 3
"""Frames of speech, 60 ms, that make an interruption."""
PAUSE = 15
"""Frames without, after which the next one may follow."""
TOLERATED = 25
"""Frames that speech must last where 400 ms are tolerated: the guard believes in it 100 ms longer."""
SHORT_S, LONG_S = (0.15, 0.4), (0.8, 2.0)
"""How long a caller speaks."""


class Call(NamedTuple):
    """What a guard hears, the same without echo, and when the caller spoke, in seconds."""

    near: NDArray[np.int16]
    clean: NDArray[np.int16]
    far: NDArray[np.int16]
    spoken: list[tuple[float, float]]


def read_folder(folder: Path) -> list[Array]:
    import soundfile

    talkers = []
    for path in sorted([*folder.glob("*.flac"), *folder.glob("*.wav")]):
        x, found = soundfile.read(path, dtype="float32", always_2d=True)
        talkers.append(resample(np.ascontiguousarray(x[:, 0]), found, RATE).astype(float))
    if len(talkers) < 2:
        sys.exit(f"{folder} must hold the WAV or FLAC files of two talkers at least")
    return talkers


def sounding(x: Array) -> NDArray[np.bool_]:
    power = np.convolve(x * x, np.ones(FRAME) / FRAME, "same")
    return np.asarray(power > 0.01 * np.mean(x[np.abs(x) > 0.01] ** 2))


def at_level(x: Array, dbfs: float) -> Array:
    return np.asarray(x * 10 ** (dbfs / 20) / np.sqrt(np.mean(x[sounding(x)] ** 2)))


def wire(x: Array) -> NDArray[np.int16]:
    return ulaw_decode(ulaw_encode((np.clip(np.tanh(x * 2) / 2, -1, 1) * 32767).astype(np.int16)))


def band(x: Array) -> Array:
    f = np.maximum(np.fft.rfftfreq(len(x), 1 / RATE), 1)
    return np.fft.irfft(np.fft.rfft(x) / (1 + (200 / f) ** 6) / (1 + (f / 3500) ** 16), len(x))


def make_call(
    talkers: list[Array],
    seed: int,
    loss_db: float,
    *,
    clears: bool = False,
    off_ms: int = BOUND_MS,
    spoken_s: tuple[float, float] = LONG_S,
) -> Call:
    """Make one call; with `clears` the agent's utterances end after 0.4 to 1.2 s, some 45 of them."""
    rng = np.random.default_rng(seed)
    n, (agent, caller) = SECONDS * RATE, rng.permutation(len(talkers))[:2]
    says, far, echo = at_level(talkers[agent], -20), np.zeros(n), np.zeros(n)
    room = rng.standard_normal(RATE // 5) * 10 ** (-3 * np.arange(RATE // 5) / RATE / 0.2) * 0.3
    room[0] = 1
    at = RATE // 2
    while at < n - RATE:
        begin = rng.integers(0, len(says) // 2)
        length_s = rng.uniform(0.4, 1.2) if clears else rng.uniform(1, 6)
        said = says[begin : begin + round(length_s * RATE)][: n - at]
        far[at : at + len(said)] = said
        back = np.convolve(band(np.tanh(said * 4) / 4), room)
        late = at + round((LAG_MS + rng.uniform(-off_ms, off_ms)) * RATE / 1000)
        back = back[: max(n - late, 0)]
        echo[late : late + len(back)] += back
        at += len(said) + round(rng.uniform(0.2, 0.8 if clears else 1.5) * RATE)
    level = np.sqrt(np.mean(far[sounding(far)] ** 2) / np.mean(echo[sounding(echo)] ** 2))
    echo *= level * 10 ** (-loss_db / 20)
    echo[30 * RATE :] *= 10 ** (rng.uniform(-5, 0) / 20)
    near, spoken = np.zeros(n), []
    voice, loud = at_level(band(talkers[caller]), rng.uniform(-28, -18)), sounding(talkers[caller])
    starts = np.flatnonzero(loud[1:] & ~loud[:-1])
    at = round(rng.uniform(2, 4) * RATE)
    while at < n - 3 * RATE:
        length = round(rng.uniform(*spoken_s) * RATE)
        fits = [s for s in starts if s < len(voice) - length and not loud[max(s - 1200, 0) : s].any()]
        if np.mean(np.abs(far[at - 400 : at + 3200]) > 0.01) < 0.2 or not fits:
            at += RATE // 4
            continue
        begin = rng.choice(fits)
        near[at : at + length] += voice[begin : begin + length]
        spoken.append((at / RATE, (at + length) / RATE))
        at += length + round(rng.uniform(2, 5) * RATE)
    noise = 10 ** (-62 / 20) * rng.standard_normal(n)
    heard = (np.clip(far, -1, 1) * 32767).astype(np.int16)
    return Call(wire(echo + near + noise), wire(near + noise), heard, spoken)


def guarded(near: NDArray[np.int16], far: NDArray[np.int16], bound_ms: float) -> list[bool]:
    """Say of each frame whether the guard hears the caller."""
    guard, found = EchoGuard(RATE), []
    for at in range(0, len(near), FRAME):
        guard.process(near[at : at + FRAME], far[at : at + FRAME], bound_ms=bound_ms)
        found.append(guard.kind in ("speech", "both"))
    return found


def gated(near: NDArray[np.int16], dbfs: float = -35.0) -> list[bool]:
    """Say of each frame whether it is louder than a threshold."""
    power = np.mean((near.reshape(-1, FRAME) / 32768) ** 2, axis=1)
    return list(power > 10 ** (dbfs / 10))


def cancelled(near: NDArray[np.int16], far: NDArray[np.int16]) -> list[bool]:
    """Say of each frame whether it is loud behind WebRTC's canceller, which is told the mean delay."""
    canceller, left = apm.AudioProcessingModule(echo_cancellation=True), np.empty_like(near)
    canceller.set_stream_delay_ms(LAG_MS)
    half = FRAME // 2
    for at in range(0, len(near), half):
        heard = rtc.AudioFrame(far[at : at + half].tobytes(), RATE, 1, half)
        frame = rtc.AudioFrame(near[at : at + half].tobytes(), RATE, 1, half)
        canceller.process_reverse_stream(heard)
        canceller.process_stream(frame)
        left[at : at + half] = np.frombuffer(frame.data, np.int16)
    return gated(left)


def interruptions(speech: list[bool], need: float = NEED, tolerated: int = 0) -> list[float]:
    """Return when a caller interrupts who has spoken for so many frames, and longer than is tolerated."""
    count, quiet, armed, began, found = 0.0, PAUSE, True, 0, []
    for k, heard in enumerate(speech):
        began = k if heard and quiet >= PAUSE else began
        count = min(count + 1, need) if heard else max(count - 0.5, 0)
        quiet = 0 if heard else quiet + 1
        if armed and heard and count >= need and k + 1 - began >= tolerated:
            found.append((k + 1) * FRAME / RATE)
            armed = False
        if quiet >= PAUSE:
            armed, count = True, 0.0
    return found


def first_within(times: list[float], begin: float, end: float) -> float | None:
    return next((t for t in times if begin - 0.02 <= t <= end + 0.35), None)


def backchannel_row(short: list[Call], long: list[Call], tolerated: int) -> str:
    """Return the share of short sounds that interrupt, the share of longer speech that does not, and its delay."""
    found = []
    for calls in (short, long):
        times = [(interruptions(guarded(c.near, c.far, BOUND_MS), NEED, tolerated), c.spoken) for c in calls]
        found.append([(first_within(at, *s), s) for at, spoken in times for s in spoken])
    interrupt, speak = found
    delays = [1000 * (at - begin) for at, (begin, _) in speak if at is not None] or [np.nan]
    return " | ".join(
        [
            f"{100 * np.mean([at is not None for at, _ in interrupt]):.1f} %",
            f"{100 * np.mean([at is None for at, _ in speak]):.1f} %",
            f"{np.median(delays):.0f}, {np.quantile(delays, 0.95):.0f}",
        ]
    )


METHODS = {
    "guard": lambda call: guarded(call.near, call.far, BOUND_MS),
    "guard, no clock": lambda call: guarded(call.near, call.far, 2000),
    "gate": lambda call: gated(call.near),
}


if apm is not None:
    METHODS["canceller"] = lambda call: cancelled(call.near, call.far)


def said_nothing(times: list[float], call: Call) -> int:
    """Count the interruptions by a caller who had said nothing."""
    return sum(not any(a - 0.02 <= t <= b + 0.35 for a, b in call.spoken) for t in times)


def row(calls: list[Call], method: str) -> str:
    """Return the figures of some calls."""
    false = missed = 0
    delays, added = [], []
    for call in calls:
        times = interruptions(METHODS[method](call))
        plain = interruptions(guarded(call.clean, np.zeros_like(call.far), 0))
        false += said_nothing(times, call)
        for a, b in call.spoken:
            at, free = first_within(times, a, b), first_within(plain, a, b)
            missed += at is None
            if at is not None:
                delays.append(1000 * (at - a))
                if free is not None:
                    added.append(1000 * (at - free))
    n = sum(len(call.spoken) for call in calls)
    minutes = len(calls) * SECONDS / 60
    figures = [
        f"{10 * false / minutes:.1f}",
        f"{100 * missed / n:.1f} %",
        *(f"{np.median(x):.0f}, {np.quantile(x, 0.95):.0f}" for x in (delays or [np.nan], added or [np.nan])),
    ]
    return " | ".join(figures)


def curve(calls: list[Call], bound_ms: float) -> list[tuple[float, float]]:
    """Return false interruptions in 10 minutes and the share missed, for more and more speech asked for."""
    speech = [guarded(call.near, call.far, bound_ms) for call in calls]
    n, minutes, points = sum(len(call.spoken) for call in calls), len(calls) * SECONDS / 60, []
    for need in (1, 2, 3, 5, 8, 12, 20):
        times = [interruptions(heard, need) for heard in speech]
        false = sum(said_nothing(at, call) for at, call in zip(times, calls, strict=True))
        missed = sum(first_within(at, *s) is None for at, call in zip(times, calls, strict=True) for s in call.spoken)
        points.append((10 * false / minutes, 100 * missed / n))
    return points


def plot(talkers: list[Array], n_calls: int, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "voiceband", "font.size": 9})
    import matplotlib.pyplot as plt

    figure, (by_loss, by_clock) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
    for loss_db in (6, 10, 15, 20, 30):
        calls = [make_call(talkers, seed, loss_db) for seed in range(n_calls)]
        by_loss.plot(*zip(*curve(calls, BOUND_MS), strict=True), "o-", ms=3, label=f"{loss_db} dB")
    for off_ms in (0, 60, 120, 250, 500):
        calls = [make_call(talkers, seed, 15, off_ms=off_ms) for seed in range(n_calls)]
        by_clock.plot(*zip(*curve(calls, off_ms), strict=True), "o-", ms=3, label=f"{off_ms} ms")
    by_loss.set(title=f"echo loss, clock within {BOUND_MS} ms", ylabel="missed, %", ylim=(-0.5, 15))
    by_clock.set(title="error of the clock, 15 dB of loss")
    for axes in (by_loss, by_clock):
        axes.set(xlabel="false interruptions in 10 minutes", xscale="symlog", xlim=(-0.2, 60))
        axes.axhline(2, color="0.7", lw=0.8)
        axes.axvline(1, color="0.7", lw=0.8)
        axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calls", type=int, default=12, help="calls for each line of the table")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw curves instead of the table")
    options = parser.parse_args()
    talkers = read_folder(options.folder)
    if options.plot:
        plot(talkers, options.calls, options.plot)
        return
    print("| echo loss | method | false in 10 min | missed | delay, ms | added, ms |")
    print("|---|---|---|---|---|---|")
    for loss_db, clears in ((6, False), (10, False), (15, False), (15, True), (20, False), (30, False)):
        calls = [make_call(talkers, seed, loss_db, clears=clears) for seed in range(options.calls)]
        name = f"{loss_db} dB{', some 45 clears' if clears else ''}"
        for method in METHODS:
            print(f"| {name} | {method} | {row(calls, method)} |", flush=True)
    print("\n| `backchannel_ms` | short sounds that interrupt | longer speech missed | delay, ms |\n|---|---|---|---|")
    short, long = ([make_call(talkers, k, 15, spoken_s=s) for k in range(options.calls)] for s in (SHORT_S, LONG_S))
    for name, tolerated in ((0, 0), (400, TOLERATED)):
        print(f"| {name} | {backchannel_row(short, long, tolerated)} |", flush=True)


if __name__ == "__main__":
    main()
