#!/bin/sh
# Run pip quietly, and say in one line why it failed where that can be told. Usage: pip.sh PYTHON ARGUMENT...
set -u
python=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# setuptools warns at length about any editable install; there is nothing to do about it here.
PYTHONWARNINGS=ignore "$python" -m pip --disable-pip-version-check -q "$@" >"$log" 2>&1 && exit 0
if grep -qE 'NewConnectionError|ConnectTimeout|NameResolutionError|ProxyError|Failed to establish a new connection' "$log"; then
    echo "voiceband: pip reaches no package index; connect to the network, or name a mirror of yours (PIP_INDEX_URL=...)" >&2
else
    cat "$log" >&2
fi
exit 1
