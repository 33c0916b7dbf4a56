"""Any split of a stream gives the same bits as one call, and every instruction set gives the same bits."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceband import Resampler, simd_levels

PAIRS = [
    (8000, 16000), (16000, 8000), (24000, 8000), (8000, 24000), (24000, 16000), (32000, 24000), (48000, 8000),
    (8000, 48000), (44100, 8000), (8000, 44100), (44100, 48000), (60000, 16000), (192000, 4000), (8000, 8000),
]  # fmt: skip

HASHES = """
import hashlib, sys
import numpy as np
from voiceband import Resampler, resample, simd_level
assert simd_level() == sys.argv[1], simd_level()
digest = hashlib.sha256()
rng = np.random.default_rng(11)
for pair in PAIRS:
    for quality in ("voice", "wide", "fast"):
        for dtype in ("int16", "float32"):
            x = rng.standard_normal(2500) * 9000
            x = x.clip(-32768, 32767).astype(np.int16) if dtype == "int16" else x.astype(np.float32)
            stream = Resampler(*pair, dtype=dtype, quality=quality)
            for part in np.split(x, [1, 3, 100, 101, 400, 1282, 1300]):
                digest.update(stream.process(part).tobytes())
            stream.reset(fade_ms=3)
            digest.update(stream.process(x).tobytes() + stream.flush().tobytes())
            digest.update(resample(x, *pair, quality=quality).tobytes())
            digest.update(str(stream.clipped).encode())
print(digest.hexdigest())
"""


@given(data=st.data())
def test_any_split_is_the_same_bits(data):
    pair = data.draw(st.sampled_from(PAIRS))
    dtype = data.draw(st.sampled_from(["int16", "float32"]))
    quality = data.draw(st.sampled_from(["voice", "wide", "fast"]))
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


def test_every_instruction_set_gives_the_same_bits():
    script = HASHES.replace("PAIRS", repr(PAIRS))
    found = {}
    for level in simd_levels():
        run = subprocess.run(
            [sys.executable, "-c", script, level],
            env={**os.environ, "VOICEBAND_SIMD": level}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        found[level] = run.stdout
    assert len(set(found.values())) == 1, found


def test_the_bits_are_those_of_every_build():
    """The hash of one stream, the same for every compiler, flag set and processor that this suite runs on."""
    rng = np.random.default_rng(5)
    digest = hashlib.sha256()
    for pair in PAIRS:
        for quality in ("voice", "wide", "fast"):
            x = rng.integers(-20000, 20000, 3000).astype(np.int16)
            stream = Resampler(*pair, quality=quality)
            digest.update(stream.process(x).tobytes() + stream.flush().tobytes())
            single = Resampler(*pair, dtype="float32", quality=quality)
            digest.update(single.process((x / 32768).astype(np.float32)).tobytes())
    assert digest.hexdigest()[:32] == "9a0ef6fadfd28424865b3d5c0947a112"
