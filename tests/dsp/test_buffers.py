"""What every stateless kernel takes and refuses: types, shapes, strides, `out`."""

import array

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
def test_what_is_no_buffer_is_a_type_error(name, given):
    with pytest.raises(TypeError, match=f"must be a buffer of .* items, not {type(given).__name__}"):
        ALL[name](given)


@pytest.mark.parametrize("name", ALL)
def test_other_item_types_are_refused_by_name(name):
    right = {"to_int16": np.float32}.get(name, np.uint8 if name in WIRE_IN else np.int16)
    for dtype in (
        np.int8,
        np.uint8,
        np.int16,
        np.uint16,
        np.int32,
        np.float16,
        np.float32,
        np.float64,
        np.complex64,
        ">i2",
    ):
        if np.dtype(dtype) == right:
            continue
        with pytest.raises(ValueError, match=rf"must hold {np.dtype(right)} items, not {np.dtype(dtype)} \(ndarray\)"):
            ALL[name](np.zeros(8, dtype))


@pytest.mark.parametrize("name", ALL)
def test_other_shapes_are_refused(name):
    given = np.frombuffer(
        as_bytes(np.asarray(memoryview(good_input(name)))), np.asarray(memoryview(good_input(name))).dtype
    )
    with pytest.raises(ValueError, match=r"must be one-dimensional, not of shape \(2, 80\)"):
        ALL[name](given.reshape(2, 80))
    with pytest.raises(ValueError, match=r"must be one-dimensional, not of shape \(\)"):
        ALL[name](np.array(given[0]))
    with pytest.raises(ValueError, match=rf"must be C-contiguous, not of stride {2 * given.itemsize} bytes"):
        ALL[name](given[::2])
    with pytest.raises(ValueError, match=rf"must be C-contiguous, not of stride -{given.itemsize} bytes"):
        ALL[name](given[::-1])


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
