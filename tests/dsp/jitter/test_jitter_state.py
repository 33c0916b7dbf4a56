"""What a jitter buffer is given and keeps: arguments, garbage, memory, pickles, the same bits everywhere."""

import math
import pickle
import re
import sys
import tracemalloc
from array import array
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from _support.dose import dose
from _support.jitter_paths import RATE, N, play, stalls, talk
from voiceband import JitterBuffer, Timeline
from voiceband.dsp.jitter import Push, RunKind


def test_memory_is_bounded():
    assert sys.getsizeof(JitterBuffer(8000)) <= 48 * 1024
    buffer = JitterBuffer(RATE)
    x = np.zeros(N, np.int16)
    out = np.empty(N, np.int16)

    def step(k):
        buffer.push(k, 20 * k, x, arrival=0.02 * k)
        buffer.pull_into(out, 0.02 * k)

    for k in range(2000):
        step(k)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for k in range(2000, 6000):
        step(k)
    assert tracemalloc.get_traced_memory()[0] - before < 2000
    tracemalloc.stop()


def test_pickles_go_on_with_the_same_bits():
    x, active = talk(20)
    arrival = stalls(len(active))
    one = JitterBuffer(RATE, stalls_per_min=7)
    play(one, x[: 500 * N], arrival[:500], tail=0.0)
    two = pickle.loads(pickle.dumps(one))
    assert two.stats == one.stats
    assert (two.stalls_per_min, two.mode, two.tick_ms, two.max_ms, two.stretch) == (7, "adaptive", 20, 400, 0.08)
    now = float(arrival[499]) + 0.01
    for k in range(500, 900):
        stamp = 1000 + 20 * k
        assert one.push(k, stamp, x[:N], arrival=float(arrival[k])) is two.push(
            k, stamp, x[:N], arrival=float(arrival[k])
        )
        a, b = one.pull(now), two.pull(now)
        assert np.array_equal(a.pcm, b.pcm)
        assert a.runs == b.runs
        now += 0.02
    run = a.runs[0]
    assert pickle.loads(pickle.dumps(a)).runs == a.runs
    assert hash(pickle.loads(pickle.dumps(run))) == hash(run)


def test_damaged_pickles_are_refused():
    function, (*arguments, state, ring), _ = JitterBuffer(RATE).__reduce__()
    rng = np.random.default_rng(5)
    for at in rng.integers(0, len(state), dose(50, 1000)):
        damaged = bytearray(state)
        damaged[at] ^= 1 + int(rng.integers(0, 255))
        with pytest.raises(ValueError, match="JitterBuffer"):
            function(*arguments, bytes(damaged), ring)
    for a, b in [(b"", ring), (state, b""), (None, ring), (state, ring[:-2] + b"xx")]:
        with pytest.raises(ValueError, match="JitterBuffer"):
            function(*arguments, a, b)


def test_reset_is_as_new():
    x, active = talk(10)
    buffer = JitterBuffer(RATE)
    first, runs = play(buffer, x, stalls(len(active)))
    buffer.reset()
    again, runs_again = play(buffer, x, stalls(len(active)))
    assert np.array_equal(first, again)
    assert runs == runs_again


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": 44100}, "rate"),
        ({"rate": RATE, "stalls_per_min": 0}, "stalls_per_min"),
        ({"rate": RATE, "stalls_per_min": float("nan")}, "stalls_per_min"),
        ({"rate": RATE, "max_ms": 5000}, "max_ms"),
        ({"rate": RATE, "stretch": 0.2}, "stretch"),
        ({"rate": RATE, "mode": "magic"}, "mode must be 'adaptive' or 'fixed', not 'magic'"),
        ({"rate": RATE, "delay_ms": 100}, "delay_ms"),
        ({"rate": RATE, "mode": "fixed", "delay_ms": -1}, "delay_ms"),
        ({"rate": RATE, "tick_ms": 500}, "tick_ms"),
        ({"rate": RATE, "frame_ms": 10**400}, r"frame_ms must be from 1 to 1000, not 1000+\.\.\.$"),
        ({"rate": RATE, "frame_ms": 10**5000}, "frame_ms must be from 1 to 1000"),
        ({"rate": RATE, "mode": "fixed", "max_ms": 400}, "max_ms is for mode='adaptive' only, not 400"),
        ({"rate": RATE, "mode": "fixed", "stalls_per_min": 4}, "stalls_per_min is for mode='adaptive' only, not 4"),
    ],
)
def test_refused_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        JitterBuffer(**arguments)


