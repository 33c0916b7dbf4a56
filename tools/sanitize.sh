#!/bin/sh
# Build with AddressSanitizer and UBSan in an environment of its own, and run the suite there. Usage: sanitize.sh PYTHON
set -eu
cd "$(dirname "$0")/.."
python=$1
venv=.venv-sanitize
sh tools/check_toolchain.sh "$python"
[ -x $venv/bin/python ] || "$python" -m venv $venv
$venv/bin/python -m pip --disable-pip-version-check -q install -U pip setuptools cython numpy
VOICEBAND_SANITIZE=1 $venv/bin/python -m pip --disable-pip-version-check -q install --no-build-isolation '.[test]'
rm -f asan.log*
# Python itself is not built with the sanitizers, so their runtimes are loaded ahead of it; small objects go through malloc
# so that their bounds are known. The suite runs from a folder without the sources, against what was installed.
runtimes="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
log=$(pwd)/asan.log
bin=$(pwd)/$venv/bin
cd tests
status=0
LD_PRELOAD="$runtimes" PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0:log_path="$log" \
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:log_path="$log" VOICEBAND_SANITIZED=1 \
    "$bin/python" -m pytest -q -m "not source_tree" || status=$?
# The C programs have sanitizers of their own, the leak checker among them, and need nothing loaded ahead.
"$bin/python" -m pytest -q dsp/test_c.py || status=$?
if ls "$log".* >/dev/null 2>&1; then
    cat "$log".*
    exit 1
fi
exit $status
