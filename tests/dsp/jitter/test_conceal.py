import contextlib
import pickle
import threading

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from _support.dose import dose
from voiceband import Concealer

RATES = (8000, 16000)


def rms(x) -> float:
    return float(np.sqrt(np.mean(np.asarray(x, float) ** 2)))


def as_int16(x) -> np.ndarray:
    return np.clip(np.rint(x), -32768, 32767).astype(np.int16)


def voice(rate: int, n: int) -> np.ndarray:
    t = np.arange(n) / rate
    f0 = 120 + 8 * np.sin(2 * np.pi * 2 * t)
    phase = 2 * np.pi * np.cumsum(f0) / rate
    return as_int16(sum(2500 / h * np.sin(h * phase + h) for h in range(1, 12)))


def burg_reference(x, order: int, damp: float = 0.9995) -> np.ndarray:
    """Burg's method in double precision, from the textbook: the predictor's coefficients, next sample first."""
    x = np.asarray(x, float)
    f, b, a = x[1:].copy(), x[:-1].copy(), np.array([1.0])
    for _ in range(order):
        k = -2 * (f @ b) / (f @ f + b @ b + 1e-3 * len(f))
        a = np.append(a, 0.0)
        a = a + k * a[::-1]
        f, b = f[1:] + k * b[1:], b[:-1] + k * f[:-1]
    return -(a * damp ** np.arange(order + 1))[1:]


def extend_reference(x, order: int, n: int) -> np.ndarray:
    c = burg_reference(x, order)
    line = list(np.asarray(x, float))
    for _ in range(n):
        line.append(float(np.dot(c, line[: -order - 1 : -1])))
    return np.array(line[len(x) :])


