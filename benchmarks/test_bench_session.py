"""Sessions with and without their timeline, their memory, and many of them; their rivals are in the suite."""

import os
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from voiceband.bench.sessions import make_inbound
from voiceband.bench.signals import media_texts, noise, start_text
from voiceband.session import Session

START = start_text()


@pytest.mark.parametrize("rate", [16000, 8000])
def test_inbound(race, rate):
    race(
        f"in: media text -> {rate} Hz samples",
        {
            "Session (timeline, pacing, ledger)": make_inbound(rate=rate),
            "Session without the timeline": make_inbound(rate=rate, buffer=None),
        },
    )


def test_memory_of_a_call():
    """All inbound stages at 16 kHz; what is measured is what the allocators gave out."""
    texts = media_texts(n=100)

    def rss():
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def make():
        session = Session(rate=16000, denoise=85, byteorder_in="auto")
        session.receive(START, 0.0)
        for i, text in enumerate(texts):
            session.receive(text, i * 0.02)
        session.play(noise(480), 24000, name="a")
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
    texts = media_texts(n=max(3000, 220 + frames))

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
