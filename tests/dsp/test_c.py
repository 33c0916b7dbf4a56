"""The C kernels without Python, under the sanitizers: a runner is compiled and run."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    "tests/dsp/c/run.c",
    "csrc/vb_cpu.c",
    "csrc/vb_ulaw.c",
    "csrc/vb_alaw.c",
    "csrc/vb_l16.c",
    "csrc/vb_base64.c",
]
WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wshadow",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Wvla",
    "-Wdouble-promotion",
    "-Wfloat-conversion",
    "-Wundef",
    "-Wcast-qual",
    "-Werror",
]
pytestmark = pytest.mark.source_tree


def compilers():
    mine = (sysconfig.get_config_var("CC") or "cc").split()[0]
    return [c for c in dict.fromkeys([mine, "gcc", "clang"]) if shutil.which(c)]


@pytest.mark.parametrize("compiler", compilers())
@pytest.mark.parametrize("source", [p.relative_to(ROOT) for p in sorted((ROOT / "csrc").glob("*.c"))], ids=str)
def test_no_warnings(compiler, source, tmp_path):
    command = [
        compiler,
        "-std=c11",
        "-O2",
        "-ffp-contract=off",
        *WARNINGS,
        "-c",
        str(source),
        "-o",
        str(tmp_path / "x.o"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("compiler", compilers())
def test_the_runner_is_clean_under_the_sanitizers(compiler, tmp_path):
    sanitize = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    command = [compiler, "-std=c11", "-O1", "-Icsrc", *sanitize, *SOURCES, "-o", str(tmp_path / "run")]
    built = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if built.returncode and "asan" in built.stderr:
        pytest.skip(f"{compiler} has no sanitizer runtime here")
    assert built.returncode == 0, built.stderr
    result = subprocess.run([tmp_path / "run"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 failed" in result.stdout
