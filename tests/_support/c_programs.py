"""C programs of the tests: with which compilers and flags they are built, and how they are run."""

import os
import shutil
import subprocess
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# -O0: at -O1 some kernels take minutes to compile. float-cast-overflow is a part of `undefined` in neither compiler.
SANITIZE = ["-O0", "-g", "-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"]
WARNINGS = [
    *("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wstrict-prototypes"),
    *("-Wmissing-prototypes", "-Wvla", "-Wdouble-promotion", "-Wfloat-conversion", "-Wundef", "-Wcast-qual", "-Werror"),
]
FLAG_SETS = [["-O0"], ["-O2"], ["-O3", "-fno-math-errno", "-fno-trapping-math"], ["-O3", "-std=gnu11", "-march=native"]]


def compilers():
    mine = (sysconfig.get_config_var("CC") or "cc").split()[0]
    return [c for c in dict.fromkeys([mine, "gcc", "clang"]) if shutil.which(c)]


def compile_c(compiler, flags, *arguments):
    """Run a compiler in the checkout's root; skip the test where the sanitizers' runtimes are missing."""
    command = [compiler, "-std=c11", "-ffp-contract=off", *flags, "-Icsrc", *map(str, arguments)]
    built = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if built.returncode and "asan" in built.stderr:
        pytest.skip(f"{compiler} has no sanitizer runtime here")
    assert built.returncode == 0, built.stderr


def objects(compiler, flags, folder):
    """Compile all kernels, and return the object files."""
    sources = sorted((ROOT / "csrc").glob("*.c"))
    made = [folder / f"{source.stem}.o" for source in sources]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda i: compile_c(compiler, flags, "-c", sources[i], "-o", made[i]), range(len(made))))
    return made


def built():
    """Return the library of kernels that a build in place has left, or None where it is not of these sources."""
    library = ROOT / "build" / (sysconfig.get_config_var("SOABI") or "objects") / "libvoiceband.a"
    newest = max(source.stat().st_mtime for source in (ROOT / "csrc").rglob("*.[ch]"))
    return library if library.exists() and library.stat().st_mtime >= newest else None


def run(binary, *arguments):
    """Run a program with the leak checker on, and return what it prints."""
    # What is loaded ahead of a sanitized Python must not come ahead of the program's own runtime.
    env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    env |= {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
    result = subprocess.run([binary, *arguments], capture_output=True, text=True, env=env, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
