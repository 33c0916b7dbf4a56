"""What a 20 ms frame costs in two versions of voiceband, taken in turns.

    python benchmarks/versions.py OLD NEW              seconds, interleaved: the median of the ratios of many rounds
    python benchmarks/versions.py OLD NEW --count      instructions, by valgrind: whatever else the machine does

OLD and NEW are Python interpreters, each of an environment with one version installed.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time

Step = Callable[[], object]
START = (
    '{"event":"start","start":{"streamId":"s","callId":"c",'
    '"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}}}'
)
BODY = (
    '{{"event":"media","sequenceNumber":{0},"streamId":"s",'
    '"media":{{"track":"inbound","timestamp":"{1}","chunk":{0},"payload":"{2}"}}}}'
)
CALL = 6000
"""Messages of a call of two minutes, after which another one begins."""
ROUNDS = 41
FRAMES = 2000


def inbound(rate: int, **options: object) -> Step:
    """Return a step that takes a message of the caller."""
    import base64

    import numpy as np

    from voiceband.session import Session

    payload = base64.b64encode(np.random.default_rng(1).integers(0, 256, 160, np.uint8).tobytes()).decode()
    messages = [(BODY.format(i, 20 * i, payload), i * 0.02) for i in range(1, CALL + 1)]

    def calls() -> Iterator[object]:
        while True:
            session = Session(rate=rate, guard=False, **options)
            session.receive(START, 0.0)
            for text, now in messages:
                yield session.receive(text, now)

    return calls().__next__


def speaking(rate: int) -> tuple[object, Callable[[object], object], object]:
    """Return a session in the middle of a talk, what plays a piece of it, and 20 ms of speech."""
    import numpy as np

    from voiceband.session import Session

    session = Session(rate=rate)
    session.receive(START, 0.0)
    pcm = np.random.default_rng(1).integers(-9000, 9000, rate // 50).astype(np.int16)
    open_way = "utterance" in inspect.signature(session.play).parameters
    first = session.play(np.zeros(rate * 2 // 5, np.int16), rate, end=False)
    session.poll(0.0)

    def piece(pcm: object) -> object:
        if open_way:
            return session.play(pcm, rate, utterance=first, end=False)
        return session.play(pcm, rate)

    piece(pcm)
    for i in range(1, 100):  # until the checkpoint that an answer is due to has left
        piece(pcm)
        for text in session.poll(i * 0.02):
            if '"checkpoint"' in text:
                answer = {"event": "playedStream", "name": json.loads(text)["name"]}
                session.receive(json.dumps(answer), i * 0.02 + 0.1)
    return session, piece, pcm


def outbound(rate: int) -> Step:
    """Return a step that plays 20 ms and takes the texts that are due."""
    session, piece, pcm = speaking(rate)
    clock = itertools.count(100)

    def step() -> object:
        piece(pcm)
        return session.poll(next(clock) * 0.02)

    return step


def idle() -> Step:
    """Return a step that polls a session with nothing due."""
    import numpy as np

    from voiceband.session import Session

    session = Session()
    session.receive(START, 0.0)
    session.play(np.zeros(80_000, np.int16), 8000)
    session.poll(0.0)
    return lambda: session.poll(0.001)


def opened() -> tuple[object, object]:
    """Return a call on a link that takes everything, and its loop, whose `now` is the time."""
    try:
        from voiceband.servers import call as calls
    except ImportError:  # older versions
        from voiceband.integrations import call as calls

    class Link:
        paused = False
        timers = None

        def send(self, text: str) -> None:
            pass

        def backlog(self) -> int:
            return 0

        def resume(self) -> None:
            pass

    class Loop(asyncio.SelectorEventLoop):
        now = 0.0

        def virtual_time(self) -> float:
            return self.now

    loop = Loop()

    async def begun() -> object:
        call = calls.CallHandle(Link(), idle_timeout_s=None, guard=False)
        call.feed(START)
        return call

    return loop.run_until_complete(begun()), loop


def fed() -> Step:
    """Return a step that feeds a call a message, and takes the event as its agent does."""
    import base64

    import numpy as np

    call, loop = opened()
    payload = base64.b64encode(np.random.default_rng(1).integers(0, 256, 160, np.uint8).tobytes()).decode()
    clock = itertools.count(1)
    call.__anext__().close()

    def step() -> object:
        i = next(clock)
        loop.now = i * 0.02
        call.feed(BODY.format(i, 20 * i, payload))
        try:
            call.__anext__().send(None)
        except StopIteration as event:
            return event.value
        raise AssertionError("there is no event")

    return step


def handle() -> Step:
    """Return a step that awaits `CallHandle.play` of 20 ms and sends what is due."""
    import numpy as np

    call, loop = opened()
    pcm = np.random.default_rng(1).integers(-9000, 9000, 160).astype(np.int16)
    speech = loop.run_until_complete(call.play(np.zeros(3200, np.int16), 8000, end=False))
    open_way = "utterance" in inspect.signature(call.play).parameters
    loop.now = 10.0  # the unanswered checkpoint is given up
    clock = itertools.count(501)

    def step() -> object:
        loop.now = next(clock) * 0.02
        playing = call.play(pcm, 8000, utterance=speech, end=False) if open_way else call.play(pcm, 8000)
        try:
            playing.send(None)
        except StopIteration:
            return None
        raise AssertionError("play waits")

    return step


CASES: dict[str, Callable[[], Step]] = {
    "a message to 8000 Hz": lambda: inbound(8000),
    "a message to 16000 Hz": lambda: inbound(16000),
    "play and poll, from 8000 Hz": lambda: outbound(8000),
    "play and poll, from 24000 Hz": lambda: outbound(24000),
    "poll with nothing due": idle,
    "a message fed to a call, and its event": fed,
    "a message, with a metrics hook": lambda: inbound(8000, metrics=lambda _name, _value: None),
    "await call.play": handle,
}


def work(name: str, frames: int) -> None:
    """Be the one that is measured: each line of input asks for the seconds of so many frames."""
    step = CASES[name]()
    for _ in range(200):
        step()
    if frames:
        for _ in range(frames):
            step()
        return
    for line in sys.stdin:
        began = process_time()
        for _ in range(int(line)):
            step()
        print(process_time() - began, flush=True)


def worker(python: str, name: str) -> subprocess.Popen[str]:
    """Start one."""
    command = [python, __file__, "--work", name]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def seconds(one: subprocess.Popen[str]) -> float:
    """Return what its frames take."""
    assert one.stdin is not None
    assert one.stdout is not None
    one.stdin.write(f"{FRAMES}\n")
    one.stdin.flush()
    return float(one.stdout.readline())


def in_turns(name: str, old: str, new: str) -> tuple[float, float, float]:
    """Return the least microseconds of both, and the median of the ratios."""
    workers = [worker(old, name), worker(new, name)]
    times = [[seconds(one) for one in workers] for _ in range(ROUNDS)]
    for one in workers:
        one.communicate()
    least = [min(column) / FRAMES * 1e6 for column in zip(*times, strict=True)]
    return least[0], least[1], statistics.median(b / a for a, b in times)


def instructions(python: str, name: str, frames: int) -> int:
    """Return how many instructions a process takes that handles so many frames."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", python, __file__, "--work", name]
        # Idle threads of a BLAS spin for as long as they like, and files of bytecode are written the first time only.
        settled = {**os.environ, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([*command, "--frames", str(frames)], check=True, capture_output=True, env=settled)
        return int(re.findall(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)[-1])


def main() -> None:
    """Compare two versions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", nargs="*", help="interpreters of the old and the new version")
    parser.add_argument("--count", action="store_true", help="count instructions")
    parser.add_argument("--only", help="cases whose name holds this text")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--frames", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.frames)
        return
    old, new = options.python
    for name in CASES:
        if options.only and options.only not in name:
            continue
        if options.count:
            a, b = ((instructions(p, name, FRAMES) - instructions(p, name, 1)) / (FRAMES - 1) for p in (old, new))
            print(f"{name:32} {a:8.0f} {b:8.0f} instructions, ratio {b / a:.2f}", flush=True)
        else:
            a, b, ratio = in_turns(name, old, new)
            print(f"{name:32} {a:8.2f} {b:8.2f} us, ratio {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
