#!/bin/sh
# Bring what the tests in a browser need: playwright and Jupyter into the environment, and chromium onto a Debian
# machine. Where that cannot be had those tests are skipped, so it is said here and is no failure.
# Usage: get_browser.sh VENV_BIN
set -eu
bin=$1
cd "$(dirname "$0")/.."

# No part of the extra `test`: it has no wheels for some of the platforms that the package's own are tested on.
"$bin/python" -c 'import playwright, nbconvert, ipykernel' 2>/dev/null ||
    PYTHONWARNINGS=ignore "$bin/python" -m pip --disable-pip-version-check -q install --group browser ||
    echo "there is no playwright or Jupyter for this Python: the tests in a browser will be skipped"

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v $name >/dev/null; then exit 0; fi
done
if ! command -v apt-get >/dev/null; then
    echo "there is no chromium, and no apt-get to bring it: the tests in a browser will be skipped"
elif [ "$(id -u)" != 0 ]; then
    echo "there is no chromium; as root, apt-get install chromium: the tests in a browser will be skipped"
else
    echo "installing chromium for the tests in a browser"
    log=$(mktemp)
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } \
        >"$log" 2>&1; then
        tail -n 5 "$log"
        echo "chromium could not be installed: the tests in a browser will fail"
    fi
    rm -f "$log"
fi
