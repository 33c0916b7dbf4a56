"""The examples, each called by the emulator: what they find is compared with what was truly said."""

import asyncio
import json
import math
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from drivers import uvicorn_server
from likeness import likeness, voice
from voiceband.emulator import Call, Carrier
from voiceband.emulator.line import Line
from voiceband.emulator.phone import run
from voiceband.emulator.sounds import read_wav, shipped
from voiceband.examples import agent as parrot
from voiceband.examples import monitoring, noisy_agent, quality, transcription
from voiceband.examples.answer_server import TRACKS, create_app
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.integrations.call import CallHandle
from voiceband.integrations.link import Link
from voiceband.markup import Response, Speak, Stream, Wait

URL = "wss://voice.example.com/stream"


class Wire(Link):
    """A socket of which only one end is there."""

    def send(self, text):
        raise AssertionError(f"{text} on a stream that only listens")

    def backlog(self):
        return 0

    def close(self, code, reason):
        pass

    async def wait_closed(self):
        pass


def listen(example, attributes, seconds, act=lambda call, now: None, **options):
    """Let an example that only listens hear an emulated call, whose time passes as fast as it can; return its result."""

    async def scenario():
        call, handle = Call(stream=Stream(URL, **attributes), **options), CallHandle(Wire(), tracks=TRACKS)
        listening = asyncio.create_task(example(handle))
        call.start(0.0)
        for tick in range(round(seconds * 50) + 1):
            act(call, tick / 50)
            for text in call.poll(tick / 50):
                handle.feed(text)
            await asyncio.sleep(0)
        handle.lost("hung up")
        return await listening

    return asyncio.run(asyncio.wait_for(scenario(), 60))


def served(example, attributes, *, until=math.inf, max_s=20.0, then=(Wait(120),), on_tick=None, **options):
    """Place a whole phone call, on sockets and in real time, to an example in its own server."""

    async def scenario():
        def make(address):
            return create_app(f"http://{address}", None, example, attributes, then)

        async with uvicorn_server(make) as address:
            carrier = Carrier(f"http://{address}/answer", seed=1, **options)
            await run(carrier, max_s=max_s, on_tick=lambda now: on_tick and on_tick(carrier, now))
            return carrier

    return asyncio.run(asyncio.wait_for(scenario(), 60))


# ---- transcription

CLIPS = {
    name: (voice(seconds, 16_000, seed) // 2).astype(np.int16)
    for seed, (name, seconds) in enumerate([("hello", 0.8), ("who is there", 1.0), ("it is me", 0.7), ("bye", 0.6)])
}


class Remembers:
    """Knows each clip when it hears it, by correlation: a recogniser without a model."""

    threads = []

    def words(self, speech):
        self.threads.append(threading.current_thread())
        found = [name for name, clip in CLIPS.items() if len(clip) < len(speech) and likeness(speech, clip) > 0.9]
        return " + ".join(found)


def test_a_transcript_has_both_speakers_in_the_order_in_which_they_spoke():
    # The caller says the last word while the agent, who began before, is still speaking: known first, said later.
    pauses = {"hello": 0.4, "who is there": 2.0, "it is me": 3.9, "bye": 4.2}
    told, spoken = [], set()

    def act(call, now):
        for name, at in pauses.items():
            if now >= at and name not in spoken:
                spoken.add(name)
                clip = CLIPS[name]
                if name in ("who is there", "it is me"):
                    call.announce(np.concatenate([clip, np.zeros(1600, np.int16), clip]) if name == "it is me" else clip, now)
                else:
                    call.say(clip)

    transcript = listen(
        lambda call: transcription.transcribe(call, Remembers, told.append), transcription.STREAM, 6.5, act, seed=1
    )
    assert [(said.speaker, said.words) for said in transcript] == [
        ("caller", "hello"),
        ("agent", "who is there"),
        ("agent", "it is me"),
        ("caller", "bye"),
    ]
    for said in transcript:
        assert said.start_s == pytest.approx(pauses[said.words], abs=0.06)
    assert [said.words for said in told] == ["hello", "who is there", "bye", "it is me"]  # live, as words are known
    assert threading.main_thread() not in Remembers.threads
    assert str(transcript[0]) == f"{transcript[0].start_s:6.1f} s  caller: hello"
