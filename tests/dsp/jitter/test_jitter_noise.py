"""Speech over background noise: where pauses are held, and what is given back in them."""

import numpy as np
import pytest

from _support.jitter_paths import MEDIA, RATE, N, play, stalls, talk
from voiceband import JitterBuffer


def coloured(kind: str, count: int) -> np.ndarray:
    """Noise of an RMS of one: white, falling by 6 dB an octave, or white that swells and fades."""
    rng = np.random.default_rng(11)
    x = rng.normal(0, 1, count)
    if kind == "brown":
        for i in range(1, count):
            x[i] += 0.95 * x[i - 1]
    if kind == "swelling":
        knots = np.arange(0, count + 1600, 1600)
        x *= 10 ** (np.interp(np.arange(count), knots, rng.normal(0, 4, len(knots))) / 20)
    return x / np.sqrt(np.mean(x**2))


def soft_words(seconds: float, kind: str, rms: float) -> tuple[np.ndarray, np.ndarray]:
    """Words that begin with 80 ms of a weak fricative (energy above 2 kHz), over noise; and where they are."""
    x, active = talk(seconds)
    rng = np.random.default_rng(12)
    hiss = np.diff(np.diff(rng.normal(0, 1, len(x) + 2)))
    hiss *= 110 / np.sqrt(np.mean(hiss**2))
    y = x.astype(float)
    for k in np.flatnonzero(active[1:] & ~active[:-1]) + 1:
        y[k * N : (k + 4) * N] = hiss[k * N : (k + 4) * N]
    return np.rint(y + rms * coloured(kind, len(y))).astype(np.int16), active


def holes_in_words(runs, active) -> int:
    """How often 40 ms or more of nothing from the sender lie between two neighbouring places of one word."""
    count, gap, last = 0, 0.0, None
    for _, r in runs:
        if r.kind not in MEDIA:
            gap += r.ms
            continue
        here = int((r.media_start_ms - 1000 + 0.01) // 20)
        before = None if last is None else int((last - 1000 - 0.01) // 20)
        if gap >= 40 and before is not None and r.media_start_ms - last < 5:
            count += bool(active[here] and active[before])
        gap, last = 0.0, r.media_end_ms
    return count


@pytest.mark.parametrize(("kind", "rms"), [("white", 33), ("white", 66), ("brown", 100)])
def test_no_pause_is_held_inside_a_word_that_begins_softly(kind, rms):
    counts = []
    for noise in (3, rms):
        x, active = soft_words(60, kind, noise)
        buffer = JitterBuffer(RATE)
        _, runs = play(buffer, x, stalls(len(active), every=4.0))
        counts.append(holes_in_words(runs, active))
    assert counts[0] <= buffer.stats.stalls
    assert counts[1] <= counts[0]


@pytest.mark.parametrize(("kind", "rms"), [("white", 105), ("brown", 105), ("swelling", 105)])
def test_delay_is_given_back_in_the_pauses_of_a_noisy_line(kind, rms):
    x, active = talk(90)
    x = np.rint(x + rms * coloured(kind, len(x))).astype(np.int16)
    arrival = stalls(len(active), every=4.0)
    delays = {True: [], False: []}
    _, runs = play(JitterBuffer(RATE), x, arrival)
    for at, r in runs:
        k = int((r.media_start_ms - 1000) // 20) if r.kind in MEDIA else 0
        if at > 20 * RATE and k >= 40 and (active[k - 24 : k + 1].all() or not active[k - 39 : k + 1].any()):
            heard = (arrival[0] + 0.001) * 1000 + at * 1000 / RATE
            delays[bool(active[k])].append(heard - (r.media_start_ms - 1000) - 50)
    assert np.mean(delays[True]) > 60  # the path needs it
    assert np.mean(delays[False]) < 0.75 * np.mean(delays[True])


def test_a_background_that_rises_for_good_is_a_pause_again():
    quiet, loud = 20 * RATE, 60 * RATE
    rng = np.random.default_rng(5)
    x = np.rint(np.concatenate([rng.normal(0, 8, quiet), rng.normal(0, 100, loud)])).astype(np.int16)
    buffer = JitterBuffer(RATE)
    arrival = stalls(len(x) // N, every=4.0)
    _, runs = play(buffer, x, arrival)
    late = [
        (arrival[0] + 0.001) * 1000 + at * 1000 / RATE - (r.media_start_ms - 1000) - 50
        for at, r in runs
        if r.kind in MEDIA and at > 30 * RATE
    ]
    assert np.median(late) < 10  # at the front: nothing but background
