#!/bin/bash
# Compare every kernel's checksums with golden.txt on other processors, C libraries and systems. Usage: qemu.sh PYTHON
# Debian's cross compilers and qemu, Wine, and zig (`pip install ziglang`) are used where they are there; what is
# missing is named and skipped. NAME=... in the environment leaves only the targets named.
set -u
cd "$(dirname "$0")/.." || exit 1
python=$1
flags="-std=gnu11 -O2 -ffp-contract=off -fno-math-errno -fno-trapping-math -Icsrc"
out=build/qemu
failed=0

# NAME COMPILER RUNNER PACKAGE: RUNNER is a command, or empty for this processor.
compare() {
    local name=$1 compiler=$2 runner=$3 package=$4 folder=$out/$1 source objects=()
    [ -z "${NAME:-}" ] || [[ " $NAME " == *" $name "* ]] || return 0
    for tool in "$compiler" "$runner"; do
        [ -z "$tool" ] || $tool --version >/dev/null 2>&1 && continue
        echo "$name: skipped, no ${tool} ($package)"
        return 0
    done
    mkdir -p "$folder"
    for source in tests/dsp/c/golden.c csrc/*.c; do
        objects+=("$folder/$(basename "$source" .c).o")
        [ "${objects[-1]}" -nt "$source" ] || $compiler $flags -c "$source" -o "${objects[-1]}" || { failed=1; return; }
    done
    $compiler -static "${objects[@]}" -lm -o "$folder/golden.exe" || { failed=1; return; }
    # Line ends of Windows go; the C program has no line of the timeline.
    if $runner "$folder/golden.exe" 2>"$folder/errors" | tr -d '\r' | sort -u |
        diff - <(grep -v '^timeline ' tests/dsp/golden.txt | sort) >"$folder/diff"; then
        echo "$name: the same"
    else
        echo "$name: DIFFERENT"; cat "$folder/diff" "$folder/errors"; failed=1
    fi
}

for cpu in aarch64 riscv64 s390x; do
    compare $cpu "$cpu-linux-gnu-gcc" "qemu-$cpu" "apt install gcc-$cpu-linux-gnu libc6-dev-${cpu/aarch64/arm64}-cross qemu-user"
done
zig="$python -m ziglang cc"
compare x86_64-musl "$zig -target x86_64-linux-musl" "$([ "$(uname -m)" = x86_64 ] || echo qemu-x86_64)" "pip install ziglang"
compare aarch64-musl "$zig -target aarch64-linux-musl" qemu-aarch64 "pip install ziglang; apt install qemu-user"
wine=$(command -v wine64 || command -v wine || ls /usr/lib/wine/wine64 2>/dev/null || echo wine)
export WINEDEBUG=-all WINEPREFIX=${WINEPREFIX:-$PWD/$out/wine}
compare x86_64-windows "$zig -target x86_64-windows-gnu" "$wine" "pip install ziglang; apt install wine64"
exit $failed
