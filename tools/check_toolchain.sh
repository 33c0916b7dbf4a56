#!/bin/sh
# Say in one line what is missing before a build would fail with many. Usage: check_toolchain.sh PYTHON [git]
python=${1:-python3}
git=${2:-}
fail() { echo "voiceband: $1" >&2; exit 1; }

command -v "$python" >/dev/null 2>&1 || fail "no $python; install it (Debian, Ubuntu: apt install python3 python3-venv python3-dev gcc)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || fail "$("$python" --version) is too old; Python 3.11 or newer is needed (make PYTHON=python3.12 ...)"
"$python" -c 'import ensurepip, venv' 2>/dev/null \
    || fail "$python cannot make virtual environments; install python3-venv (Debian, Ubuntu: apt install python3-venv)"
include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
test -f "$include/Python.h" || fail "no Python headers in $include; install them (Debian, Ubuntu: apt install python3-dev)"
set -- ${CC:-$("$python" -c 'import sysconfig; print((sysconfig.get_config_var("CC") or "cc").split()[0])')}
command -v "$1" >/dev/null 2>&1 || fail "no C compiler ($1); install one (Debian, Ubuntu: apt install gcc; Fedora: dnf install gcc)"
[ "$git" != git ] || command -v git >/dev/null 2>&1 || fail "no git; install it (Debian, Ubuntu: apt install git; Fedora: dnf install git)"
