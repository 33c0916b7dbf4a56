"""What comes on top of the usual frame: the sound guard at the beginning of a call, and utterances of one frame."""

import collections
import itertools

import numpy as np

from voiceband.dsp.sound import SoundGuard
from voiceband.session import Session

START = '{"event":"start","start":{"streamId":"s","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}}}'
rng = np.random.default_rng(0)
FRAMES = [rng.normal(0, 3000, 160).astype("<i2") for _ in range(64)]


def make_guard(state):
    """Return a function that lets a guard hear the next frame: within its first four seconds, or after them."""
    frames = itertools.cycle([x.tobytes() for x in FRAMES])
    guard = SoundGuard("l16", 8000)
    if state == "listens":
        return lambda: (guard.done and guard.reset(), guard.process(next(frames)))
    while not guard.done:
        guard.process(next(frames))
    return lambda: guard.process(next(frames))


def make_short():
    """Return a function that speaks an utterance of one frame, and has it acknowledged 100 ms later."""
    session = Session(guard=False)
    session.receive(START, 0.0)
    clock, waiting = itertools.count(), collections.deque()

    def step():
        now = next(clock) * 0.02
        name = session.play(FRAMES[0], 8000, end=True).name
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
    session.play(FRAMES[0], 8000)
    clock = itertools.count()

    def step():
        session.play(FRAMES[0], 8000)
        return session.poll(next(clock) * 0.02)

    return step


def test_sound_guard(race):
    race("sound guard: 20 ms of L16", {state: make_guard(state) for state in ("listens", "lets it pass")})


def test_short_utterances(race):
    race(
        "out: 20 ms at 8 kHz",
        {"an utterance of its own, and its answer": make_short(), "of one that goes on": make_long()},
    )
