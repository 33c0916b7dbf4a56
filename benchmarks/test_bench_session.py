"""A 20 ms frame through a session, beside what people write by hand; each figure is one frame in one direction."""

import base64
import itertools
import json
import os
import sys
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest

import voiceband as vb
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.session import Session

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

orjson = pytest.importorskip("orjson")
pybase64 = pytest.importorskip("pybase64")
START = '{"event":"start","start":{"streamId":"s","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}}}'
STREAM = "87654321-4321-4321-4321-cba987654321"
rng = np.random.default_rng(0)


def media_text(i, payload):
    return (
        f'{{"event":"media","sequenceNumber":{i + 2},"streamId":"{STREAM}","media":{{"track":"inbound","timestamp":'
        f'"{1705312200000 + 20 * i}","chunk":{i + 1},"payload":"{payload}"}},"extra_headers":"userId=12345"}}'
    )


PAYLOADS = [
    base64.b64encode(PLIVO_MULAW_8K.encode(rng.normal(0, 3000, 160).astype(np.int16))).decode() for _ in range(64)
]


def make_inbound(**options):
    """Return a function that takes the next message; texts are made beforehand, 4,096 for each new session."""
    texts = [media_text(i, PAYLOADS[i % 64]) for i in range(4096)]
    state = {}

    def renew():
        session = Session(**options)
        session.receive(START, 0.0)
        state["receive"] = session.receive
        state["next"] = iter([(t, i * 0.02) for i, t in enumerate(texts)]).__next__

    renew()

    def step():
        try:
            text, now = state["next"]()
        except StopIteration:
            renew()
            text, now = state["next"]()
        return state["receive"](text, now)

    return step


