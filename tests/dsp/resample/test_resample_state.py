"""What a Resampler remembers: resets with and without a fade, pickles, and one thread at a time."""

import copy
import math
import pickle
import threading

import numpy as np
import pytest

from voiceband import Resampler, resample


def noise(n: int, dtype: str, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal(n) * 0.2
    return (x * 32768).clip(-32768, 32767).astype(np.int16) if dtype == "int16" else x.astype(np.float32)


def test_reset_clears():
    for pair in ((8000, 16000), (44100, 8000), (48000, 44100)):
        stream, fresh = Resampler(*pair), Resampler(*pair)
        stream.process(noise(1000, "int16"))
        stream.reset()
        x = noise(1234, "int16", 5)
        np.testing.assert_array_equal(stream.process(x), fresh.process(x))


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("pair", [(8000, 16000), (24000, 8000), (44100, 8000), (8000, 44100), (16000, 16000)])
def test_reset_with_a_fade_makes_no_step(pair, dtype):
    scale = 32768 if dtype == "int16" else 1.0
    t = np.arange(pair[0] // 10) / pair[0]
    slow = (0.8 * scale * np.cos(2 * np.pi * 50 * t)).astype(dtype)  # 50 Hz at its peak where the stream is cut
    stream = Resampler(*pair, dtype=dtype)
    before = stream.process(slow)
    fade_ms = 5.0
    stream.reset(fade_ms=fade_ms)
    after = np.concatenate([stream.process(slow[i : i + 57]) for i in range(0, len(slow), 57)])
    joined = np.concatenate([before[-20:], after]).astype(float)
    own_step = 0.8 * scale * 2 * np.pi * 50 / pair[1]
    fade_step = 1.5 * 0.8 * scale / (fade_ms / 1000 * pair[1])
    limit = 2 * own_step + 2 * fade_step + (1 if dtype == "int16" else 1e-6)  # both fades may fall together
    assert np.abs(np.diff(joined)).max() <= limit
    abrupt = Resampler(*pair, dtype=dtype)
    before = abrupt.process(slow)
    abrupt.reset()
    cut = np.concatenate([before[-1:], abrupt.process(slow)[:1]]).astype(float)
    if stream.delay:
        assert np.abs(np.diff(cut)).max() > limit
    for bad in (-1, 1001, math.nan):
        with pytest.raises(ValueError, match="fade_ms"):
            stream.reset(fade_ms=bad)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize(
    "pair", [(8000, 16000), (48000, 8000), (24000, 16000), (44100, 8000), (8000, 44100), (8000, 8000)]
)
def test_a_pickled_stream_goes_on_with_the_same_bits(pair, dtype):
    stream = Resampler(*pair, dtype=dtype, quality="fast")
    x = noise(1777, dtype)
    stream.process(x)
    stream.reset(fade_ms=30)
    stream.process(x[:101])
    for twin in (pickle.loads(pickle.dumps(stream)), copy.deepcopy(stream)):
        assert type(twin) is type(stream)
        assert repr(twin) == repr(stream)
        assert twin.clipped == stream.clipped
        ours = copy.copy(stream)
        np.testing.assert_array_equal(twin.process(x), ours.process(x))
        np.testing.assert_array_equal(twin.flush(), ours.flush())


def test_corrupt_pickles_are_refused():
    stream = Resampler(24000, 16000, dtype="float32")
    stream.process(noise(100, "float32"))
    restore, (*arguments, state), _ = stream.__reduce__()
    assert restore(*arguments, state).process(noise(30, "float32")).shape == (20,)
    rng = np.random.default_rng(3)
    for bad in (b"", state[:-1], state + b"\0", b"\xff" * len(state), state[:-4] + b"\0\0\x80\x7f"):
        with pytest.raises(ValueError, match="does not belong to"):
            restore(*arguments, bad)
    with pytest.raises(ValueError, match="does not belong to"):
        restore(Resampler, 16000, 24000, *arguments[3:], state)
    for _ in range(300):  # whatever the bytes are: an error or a stream that works
        broken = bytearray(state)
        for at in rng.integers(0, len(state), 3):
            broken[at] = rng.integers(256)
        try:
            made = restore(*arguments, bytes(broken))
        except ValueError:
            continue
        assert len(made.process(noise(3000, "float32"))) in (1999, 2000, 2001)
        made.flush()


def test_a_second_thread_is_told():
    stream = Resampler(44100, 48000, quality="wide")
    long, errors = np.zeros(3_000_000, np.int16), []
    for _ in range(20):  # on a busy machine the other thread may be done before this one goes on
        began = threading.Event()

        def work(began=began):
            began.set()
            stream.process(long)

        thread = threading.Thread(target=work)
        thread.start()
        began.wait()
        while thread.is_alive():
            try:
                stream.process(long[:10])
            except RuntimeError as error:
                errors.append(str(error))
        thread.join()
        if errors:
            break
    assert errors  # the long call releases the GIL
    assert all("in use by another thread" in text for text in errors)


def test_streams_of_one_filter_are_independent_in_threads():
    x = noise(200_000, "int16")
    expected = resample(x, 44100, 16000)
    results = [None] * 4

    def work(i):
        results[i] = resample(x, 44100, 16000)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for got in results:
        np.testing.assert_array_equal(got, expected)


def test_many_ratios_are_made_and_forgotten():
    first = resample(noise(500, "int16"), 8000, 8016)
    for rate in range(8032, 9440, 16):
        assert len(Resampler(8000, rate).process(np.zeros(1000, np.int16))) == rate // 8
    np.testing.assert_array_equal(resample(noise(500, "int16"), 8000, 8016), first)


class Named(Resampler):
    """A subclass, at module level so that it can be pickled."""


def test_a_pickled_subclass_stays_one():
    assert type(pickle.loads(pickle.dumps(Named(8000, 16000)))) is Named
