"""What the runs of a tick say: they add up, lie within one epoch, and conceal only what was speech."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from _support.dose import dose
from _support.jitter_paths import MEDIA, RATE, N, stalls, talk
from voiceband import JitterBuffer
from voiceband.dsp.jitter import RunKind


def check(runs, tick_ms):
    """Every run's media agrees with its length and its kind."""
    assert sum(r.ms for r in runs) == pytest.approx(tick_ms)
    for r in runs:
        if r.kind not in MEDIA:
            assert r.media_start_ms is r.media_end_ms is None
            continue
        media = r.media_end_ms - r.media_start_ms
        assert media >= 0
        if r.kind is RunKind.NORMAL:
            assert media == pytest.approx(r.ms)
        elif r.kind is RunKind.FAST:
            assert r.ms < media <= 3 * r.ms + 15
        else:
            assert media < r.ms


@settings(max_examples=dose(15, 2000), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([{}, {"mode": "fixed", "delay_ms": 200}, {"stretch": 0.15}]))
def test_media_lies_within_one_epoch(seed, knobs):
    rng = np.random.default_rng(seed)
    x, active = talk(6, seed=seed % 97)
    arrival = stalls(len(active), seed=seed, every=1.0)
    buffer, k, now = JitterBuffer(RATE, **knobs), 0, float(arrival[0])
    chunk, stamp = 0, float(rng.integers(0, 10**6))
    spans = [[stamp, stamp]]
    tick = int(rng.choice([8, 80, 160, 333, 800]))
    out = np.empty(tick, np.int16)
    while k < len(active):
        while k < len(active) and arrival[k] <= now:
            if k % 40 == 30:  # the numbering begins again: far away, back, or by the clock alone
                chunk = int(rng.choice([0, chunk + 10**6, chunk]))
                stamp = float(rng.integers(0, 10**9))
                spans.append([stamp, stamp])
            if rng.random() > 0.03:
                buffer.push(chunk, stamp, x[k * N : (k + 1) * N], arrival=float(arrival[k]))
            chunk, stamp, k = chunk + 1, stamp + 20, k + 1
            spans[-1][1] = stamp
        runs = buffer.pull_into(out, now)
        check(runs, tick * 1000 / RATE)
        if buffer.stats.overflows == 0:
            for r in runs:
                if r.kind in MEDIA:
                    assert any(a - 0.01 <= r.media_start_ms <= r.media_end_ms <= b + 0.01 for a, b in spans), (r, spans)
        now += tick / RATE


def test_a_run_ends_where_the_clock_starts_anew():
    x, _ = talk(2)
    buffer = JitterBuffer(RATE, mode="fixed", delay_ms=100)
    for k in range(10):
        chunk, stamp = (k, 9000 + 20 * k) if k < 5 else (k - 5, 20 * (k - 5))
        buffer.push(chunk, stamp, x[k * N : (k + 1) * N], arrival=0.02 * k)
    runs = [r for k in range(6) for r in buffer.pull_into(np.empty(240, np.int16), 0.11 + 0.03 * k)]
    media = [(r.media_start_ms, r.media_end_ms) for r in runs if r.kind is RunKind.NORMAL]
    assert (9090, 9100) in media
    assert any(start == 0 for start, _ in media)
    assert all(0 < end - start <= 30 for start, end in media)


@pytest.mark.parametrize("mode", [{}, {"mode": "fixed", "delay_ms": 60}], ids=["adaptive", "fixed"])
def test_a_sender_that_is_silent_in_pauses_is_not_concealed(mode):
    x, active = talk(60)
    buffer, now = JitterBuffer(RATE, **mode), 0.0
    for k, on in enumerate(active):
        if on or active[max(0, k - 8) : k].any():  # 160 ms of each pause are sent
            buffer.push(None, 20 * k, x[k * N : (k + 1) * N], arrival=now)
        check(buffer.pull(now + 0.001).runs, 20)
        now += 0.02
    pauses_ms = 20 * (~active).sum()
    s = buffer.stats
    assert s.conceal_ms < 0.05 * pauses_ms
    assert s.wait_ms > 0.4 * pauses_ms


def test_a_stall_in_speech_is_concealed_until_the_sender_has_stopped():
    x = np.rint(6000 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)).astype(np.int16)
    buffer = JitterBuffer(RATE, mode="fixed", delay_ms=0)
    for k in range(50):
        buffer.push(k, 20 * k, x[k * N : (k + 1) * N], arrival=0.02 * k)
        buffer.pull(0.02 * k)
    kinds = [buffer.pull(1.0 + 0.02 * k).runs[-1].kind for k in range(100)]
    assert kinds == [RunKind.CONCEAL] * 20 + [RunKind.WAIT] * 80
    assert buffer.stats.stalls == 1
    buffer.push(50, 1000, x[:N], arrival=3.0)
    assert any(r.kind in MEDIA for r in buffer.pull(3.0).runs)