def make_outbound(pcm, rate):
    session = Session(rate=rate)
    session.receive(START, 0.0)
    utterance = session.play(np.zeros(rate * 2 // 5, np.int16), rate, end=False)
    session.poll(0.0)  # the lead is there
    session.play(pcm, rate, utterance=utterance, end=False)
    name = json.loads(session.poll(0.02)[-1])["name"]  # and an answer has come, as in any call
    session.receive(json.dumps({"event": "playedStream", "name": name}), 0.7)
    clock = itertools.count(2)
    play, poll = session.play, session.poll

    def step():
        play(pcm, rate, utterance=utterance, end=False)
        return poll(next(clock) * 0.02)

    return step


def hand_in(rate):
    """Make the best of orjson, pybase64, audioop's table and its resampler."""
    state = None

    texts = itertools.cycle([media_text(i, PAYLOADS[i % 64]) for i in range(64)])

    def step():
        nonlocal state
        message = orjson.loads(next(texts))
        pcm = audioop.ulaw2lin(pybase64.b64decode(message["media"]["payload"], validate=True), 2)
        if rate != 8000:
            pcm, state = audioop.ratecv(pcm, 2, 1, 8000, rate, state)
        return np.frombuffer(pcm, np.int16)

    return step


def naive_in(rate):
    state = None

    texts = itertools.cycle([media_text(i, PAYLOADS[i % 64]) for i in range(64)])

    def step():
        nonlocal state
        message = json.loads(next(texts))
        pcm = audioop.ulaw2lin(base64.b64decode(message["media"]["payload"]), 2)
        if rate != 8000:
            pcm, state = audioop.ratecv(pcm, 2, 1, 8000, rate, state)
        return np.frombuffer(pcm, np.int16)

    return step


def hand_out(pcm, rate):
    state = None
    data = pcm.tobytes()

    def step():
        nonlocal state
        wire = data
        if rate != 8000:
            wire, state = audioop.ratecv(data, 2, 1, rate, 8000, state)
        payload = pybase64.b64encode(audioop.lin2ulaw(wire, 2)).decode()
        media = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": payload}
        return orjson.dumps({"event": "playAudio", "media": media})

    return step


def voice(rate):
    return rng.normal(0, 3000, rate // 50).astype(np.int16)


def test_inbound(race):
    for rate in (16000, 8000):
        race(
            f"in: media text -> {rate} Hz samples",
            {
                "Session (timeline, pacing, ledger)": make_inbound(rate=rate),
                "Session without the timeline": make_inbound(rate=rate, buffer=None),
                "orjson + pybase64 + audioop": hand_in(rate),
                "json + base64 + audioop": naive_in(rate),
            },
        )


def test_outbound(race):
    for rate in (24000, 8000):
        pcm = voice(rate)
        race(
            f"out: {rate} Hz samples -> playAudio text",
            {
                "Session.play + poll": make_outbound(pcm, rate),
                "audioop + pybase64 + orjson": hand_out(pcm, rate),
            },
        )


def test_kernels_alone(race):
    """What is left when the glue is taken away: the floor under the figures above."""
    up, down = vb.Resampler(8000, 16000), vb.Resampler(24000, 8000)
    frame, wide = voice(8000), voice(24000)
    timeline, count = vb.Timeline(8000), itertools.count(1)

    def place():
        i = next(count)
        timeline.push(i, 20 * i, frame, arrival=i * 0.02)

    race("kernels: 8 -> 16 kHz", {"Resampler.process": lambda: up.process(frame)})
    race("kernels: 24 -> 8 kHz", {"Resampler.process": lambda: down.process(wide)})
    race("kernels: timeline", {"Timeline.push": place})


def test_poll_with_nothing_due(race):
    session = Session()
    session.receive(START, 0.0)
    session.play(np.zeros(80_000, np.int16))
    session.poll(0.0)
    poll = session.poll
    race("poll with nothing due", {"Session.poll": lambda: poll(0.001)})


def test_memory_of_a_call():
    """All inbound stages at 16 kHz; what is measured is what the allocators gave out."""
    texts = [media_text(i, PAYLOADS[i % 64]) for i in range(100)]

    def rss():
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def make():
        session = Session(rate=16000, denoise=85, byteorder_in="auto")
        session.receive(START, 0.0)
        for i, text in enumerate(texts):
            session.receive(text, i * 0.02)
        session.play(voice(24000), 24000, name="a")
        session.poll(2.0)
        return session

    sessions = [make() for _ in range(20)]
    before = rss()
    sessions += [make() for _ in range(300)]
    per_call = (rss() - before) / 300
    assert per_call <= 100_000, per_call
    print(f"\nmemory of a call: {per_call / 1000:.1f} KB", file=sys.stderr)


def test_many_sessions(race):
    """5,000 sessions take turns for a simulated minute (a second in a smoke run): no growth, little more a frame.

    The times are the processor's, so that they say little about what else the machine does.
    """
    n, seconds = (50, 1) if race.smoke else (5000, int(os.environ.get("VOICEBAND_BENCH_SECONDS", "4")))
    frames = seconds * 50
    texts = [media_text(i, PAYLOADS[i % 64]) for i in range(max(3000, 220 + frames))]

    def make():
        session = Session(rate=16000)
        session.receive(START, 0.0)
        return session

    def turn(sessions, first, frames):
        begin = time.process_time()
        for i in range(first, first + frames):
            text, now = texts[i], i * 0.02
            for session in sessions:
                session.receive(text, now)
        return (time.process_time() - begin) / (frames * len(sessions))

    sessions = [make() for _ in range(n)]
    alone = [make()]
    for some in (sessions, alone):
        turn(some, 0, 205)  # until the guard of the format is content
    one = min(turn(alone, 205 + i * 500, 500) for i in range(5))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    turn(sessions, 205, 2)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    many = min(turn(sessions, 207 + i * frames // 4, frames // 4) for i in range(4))
    print(
        f"\n{n} sessions: {many * 1e6:.2f} us a frame, one alone {one * 1e6:.2f}: {many / one:.2f}x; "
        f"growth {grown} bytes",
        file=sys.stderr,
    )
    assert grown < 100 * n
