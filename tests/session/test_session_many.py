"""Thousands of calls in one process: they take turns frame by frame, and nothing grows."""

import gc
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from _support.messages import media, start
from voiceband.session import Session

PAYLOAD = bytes(range(100, 180)) * 2
PCM = np.random.default_rng(0).normal(0, 3000, 480).astype(np.int16)
WARM_S = 5  # until the guards of the format are content, and every answer has come


class Call:
    """A call in both directions: the agent hears 16 kHz, and speaks without a pause at 24 kHz."""

    def __init__(self):
        self.session = Session(rate=16000)
        self.session.receive(start(), 0.0)
        self.session.play(np.zeros(9600, np.int16), 24000)

    def frame(self, text, now):
        session = self.session
        events = session.receive(text, now)
        session.play(PCM, 24000)
        for sent in session.poll(now):
            if "checkpoint" in sent:
                session.receive(json.dumps({"event": "playedStream", "name": json.loads(sent)["name"]}), now)
        return events


def resident():
    """Bytes of memory in use by the process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run(calls, texts, first):
    """Give each call the same frames in turn; return the processor's seconds a frame."""
    begin = time.process_time()
    for i, text in enumerate(texts, first):
        now = i * 0.02
        for call in calls:
            call.frame(text, now)
    return (time.process_time() - begin) / (len(texts) * len(calls))


@pytest.mark.resident_memory
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory in use from /proc")
def test_a_minute_of_many_calls_takes_no_memory(dose, capsys):
    n, seconds = dose(50, 5000), dose(2, 65)  # more than a minute: then the guards have listened again, and are content
    calls, alone = [Call() for _ in range(n)], [Call()]
    warm = [media(i, PAYLOAD) for i in range(WARM_S * 50)]
    texts = [media(i, PAYLOAD) for i in range(len(warm), len(warm) + seconds * 50)]
    run(calls, warm, 0)
    run(alone, warm, 0)
    one = run(alone, texts, len(warm))
    gc.collect()
    blocks, before = sys.getallocatedblocks(), resident()
    many = run(calls, texts, len(warm))
    gc.collect()
    grown = sys.getallocatedblocks() - blocks
    # Numbers that outgrow the interpreter's small ones become objects, once.
    assert grown < 4 * n, f"{grown} objects more after {seconds} s of {n} calls"
    per_call = (resident() - before) / n
    # A page here and there is the allocator's; a byte a frame would be 3,000 a call.
    assert per_call < (64_000 if n < 1000 else 500), f"{per_call:.0f} bytes more a call"
    for call in (*calls, *alone):
        [event] = call.frame(media(len(warm) + len(texts), PAYLOAD), (len(warm) + len(texts)) * 0.02)
        assert len(event.samples) == 320
        stats = call.session.stats
        assert (stats.frames_out, stats.gaps, stats.underruns) == (len(warm) + len(texts) + 21, 0, 0)
    with capsys.disabled():
        print(f"\n{n} calls: {many * 1e6:.2f} us a frame of both directions, {many / one:.2f} times that of one alone")
