"""Whole servers under the same load, side by side: CPU time per pair of frames, and how late the replies are.

Linux with two cores: each server has one, the load the other. 8 kHz mu-law echo calls in two loads: saturated, where a
call sends its next frame when the reply to the last has come, and paced, where every call sends one each 20 ms.
"""

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks.load.calls import PACED_CALLS, SATURATED_CALLS, paced, pin, saturated
from benchmarks.load.servers import SERVERS

HERE = Path(__file__).parent
FLOOR = "constant/picows"
SERVE = "voiceband serve"
RIVALS = ("pipecat", "plivo-stream-sdk", "agent-transport")
NAMES = (FLOOR, SERVE, *[name for name in SERVERS if name != FLOOR])
OWN_PACE = ("agent-transport",)
"""Those that cannot be saturated, for they send at their own pace."""


class Server:
    """A server process on one core."""

    def __init__(self, name, load, core, rivals_python):
        env = {**os.environ, "LOAD_AT_ONCE": "1" if load == "saturated" else ""}
        python = rivals_python if name in RIVALS else sys.executable
        command = [python, str(HERE / "servers.py"), name]
        if name == SERVE:
            main = "from voiceband.cli import main; main()"
            command = [python, "-c", main, "serve", f"{HERE / 'echo.py'}:agent", "--port", "0", "--workers", "1"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env,
            preexec_fn=lambda: pin(core),
        )  # fmt: skip
        said = ""
        for line in self.process.stdout:
            said += line
            if found := re.search(r"listening (\d+)|on ws://127\.0\.0\.1:(\d+)/", line):
                self.port = int(found[1] or found[2])
                break
        else:
            self.stop()
            raise RuntimeError((said.strip().splitlines() or ["it said nothing"])[-1])
        worker = re.search(r"listens, process (\d+)", said)
        self.pid = int(worker[1]) if worker else self.process.pid
        # What it says of calls that are hung up on would fill the pipe, and the server would wait.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self):
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def measure(names, load, options):
    """Return what each server gave in each repeat; a server that cannot run is left out with a line."""
    results = {}
    with contextlib.ExitStack() as stack:
        servers = {}
        for name in names:
            if load == "saturated" and name in OWN_PACE:
                continue
            try:
                servers[name] = Server(name, load, options.cores[0], options.rivals)
                stack.callback(servers[name].stop)
            except (RuntimeError, OSError) as error:
                print(f"skipped: {name}, {error}", file=sys.stderr)
        time.sleep(1.0)  # imports and first connections of one are not to disturb another
        for repeat in range(options.repeats):
            for name in list(servers)[:: 1 if repeat % 2 == 0 else -1]:
                port, pid = servers[name].port, servers[name].pid
                try:
                    got = saturated(port, pid) if load == "saturated" else paced(port, pid, options.seconds)
                except (OSError, TimeoutError) as error:
                    print(f"left out: {name}, {load}: {error}", file=sys.stderr)
                    del servers[name]
                    results.pop(name, None)
                    continue
                results.setdefault(name, []).append(got)
    return results


def table(load, results):
    calls = SATURATED_CALLS if load == "saturated" else PACED_CALLS
    print(f"\n{calls} calls {load}: CPU us per pair of frames, median (least to most); replies' lateness in ms")
    middle = {name: statistics.median(r["us"] for r in runs) for name, runs in results.items()}
    for name, runs in results.items():
        us = [r["us"] for r in runs]
        line = f"{name:22} {middle[name]:6.1f} ({min(us):5.1f} to {max(us):5.1f})"
        if FLOOR in middle:
            line += f"  {middle[name] / middle[FLOOR]:5.2f} x picows {middle[name] - middle[FLOOR]:+6.1f}"
        own = f"constant/{name.partition('/')[2]}"
        line += f"  {middle[name] - middle[own]:+6.1f} on its library" if name != own and own in middle else " " * 24
        if load == "paced":
            p99 = statistics.median(r["late_p99_ms"] for r in runs)
            line += f"  p99 {p99:6.2f}  max {max(r['late_max_ms'] for r in runs):7.2f}"
            answered = min(r["answered"] for r in runs)
            line += "" if answered > 0.99 else f"  {answered:.1%} answered"
        print(line.rstrip())
    busy = min((r["busy"] for runs in results.values() for r in runs), default=0.0)
    if load == "saturated" and busy < 0.8:
        print(f"a server's core was busy for {busy:.0%} only: the load could not saturate it")


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"servers, all by default: {', '.join(NAMES)}")
    parser.add_argument("--load", choices=("saturated", "paced"), help="only this one")
    parser.add_argument("--repeats", type=int, default=5, help="interleaved rounds (%(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of a paced round (%(default)s)")
    parser.add_argument("--cores", type=int, nargs=2, default=(0, 1), help="of the servers, of the load (0 1)")
    parser.add_argument("--rivals", default=sys.executable, help="a Python that has the rivals, when pins conflict")
    parser.add_argument("--json", type=Path, help="write all figures there")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no such server: {', '.join(sorted(unknown))}")
    if sys.platform != "linux" or not set(options.cores) <= os.sched_getaffinity(0):
        parser.error(f"this needs Linux and cores {options.cores}")
    pin(options.cores[1])
    figures = {}
    for load in (options.load,) if options.load else ("saturated", "paced"):
        figures[load] = measure(options.names or NAMES, load, options)
        table(load, figures[load])
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
