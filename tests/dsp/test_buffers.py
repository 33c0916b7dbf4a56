"""What every stateless kernel takes and refuses: types, shapes, strides, `out`."""

import array
import re

import numpy as np
import pytest

import voiceband as vb

PCM = np.arange(-80, 80, dtype=np.int16) * 100
WIRE_IN = {"ulaw_decode": vb.ulaw_decode, "alaw_decode": vb.alaw_decode, "l16_decode": vb.l16_decode}
PCM_IN = {
    "ulaw_encode": vb.ulaw_encode,
    "alaw_encode": vb.alaw_encode,
    "l16_encode": vb.l16_encode,
    "to_float": vb.to_float,
}
ALL = {**WIRE_IN, **PCM_IN, "to_int16": vb.to_int16}


def good_input(name):
    if name in WIRE_IN:
        return bytes(range(160))
    return vb.to_float(PCM) if name == "to_int16" else PCM


def as_bytes(result):
    return result if isinstance(result, bytes) else result.tobytes()


@pytest.mark.parametrize("name", WIRE_IN)
def test_wire_bytes_come_in_any_buffer(name):
    data = good_input(name)
    read_only = np.frombuffer(data, np.uint8)
    expected = WIRE_IN[name](data)
    for given in (bytearray(data), memoryview(data), read_only, read_only.copy(), array.array("B", data)):
        np.testing.assert_array_equal(WIRE_IN[name](given), expected)


@pytest.mark.parametrize("name", PCM_IN)
def test_samples_come_in_any_buffer(name):
    read_only = np.frombuffer(PCM.tobytes(), np.int16)
    expected = as_bytes(PCM_IN[name](PCM))
    buffers = (read_only, memoryview(PCM), array.array("h", PCM.tolist()), PCM.view(np.recarray))
    for given in (*buffers, PCM.tobytes(), bytearray(PCM.tobytes()), memoryview(PCM.tobytes())):
        assert as_bytes(PCM_IN[name](given)) == expected


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("given", [None, 5, "text", [1, 2], object()])
def test_what_is_no_array_is_a_type_error(name, given):
    with pytest.raises(TypeError, match=f"must be an array or a buffer, not {type(given).__name__}"):
        ALL[name](given)


@pytest.mark.parametrize("name", WIRE_IN)
def test_wire_bytes_may_be_strided_but_of_no_other_type(name):
    row = np.frombuffer(good_input(name), np.uint8)
    for given in (np.repeat(row, 2)[::2], row[::-1][::-1], row.reshape(-1, 1), memoryview(np.repeat(row, 2))[::2]):
        np.testing.assert_array_equal(WIRE_IN[name](given), WIRE_IN[name](good_input(name)))
    for dtype in (np.int8, np.int16, np.float32, bool):
        with pytest.raises(ValueError, match=rf"data must hold uint8 items, not {np.dtype(dtype)}"):
            WIRE_IN[name](np.zeros(8, dtype))


def test_the_kernels_take_every_argument_of_samples():
    """A sample of each that is not among `PCM_IN`, by what it makes of int16 samples."""
    taking = {
        **PCM_IN,
        "Resampler": lambda x: vb.Resampler(8000, 16000).process(x),
        "resample": lambda x: vb.resample(vb.to_int16(x) if np.asarray(x).dtype.kind == "f" else x, 8000, 16000),
        "Denoiser": lambda x: vb.Denoiser(8000).process(x),
        "Concealer": lambda x: vb.Concealer(8000).good(x),
        "bridge": lambda x: vb.Concealer(8000).bridge(80, x),
        "Timeline": lambda x: vb.Timeline(8000).push(1, 0, x)[0].pcm,
        "JitterBuffer": lambda x: (b := vb.JitterBuffer(8000)).push(1, 0, x, arrival=0) and b.pull(0.02).pcm,
        "Rechunker": lambda x: vb.Rechunker(160).process(x)[0].samples,
    }
    wide = np.stack([PCM, -PCM], axis=1)
    for name, take in taking.items():
        expected = as_bytes(take(PCM))
        for given in (wide[:, 0], PCM[::-1][::-1], PCM.reshape(-1, 1), PCM.astype(np.int32), PCM.astype(np.int64),
                      PCM.astype(">i2"), array.array("i", PCM.tolist())):  # fmt: skip
            assert as_bytes(take(given)) == expected, name
        if name != "to_float":
            for floats in (np.float32, np.float64, np.longdouble, ">f4"):
                assert as_bytes(take((PCM / 32768).astype(floats))) == expected, (name, floats)


def test_integers_saturate_and_floats_have_full_scale_one():
    assert vb.to_float(np.array([40000, -40000, 5], np.int64)).tolist() == [32767 / 32768, -1.0, 5 / 32768]
    assert vb.l16_decode(vb.l16_encode(np.array([2**63, 7], np.uint64))).tolist() == [32767, 7]
    assert vb.l16_decode(vb.l16_encode(np.array([-128, 127], np.int8))).tolist() == [-128, 127]
    assert vb.l16_decode(vb.l16_encode(np.array([1.0, -1.5, 2.5 / 32768, 1e300]))).tolist() == [32767, -32768, 2, 32767]
    assert vb.Resampler(8000, 8000, dtype="float32").process(np.array([16384], np.int16)).tolist() == [0.5]
    assert vb.resample(np.zeros(80, np.float64), 8000, 16000).dtype == np.float32
    assert vb.denoise(np.zeros(80, np.uint16), 8000).dtype == np.int16


