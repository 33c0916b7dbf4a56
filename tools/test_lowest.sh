#!/bin/sh
# Install the lowest version of all that the package's extras name, and run the core of the suite. Usage: test_lowest.sh BIN
set -eu
bin=$1
cd "$(dirname "$0")/.."
"$bin/python" -m pip --disable-pip-version-check -q install uv
# --upgrade, or what came with the package would stay as new as it is. The tests' own tools may be new.
"$bin/python" - >build/lowest.txt <<'PYTHON'
import tomllib

project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extras = project["optional-dependencies"]
names = ("aiohttp", "api", "batch", "cli", "dask", "emulator", "fastapi", "load", "plot", "report", "serve", "websockets")
wanted = [*project["dependencies"], *(line for name in names for line in extras[name])]
print(*sorted({line for line in wanted if not line.startswith("voiceband[")}), sep="\n")
PYTHON
"$bin/uv" pip install -q --python "$bin/python" --upgrade --resolution lowest-direct -r build/lowest.txt
"$bin/uv" pip install -q --python "$bin/python" 'pytest>=8' 'pytest-benchmark>=5' pytest-xdist pytest-randomly \
    'hypothesis>=6.100' 'plivo>=4.59' prometheus_client 'scipy<1.14'
# Old packages say that still older ones are deprecated.
exec "$bin/python" -W ignore -m pytest -q -n auto --dist worksteal -W ignore::DeprecationWarning \
    tests/api tests/callbacks tests/dsp tests/formats tests/markup tests/protocol tests/session \
    tests/batch/test_batch_files.py tests/commands/test_call_command.py tests/emulator/call \
    tests/servers/test_driver.py tests/servers/test_picows.py tests/servers/test_upgrades.py
