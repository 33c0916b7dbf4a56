"""Any split of a stream gives the same bits as one call, and every instruction set gives the same bits."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _support.digests import PAIRS, QUALITIES
from voiceband import Resampler


@given(data=st.data())
def test_any_split_is_the_same_bits(data):
    pair = data.draw(st.sampled_from(PAIRS))
    dtype = data.draw(st.sampled_from(["int16", "float32"]))
    quality = data.draw(st.sampled_from(QUALITIES))
    sizes = data.draw(st.lists(st.one_of(st.integers(0, 3), st.integers(0, 1500)), min_size=1, max_size=8))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = rng.integers(-32768, 32768, sum(sizes)).astype(dtype)
    whole = Resampler(*pair, dtype=dtype, quality=quality)
    expected = [whole.process(x), whole.flush()]
    stream = Resampler(*pair, dtype=dtype, quality=quality)
    got = [stream.process(part) for part in np.split(x, np.cumsum(sizes)[:-1])]
    np.testing.assert_array_equal(np.concatenate(got), expected[0])
    np.testing.assert_array_equal(stream.flush(), expected[1])
    assert stream.clipped == whole.clipped


@pytest.mark.parametrize("pair", PAIRS)
def test_single_samples_are_the_same_bits(pair):
    x = np.random.default_rng(2).integers(-32768, 32768, 700).astype(np.int16)
    stream, whole = Resampler(*pair), Resampler(*pair)
    got = np.concatenate([stream.process(x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_array_equal(got, whole.process(x))


def test_the_bits_are_those_of_every_build():
    """The hash of one stream, the same for every compiler, flag set and processor that this suite runs on."""
    rng = np.random.default_rng(5)
    digest = hashlib.sha256()
    for pair in PAIRS:
        for quality in QUALITIES:
            x = rng.integers(-20000, 20000, 3000).astype(np.int16)
            stream = Resampler(*pair, quality=quality)
            digest.update(stream.process(x).tobytes() + stream.flush().tobytes())
            single = Resampler(*pair, dtype="float32", quality=quality)
            digest.update(single.process((x / 32768).astype(np.float32)).tobytes())
    assert digest.hexdigest()[:32] == "9a0ef6fadfd28424865b3d5c0947a112"
