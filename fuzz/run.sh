#!/bin/sh
# Fuzz for some seconds each, from the kept inputs on. Usage: run.sh SECONDS [NAME...], all by default: the C kernels, with
# clang, and the readers of other people's input in inputs.py, with a Python ($PYTHON) that has voiceband and atheris.
# What is found is written to build/fuzz as NAME-crash-*; once it is mended, keep it below seeds/NAME or in inputs.py.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
shift
python=${PYTHON:-.venv/bin/python}
[ $# -gt 0 ] || set -- base64 companding conceal denoise echo jitter media resample sound timeline tones \
    parse session markup forms signatures scripts wirelogs sounds
mkdir -p build/fuzz
flags="-std=c11 -g -ffp-contract=off -Icsrc -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all"

compile_kernels() {
    command -v clang >/dev/null || { echo "fuzzing needs clang: install it, for example apt-get install clang" >&2; exit 1; }
    for source in csrc/*.c; do
        case $source in *denoise.c | *fft.c) level=-O0 ;; *) level=-O1 ;; esac # at -O1 those two take minutes to compile
        clang $flags $level -fsanitize=fuzzer-no-link -c "$source" -o "build/fuzz/$(basename "$source" .c).o"
    done
    compiled=1
}

run() {
    name=$1
    shift
    mkdir -p "build/fuzz/$name"
    "$@" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" "build/fuzz/$name" $seeds \
        >"build/fuzz/$name.log" 2>&1 || { tail -n 40 "build/fuzz/$name.log"; exit 1; }
    grep -E 'cov: ' "build/fuzz/$name.log" | tail -n 1
    grep -E 'number_of_executed_units|new_units_added' "build/fuzz/$name.log"
}

compiled= without=
for name in "$@"; do
    seeds=
    if [ -f "fuzz/$name.c" ]; then
        echo "fuzz $name"
        [ -n "$compiled" ] || compile_kernels
        [ ! -d "fuzz/seeds/$name" ] || seeds=fuzz/seeds/$name
        clang $flags -O1 -fsanitize=fuzzer "fuzz/$name.c" build/fuzz/vb_*.o -lm -o "build/fuzz/$name.fuzz"
        run "$name" "build/fuzz/$name.fuzz"
    elif "$python" -c "import atheris" 2>/dev/null; then
        echo "fuzz $name"
        run "$name" "$python" fuzz/inputs.py "$name"
    else
        without="$without $name"
    fi
done
[ -z "$without" ] || echo "not fuzzed, for $python has no atheris (pip install atheris):$without"
