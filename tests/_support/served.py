"""A running `voiceband serve`, and calls to it: real processes and sockets."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading

from websockets.asyncio.client import connect

COMMAND = "from voiceband.cli import main; main()"
# The supervisor's waits, so that a test need not take as long; `make prove` has the true ones.
SHORTER = "from voiceband.servers.serve import supervisor as s; s.BACK_OFF_S, s.END_S = (0.05, 3.0), 2.0; "
AGENT = """
import os
import numpy as np
from voiceband.session import Audio, Dtmf, Started

async def agent(call):
    async for event in call:
        if isinstance(event, Audio):
            await call.play(event.samples, 8000)
        elif isinstance(event, Dtmf):
            os.abort()
        elif isinstance(event, Started) and event.stream_id.startswith("bad"):
            raise ValueError(event.stream_id)
"""
FORMAT = '"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}'
START = '{"event":"start","start":{"streamId":"s","callId":"c",' + FORMAT + "}}"
KEY = '{"event":"dtmf","streamId":"s","dtmf":{"digit":"1","track":"inbound"}}'
WAIT_S = 60


class Served:
    """A running `voiceband serve`, and what it has said so far."""

    def __init__(self, process):
        self.process = process
        self.said = ""
        self._more = threading.Condition()
        self._readers = [threading.Thread(target=self._read, args=(f,)) for f in (process.stdout, process.stderr)]
        for reader in self._readers:
            reader.start()

    def _read(self, file):
        for line in file:
            with self._more:
                self.said += line
                self._more.notify_all()

    def wait_for(self, pattern, times=1):
        """Wait until it has said something so many times; return the last one's groups."""
        with self._more:
            found = self._more.wait_for(lambda: len(re.findall(pattern, self.said)) >= times, WAIT_S)
            assert found, (pattern, self.said)
            return [*re.finditer(pattern, self.said)][-1].groups()

    @property
    def port(self):
        return int(self.wait_for(r"on ws://127\.0\.0\.1:(\d+)/")[0])

    def pids(self, n):
        self.wait_for(r"listens, process \d+", n)
        return [int(pid) for pid in re.findall(r"listens, process (\d+)", self.said)]

    def end(self):
        """Wait until it has ended, and its workers too, whose ends of the pipes are closed then."""
        code = self.process.wait(WAIT_S)
        for reader in self._readers:
            reader.join(WAIT_S)
            assert not reader.is_alive()
        return code


@contextlib.contextmanager
def serving(agent_file, *options, env=None, agent="agent", code=COMMAND):
    command = [sys.executable, "-c", code, "serve", f"{agent_file}:{agent}", "--port", "0", *options]
    environment = {**os.environ, **(env or {})}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment
    ) as process:
        try:
            yield Served(process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


async def echo(socket, i=0):
    body = {"payload": "A" * 212 + "AA==", "timestamp": str(20 * i), "chunk": i + 1}
    await socket.send(json.dumps({"event": "media", "streamId": "s", "media": body}))
    while json.loads(await socket.recv())["event"] != "playAudio":
        pass


async def one_call(port):
    async with asyncio.timeout(WAIT_S), connect(f"ws://127.0.0.1:{port}/any/path") as websocket:
        await websocket.send(START)
        await echo(websocket)
