# Serve an agent if that is asked for, call it, and end with the exit code of `voiceband call`. Reads TARGET, SERVE,
# CALLS, SCRIPT, BASELINE, SAVE, STRICT, ARGS and OUT from the environment.
set -euo pipefail
mkdir -p "$OUT"
if [ -n "$SERVE" ]; then
  $SERVE >"$OUT/serve.log" 2>&1 &
  server=$!
  trap 'kill "$server" 2>/dev/null || true' EXIT
  address=${TARGET#*://}
  address=${address%%/*}
  for _ in $(seq 150); do
    if (exec 3<>"/dev/tcp/${address%:*}/${address##*:}") 2>/dev/null; then break; fi
    kill -0 "$server" 2>/dev/null || { cat "$OUT/serve.log" >&2; exit 2; }
    sleep 0.2
  done
fi
options=(--script "$SCRIPT" --out "$OUT" --junit "$OUT/junit.xml" --calls "$CALLS")
if [ -n "$BASELINE" ]; then options+=(--baseline "$BASELINE"); fi
if [ -n "$SAVE" ]; then options+=(--save-baseline "$SAVE"); fi
if [ "$STRICT" = true ]; then options+=(--strict); fi
# shellcheck disable=SC2086 - ARGS are words
voiceband call "$TARGET" "${options[@]}" $ARGS
