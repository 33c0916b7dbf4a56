"""What a driver adds to its library: a message fed -> the agent's echo -> a text for the socket, without sockets."""

import asyncio
import base64
import contextlib
import json

import numpy as np

from voiceband.bench.race import Repeated
from voiceband.servers.call import CallHandle
from voiceband.servers.link import Link
from voiceband.session import Audio

FRAME_TEXT = 214
"""What is shorter has no audio."""
N = 1300
"""Frames of a call, all at once: a session sends 29 s ahead of real time at most, which are 1450."""
START = '{"event":"start","start":{"streamId":"s","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}}}'
PAYLOAD = base64.b64encode(np.random.default_rng(0).integers(0, 256, 160, np.uint8).tobytes()).decode()
FRAMES = [
    json.dumps(
        {
            "event": "media",
            "sequenceNumber": i + 2,
            "streamId": "87654321-4321-4321-4321-cba987654321",
            "media": {"track": "inbound", "timestamp": f"{1705312200000 + 20 * i}", "chunk": i + 1, "payload": PAYLOAD},
            "extra_headers": "{}",
        }
    ).encode()
    for i in range(N)
]


class _Nowhere(Link):
    """A link that counts."""

    def __init__(self):
        self.sent = 0
        self.checkpoints = []

    def send(self, text):
        self.sent += 1
        if len(text) < FRAME_TEXT:
            self.checkpoints.append(json.loads(text)["name"])

    def backlog(self):
        return 0

    def close(self, code, reason):
        pass

    async def wait_closed(self):
        pass


async def one_utterance(call):
    async for event in call:
        if isinstance(event, Audio):
            await call.play(event.samples, 8000)


async def many_utterances(call):
    async for event in call:
        if isinstance(event, Audio):
            await call.play(event.samples, 8000, end=True)


async def silence(call):
    async for _ in call:
        pass


def calls_with(loop, agent, replies):
    """Return a contender: a whole call, fed from outside of any task as a socket's callback does."""

    async def run():
        loop = asyncio.get_running_loop()
        link = _Nowhere()
        call = CallHandle(link, lead_ms=None, max_queued_ms=3_600_000)
        running = asyncio.create_task(agent(call))
        call.feed(START)
        frames = iter(FRAMES)
        fed = loop.create_future()

        def feed():
            while link.checkpoints:  # are answered, as in any call
                call.feed(json.dumps({"event": "playedStream", "name": link.checkpoints.pop()}))
            for frame in frames:
                call.feed(frame)
                loop.call_soon(feed)  # the agent's turn comes before the next message
                return
            fed.set_result(None)

        loop.call_soon(feed)
        await fed
        call.lost()
        await running
        assert link.sent >= replies

    return Repeated(lambda: loop.run_until_complete(run()), N)


def turns(loop):
    """Return a contender: what the loop itself costs, a callback for each frame."""

    async def run():
        loop = asyncio.get_running_loop()
        frames = iter(FRAMES)
        over = loop.create_future()

        def turn():
            for _ in frames:
                loop.call_soon(turn)
                return
            over.set_result(None)

        loop.call_soon(turn)
        await over

    return Repeated(lambda: loop.run_until_complete(run()), N)


def test_echo(race):
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        race(
            "driver: a message in -> an agent's turn -> a text out",
            {
                "echo in one utterance": calls_with(loop, one_utterance, N),
                "echo, each frame an utterance of its own": calls_with(loop, many_utterances, N),
                "an agent that only listens": calls_with(loop, silence, 0),
                "the event loop alone": turns(loop),
            },
        )
