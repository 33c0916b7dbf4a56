"""How many calls each server holds on one core until callers hear gaps: `voiceband load --find-capacity` on each.

Linux with two cores, otherwise quiet: the server has one, the load the other. Every call is an 8 kHz mu-law echo. The
first server answers with a constant, which is what the load itself can place.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.load.__main__ import FLOOR, SERVE, Server
from benchmarks.load.calls import pin

RIVALS = ("pipecat", "plivo-stream-sdk")
MAIN = "from voiceband.cli import main; main()"


def search(name, options):
    """Return what the search says of a server."""
    server = Server(name, "paced", options.cores[0], options.rivals)
    command = [
        sys.executable, "-c", MAIN, "load", f"ws://127.0.0.1:{server.port}/", "--find-capacity", "--echo", "--json",
        "--calls", options.first, "--max-calls", options.most, "--ramp", options.ramp, "--hold", options.hold,
        "--time-limit", options.time_limit, "--processes", "1", "--pid", server.pid,
    ]  # fmt: skip
    try:
        with tempfile.TemporaryFile("w+") as output:
            subprocess.run([*map(str, command)], stdout=output, check=False, preexec_fn=lambda: pin(options.cores[1]))
            output.seek(0)
            return json.loads(output.read())
    finally:
        server.stop()


def row(name, found):
    held = [step for step in found["steps"] if step["held"]]
    line = f"{name:20} {found['capacity']:>6} calls"
    if held:
        best = max(held, key=lambda step: step["calls"]["wanted"])
        server, generator = best["server"] or {}, best["generator"]
        line += (
            f"  gaps p99 {best['gaps_ms']['p99']:5.1f} ms  response p99 {best['response_ms']['p99']:7.1f} ms"
            f"  server {server.get('cpu_percent', 0):4.0f} %, {server.get('memory_mb', 0):5.0f} MiB"
            f"  load {generator['busiest_core']:4.0%}, late p99 {best['send_lateness_ms']['p99']:5.1f} ms"
        )
    return f"{line}  ({found['limit']}{': ' + found['why'] if found['why'] else ''})"


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.capacity", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=f"servers, by default {FLOOR}, '{SERVE}', {' and '.join(RIVALS)}")
    parser.add_argument("--rivals", type=Path, default=sys.executable, help="Python of an environment with the rivals")
    parser.add_argument("--cores", nargs=2, type=int, default=[0, 1], help="of the server, and of the load")
    parser.add_argument("--first", type=int, default=50, help="calls to begin with")
    parser.add_argument("--most", type=int, default=2000, help="calls at most")
    parser.add_argument("--ramp", default="100/s")
    parser.add_argument("--hold", default="10s", help="how long each number of calls is held")
    parser.add_argument("--time-limit", default="5m", help="for each server")
    options = parser.parse_args()
    for name in options.names or (FLOOR, SERVE, *RIVALS):
        try:
            print(row(name, search(name, options)), flush=True)
        except (RuntimeError, OSError, ValueError) as error:
            print(f"{name:20} skipped: {error}", flush=True)


if __name__ == "__main__":
    main()
