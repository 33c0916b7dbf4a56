"""What tests of sessions share: sessions that are open, speech, and a clean line to the emulator."""

import base64
import json
import random

import numpy as np

from _support.joined import Joined, Path
from _support.messages import media, start
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.session import Audio, Session


def open_session(wire=PLIVO_MULAW_8K, **options):
    session = Session(**options)
    session.receive(start(wire), 0.0)
    return session


def feed(session, wire, pcm, *, first=0, byteorder="little"):
    """Push speech in 20 ms messages; return the events."""
    n = wire.frame_samples()
    events = []
    for i in range(len(pcm) // n):
        payload = wire.encode(pcm[i * n : (i + 1) * n], byteorder)
        events += session.receive(media(first + i, payload), (first + i) * 0.02)
    return events


def sent(texts):
    return [json.loads(text) for text in texts]


def payloads(texts):
    return b"".join(base64.b64decode(m["media"]["payload"]) for m in sent(texts) if m["event"] == "playAudio")


def audio(events):
    return [e for e in events if isinstance(e, Audio)]


def samples(events):
    return np.concatenate([e.samples for e in audio(events)])


def tone(rate, seconds, hz=440.0, amplitude=8000):
    return np.rint(amplitude * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def clean_call(session, **options):
    rng = random.Random(5)
    joined = Joined(session, Path(rng, 0.025), Path(rng, 0.025), **options)
    return joined.stream, joined