def test_floats_of_other_widths_are_taken_for_floats():
    x = np.linspace(-1, 1, 160).astype(np.float32)
    swapped = x.astype(">f4")
    for given in (x.astype(np.float64), np.repeat(x, 2)[::2], x.reshape(-1, 1), swapped, memoryview(swapped)):
        np.testing.assert_array_equal(vb.to_int16(given), vb.to_int16(x))
        np.testing.assert_array_equal(vb.resample(given, 8000, 16000), vb.resample(x, 8000, 16000))
    np.testing.assert_array_equal(vb.to_int16(PCM), PCM)
    with pytest.raises(ValueError, match="pcm must hold integers, not floats"):
        vb.to_float(x)


class Held:
    """What holds an array, as tensors and columns of tables do."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        if self.array is None:
            raise RuntimeError("it needs a gradient")
        return self.array


@pytest.mark.parametrize("name", PCM_IN)
def test_what_numpy_makes_an_array_of_is_taken(name):
    assert as_bytes(PCM_IN[name](Held(PCM))) == as_bytes(PCM_IN[name](PCM))
    with pytest.raises(TypeError, match="pcm must be an array that numpy can read, not a Held: it needs a gradient"):
        PCM_IN[name](Held(None))


@pytest.mark.parametrize("name", PCM_IN)
def test_what_is_masked_is_refused_with_a_remedy(name):
    with pytest.raises(TypeError, match=r"must not be masked: fill it, as in \w+\.filled\(0\)"):
        PCM_IN[name](np.ma.masked_array(PCM, PCM > 0))


@pytest.mark.parametrize("name", [*PCM_IN, "to_int16"])
def test_what_holds_no_samples_is_refused_with_a_remedy(name):
    for dtype in (np.uint8, bool, np.complex64, object, "S2"):
        with pytest.raises(ValueError, match=rf"must hold samples .*, not {re.escape(str(np.dtype(dtype)))}"):
            ALL[name](np.zeros(8, dtype))
    with pytest.raises(ValueError, match="ulaw_decode, alaw_decode and l16_decode make samples of wire bytes"):
        ALL[name](np.zeros(8, np.uint8))
    for bad in (np.nan, np.inf, -np.inf):
        for dtype in (np.float32, np.float64):
            if name != "to_float":
                with pytest.raises(ValueError, match=rf"must be finite, but \w+\[3\] is {bad}"):
                    ALL[name](np.array([0, 0, 0, bad, 0], dtype))


@pytest.mark.parametrize("name", ALL)
def test_other_shapes_are_refused(name):
    given = np.asarray(memoryview(good_input(name)))
    with pytest.raises(ValueError, match=r"must be one channel, not of shape \(80, 2\): choose one, as in \w+\[:, 0\]"):
        ALL[name](given.reshape(80, 2))
    with pytest.raises(ValueError, match=r"must be one-dimensional, not of shape \(1, 160\): give \w+\[0\]"):
        ALL[name](given.reshape(1, 160))
    for shape in ((), (1, 1, 1)):
        with pytest.raises(ValueError, match=rf"must be one-dimensional, not of shape {re.escape(str(shape))}"):
            ALL[name](given[:1].reshape(shape))


@pytest.mark.parametrize("name", ALL)
def test_out_is_written_and_returned(name):
    given = good_input(name)
    expected = ALL[name](given)
    if isinstance(expected, bytes):
        outs = [bytearray(len(expected)), np.zeros(len(expected), np.uint8), memoryview(bytearray(len(expected)))]
    else:
        outs = [np.zeros_like(expected)]
    for out in outs:
        assert ALL[name](given, out=out) is out
        assert bytes(memoryview(out).cast("B")) == as_bytes(expected)


@pytest.mark.parametrize("name", ALL)
def test_out_that_does_not_fit_is_refused_and_untouched(name):
    given = good_input(name)
    expected = np.asarray(memoryview(ALL[name](given)))
    small = np.zeros(len(expected) - 1, expected.dtype)
    with pytest.raises(
        ValueError, match=rf"out must have room for exactly {len(expected)} (samples|bytes), not {len(small)}"
    ):
        ALL[name](given, out=small)
    assert not small.any()
    read_only = np.zeros(len(expected), expected.dtype)
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match="out must be a writable buffer"):
        ALL[name](given, out=read_only)
    with pytest.raises(TypeError, match="out must be a buffer"):
        ALL[name](given, out=[0] * len(expected))
    if not isinstance(ALL[name](given), bytes):
        with pytest.raises(ValueError, match=f"out must hold {expected.dtype} items, not float64"):
            ALL[name](given, out=np.zeros(len(expected)))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_out_that_overlaps_is_refused(name, shift):
    given = np.array(np.asarray(memoryview(good_input(name))))
    out_dtype = np.asarray(memoryview(ALL[name](given))).dtype
    n_out = len(memoryview(ALL[name](given)).cast("B")) // out_dtype.itemsize
    memory = np.zeros(4096, np.uint8)
    source = memory[1024 : 1024 + given.nbytes].view(given.dtype)
    source[:] = given
    at = 1024 + shift * 4
    with pytest.raises(ValueError, match="out must not overlap"):
        ALL[name](source, out=memory[at : at + n_out * out_dtype.itemsize].view(out_dtype))
    # Neighbours do not overlap.
    after = memory[1024 + given.nbytes :][: n_out * out_dtype.itemsize].view(out_dtype)
    np.testing.assert_array_equal(
        np.asarray(memoryview(ALL[name](source, out=after))), np.asarray(memoryview(ALL[name](given)))
    )


def test_buffers_are_let_go():
    held = bytearray(8)
    vb.ulaw_decode(held)
    with pytest.raises(ValueError, match="out must"):
        vb.ulaw_decode(b"abc", out=held)
    with pytest.raises(ValueError, match="data must hold whole samples"):
        vb.l16_decode(held[:3])
    held.extend(b"resizable again")
