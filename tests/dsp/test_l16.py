"""16-bit linear PCM: byte order, and float conversion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceband import l16_decode, l16_encode, to_float, to_int16

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)


@pytest.mark.parametrize(("byteorder", "dtype"), [("little", "<i2"), ("big", ">i2")])
def test_both_orders_agree_with_numpy(byteorder, dtype):
    data = EVERY_SAMPLE.astype(dtype).tobytes()
    np.testing.assert_array_equal(l16_decode(data, byteorder=byteorder), EVERY_SAMPLE)
    assert l16_encode(EVERY_SAMPLE, byteorder=byteorder) == data


@given(st.binary(max_size=700), st.integers(0, 3), st.sampled_from(["little", "big"]))
def test_any_bytes_survive_a_round_trip_at_any_address(data, offset, byteorder):
    data = data[: len(data) // 2 * 2]
    padded = memoryview(bytes(offset) + data)[offset:]
    assert l16_encode(l16_decode(padded, byteorder=byteorder), byteorder=byteorder) == data


def test_the_default_order_is_the_carriers():
    assert l16_decode(b"\x01\x02").tolist() == [0x0201]
    assert l16_encode(np.array([0x0201], np.int16)) == b"\x01\x02"


def test_half_a_sample_is_refused():
    with pytest.raises(ValueError, match="data must hold whole samples of 2 bytes, not 3 bytes"):
        l16_decode(b"abc")


@pytest.mark.parametrize(("byteorder", "error"), [("middle", ValueError), (5, TypeError)])
def test_an_unknown_order_is_refused(byteorder, error):
    for call in (l16_decode, l16_encode):
        with pytest.raises(error, match=f"byteorder must be 'little' or 'big', not {byteorder!r}"):
            call(b"", byteorder=byteorder)


def test_floats_are_exact_both_ways():
    x = to_float(EVERY_SAMPLE)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, EVERY_SAMPLE / 32768)
    np.testing.assert_array_equal(to_int16(x), EVERY_SAMPLE)


def test_rounding_is_half_to_even():
    halves = (np.arange(-40, 40) + 0.5).astype(np.float32) / 32768
    np.testing.assert_array_equal(to_int16(halves), np.rint(halves * 32768))


def test_saturation():
    x = np.array([1.0, -1.0, 1.5, -1.5, 3e38, -3e38, 32767.4 / 32768, 32767.5 / 32768, -32768.5 / 32768], np.float32)
    assert to_int16(x).tolist() == [32767, -32768, 32767, -32768, 32767, -32768, 32767, 32767, -32768]


@given(st.lists(st.floats(-2, 2, width=32), max_size=300))
def test_floats_round_as_numpy_does(values):
    x = np.array(values, np.float32)
    np.testing.assert_array_equal(to_int16(x), np.clip(np.rint(x.astype(np.float64) * 32768), -32768, 32767))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 17, 159])
def test_what_is_not_finite_is_refused(bad, at):
    x = np.zeros(160, np.float32)
    x[at] = bad
    with pytest.raises(ValueError, match=rf"x must be finite, but x\[{at}\] is {bad}"):
        to_int16(x)
