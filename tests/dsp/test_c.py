"""The C kernels without Python: no warnings, clean under the sanitizers, the same bits from every compiler."""

import sys

import pytest

from _support.c_programs import FLAG_SETS, ROOT, SANITIZE, WARNINGS, built, compile_c, compilers, objects, run
from _support.dose import PROVE, dose

# The jitter buffer's program counts allocations: GNU ld sends them there.
WRAP = ["-Wl,--wrap=malloc", "-Wl,--wrap=calloc", "-Wl,--wrap=realloc"]
PROGRAMS = ["codecs", "denoise", "resample", *(["jitter"] if sys.platform == "linux" else [])]
HARNESSES = [folder.name for folder in sorted((ROOT / "fuzz" / "seeds").glob("*"))]
pytestmark = pytest.mark.source_tree


FLAGS = dose(["-O0", "-g"], SANITIZE)
"""`make test` runs the same programs without the sanitizers, with which all kernels would be compiled for a minute."""


@pytest.fixture(scope="module", params=dose(compilers()[:1], compilers()))
def sanitized(request, tmp_path_factory):
    """A function that builds a program with all kernels, and returns its path."""
    library = None if PROVE else built()
    kernels = [library] if library else objects(request.param, FLAGS, tmp_path_factory.mktemp("kernels"))

    def build(folder, *arguments):
        compile_c(request.param, FLAGS, *arguments, *kernels, "-lm", "-o", folder / "program")
        return folder / "program"

    return build


@pytest.mark.prove  # make lint says them too
@pytest.mark.parametrize("compiler", compilers())
@pytest.mark.parametrize("source", [p.relative_to(ROOT) for p in sorted((ROOT / "csrc").glob("*.c"))], ids=str)
def test_no_warnings(compiler, source, tmp_path):
    compile_c(compiler, ["-O2", *WARNINGS], "-c", source, "-o", tmp_path / "x.o")


@pytest.mark.parametrize("compiler", compilers())
def test_no_member_of_a_struct_is_a_macro_of_windows_h(compiler, tmp_path):
    """A struct would lose the member where a Cython module includes that header first, and differ from the kernels'."""
    source = tmp_path / "headers.c"
    headers = sorted(path.name for path in (ROOT / "csrc").glob("*.h"))
    source.write_text("".join(f'#include "{name}"\n' for name in headers))
    macros = ["-Dnear=", "-Dfar=", "-Dsmall=char", "-Dinterface=struct"]
    compile_c(compiler, [*macros, "-Werror", "-Wno-unused-function"], "-fsyntax-only", source)


@pytest.mark.prove  # make sanitize runs them too
@pytest.mark.parametrize("name", PROGRAMS)
def test_clean_under_the_sanitizers(sanitized, name, tmp_path):
    wrap = WRAP if name == "jitter" else []
    assert "0 failed" in run(sanitized(tmp_path, f"tests/dsp/c/{name}.c", *wrap))


@pytest.mark.parametrize("name", HARNESSES)
def test_what_the_fuzzers_found_stays_mended(sanitized, name, tmp_path):
    seeds = sorted((ROOT / "fuzz" / "seeds" / name).iterdir())
    ran = run(sanitized(tmp_path, f"fuzz/{name}.c", "fuzz/replay.c"), *seeds)
    assert ran.splitlines() == [str(seed) for seed in seeds]


@pytest.mark.prove
def test_the_leak_checker_is_on(sanitized, tmp_path):
    source = tmp_path / "leak.c"
    source.write_text("#include <stdlib.h>\nvoid *volatile p;\nint main(void) { p = malloc(9); p = NULL; return 0; }\n")
    program = sanitized(tmp_path, source)
    with pytest.raises(AssertionError, match="LeakSanitizer"):
        run(program)


@pytest.mark.prove
@pytest.mark.parametrize("compiler", compilers())
def test_every_flag_set_makes_what_it_always_made(compiler, tmp_path):
    golden = (ROOT / "tests" / "dsp" / "golden.txt").read_text().splitlines()
    for flags in FLAG_SETS:
        program = tmp_path / "program"
        compile_c(compiler, flags, "tests/dsp/c/golden.c", *objects(compiler, flags, tmp_path), "-lm", "-o", program)
        made = set(run(program).splitlines())
        assert made == {line for line in golden if not line.startswith("timeline ")}, flags