@pytest.mark.parametrize("rate", RATES)
def test_extrapolation_is_burgs(rate):
    rng = np.random.default_rng(1)
    x = as_int16(voice(rate, rate // 5) + rng.normal(0, 200, rate // 5))
    n = rate // 50
    plc = Concealer(rate, method="ar")
    plc.good(x)
    expected = extend_reference(x[-rate * 60 // 1000 :], 128 if rate == 8000 else 192, n)
    # Single precision against double: half a percent of the signal's level.
    assert rms(plc.lost(n) - expected) < 0.005 * rms(x) + 0.5


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("method", ["auto", "ar"])
@pytest.mark.parametrize("hole_ms", [10, 20, 40, 60])
def test_bridges_tones_and_voice(rate, method, hole_ms):
    t = np.arange(rate) / rate
    signals = {
        "dtmf": as_int16(6000 * (np.sin(2 * np.pi * 770 * t) + np.sin(2 * np.pi * 1336 * t))),
        "ringback": as_int16(4000 * (np.sin(2 * np.pi * 440 * t) + np.sin(2 * np.pi * 480 * t))),
        "tone": as_int16(20000 * np.sin(2 * np.pi * 1004 * t)),
    }
    a, n = rate // 2, rate * hole_ms // 1000
    for name, x in signals.items():
        plc = Concealer(rate, method=method)
        plc.good(x[:a])
        error = plc.bridge(n, x[a + n :]) - x[a : a + n].astype(float)
        assert 20 * np.log10(rms(error) / rms(x)) < (-25 if hole_ms <= 20 else -6), name
    x = voice(rate, rate)
    plc = Concealer(rate, method=method)
    plc.good(x[:a])
    made = plc.bridge(n, x[a + n :])
    assert abs(20 * np.log10(rms(made) / rms(x[a : a + n]))) < 4


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hertz", [100, 200, 440, 1000, 1700])
def test_square_waves_never_swell(rate, hertz):
    for shift in range(8):
        x = as_int16(6000 * np.sign(np.sin(2 * np.pi * hertz * (np.arange(rate) / rate + 0.00317 * shift)) + 1e-9))
        for hole_ms in (10, 20, 30, 40, 50, 60):
            a, n = rate // 2 + 37 * shift, rate * hole_ms // 1000
            plc = Concealer(rate)
            plc.good(x[:a])
            lost = plc.lost(n)
            assert np.abs(lost.astype(int)).max() <= 1.25 * 6000
            plc = Concealer(rate)
            plc.good(x[:a])
            level = 20 * np.log10(rms(plc.bridge(n, x[a + n :])) / 6000)
            assert -3 < level < 2


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("method", ["auto", "ar", "pitch"])
def test_never_louder_than_what_was_there(rate, method):
    rng = np.random.default_rng(2)
    t = np.arange(rate) / rate
    clipped = as_int16(90000 * np.sin(2 * np.pi * 200 * t))
    square = np.where(np.arange(rate) % 40 < 20, 32767, -32768).astype(np.int16)
    step = np.r_[np.zeros(rate // 2), np.full(rate // 2, 30000)].astype(np.int16)
    for x in (clipped, square, step, as_int16(rng.normal(0, 8000, rate)), np.full(rate, -32768, np.int16)):
        for n in (rate // 100, rate // 50, rate // 10):
            plc = Concealer(rate, method=method)
            plc.good(x[: rate // 2])
            lost = plc.lost(n)
            assert rms(lost) <= 1.3 * max(rms(x[: rate // 2]), 1)
            plc = Concealer(rate, method=method)
            plc.good(x[: rate // 2])
            assert rms(plc.bridge(n, x[rate // 2 :])) <= 1.5 * rms(x[rate // 2 - 480 : rate // 2 + 480]) + 1


@pytest.mark.parametrize("rate", RATES)
def test_silence_stays_silent_and_a_stall_fades_to_the_background(rate):
    plc = Concealer(rate)
    plc.good(np.zeros(rate, np.int16))
    assert not plc.lost(rate // 10).any()
    assert not plc.bridge(rate // 10, np.zeros(rate // 10, np.int16)).any()
    rng = np.random.default_rng(3)
    noise = as_int16(rng.normal(0, 60, 3 * rate))
    plc = Concealer(rate)
    plc.good(noise)
    plc.good(as_int16(voice(rate, rate // 2)))
    lost = plc.lost(rate)
    tail = lost[rate // 5 :]
    assert rms(lost[: rate // 50]) > 1000
    assert 0.5 * 60 < rms(tail) < 1.5 * 60
    assert abs(np.corrcoef(tail[1:], tail[:-1])[0, 1]) < 0.15  # white, as the background was


@pytest.mark.parametrize("rate", RATES)
def test_join_is_smooth_and_what_follows_is_untouched(rate):
    x = voice(rate, rate)
    plc = Concealer(rate)
    a, n = rate // 2, rate // 25
    before, lost, after = plc.good(x[:a]), plc.lost(n), plc.good(x[a + n :])
    line = np.r_[before, lost, after].astype(int)
    assert np.array_equal(before, x[:a])
    overlap = rate // 200
    assert np.array_equal(after[overlap:], x[a + n + overlap :])
    assert np.abs(np.diff(line)).max() <= 1.5 * np.abs(np.diff(x.astype(int))).max()
    plc = Concealer(rate)
    plc.good(x[:a])
    fill = plc.bridge(n, x[a + n :])
    assert np.array_equal(plc.good(x[a + n :]), x[a + n :])
    line = np.r_[x[:a], fill, x[a + n :]].astype(int)
    assert np.abs(np.diff(line)).max() <= 1.5 * np.abs(np.diff(x.astype(int))).max()


calls = st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 500), min_size=1, max_size=4)), max_size=8)


@settings(max_examples=dose(30, 1200), deadline=None)
@given(calls, st.sampled_from(RATES), st.sampled_from(["auto", "ar", "pitch"]))
@example([(False, [80]), (True, [80, 481]), (False, [1]), (True, [1])], 8000, "auto")  # where a fade ends in a block
def test_any_split_gives_the_same_bits(pieces, rate, method):
    x = as_int16(voice(rate, 20000) + np.random.default_rng(4).normal(0, 50, 20000))
    whole, split = Concealer(rate, method=method), Concealer(rate, method=method)
    at = 0
    for lost, sizes in pieces:
        n = sum(sizes)
        if lost:
            one, many = whole.lost(n), [split.lost(m) for m in sizes]
        else:
            one, many = whole.good(x[at : at + n]), []
            for m in sizes:
                many.append(split.good(x[at : at + m]))
                at += m
        assert np.array_equal(one, np.concatenate(many))


@pytest.mark.parametrize("rate", RATES)
def test_pickles_go_on_with_the_same_bits(rate):
    x = voice(rate, 8000)
    plc = Concealer(rate, method="ar")
    plc.good(x[:3000])
    plc.lost(200)
    copy = pickle.loads(pickle.dumps(plc))
    assert (copy.rate, copy.method) == (rate, "ar")
    assert np.array_equal(plc.lost(100), copy.lost(100))
    assert np.array_equal(plc.good(x[3300:4000]), copy.good(x[3300:4000]))
    assert np.array_equal(plc.bridge(100, x[4100:]), copy.bridge(100, x[4100:]))


def test_damaged_pickles_are_refused():
    function, (*arguments, saved), _ = Concealer(8000).__reduce__()
    rng = np.random.default_rng(5)
    for at in rng.integers(0, len(saved), dose(50, 1000)):
        damaged = bytearray(saved)
        damaged[at] ^= 1 + int(rng.integers(0, 255))
        with pytest.raises(ValueError, match="Concealer"):
            function(*arguments, bytes(damaged))
    with pytest.raises(ValueError, match="Concealer"):
        function(Concealer, 16000, "auto", saved)
    with pytest.raises(ValueError, match="Concealer"):
        function(*arguments, None)


def test_reset_and_properties():
    plc = Concealer(8000, method="pitch")
    first = plc.__reduce__()
    plc.good(voice(8000, 800))
    plc.lost(10)
    plc.reset()
    assert plc.__reduce__() == first
    assert plc.latency == 0.0
    assert len(plc.lost(0)) == len(plc.bridge(0, b"")) == len(plc.good(b"")) == 0


def test_a_second_thread_is_told():
    plc = Concealer(16000)
    plc.good(voice(16000, 1600))
    errors, begun = [], threading.Event()

    def work():
        begun.set()
        for _ in range(50):
            with contextlib.suppress(RuntimeError):
                plc.lost(60 * 16000)  # releases the GIL

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    while thread.is_alive() and not errors:
        try:
            plc.good(b"")
        except RuntimeError as error:
            errors.append(str(error))
    thread.join()
    assert errors
    assert "another thread" in errors[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"rate": 44100}, "rate"), ({"rate": 8000, "method": "zero"}, "method")],
)
def test_refused_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Concealer(**arguments)
    with pytest.raises(TypeError, match="method must be 'auto', 'ar' or 'pitch', not None"):
        Concealer(8000, method=None)


def test_refused_calls_leave_the_state():
    plc = Concealer(8000)
    plc.good(voice(8000, 500))
    before = plc.__reduce__()
    for call, error in [
        (lambda: plc.good(None), TypeError),
        (lambda: plc.good(np.zeros(10, bool)), ValueError),
        (lambda: plc.good(np.zeros((2, 10), np.int16)), ValueError),
        (lambda: plc.good(b"123"), ValueError),
        (lambda: plc.lost(-1), ValueError),
        (lambda: plc.lost(10**9), ValueError),
        (lambda: plc.lost(1.5), TypeError),
        (lambda: plc.lost(True), TypeError),
        (lambda: plc.bridge(10, None), TypeError),
        (lambda: plc.bridge(None, b""), TypeError),
    ]:
        with pytest.raises(error):
            call()
        assert plc.__reduce__() == before


@settings(max_examples=dose(30, 1200), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3000), st.integers(0, 2**32)), max_size=12),
       st.sampled_from(RATES), st.sampled_from(["auto", "ar", "pitch"]))  # fmt: skip
def test_any_samples_in_any_order_of_calls(steps, rate, method):
    plc = Concealer(rate, method=method)
    for what, n, seed in steps:
        x = np.random.default_rng(seed).integers(-32768, 32768, n).astype(np.int16) >> (seed % 16)
        made = plc.good(x) if what == 0 else plc.lost(n) if what == 1 else plc.bridge(n, x)
        assert made.dtype == np.int16
        assert len(made) == n
