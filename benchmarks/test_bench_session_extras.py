"""What comes on top of the usual frame: the format guard at the beginning of a call, and utterances of one frame."""

import collections
import itertools

import numpy as np

from voiceband.formats import PLIVO_L16_8K
from voiceband.protocol import Media
from voiceband.session import Session
from voiceband.session.inbound.guard import FormatGuard

START = '{"event":"start","start":{"streamId":"s","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}}}'
rng = np.random.default_rng(0)
FRAMES = [rng.normal(0, 3000, 160).astype("<i2") for _ in range(64)]


def make_guard():
    messages = itertools.cycle(
        [Media(x.tobytes(), "inbound", i, 20 * i, "s", None, None) for i, x in enumerate(FRAMES)]
    )
    guard = FormatGuard(PLIVO_L16_8K, "little")
    return lambda: guard.look(next(messages))


def make_short():
    """Return a function that speaks an utterance of one frame, and has it acknowledged 100 ms later."""
    session = Session(guard=False)
    session.receive(START, 0.0)
    clock, waiting = itertools.count(), collections.deque()

    def step():
        now = next(clock) * 0.02
        name = session.play(FRAMES[0], 8000).name
        texts = session.poll(now)
        waiting.append(f'{{"event":"playedStream","streamId":"s","name":"{name}"}}')
        if len(waiting) > 5:
            session.receive(waiting.popleft(), now + 0.01)
        return texts

    return step


def make_long():
    """Return a function that speaks the next frame of one utterance."""
    session = Session(guard=False)
    session.receive(START, 0.0)
    utterance = session.play(FRAMES[0], 8000, end=False)
    clock = itertools.count()

    def step():
        session.play(FRAMES[0], 8000, utterance=utterance, end=False)
        return session.poll(next(clock) * 0.02)

    return step


def test_format_guard(race):
    race("format guard: an L16 message", {"FormatGuard.look": make_guard()})


def test_short_utterances(race):
    race(
        "out: 20 ms at 8 kHz",
        {"an utterance of its own, and its answer": make_short(), "of one that goes on": make_long()},
    )
