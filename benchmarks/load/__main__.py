"""Whole servers under the same load, side by side: CPU time per pair of frames, and how late the replies are.

Linux with two cores: each server has one, the load the other. 8 kHz mu-law calls in two loads: saturated, where a call
sends its next frame when the reply to the last has come, and paced, where every call sends one each 20 ms. Paced, an
agent either echoes or talks: it speaks 2 s of every 5, which the constant servers do with one constant text. A pair is
what a server does with one frame that has come; wake-ups are how often its threads slept.
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

from benchmarks.load.calls import SATURATED_CALLS, paced, pin, saturated
from benchmarks.load.servers import SERVERS

HERE = Path(__file__).parent
FLOOR = "constant/picows"
SERVE = "voiceband serve"
UNMODERATED = f"{SERVE}/0"
"""The number is a beat in ms, for `--moderation`; any other will do too."""
RIVALS = ("pipecat", "plivo-stream-sdk", "agent-transport")
NAMES = (FLOOR, SERVE, UNMODERATED, *[name for name in SERVERS if name != FLOOR])
OWN_PACE = ("agent-transport",)
"""Those that cannot be saturated, for they send at their own pace."""
CANNOT_TALK = ("constant/aiohttp", "constant/fastapi", *RIVALS)


class Server:
    """A server process on one core."""

    def __init__(self, name, load, agent, options):
        env = {**os.environ, "LOAD_AT_ONCE": "1" if load == "saturated" else "", "LOAD_AGENT": agent}
        python = options.rivals if name in RIVALS else sys.executable
        command = [python, str(HERE / "servers.py"), name]
        if name.startswith(SERVE):
            main = "from voiceband.cli import main; main()"
            command = [python, "-c", main, "serve", f"{HERE / agent}.py:agent", "--port", "0", "--workers", "1"]
            beat = name.partition("/")[2]
            command += ["--moderation", beat] if beat else []
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env,
            preexec_fn=lambda: pin(options.cores[0]),
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


def measure(names, load, agent, n_calls, options):
    """Return what each server gave in each repeat; a server that cannot run is left out with a line."""
    results = {}
    with contextlib.ExitStack() as stack:
        servers = {}
        for name in names:
            if name in (OWN_PACE if load == "saturated" else CANNOT_TALK if agent == "talk" else ()):
                continue
            try:
                servers[name] = Server(name, load, agent, options)
                stack.callback(servers[name].stop)
            except (RuntimeError, OSError) as error:
                print(f"skipped: {name}, {error}", file=sys.stderr)
        time.sleep(1.0)  # imports and first connections of one are not to disturb another
        for repeat in range(options.repeats):
            for name in list(servers)[:: 1 if repeat % 2 == 0 else -1]:
                port, pid = servers[name].port, servers[name].pid
                try:
                    if load == "saturated":
                        got = saturated(port, pid)
                    else:
                        got = paced(port, pid, n_calls, options.seconds, agent)
                except (OSError, TimeoutError) as error:
                    print(f"left out: {name}, {load}: {error}", file=sys.stderr)
                    del servers[name]
                    results.pop(name, None)
                    continue
                results.setdefault(name, []).append(got)
    return results


def table(load, agent, n_calls, results):
    print(f"\n{n_calls} calls {load}, {agent}: CPU us a pair, median (least to most)")
    middle = {name: _median(runs, "us") for name, runs in results.items()}
    for name, runs in results.items():
        us = [r["us"] for r in runs]
        line = f"{name:30} {middle[name]:6.1f} ({min(us):5.1f} to {max(us):5.1f})"
        if FLOOR in middle:
            line += f"  {middle[name] / middle[FLOOR]:5.2f} x picows {middle[name] - middle[FLOOR]:+6.1f}"
        own = f"constant/{name.partition('/')[2]}"
        line += f"  {middle[name] - middle[own]:+6.1f} on its library" if name != own and own in middle else " " * 24
        line += f"  system {_median(runs, 'system_us'):5.1f}  wake-ups {_median(runs, 'wakes'):5.3f}"
        if load == "paced":
            line += f"  system calls {_median(runs, 'system_calls'):5.2f}"
            line += f"  late by ms: p50 {_median(runs, 'late_p50_ms'):6.2f}"
            line += f"  p99 {_median(runs, 'late_p99_ms'):6.2f}  max {max(r['late_max_ms'] for r in runs):7.2f}"
            line += f"  a core: {1e6 / 50 / middle[name]:5.0f} calls"
            answered = min(r["answered"] for r in runs)
            line += "" if agent == "talk" or answered > 0.99 else f"  {answered:.1%} answered"
        print(line.rstrip())
    busy = min((r["busy"] for runs in results.values() for r in runs), default=0.0)
    if load == "saturated" and busy < 0.8:
        print(f"a server's core was busy for {busy:.0%} only: the load could not saturate it")
    own = max((r.get("load_late_max_ms", 0.0) for runs in results.values() for r in runs), default=0.0)
    if load == "paced" and own > 20.0:
        print(f"the load itself was late by up to {own:.0f} ms: its core is too small for it, or was taken away")


def _median(runs, name):
    return statistics.median(run[name] for run in runs)


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"servers, all by default: {', '.join(NAMES)}")
    parser.add_argument("--load", choices=("saturated", "paced"), help="only this one")
    parser.add_argument("--agent", choices=("echo", "talk"), help="only this one in the paced load")
    parser.add_argument("--calls", type=int, nargs="+", default=[100], help="of the paced load (100)")
    parser.add_argument("--repeats", type=int, default=5, help="interleaved rounds (%(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of a paced round (%(default)s)")
    parser.add_argument("--cores", type=int, nargs=2, default=(0, 1), help="of the servers, of the load (0 1)")
    parser.add_argument("--rivals", default=sys.executable, help="a Python that has the rivals, when pins conflict")
    parser.add_argument("--json", type=Path, help="write all figures there")
    options = parser.parse_args()
    unknown = {name for name in options.names if name not in NAMES and not name.startswith(SERVE)}
    if unknown:
        parser.error(f"no such server: {', '.join(sorted(unknown))}")
    if sys.platform != "linux" or not set(options.cores) <= os.sched_getaffinity(0):
        parser.error(f"this needs Linux and cores {options.cores}")
    pin(options.cores[1])
    figures = {}
    loads = []
    if options.load != "paced":
        loads.append(("saturated", "echo", SATURATED_CALLS))
    if options.load != "saturated":
        agents = (options.agent,) if options.agent else ("echo", "talk")
        loads += [("paced", agent, n_calls) for agent in agents for n_calls in options.calls]
    for load, agent, n_calls in loads:
        got = figures[f"{load} {agent} {n_calls}"] = measure(options.names or NAMES, load, agent, n_calls, options)
        table(load, agent, n_calls, got)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
