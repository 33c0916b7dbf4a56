#!/usr/bin/env bash
# Run the suite in surroundings unlike the one at hand, each time in a clone of its own, and say what falls in which.
# Usage: anywhere.sh [NAME...]; names joined by a + make one run (not-root+random+busy). The names, and the default, are
ALL="not-root root-0700 blank-path lc-all-c turkish kathmandu umask-077 no-home offline dev-mode random=1 random=2 random=3
    espeak no-espeak busy python3.11 python3.12 python3.13 python3.14 python3.13t python3.14t"
# Tracked files are tested as they are now, committed or not. The clones go when they have passed; logs: build/anywhere/.
set -u
cd "$(dirname "$0")/.." && root=$PWD && venv=${VENV:-.venv}
make -s "$venv/.stamp-test" || exit 1
unset MAKEFLAGS MAKELEVEL
work=$(mktemp -d) && chmod 755 "$work" && mkdir -p build/anywhere
python=$(realpath "$venv")/bin/python
base=$("$python" -c 'import sys; print(sys.base_prefix)')
version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2] + sys.abiflags)')
as_nobody='import os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534); os.execvp(sys.argv[1], sys.argv[1:])'
lo_up='import fcntl, os, socket, struct, sys; up = struct.pack("16sH14x", b"lo", 0x41)
fcntl.ioctl(socket.socket(), 0x8914, up); os.execvp(sys.argv[1], sys.argv[1:])'
spoken='import sys, wave; w = wave.open(sys.stdout.buffer, "wb"); w.setparams((1, 2, 22050, 0, "NONE", ""))
w.writeframes(bytes(range(200)) * 55)'
busy=()
trap 'kill ${busy[@]+"${busy[@]}"} 2>/dev/null; rm -rf "$work"' EXIT

# The installed packages, to which the environment of each clone refers.
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

clone() { # PYTHON FOLDER PACKAGES: what git tracks, as it is now, with what is compiled already
    git clone -q -c advice.detachedHead=false "$root" "$2" &&
        { git diff --quiet HEAD || git diff --binary HEAD | git -C "$2" apply --whitespace=nowarn; } &&
        tar -cf - build/c[py]* $(find src -name '*.so') | tar -C "$2" -xf - &&
        find "$2" -type f -not -path '*/.git/*' -exec touch -r "$2/setup.py" {} + &&
        "$1" -m venv --without-pip "$2/.venv" && echo "$3" >"$2/.venv/lib/$version/site-packages/packages.pth" &&
        (cd "$2" && sh tools/pip.sh .venv/bin/python install --no-deps --no-build-isolation -e .)
}

surround() { # PART: what it changes; fails with a word in $why where it cannot be had
    case $1 in
    not-root) [ "$(id -u)" != 0 ] || user=65534 ;;
    root-0700) mkdir -m 700 "$folder/0700" && folder=$folder/0700 ;;
    blank-path) mkdir "$folder/a b ü" && folder="$folder/a b ü" ;;
    lc-all-c) settings+=(LC_ALL=C) ;;
    turkish)
        settings+=(LC_ALL=tr_TR.UTF-8 LOCPATH="$work")
        localedef -i tr_TR -f UTF-8 "$work/tr_TR.UTF-8" 2>/dev/null || ! why="localedef makes no tr_TR.UTF-8" ;;
    kathmandu) settings+=(TZ=Asia/Kathmandu) ;;
    umask-077) umask=077 ;;
    no-home) settings=(-u HOME ${settings[@]+"${settings[@]}"}) ;; # env wants its options first
    offline)
        before=(unshare -n "$python" -c "$lo_up")
        "${before[@]}" true 2>/dev/null || ! why="unshare -n is not allowed" ;;
    dev-mode) settings+=(PYTHONDEVMODE=1 PYTHONWARNINGS=error) ;;
    random) ;; # it always is, see seed
    random=*) seed=${1#*=} ;;
    espeak)
        mkdir "$folder/bin" && settings+=(PATH="$PATH:$folder/bin")
        printf '#!/bin/sh\nexec "%s" -c '\''%s'\''\n' "$python" "$spoken" >"$folder/bin/espeak-ng"
        chmod 755 "$folder/bin/espeak-ng" ;;
    no-espeak)
        mkdir "$folder/bin" && settings+=(PATH="$folder/bin")
        (IFS=:; for d in $PATH; do ln -s "$d"/* "$folder/bin/" 2>/dev/null; done; rm -f "$folder"/bin/espeak*) ;;
    busy) for _ in $(seq "$(getconf _NPROCESSORS_ONLN)"); do "$python" -c 'while True: pass' & busy+=($!); disown; done ;;
    python3.*)
        [ "$1" != "$version" ] || ! why="all the others ran on it" || return 1
        other=$(for p in "$1" ~/.pyenv/versions/*/bin/"$1"; do
            "$p" -c 'import sys; print(sys.executable)' 2>/dev/null && break
        done) && [ -n "$other" ] || ! why="there is no $1"
        [ "${1%t}" = "$1" ] || settings+=(PYTHON_GIL=0) ;; # or the first module that needs the lock brings it back
    *) why="there is no such surrounding"; status=1; return 1 ;;
    esac
}

