"""What a session and a call take of memory: many of one kind in a process, and how much it has grown by for each.

Each has had five seconds of noise, a message at a time, and said them back in real time: its sound guards have heard
enough for a minute then. What the system keeps for a socket is not the process's, and is not counted.
"""

import argparse
import asyncio
import base64
import gc
import importlib
import json
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import picows
from benchmarks.load.calls import Call
from benchmarks.load.echo import agent
from benchmarks.load.servers import MEDIA_SIZE, REPLY

from voiceband.session import Audio, Session

FLOOR = "constant/picows"
KINDS = ("session", FLOOR, "picows", "websockets", "aiohttp", "fastapi")
FRAMES = 250
START = (
    '{{"event":"start","sequenceNumber":1,"start":{{"callId":"{0}","streamId":"{0}","accountId":"1","tracks":'
    '["inbound"],"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000}}}},"extra_headers":"{{}}"}}'
)
MEDIA = (
    '{{"event":"media","sequenceNumber":{1},"streamId":"{0}","media":{{"track":"inbound","timestamp":"{2}",'
    '"chunk":{1},"payload":"{3}"}},"extra_headers":"{{}}"}}'
)
PAYLOAD = base64.b64encode(np.random.default_rng(1).integers(0, 256, 160, np.uint8).tobytes()).decode()


def resident():
    """Return how many bytes of this process are in memory."""
    gc.collect()
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise OSError("the system does not say how much memory a process has")


class Growth:
    """How much a process has grown by since this was made."""

    def __init__(self, places):
        self._places = places
        self._tracked = len(gc.get_objects())
        self._resident = resident()
        if places:
            tracemalloc.start()
            self._before = tracemalloc.take_snapshot()

    def of(self, n):
        """Return the growth for each of n: bytes, and objects that the collector looks at."""
        found = {"bytes": (resident() - self._resident) / n, "tracked": (len(gc.get_objects()) - self._tracked) / n}
        if self._places:
            found["python_bytes"] = tracemalloc.get_traced_memory()[0] / n
            places = tracemalloc.take_snapshot().compare_to(self._before, "lineno")
            found["places"] = [[s.size_diff / n, s.count_diff / n, str(s.traceback)] for s in places[: self._places]]
        return found


def sessions(n, places):
    """Measure sessions, which need no socket."""

    def run(ids):
        made = [Session() for _ in ids]
        for session, stream in zip(made, ids, strict=True):
            session.receive(START.format(stream), 0.0)
        for i in range(FRAMES):
            now = 0.02 * i
            for session, stream in zip(made, ids, strict=True):
                for event in session.receive(MEDIA.format(stream, i + 1, 1_700_000_000_000 + 20 * i, PAYLOAD), now):
                    if isinstance(event, Audio):
                        session.play(event.samples, 8000)
                session.poll(now)
        return made

    first = run(["first"])
    growth = Growth(places)
    kept = run([f"stream-{k:08d}" for k in range(n)])
    found = growth.of(n)
    del first, kept
    return found


async def calls(kind, n, places):
    """Measure calls on a server of this process; another process is the carrier's side."""
    server, port = await serve(kind)
    carrier = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.memory", "--carrier", str(port), "--n", str(n),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip

    async def step():
        carrier.stdin.write(b"\n")
        await carrier.stdout.readline()

    await step()  # a first call, for what all calls share
    growth = Growth(places)
    await step()
    await asyncio.sleep(1.0)  # until all is said
    found = growth.of(n)
    carrier.stdin.close()
    await carrier.wait()
    del server
    return found


def carry(port, n):
    """Be the carrier: one call, and then so many at once, each time when a line comes."""
    open_calls = []
    for count in (1, n):
        sys.stdin.readline()
        made = [Call(port, len(open_calls) + k, FRAMES) for k in range(count)]
        open_calls += made
        for _ in range(FRAMES):
            for call in made:
                call.send(0.0)
            time.sleep(0.02)  # in real time: what comes in a burst makes buffers grow
        print("sent", flush=True)
    sys.stdin.readline()


async def serve(kind):
    """Start a server in this process; return it, to be kept, and its port."""
    if kind != FLOOR:
        server = await importlib.import_module(f"voiceband.servers.{kind}").serve(agent, "127.0.0.1", 0)
        return server, server.port

    class Constant(picows.WSListener):
        def on_ws_frame(self, transport, frame):
            if frame.payload_size > MEDIA_SIZE:
                transport.send(picows.WSMsgType.TEXT, REPLY.encode())

    server = await picows.ws_create_server(lambda _: Constant(), "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def row(kind, n, found):
    line = f"{kind:16} {n:5}  {found['bytes'] / 1000:7.1f} kB  {found['tracked']:6.1f} objects"
    if "places" in found:
        line += f"  {found['python_bytes'] / 1000:7.1f} kB by Python's allocators"
        line += "".join(f"\n    {size:8.0f} bytes in {count:5.1f}: {place}" for size, count, place in found["places"])
    return line


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", default=KINDS, help=f"of {', '.join(KINDS)}")
    parser.add_argument("--n", type=int, default=100, help="how many of each")
    parser.add_argument("--places", type=int, default=0, help="list so many lines of Python that hold the most")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--carrier", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.carrier:
        carry(options.carrier, options.n)
        return
    if options.one:
        (kind,) = options.kinds
        each = options.n, options.places
        print(json.dumps(sessions(*each) if kind == "session" else asyncio.run(calls(kind, *each))))
        return
    figures = {}
    for kind in options.kinds:
        command = [sys.executable, "-m", "benchmarks.memory", kind, "--one", "--n", str(options.n)]
        command += ["--places", str(options.places)]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        figures[kind] = json.loads(said)
        print(row(kind, options.n, figures[kind]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
