"""Hours of short calls in real time, on each driver: how much memory their servers have grown by, tenth by tenth.

`python -m benchmarks.churn --hours 2 --calls 50000` takes two hours. Calls begin at random times; they press keys, send
what is malformed, and a third of them is gone without a word. It prints a table and judges nothing.
"""

import argparse
import asyncio
import contextlib
import random
import re
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from _support.drivers import SERVERS
from _support.messages import media, start
from _support.peers import Peer, frame
from _support.programs import begin

FRAME_S = 0.02
MEAN_FRAMES = 30
PAYLOAD = bytes(range(160))
KEY = '{"event": "dtmf", "dtmf": {"digit": "1"}}'
MALFORMED = '{"event": "media", "media": null}'
ROWS = 10


def rss_mb(pid):
    """Return what a process keeps in memory now."""
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


async def call(url, k, rng):
    """Place a call; return how it ended."""
    stream = f"churn-{k}"
    try:
        peer = await Peer(url).upgrade()
        peer.writer.write(frame(start(stream_id=stream, call_id=stream)))
        reading = asyncio.create_task(peer.until_closed(pong=True))
        for i in range(min(round(rng.expovariate(1 / MEAN_FRAMES)) + 1, 10 * MEAN_FRAMES)):
            peer.writer.write(frame(media(i, PAYLOAD, stream_id=stream)))
            if i % 50 == 10:
                peer.writer.write(frame(KEY))
            if i % 70 == 20:
                peer.writer.write(frame(MALFORMED))
            await asyncio.sleep(FRAME_S)
        if k % 3 == 0:
            reading.cancel()
            peer.writer.transport.abort()
            return "gone"
        peer.writer.write(frame(struct.pack(">H", 1000), opcode=8))
        return f"closed with {await asyncio.wait_for(reading, 30)}"
    except (OSError, EOFError, TimeoutError) as error:
        return repr(error)


async def churn(urls, n_calls, seconds, on_tenth):
    """Place so many calls, to each server in turn, within so many seconds."""
    rng = random.Random(1)
    ends = Counter()
    clock = asyncio.get_running_loop().time
    begun = clock()
    running = set()
    for k in range(n_calls):
        await asyncio.sleep(begun + seconds * (k + rng.random()) / n_calls - clock())
        task = asyncio.create_task(call(urls[k % len(urls)], k // len(urls), rng))
        running.add(task)
        task.add_done_callback(running.discard)
        task.add_done_callback(lambda task: ends.update([task.result()]))
        if (k + 1) % max(1, n_calls // ROWS) == 0:
            on_tenth(k + 1)
    await asyncio.gather(*running)
    return ends


def main():
    """Read the options, and print the table as it goes on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2)
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--drivers", nargs="+", choices=SERVERS, default=list(SERVERS))
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        servers = {}
        for driver in options.drivers:
            command = ("-m", "_support.hostile_server", driver)
            process = stack.enter_context(begin(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            stack.callback(process.kill)
            servers[driver] = process
        urls = [process.stdout.readline().strip() for process in servers.values()]
        print(
            f"{'calls':>8}" + "".join(f"{driver:>24}" for driver in servers), "  MB, and growth since the first tenth"
        )
        first = {}

        def row(n):
            cells = []
            for driver, process in servers.items():
                now = rss_mb(process.pid)
                cells.append(f"{now:12.1f} MB {now / first.setdefault(driver, now) - 1:+7.2%}")
            print(f"{n:8,}" + "".join(f"{cell:>24}" for cell in cells), flush=True)

        ends = asyncio.run(churn(urls, options.calls, options.hours * 3600, row))
        print(*(f"{n:,} {how}" for how, n in ends.most_common()), sep=", ")


if __name__ == "__main__":
    main()