def test_refused_calls_leave_the_state():
    buffer = JitterBuffer(RATE)
    buffer.push(1, 0, np.ones(N, np.int16), arrival=0.0)
    buffer.pull(0.02)
    before = buffer.__reduce__()
    for call, error in [
        (lambda: buffer.push(2, 20, None, arrival=0.0), TypeError),
        (lambda: buffer.push(2, 20, np.zeros(N, bool), arrival=0.0), ValueError),
        (lambda: buffer.push(2, 20, b"123", arrival=0.0), ValueError),
        (lambda: buffer.push(2, 20, np.zeros(N, np.int16), arrival=None), TypeError),
        (lambda: buffer.push(2, 20, np.zeros(N, np.int16), arrival=math.inf), ValueError),
        (lambda: buffer.push(2, 20, np.zeros(61 * RATE, np.int16), arrival=0.0), ValueError),
        (lambda: buffer.pull(math.nan), ValueError),
        (lambda: buffer.pull("now"), TypeError),
        (lambda: buffer.pull_into(None, 0.0), TypeError),
        (lambda: buffer.pull_into(np.zeros(N), 0.0), ValueError),
        (lambda: buffer.pull_into(np.zeros(7, np.int16), 0.0), ValueError),
        (lambda: buffer.pull_into(np.zeros(801, np.int16), 0.0), ValueError),
        (lambda: buffer.pull_into(bytes(2 * N), 1.0), ValueError),
        (lambda: buffer.pull_into(bytearray(2 * N), 1.0), ValueError),
        (lambda: buffer.pull(0.019), ValueError),
        (lambda: buffer.pull_into(np.zeros(N, np.int16), -5.0), ValueError),
    ]:
        with pytest.raises(error):
            call()
        assert buffer.__reduce__() == before


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        ("0", TypeError),
        (None, TypeError),
        (True, TypeError),
        ([1.0], TypeError),
        (object(), TypeError),
        pytest.param(10**400, ValueError, id="large"),
        pytest.param(10**5000, ValueError, id="huge"),
        (1e300, ValueError),
        (-1e13, ValueError),
        (math.nan, ValueError),
    ],
)
def test_a_bad_time_is_named_with_its_value(given_, error):
    shown = "" if isinstance(given_, int) else re.escape(str(given_)[:40])
    buffer, timeline, frame = JitterBuffer(RATE), Timeline(RATE), np.zeros(N, np.int16)
    calls = {
        "arrival": [lambda: buffer.push(1, 0, frame, arrival=given_)],
        "now": [lambda: buffer.pull(given_), lambda: buffer.pull_into(frame, given_),
                lambda: timeline.stalled_ms(given_)],
    }  # fmt: skip
    if given_ is not None:  # to a timeline that is no time
        calls["arrival"].append(lambda: timeline.push(1, 0, frame, arrival=given_))
    for name, each in calls.items():
        for call in each:
            with pytest.raises(error, match=rf"^{name} must be .*time in seconds.*, not .*{shown}"):
                call()
    assert buffer.stats.messages == timeline.stats.messages == 0


def test_times_of_other_types():
    buffer = JitterBuffer(RATE)
    for at in (1, np.float32(1.5), np.int64(2), Fraction(5, 2), Decimal(3)):
        assert buffer.push(None, None, np.zeros(N, np.int16), arrival=at) is Push.OK
        buffer.pull(at)


def test_a_clock_that_goes_back_is_refused_with_both_times():
    buffer = JitterBuffer(RATE)
    buffer.pull(12.5)
    buffer.pull(12.5)
    before = buffer.__reduce__()
    with pytest.raises(ValueError, match=r"now must not go back: 12\.25 is before 12\.5, the time of the last pull"):
        buffer.pull(12.25)
    assert buffer.__reduce__() == before
    with pytest.raises(ValueError, match=r"now must not go back: -1 is before"):
        pickle.loads(pickle.dumps(buffer)).pull(-1)
    buffer.reset()
    buffer.pull(-3.0)