run() { # NAME: one run of the suite, whose output goes to a log, or to the terminal too if it is the only one
    folder=$work/${1//=/-} home=$base store=$packages user='' umask=$(umask) why='' other='' settings=() before=() busy=()
    seed=${SEED:-$(git rev-list --count HEAD)}
    log=$root/build/anywhere/$1.log
    mkdir "$folder"
    for part in ${1//+/ }; do surround "$part" || { row "$1" skip "$why"; return; }; done
    dir=$folder/voiceband
    if [ -n "$other" ]; then
        { git clone -q "$root" "$dir" && make -C "$dir" PYTHON="$other" VENV=.venv .venv/.stamp-test; } >"$log" 2>&1
    else
        # What nobody else may enter is copied for them: Python, or its packages, below a folder that is closed.
        if [ -n "$user" ] && ! "$python" -c "$as_nobody" "$home/bin/$version" -c '' 2>/dev/null; then
            home=$work/python
            [ -d "$home" ] || { mkdir "$home" && tar -C "$base" --exclude=site-packages --exclude=test -cf - . | tar -C "$home" -xf -; }
            settings+=(LD_LIBRARY_PATH="$home/lib") # what it was linked with cannot be entered either
        fi
        if [ -n "$user" ] && ! "$python" -c "$as_nobody" ls "$packages/numpy" >/dev/null 2>&1; then
            store=$work/packages
            [ -d "$store" ] || { cp -R "$packages" "$store" && chmod -R a+rX "$store"; }
        fi
        clone "$home/bin/$version" "$dir" "$store"
    fi || { row "$1" FAIL "could not be installed: $log"; return; }
    if [ -n "$user" ]; then
        mkdir "$folder/home" && settings+=(HOME="$folder/home")
        chown -R "$user:$user" "$folder" && before+=("$python" -c "$as_nobody")
    fi
    start=$SECONDS
    (
        cd "$dir" && umask "$umask" && ${before[@]+"${before[@]}"} env -u PYTHONDONTWRITEBYTECODE ${settings[@]+"${settings[@]}"} \
            "$dir/.venv/bin/python" -m pytest -q -n auto --dist worksteal --randomly-seed="$seed" 2>&1
    ) | if [ $alone = 1 ]; then tee "$log"; else cat >"$log"; fi
    if [ "${PIPESTATUS[0]}" = 0 ]; then said=pass; else said=FAIL; fi
    [ ${#busy[@]} = 0 ] || kill "${busy[@]}"
    row "$1" $said "$(grep -oE '[0-9]+ passed' "$log" | tail -n 1)" "$((SECONDS - start)) s"
    if [ $said = pass ]; then rm -rf "$folder"; else grep -E '^(FAILED|ERROR) ' "$log" || tail -n 5 "$log"; fi
}

row() { # NAME WORD DETAIL [SECONDS]
    [ "$2" != FAIL ] || status=1
    table+=("$(printf '%-26s %-5s %-14s %8s' "$1" "$2" "${3:-none passed}" "${4:-}")")
    echo "${table[${#table[@]}-1]}"
}

status=0 table=() alone=$(($# == 1))
for name in ${@:-$ALL}; do run "$name"; done
[ $alone = 1 ] || printf '%s\n' '' "${table[@]}"
exit $status
