"""Every instruction set gives the same bits, and the environment chooses among them."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import voiceband


def digest() -> str:
    """Hash what the stateless kernels make of inputs of many lengths."""
    from voiceband.dsp.base64 import base64_decode, base64_encode

    state = hashlib.sha256()
    for n in [*range(70), 160, 320, 1001, 70_000]:
        rng = np.random.default_rng(n)
        data, pcm = rng.bytes(2 * n), rng.integers(-32768, 32768, n, np.int16)
        x = rng.normal(0, 0.6, n).astype(np.float32)
        for result in (
            voiceband.ulaw_decode(data),
            voiceband.ulaw_encode(pcm),
            voiceband.alaw_decode(data),
            voiceband.alaw_encode(pcm),
            voiceband.l16_decode(data, byteorder="big"),
            voiceband.to_float(pcm),
            voiceband.to_int16(x),
            base64_encode(data).encode(),
            base64_decode(base64_encode(data)),
        ):
            state.update(memoryview(result).cast("B") if len(result) else b"")
    return state.hexdigest()


def run(level, code):
    environment = {**os.environ, "VOICEBAND_SIMD": level}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=Path(__file__).parent
    )


@pytest.mark.parametrize("level", voiceband.simd_levels())
def test_every_level_gives_the_same_bits(level):
    result = run(level, "import test_simd, voiceband; print(voiceband.simd_level(), test_simd.digest())")
    assert result.stdout.split() == [level, digest()], result.stderr


def test_unset_or_empty_means_the_best():
    assert run("", "import voiceband; print(voiceband.simd_level())").stdout.strip() == voiceband.simd_levels()[-1]


def test_an_unknown_level_is_refused_at_import():
    result = run("turbo", "import voiceband")
    assert result.returncode != 0
    assert "ImportError: VOICEBAND_SIMD must be scalar, avx2 or avx512, not 'turbo'" in result.stderr
