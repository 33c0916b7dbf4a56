"""Every kernel makes what it always made: on every machine, at every instruction set, from every compiler.

golden.txt has one checksum a kernel. Where a line differs, the sound has changed: if that is meant, record the lines
again with ``python -m _support.golden`` (from the folder tests) and tests/dsp/c/golden.c, which must agree.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from voiceband import simd_levels

TESTS = Path(__file__).parents[1]
GOLDEN = set(Path(__file__).with_name("golden.txt").read_text().splitlines())


@pytest.mark.parametrize("level", simd_levels())
def test_the_package_makes_what_it_always_made(level):
    path = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    env = os.environ | {"VOICEBAND_SIMD": level, "PYTHONPATH": path}
    command = [sys.executable, "-m", "_support.golden"]
    made = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert set(made.stdout.splitlines()) == {line for line in GOLDEN if not line.startswith("splice ")}
