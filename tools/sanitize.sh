#!/bin/sh
# Build with AddressSanitizer and UBSan in an environment of its own, and run the suite there, or the tests that are
# named from the folder tests/. Usage: sanitize.sh PYTHON [TEST...]
set -eu
cd "$(dirname "$0")/.."
python=$1
shift
venv=$(pwd)/.venv-sanitize
log=$(pwd)/asan.log
sh tools/check_toolchain.sh "$python"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip="sh tools/pip.sh $venv/bin/python install"
$pip -U pip setuptools cython numpy
VOICEBAND_BUILD=sanitize $pip --no-build-isolation '.[test]'
rm -f asan.log*

# Python itself is not built with the sanitizers, so their runtimes are loaded ahead of it; small objects go through malloc
# so that their bounds are known. Every Python of the suite starts so, and no other program: espeak-ng, for one, hangs.
sanitized=$venv/bin/sanitized-python
cat >"$sanitized" <<END
#!/bin/sh
export LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" PYTHONMALLOC=malloc
export ASAN_OPTIONS="detect_leaks=0:log_path=$log" UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:log_path=$log"
export VOICEBAND_SANITIZED=1
exec "$venv/bin/python" "\$@"
END
chmod +x "$sanitized"
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cat >"$site/sanitized.pth" <<END
import os, sys; os.environ.pop("LD_PRELOAD", None) and setattr(sys, "executable", "$sanitized")
END

# The suite runs from a folder without the sources, against what was installed.
cd tests
status=0
"$sanitized" -m pytest -q -n auto --dist worksteal -m "not source_tree" "$@" || status=$?
# The C programs have sanitizers of their own, the leak checker among them; only what starts them has them loaded ahead.
[ $# -gt 0 ] || VOICEBAND_PROVE=1 "$sanitized" -m pytest -q dsp/test_c.py || status=$?
if ls "$log".* >/dev/null 2>&1; then
    cat "$log".*
    exit 1
fi
exit $status
