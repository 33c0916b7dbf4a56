"""Every instruction set gives the same bits, and the environment chooses among them."""

import json

import pytest

import voiceband
from _support.digests import KERNELS, digests
from _support.dose import dose
from _support.programs import python

LEVELS = voiceband.simd_levels()
# The plainest and the one that is used; test_golden.py has all of them in `make test`, with less.
TRIED = dose(tuple(dict.fromkeys((LEVELS[0], LEVELS[-1]))), LEVELS)


def at_level(level, code):
    return python("-c", code, env={"VOICEBAND_SIMD": level})


@pytest.fixture(scope="module")
def found():
    """The hashes that a process of each level finds."""
    code = "import json, voiceband, _support.digests as d; print(json.dumps([voiceband.simd_level(), d.digests()]))"
    runs = {level: at_level(level, code) for level in TRIED if level != voiceband.simd_level()}
    assert {level: run.returncode for level, run in runs.items()} == dict.fromkeys(runs, 0), runs
    return dict([[voiceband.simd_level(), digests()], *(json.loads(run.stdout) for run in runs.values())])


@pytest.mark.parametrize("kernel", [kernel.__name__ for kernel in KERNELS])
def test_every_level_gives_the_same_bits(found, kernel):
    assert set(found) == {*TRIED, voiceband.simd_level()}
    assert len({hashes[kernel] for hashes in found.values()}) == 1, found


def test_unset_or_empty_means_the_best():
    assert at_level("", "import voiceband; print(voiceband.simd_level())").stdout.strip() == LEVELS[-1]


def test_an_unknown_level_is_refused_at_import():
    result = at_level("turbo", "import voiceband")
    assert result.returncode != 0
    assert "ImportError: VOICEBAND_SIMD must be scalar, avx2 or avx512, not 'turbo'" in result.stderr
