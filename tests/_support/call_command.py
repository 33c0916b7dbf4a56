"""What tests of `voiceband call` share: an agent to be called, and what a call left."""

import json

import numpy as np

from _support.threaded import agents
from voiceband.session import Audio, Started


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def rules(folder):
    return [finding["rule"] for finding in summary(folder)["findings"]]


class Greeter:
    """A good agent: it speaks a second, and counts its calls and what it hears."""

    def __init__(self):
        self.calls = 0
        self.heard = 0.0

    async def __call__(self, call):
        self.calls += 1
        async for event in call:
            if isinstance(event, Started):
                tone = np.sin(np.arange(8000) * 0.2) * 8000
                await call.play(tone.astype(np.int16), 8000, end=True)
            elif isinstance(event, Audio):
                self.heard += float(np.sum(np.square(event.samples / 32768.0)))


def greeting(greeter=None, **options):
    """Serve a greeter; what it sends far ahead has no hole on a busy machine."""
    return agents(greeter or Greeter(), "websockets", lead_ms=2000, **options)
