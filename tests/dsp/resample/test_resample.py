"""Resampler and resample: sizes, values against a naive oracle, arguments, clipping, tail, reset, pickling, threads."""

import array
from math import gcd

import numpy as np
import pytest

import voiceband
from voiceband import Resampler, resample

RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
PAIRS = [(a, b) for a in RATES for b in RATES]
OTHER_PAIRS = [
    (8000, 11025),
    (12000, 8000),
    (96000, 8000),
    (192000, 4000),
    (4000, 192000),
    (99000, 100000),
    (8000, 8016),
]


def noise(n: int, dtype: str, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal(n) * 0.2
    return (x * 32768).clip(-32768, 32767).astype(np.int16) if dtype == "int16" else x.astype(np.float32)


def naive(x: np.ndarray, rate_in: int, rate_out: int, taps: np.ndarray) -> np.ndarray:
    """Stuff zeros, convolve with the prototype (middle at len // 2), keep every `down`th; float64, no delay."""
    from scipy.signal import oaconvolve

    up, down = rate_out // gcd(rate_in, rate_out), rate_in // gcd(rate_in, rate_out)
    stuffed = np.zeros(len(x) * up)
    stuffed[::up] = x
    return oaconvolve(stuffed, taps * up)[len(taps) // 2 :][: len(stuffed)][::down]


def table_prototype(band: int) -> np.ndarray:
    """Read the prototype out of 1 : band, whose response to an impulse is the prototype itself."""
    response = resample(np.eye(1, 400, 200, dtype=np.float32)[0], 4000, 4000 * band).astype(float)
    return response[200 * band - 199 * band + band : 200 * band + 199 * band - band + 1] / band


def kaiser_prototype(band: int) -> np.ndarray:
    """Compute the documented Kaiser design of quality "voice" with numpy."""
    reach, beta = 20.0 * band, 9.4
    n = np.arange(-int(reach) + 1, int(reach))
    return np.sinc(n / band) * np.i0(beta * np.sqrt(1 - (n / reach) ** 2)) / np.i0(beta) / band


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS + OTHER_PAIRS)
def test_whole_periods_give_exactly_their_share_from_the_first_push(rate_in, rate_out):
    stream = Resampler(rate_in, rate_out)
    period = rate_in // gcd(rate_in, rate_out)
    n = rate_in // 50 if rate_in // 50 % period == 0 else period
    for i in range(5):
        assert stream.output_len(n) == n * rate_out // rate_in
        assert len(stream.process(noise(n, "int16", i))) == n * rate_out // rate_in


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_20_ms_in_is_20_ms_out_at_every_listed_pair(rate_in, rate_out):
    stream = Resampler(rate_in, rate_out, dtype="float32")
    assert [len(stream.process(np.zeros(rate_in // 50, np.float32))) for _ in range(4)] == [rate_out // 50] * 4


@pytest.mark.parametrize(
    ("rate_in", "rate_out"), [(24000, 16000), (44100, 8000), (8000, 22050), (192000, 4000), (8000, 48000)]
)
def test_other_splits_give_floor_exact_counts(rate_in, rate_out):
    stream = Resampler(rate_in, rate_out)
    rng = np.random.default_rng(1)
    n_in = n_out = 0
    for n in rng.integers(0, 700, 60):
        expected = (n_in + int(n)) * rate_out // rate_in - n_out
        assert stream.output_len(n) == expected
        assert len(stream.process(np.zeros(n, np.int16))) == expected
        n_in += int(n)
        n_out += expected
    total = n_out + len(stream.flush())
    assert total == -(-n_in * rate_out // rate_in) + stream.delay


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize(
    ("rate_in", "rate_out"),
    [(8000, 16000), (16000, 8000), (24000, 8000), (8000, 24000), (24000, 16000), (16000, 24000), (32000, 24000),
     (24000, 32000), (48000, 8000), (8000, 48000), (32000, 8000), (8000, 32000), (44100, 8000), (8000, 44100),
     (44100, 48000), (48000, 44100), (22050, 16000), (22050, 32000), (32000, 22050), (60000, 24000), (8000, 11025),
     (88000, 8000), (192000, 8000), (100000, 99000)],
)  # fmt: skip
def test_agrees_with_zero_stuffing_and_convolving(rate_in, rate_out, dtype):
    band = max(rate_in, rate_out) // gcd(rate_in, rate_out)
    taps = table_prototype(band) if band in (2, 3, 4, 6) else kaiser_prototype(band)
    x = noise(3000 if band < 100 else 400, dtype)
    expected = naive(x.astype(float), rate_in, rate_out, taps)
    got = resample(x, rate_in, rate_out)
    assert got.dtype == x.dtype
    assert len(got) == len(expected) == -(-len(x) * rate_out // rate_in)
    error = np.abs(got - expected).max()
    assert error <= (0.51 if dtype == "int16" else 1e-6)  # LSB; full scale 1.0


def test_equal_rates_pass_through():
    for dtype in ("int16", "float32"):
        stream = Resampler(8000, 8000, dtype=dtype)
        x = noise(333, dtype)
        assert stream.latency == stream.delay == 0
        np.testing.assert_array_equal(stream.process(x), x)
        assert len(stream.flush()) == 0


@pytest.mark.parametrize(("rate_in", "rate_out"), [(8000, 16000), (48000, 16000), (44100, 8000), (8000, 44100)])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_resample_is_the_stream_without_its_delay(rate_in, rate_out, dtype):
    for n in (0, 1, 2, 7, 100, 2000):
        x = noise(n, dtype)
        stream = Resampler(rate_in, rate_out, dtype=dtype)
        whole = np.concatenate([stream.process(x), stream.flush()])
        np.testing.assert_array_equal(resample(x, rate_in, rate_out), whole[stream.delay :])


def test_flush_begins_a_new_stream():
    stream = Resampler(24000, 16000)
    first = np.concatenate([stream.process(noise(500, "int16")), stream.flush()])
    second = np.concatenate([stream.process(noise(500, "int16")), stream.flush()])
    np.testing.assert_array_equal(first, second)


def test_int16_is_rounded_half_to_even_and_saturated_and_counted():
    # Half-band: every second output of 8 -> 16 kHz is the input itself; full-scale steps overshoot between them.
    square = np.repeat(np.array([32767, -32768] * 10, np.int16), 40)
    stream = Resampler(8000, 16000)
    y = np.concatenate([stream.process(square), stream.flush()])
    exact = Resampler(8000, 16000, dtype="float32")
    wide = np.concatenate([exact.process(square.astype(np.float32)), exact.flush()])
    rounded = np.rint(wide)
    np.testing.assert_array_equal(y, rounded.clip(-32768, 32767).astype(np.int16))
    assert stream.clipped == np.count_nonzero((rounded < -32768) | (rounded > 32767)) > 0
    assert exact.clipped == 0
    ties = np.array([1, 3, 5, -1, -3], np.int16)  # halves, at 8 -> 4 kHz with the middle tap alone: k / 2
    got = resample(np.ravel(np.column_stack([ties, np.zeros(5, np.int16)])), 8000, 4000)
    values = resample(np.ravel(np.column_stack([ties, np.zeros(5, np.int16)])).astype(np.float32), 8000, 4000)
    np.testing.assert_array_equal(got, np.rint(values).astype(np.int16))
    assert any(abs(v) % 1 == 0.5 for v in values)


def test_extremes_of_int16_do_not_wrap():
    for value in (-32768, 32767):
        for rate_in, rate_out in ((8000, 48000), (48000, 8000), (44100, 8000)):
            y = resample(np.full(4000, value, np.int16), rate_in, rate_out)[300:-300]
            assert abs(y.astype(int) - value).max() <= 4


def test_out_is_written_and_returned():
    x = noise(160, "int16")
    expected = Resampler(8000, 16000).process(x)
    out = np.zeros(320, np.int16)
    assert Resampler(8000, 16000).process(x, out=out) is out
    np.testing.assert_array_equal(out, expected)
    typed = array.array("h", [0] * 320)
    assert Resampler(8000, 16000).process(x, typed) is typed
    np.testing.assert_array_equal(typed, expected)


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview, lambda b: memoryview(b"?" + b)[1:]])
def test_any_buffer_of_samples_is_taken(make):
    x = noise(160, "int16")
    expected = Resampler(8000, 16000).process(x)
    np.testing.assert_array_equal(Resampler(8000, 16000).process(make(x.tobytes())), expected)
    read_only = x.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(Resampler(8000, 16000).process(read_only), expected)


def test_refused_arguments_leave_the_state_alone():
    stream, twin = Resampler(24000, 16000), Resampler(24000, 16000)
    x = noise(481, "int16")
    np.testing.assert_array_equal(stream.process(x), twin.process(x))
    for bad, error, text in [
        (x.astype(bool), ValueError, "not bool"),
        (x.reshape(1, -1), ValueError, "one-dimensional"),
        ([1, 2], TypeError, "x must be an array or a buffer"),
        (b"123", ValueError, "whole int16"),
    ]:
        with pytest.raises(error, match=text):
            stream.process(bad)
    with pytest.raises(ValueError, match="exactly 321 samples, not 5"):
        stream.process(x, out=np.zeros(5, np.int16))
    with pytest.raises(ValueError, match=r"int16.*float32"):
        stream.process(x, out=np.zeros(321, np.float32))
    shared = np.zeros(900, np.int16)
    with pytest.raises(ValueError, match="overlap"):
        stream.process(shared[:480], out=shared[400:720])
    np.testing.assert_array_equal(stream.process(x), twin.process(x))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 77, 158, 159])
def test_float_input_that_is_not_finite_is_refused(bad, at):
    stream, twin = Resampler(8000, 16000, dtype="float32"), Resampler(8000, 16000, dtype="float32")
    x = noise(160, "float32")
    stream.process(x), twin.process(x)
    broken = x.copy()
    broken[at] = bad
    with pytest.raises(ValueError, match=rf"x must be finite, but x\[{at}\]"):
        stream.process(broken)
    np.testing.assert_array_equal(stream.process(x), twin.process(x))
    with pytest.raises(ValueError, match="finite"):
        resample(broken, 8000, 16000)


def test_zero_samples_in_are_zero_samples_out():
    stream = Resampler(44100, 8000)
    assert stream.process(np.empty(0, np.int16)).shape == (0,)
    assert stream.process(b"").dtype == np.int16


def test_unsupported_rates_name_what_is_supported():
    for rates in [(8000, 3999), (192001, 8000), (8000, 8009), (8000, 8008), (0, 0), (-8000, 8000)]:
        with pytest.raises(ValueError, match=r"8000, 16000, 22050.*4000 to 192000 Hz.*1000"):
            Resampler(*rates)
    for rate in (8000.0, "8000", None, True):
        with pytest.raises(TypeError, match="rate_in must be an integer"):
            Resampler(rate, 16000)
    with pytest.raises(ValueError, match="quality must be 'voice', 'wide' or 'fast', not 'best'"):
        Resampler(8000, 16000, quality="best")
    with pytest.raises(ValueError, match="int16 or float32, not float64"):
        Resampler(8000, 16000, dtype="float64")
    with pytest.raises(TypeError, match="int16 or float32"):
        Resampler(8000, 16000, dtype="no such type")
    with pytest.raises(ValueError, match="not object"):
        resample(np.zeros(10, object), 8000, 16000)
    with pytest.raises(ValueError, match="n must be from 0"):
        Resampler(8000, 16000).output_len(-1)


def test_attributes():
    stream = Resampler(np.int64(24000), 16000, dtype=np.float32, quality="wide")
    assert (stream.rate_in, stream.rate_out, stream.quality, stream.dtype) == (24000, 16000, "wide", np.float32)
    assert stream.latency == stream.delay / 16000
    assert repr(stream) == "Resampler(24000, 16000, dtype='float32', quality='wide')"


@pytest.mark.parametrize("quality", ["voice", "wide", "fast"])
def test_latency_limits(quality):
    limit_s = {"voice": 0.0027, "wide": 0.008, "fast": 0.0016}[quality]
    for pair in ((8000, 16000), (16000, 8000)):
        assert Resampler(*pair, quality=quality).latency <= limit_s
    if quality == "voice":
        assert all(Resampler(*pair).latency <= 0.0045 for pair in PAIRS)


def test_public_names():
    assert {"Resampler", "resample", "Rechunker"} <= set(voiceband.__all__)


def test_resample_takes_the_type_of_any_buffer():
    floats = np.linspace(-0.5, 0.5, 160, dtype=np.float32)
    expected = resample(floats, 8000, 16000)
    for given in (array.array("f", floats.tolist()), memoryview(floats)):
        np.testing.assert_array_equal(resample(given, 8000, 16000), expected)
    pcm = np.arange(160, dtype=np.int16)
    for given in (array.array("h", pcm.tolist()), pcm.tobytes(), bytearray(pcm.tobytes()), memoryview(pcm)):
        np.testing.assert_array_equal(resample(given, 8000, 16000), resample(pcm, 8000, 16000))
