"""Attacks beside a good call, for each driver: how much memory they cost, and how late its frames come back.

It prints a table and judges nothing; tests/servers/test_hostile.py asserts the bounds. The peers are on the same
machine, and give way to the server and the good call, which need a core each.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

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


async def attack_for_ever(attack, url, n_peers):
    """Say so, and attack with so many peers of a kind."""
    print("attacking", flush=True)
    await asyncio.gather(*(again(attack, url) for _ in range(n_peers)))


@contextlib.contextmanager
def attacking(name, url, n_peers):
    """Attack in a process of its own, which gives way to the others: the good call waits for the server only."""
    if name is None:
        yield
        return
    command = [sys.executable, __file__, name, "--against", url, "--peers", str(n_peers)]
    # An attacker's event loop logs each write to a socket that the server has reset.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            process.stdout.readline()
            yield
        finally:
            process.kill()


def measure(driver, attack, seconds, n_peers):
    """Return memory in MB by which a server has grown beside an attack, or none, and p99 of the lateness in ms."""
    with begin("-m", "_support.hostile_server", driver, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            url = process.stdout.readline().strip()
            asyncio.run(good_call(url, 1, WARM_FRAMES))
            before = peak_mb(process.pid)
            with attacking(attack, url, n_peers):
                said, heard, late_s = asyncio.run(good_call(url, 1, round(seconds / FRAME_S)))
            return {
                "grown_mb": peak_mb(process.pid) - before,
                "p99_ms": float(np.quantile(late_s, 0.99)) * 1000,
                "whole": said == heard,
            }
        finally:
            process.kill()


def cell(driver, attack, options):
    """Return the figures of a cell, or the error where the good call has ended; and its text."""
    try:
        got = measure(driver, attack, options.seconds, options.peers)
    except (OSError, EOFError, AssertionError) as error:
        return {"error": repr(error)}, "ENDED"
    lost = "" if got["whole"] else " LOST"
    return got, f"{got['grown_mb']:+.1f} MB, {got['p99_ms']:.1f} ms{lost}"


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hostile", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=f"all by default: {', '.join(ATTACKS)}")
    parser.add_argument("--drivers", nargs="+", choices=SERVERS, default=[*SERVERS], help="all by default")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each good call (%(default)s)")
    parser.add_argument("--peers", type=int, default=1, help="that attack at a time (%(default)s)")
    parser.add_argument("--limit", type=float, default=30.0, help="minutes after which no row begins (%(default)s)")
    parser.add_argument("--json", type=Path, help="write all figures there, after each row")
    parser.add_argument("--against", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.against:
        os.nice(5)
        asyncio.run(attack_for_ever(ATTACKS[options.attacks[0]], options.against, options.peers))
    unknown = set(options.attacks) - set(ATTACKS)
    if unknown:
        parser.error(f"no such attack: {', '.join(sorted(unknown))}")
    print("memory grown in MB, p99 of the good call's lateness in ms; LOST where it lost frames, ENDED where it ended")
    print(f"\n| attack | {' | '.join(options.drivers)} |\n{'|---' * (1 + len(options.drivers))}|")
    figures = {}
    rows = {"none": None, **{name: name for name in options.attacks or ATTACKS}}
    ends_at = monotonic() + 60 * options.limit
    for name, attack in rows.items():
        if monotonic() > ends_at:
            print(f"{len(rows) - len(figures)} rows were left out, from {name} on: the time was over")
            break
        cells = [cell(driver, attack, options) for driver in options.drivers]
        figures[name] = dict(zip(options.drivers, [got for got, _ in cells], strict=True))
        print(f"| {name} | " + " | ".join(text for _, text in cells) + " |", flush=True)
        if options.json:
            options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
