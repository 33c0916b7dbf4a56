#!/bin/sh
# Everything that looks at the sources without running them. Usage: lint.sh VENV_BIN
set -eu
bin=$1
cd "$(dirname "$0")/.."
PATH="$(cd "$bin" && pwd):$PATH"
export PATH
stubs=$(cd src && find voiceband -name '*.pyi' | sed 's,/,.,g; s,\.pyi$,,')

echo "ruff";         ruff check -q .; ruff format -q --check .
echo "mypy";         mypy
echo "stubtest";     MYPYPATH=src python -m mypy.stubtest $stubs
echo "cython-lint";  cython-lint src/voiceband
echo "clang-format"; clang-format --dry-run -Werror csrc/*.c csrc/*.h csrc/simd/*.h tests/dsp/c/*.c fuzz/*.[ch]
if command -v cppcheck >/dev/null; then
    echo "cppcheck"
    cppcheck -q --enable=warning,performance,portability --error-exitcode=1 --suppress=missingIncludeSystem \
        --inline-suppr -Icsrc csrc
fi
echo "zizmor";       zizmor -q --offline .github
echo "C warnings"
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wvla -Wdouble-promotion -Wfloat-conversion -Wundef -Wcast-qual -Werror"
for cc in gcc clang; do
    command -v $cc >/dev/null || continue
    for source in csrc/*.c; do $cc -std=c11 -O2 -ffp-contract=off $warnings -c "$source" -o /dev/null; done
done