def test_the_origin_of_the_clock_does_not_matter():
    x, active = talk(10)
    arrival = np.round(stalls(len(active)) * 1024) / 1024  # exact in binary, wherever it begins
    first = play(JitterBuffer(RATE), x, arrival)[1]
    for origin in (-1024.0, 4096.0):
        again = play(JitterBuffer(RATE), x, arrival + origin)[1]
        assert [(at, r.kind) for at, r in again] == [(at, r.kind) for at, r in first]


def test_the_fixed_mode_says_its_delay_from_the_start():
    buffer = JitterBuffer(RATE, mode="fixed", delay_ms=250, stretch=np.True_)
    assert (buffer.target_ms, buffer.max_ms, buffer.stalls_per_min, buffer.stretch) == (250, 250, None, 0.08)
    copy = pickle.loads(pickle.dumps(buffer))
    assert (copy.mode, copy.target_ms) == ("fixed", 250)
    assert JitterBuffer(RATE, mode="fixed").target_ms == 60
    assert JitterBuffer(RATE, stretch=np.False_).stretch == 0
    for k in range(100):
        buffer.push(k, 20 * k, np.zeros(N, np.int16), arrival=0.02 * k)
        buffer.pull(0.02 * k)
    assert buffer.target_ms == 250
    assert buffer.delay_ms == pytest.approx(250, abs=21)


@pytest.mark.parametrize(
    "text", ["1_000", " 1000", "1000 ", "1e3", "+1000", "0x3e8", "１０００", "1.0.0", "-", ".", "", b"1000"]
)
def test_numbers_in_texts_are_plain_digits(text):
    for make in (JitterBuffer, Timeline):
        target = make(RATE)
        target.push(text, text, np.zeros(N, np.int16), arrival=0.0)
        assert target.stats.unreadable == 2
        target.push("7", "-20.5", np.zeros(N, np.int16), arrival=0.0)
        assert target.stats.unreadable == 2


def test_ticks_into_other_buffers():
    x = np.arange(N, dtype=np.int16)
    buffer = JitterBuffer(RATE, mode="fixed", delay_ms=0)
    for k, out in enumerate([array("h", bytes(2 * N)), memoryview(bytearray(2 * N)).cast("h"), np.empty(N, np.int16)]):
        buffer.push(k, 20 * k, x, arrival=0.02 * k)
        (run,) = buffer.pull_into(out, 0.02 * k)
        assert run.kind is RunKind.NORMAL
        assert np.array_equal(np.asarray(out)[40:], x[40:])
    with pytest.raises(ValueError, match="out must hold int16 items, not format 'B' \\(bytearray\\)"):
        buffer.pull_into(bytearray(2000), 0.06)


garbage = st.one_of(st.none(), st.integers(), st.integers(-5, 300), st.floats(), st.text(max_size=20),
                    st.integers(0, 2**33).map(str), st.booleans(), st.just(object()))  # fmt: skip
message = st.tuples(garbage, garbage, st.one_of(st.integers(0, 900), st.integers(0, 40000)), st.floats(-1e5, 1e5))
orderly = st.integers(1, 8).map(lambda n: n)


@settings(max_examples=dose(60, 3000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(message, orderly), max_size=40), st.sampled_from([8000, 16000]), st.integers(8, 800),
       st.sampled_from([{}, {"mode": "fixed"}, {"max_ms": 1500, "stalls_per_min": 0.5}]))  # fmt: skip
def test_garbage_never_crashes_and_memory_stays_bounded(steps, rate, tick, knobs):
    buffer = JitterBuffer(rate, **knobs)
    out = np.empty(max(rate // 1000, min(rate // 10, tick)), np.int16)
    rng = np.random.default_rng(len(steps))
    now, k = 0.0, 0
    for step in steps:
        if isinstance(step, int):
            for _ in range(step):  # some orderly messages, with holes
                k += 1 + (k % 7 == 0)
                buffer.push(k, 20 * k, rng.integers(-9000, 9000, rate // 50).astype(np.int16), arrival=now)
        else:
            chunk, stamp, n, arrival = step
            buffer.push(chunk, stamp, np.full(n, 1000, np.int16), arrival=arrival)
            now = max(now, arrival)
        for _ in range(3):
            runs = buffer.pull_into(out, now)
            assert sum(r.ms for r in runs) == pytest.approx(len(out) * 1000 / rate)
            now += len(out) / rate
        assert 0 <= buffer.buffered_ms <= 2000
        assert pickle.loads(pickle.dumps(buffer)).stats == buffer.stats
