"""The stateless kernels by pytest-benchmark: at 160, 320 and 8,000 samples."""

import sys

import numpy as np
import pytest

import voiceband as vb

rng = np.random.default_rng(0)


@pytest.mark.parametrize("name", ["ulaw_decode", "ulaw_encode", "l16_decode", "l16_encode", "to_float", "to_int16"])
@pytest.mark.parametrize("n", [160, 320, 8000])
def test_stateless_kernels(benchmark, name, n):
    pcm = rng.normal(0, 3000, n).astype(np.int16)
    given = {"ulaw_decode": pcm.tobytes()[:n], "l16_decode": pcm.tobytes(), "to_int16": vb.to_float(pcm)}.get(name, pcm)
    benchmark.extra_info["simd"] = vb.simd_level()
    benchmark.extra_info["python"] = sys.version.split()[0]
    benchmark(getattr(vb, name), given)
