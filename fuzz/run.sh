#!/bin/sh
# Fuzz every kernel for some seconds, from its kept inputs on. Usage: run.sh SECONDS [NAME...]
# What is found is written to build/fuzz as crash-*; keep it below seeds/NAME once it is mended.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
shift
command -v clang >/dev/null || { echo "fuzzing needs clang: install it, for example apt-get install clang" >&2; exit 1; }
mkdir -p build/fuzz
flags="-std=c11 -g -ffp-contract=off -Icsrc -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all"
for source in csrc/*.c; do
    case $source in *denoise.c | *fft.c) level=-O0 ;; *) level=-O1 ;; esac # at -O1 those two take minutes to compile
    clang $flags $level -fsanitize=fuzzer-no-link -c "$source" -o "build/fuzz/$(basename "$source" .c).o"
done
[ $# -gt 0 ] || set -- base64 conceal denoise jitter media resample timeline
for name in "$@"; do
    echo "fuzz $name"
    mkdir -p "build/fuzz/$name"
    seeds=
    [ ! -d "fuzz/seeds/$name" ] || seeds=fuzz/seeds/$name
    clang $flags -O1 -fsanitize=fuzzer "fuzz/$name.c" build/fuzz/vb_*.o -lm -o "build/fuzz/$name.fuzz"
    "build/fuzz/$name.fuzz" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" \
        "build/fuzz/$name" $seeds >"build/fuzz/$name.log" 2>&1 || { tail -n 40 "build/fuzz/$name.log"; exit 1; }
    grep -E 'number_of_executed_units|new_units_added' "build/fuzz/$name.log"
done
