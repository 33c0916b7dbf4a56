"""What the tests of a call without a socket share: a link that keeps what it is given, and its silence."""

import asyncio
import base64
import json

import numpy as np

from voiceband.servers.call import CallHandle
from voiceband.servers.context import running
from voiceband.servers.link import Link

FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": 8000}
START = json.dumps({"event": "start", "start": {"streamId": "s", "callId": "c-1", "mediaFormat": FORMAT}})


def silence(ms):
    return np.zeros(ms * 8, np.int16)


class Wire(Link):
    """Keeps what was sent; `stuck` bytes wait."""

    def __init__(self):
        self.texts = []
        self.stuck = 0
        self.closed = None

    def send(self, text):
        self.texts.append(json.loads(text))

    def backlog(self):
        return self.stuck

    def close(self, code, reason):
        self.closed = self.closed or (code, reason)

    async def wait_closed(self):
        assert self.closed

    @property
    def names(self):
        return [t["event"] for t in self.texts]

    @property
    def sent_ms(self):
        return sum(len(base64.b64decode(t["media"]["payload"])) / 8 for t in self.texts if t["event"] == "playAudio")


def in_call(scenario, start=True, **options):
    """Run `scenario(call, wire)` in a call; return its result. No task may stay."""

    async def main():
        wire = Wire()
        async with asyncio.timeout(20):
            call = CallHandle(wire, **options)
            async with running(call):
                if start:
                    call.feed(START)
                result = await scenario(call, wire)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert wire.closed
        return result

    return asyncio.run(main())
