"""Rechunker: exact blocks, timestamps, flush, arguments, pickling."""

import pickle
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceband import Rechunker
from voiceband.dsp import rechunk


@given(
    n=st.integers(1, 700),
    sizes=st.lists(st.integers(0, 900), max_size=12),
    dtype=st.sampled_from(["int16", "float32"]),
    pad=st.booleans(),
)
def test_blocks_are_the_stream_cut_every_n_samples(n, sizes, dtype, pad):
    x = np.arange(sum(sizes)).astype(dtype)
    rechunker = Rechunker(n, rate=8000, dtype=dtype)
    blocks = [b for part in np.split(x, np.cumsum(sizes)) for b in rechunker.process(part)]
    assert rechunker.pending == len(x) % n
    assert len(blocks) == len(x) // n
    last = rechunker.flush(pad=pad)
    assert len(last) == (1 if pad and len(x) % n else 0)
    expected = np.concatenate([x, np.zeros(-len(x) % n, dtype)]) if pad else x[: len(x) // n * n]
    for i, block in enumerate(blocks + last):
        np.testing.assert_array_equal(block.samples, expected[i * n : (i + 1) * n])
        assert block.samples.dtype == dtype
        assert block.start == i * n
        assert block.timestamp_ms == i * n / 8
    assert rechunker.pending == 0
    assert [b.start for b in rechunker.process(np.zeros(n, dtype))] == [0]


@pytest.mark.parametrize(("rate", "n"), [(8000, 256), (16000, 512), *((8000, 8 * ms) for ms in (10, 30, 50, 80, 100))])
def test_20_ms_frames_to_what_detectors_take(rate, n):
    rechunker = Rechunker(n, rate=rate)
    frame = rate // 50
    got = [b for i in range(100) for b in rechunker.process(np.full(frame, i, np.int16), 1000 + 20 * i)]
    assert len(got) == 100 * frame // n
    np.testing.assert_allclose([b.timestamp_ms for b in got], 1000 + np.arange(len(got)) * n * 1000 / rate)


def test_timestamps_follow_the_push_that_holds_the_first_sample():
    rechunker = Rechunker(100, rate=1000)
    x = np.zeros(60, np.int16)
    assert rechunker.process(x, 500) == []
    (first,) = rechunker.process(x, 900)  # a gap in time: sample 60 is due at 900 ms
    assert first.timestamp_ms == 500
    (second,) = rechunker.process(np.zeros(80, np.int16), 2000)  # sample 100 is 40 after the one of 900 ms
    assert second.timestamp_ms == 940
    (third,) = rechunker.process(np.zeros(100, np.int16))  # sample 200 is 80 after the one of 2000 ms
    assert third.timestamp_ms == 2080
    (fourth,) = rechunker.process(np.zeros(100, np.int16), 0.5)  # exactly at a block's start
    assert fourth.timestamp_ms == 0.5
    assert Rechunker(2).process(np.zeros(2, np.int16))[0].timestamp_ms is None


def test_a_stamp_at_a_block_start_counts():
    rechunker = Rechunker(10, rate=1000)
    rechunker.process(np.zeros(10, np.int16), 7)
    assert rechunker.process(np.zeros(10, np.int16), 90)[0].timestamp_ms == 90
    rechunker.process(np.empty(0, np.int16), 5)
    assert rechunker.process(np.zeros(10, np.int16))[0].timestamp_ms == 5


def test_blocks_are_copies():
    x = np.ones(8, np.int16)
    (block,) = Rechunker(8).process(x)
    x[:] = 5
    assert block.samples.tolist() == [1] * 8


def test_bytes_and_other_buffers():
    x = np.arange(10, dtype=np.int16)
    for made in (x.tobytes(), bytearray(x.tobytes()), memoryview(x.tobytes()), memoryview(x)):
        np.testing.assert_array_equal(Rechunker(10).process(made)[0].samples, x)


def test_refused_arguments_leave_the_state_alone():
    rechunker = Rechunker(10)
    rechunker.process(np.arange(4, dtype=np.int16))
    for bad, error, text in [
        (np.zeros(3, np.uint8), ValueError, "not uint8"),
        (np.zeros((2, 2), np.int16), ValueError, "one channel"),
        (b"123", ValueError, "whole int16"),
        ([1], TypeError, "an array or a buffer"),
    ]:
        with pytest.raises(error, match=text):
            rechunker.process(bad)
    with pytest.raises(ValueError, match="needs a rate"):
        rechunker.process(np.zeros(1, np.int16), 5.0)
    with pytest.raises(TypeError, match="timestamp_ms must be a number in ms, not '5'"):
        Rechunker(10, rate=8000).process(np.zeros(1, np.int16), "5")
    with pytest.raises(ValueError, match="timestamp_ms must be from"):
        Rechunker(10, rate=8000).process(np.zeros(1, np.int16), float("nan"))
    assert rechunker.pending == 4
    for arguments, error in [((0,), ValueError), ((-1,), ValueError), ((1.5,), TypeError), ((True,), TypeError)]:
        with pytest.raises(error, match="n must be"):
            Rechunker(*arguments)
    with pytest.raises(ValueError, match="rate must be at least 1, not 0"):
        Rechunker(5, rate=0)
    with pytest.raises(ValueError, match="int16 or float32, not int32"):
        Rechunker(5, dtype="int32")
    with pytest.raises(TypeError, match="int16 or float32"):
        Rechunker(5, dtype="no such type")


def test_pickles_with_its_state():
    rechunker = Rechunker(10, rate=8000)
    rechunker.process(np.arange(14, dtype=np.int16), 50)
    twin = pickle.loads(pickle.dumps(rechunker))
    assert repr(twin) == repr(rechunker) == "Rechunker(10, rate=8000, dtype='int16')"
    for a, b in zip(
        rechunker.process(np.arange(30, dtype=np.int16)), twin.process(np.arange(30, dtype=np.int16)), strict=True
    ):
        np.testing.assert_array_equal(a.samples, b.samples)
        assert a[1:] == b[1:]
    state = rechunker.__getstate__()
    for bad in ({"_start": -1}, {"_stamps": []}, {"_pending": np.zeros(10, np.int16)}, {"_pending": np.zeros(2)}):
        with pytest.raises(ValueError, match="does not belong"):
            Rechunker(1).__setstate__({**state, **bad})


def test_a_second_thread_is_told(monkeypatch):
    chunker, errors, block = Rechunker(7), [], rechunk.Block

    def intrude():
        with pytest.raises(RuntimeError, match="in use by another thread") as told:
            chunker.process(np.zeros(1, np.int16))
        errors.append(told)

    def slow(*fields):  # a block is being completed while the other thread comes
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()
        return block(*fields)

    monkeypatch.setattr(rechunk, "Block", slow)
    assert len(chunker.process(np.zeros(9, np.int16))) == len(errors) == 1
    assert chunker.pending == 2


def test_what_is_not_finite_or_masked_is_refused_and_changes_nothing():
    rechunker = Rechunker(4, dtype="float32")
    rechunker.process(np.ones(3, np.float32))
    with pytest.raises(ValueError, match=r"x must be finite, but x\[1\] is nan"):
        rechunker.process(np.array([1, np.nan], np.float32))
    with pytest.raises(TypeError, match="masked"):
        Rechunker(4).process(np.ma.masked_array(np.ones(4, np.int16), [0, 1, 0, 0]))
    assert rechunker.process(np.ones(1, np.float32))[0].samples.tolist() == [1, 1, 1, 1]
