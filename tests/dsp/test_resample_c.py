"""The resampler's C without Python: clean under the sanitizers, and the same bits from every compiler and flag set."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    "tests/dsp/c/resample.c",
    "csrc/vb_cpu.c",
    *(f"csrc/vb_resample{s}.c" for s in ("", "_design", "_simd", "_tables")),
]
SANITIZE = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
FLAG_SETS = [["-O0"], ["-O2"], ["-O3", "-fno-math-errno", "-fno-trapping-math"], ["-O3", "-std=gnu11", "-march=native"]]
pytestmark = pytest.mark.source_tree


def compilers():
    mine = (sysconfig.get_config_var("CC") or "cc").split()[0]
    return [c for c in dict.fromkeys([mine, "gcc", "clang"]) if shutil.which(c)]


def run(compiler, flags, folder):
    """Build the runner and return what it prints."""
    binary = folder / f"run{len(list(folder.iterdir()))}"
    command = [compiler, "-std=c11", "-ffp-contract=off", *flags, "-Icsrc", *SOURCES, "-lm", "-o", str(binary)]
    built = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if built.returncode and "asan" in built.stderr:
        pytest.skip(f"{compiler} has no sanitizer runtime here")
    assert built.returncode == 0, built.stderr
    result = subprocess.run([binary], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 failed" in result.stdout
    return result.stdout


@pytest.mark.parametrize("compiler", compilers())
def test_clean_under_the_sanitizers(compiler, tmp_path):
    run(compiler, SANITIZE, tmp_path)


def test_every_compiler_and_flag_set_gives_the_same_bits(tmp_path, dose):
    flag_sets = dose(FLAG_SETS[::3], FLAG_SETS)
    hashes = {(c, *flags): run(c, flags, tmp_path).split("hash ")[1] for c in compilers() for flags in flag_sets}
    assert len(set(hashes.values())) == 1, hashes
