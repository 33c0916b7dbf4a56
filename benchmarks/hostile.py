"""Attacks beside a good call, for each driver: memory, and how late the good call's frames come back with and without.

It prints a table and judges nothing; tests/servers/test_hostile.py asserts the bounds. The peers are on the same
machine, so what they take of its processors makes the good call late too: leave a core to each side.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from _support.drivers import SERVERS
from _support.hostile import HOSTILE
from _support.hostile_server import FRAME_S, good_call, peak_mb
from _support.programs import begin

ATTACKS = {attack.__name__: attack for attack in HOSTILE}
WARM_FRAMES = 25


async def again(attack, url):
    """Attack for as long as this runs; what becomes of each attempt does not matter."""
    while True:
        with contextlib.suppress(OSError, EOFError, AssertionError):
            await attack(url)


async def beside(attack, url, n_frames, n_peers):
    """Return what a good call said and heard, and how late, beside so many peers of a kind; none without an attack."""
    peers = [asyncio.create_task(again(attack, url)) for _ in range(n_peers if attack else 0)]
    try:
        return await good_call(url, 1, n_frames)
    finally:
        for peer in peers:
            peer.cancel()
        await asyncio.gather(*peers, return_exceptions=True)


def measure(driver, attack, seconds, n_peers):
    """Return memory in MB by which the server has grown, and p99 of the lateness in ms without and with the attack."""
    with begin("-m", "_support.hostile_server", driver, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            url = process.stdout.readline().strip()
            n_frames = round(seconds / FRAME_S)
            p99_ms = []
            for peers in (None, attack):
                asyncio.run(beside(None, url, WARM_FRAMES, 0))
                before = peak_mb(process.pid)
                said, heard, late_s = asyncio.run(beside(peers, url, n_frames, n_peers))
                p99_ms.append(float(np.quantile(late_s, 0.99)) * 1000)
            return {"grown_mb": peak_mb(process.pid) - before, "p99_ms": p99_ms, "whole": said == heard}
        finally:
            process.kill()


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hostile", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=f"all by default: {', '.join(ATTACKS)}")
    parser.add_argument("--drivers", nargs="+", choices=SERVERS, default=[*SERVERS], help="all by default")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each good call (%(default)s)")
    parser.add_argument("--peers", type=int, default=1, help="that attack at a time (%(default)s)")
    parser.add_argument("--json", type=Path, help="write all figures there")
    options = parser.parse_args()
    unknown = set(options.attacks) - set(ATTACKS)
    if unknown:
        parser.error(f"no such attack: {', '.join(sorted(unknown))}")
    print(
        "memory grown in MB; p99 of the good call's lateness in ms, without -> with the attack; LOST where frames were"
    )
    print(f"\n| attack | {' | '.join(options.drivers)} |\n{'|---' * (1 + len(options.drivers))}|")
    figures = {}
    for name in options.attacks or ATTACKS:
        cells = []
        for driver in options.drivers:
            got = measure(driver, ATTACKS[name], options.seconds, options.peers)
            figures.setdefault(name, {})[driver] = got
            without, beside_it = got["p99_ms"]
            lost = "" if got["whole"] else " LOST"
            cells.append(f"{got['grown_mb']:+.1f} MB, {without:.1f} -> {beside_it:.1f}{lost}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
