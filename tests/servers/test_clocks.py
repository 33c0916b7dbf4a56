"""Clocks that step: the machine's own, which calls do not go by, and the one that they do, which only stands still."""

import asyncio
import time

import numpy as np
import pytest

from _support.drivers import SERVERS
from _support.hostile_server import good_call
from _support.messages import SILENCE, media, start
from voiceband.session import Audio, Session, Warned

DAY_S = 86_400


@pytest.mark.parametrize("driver", SERVERS)
@pytest.mark.parametrize("step_s", [-DAY_S, DAY_S])
def test_a_step_of_the_wall_clock_changes_no_call(driver, step_s, monkeypatch):
    ends = []

    async def agent(call):
        async for event in call:
            if isinstance(event, Audio):
                await call.play(event.samples, 8000)
            ends.append(event)

    async def main():
        async with asyncio.timeout(60), SERVERS[driver](agent, rejoin_s=0, lead_ms=None) as url:
            talking = asyncio.create_task(good_call(url, 1, 30))
            await asyncio.sleep(0.2)
            clock = time.time
            monkeypatch.setattr(time, "time", lambda: clock() + step_s)
            return await talking

    said, heard, _ = asyncio.run(main())
    assert heard == said
    assert not [event for event in ends if isinstance(event, Warned) and event.kind != "stall"]


@pytest.mark.parametrize("buffer", ["timeline", "jitter"])
@pytest.mark.parametrize("jump_s", [3.0, 3600.0, 30.0 * DAY_S])
def test_a_clock_that_jumps_ahead_gives_no_burst_and_loses_no_audio(buffer, jump_s):
    """As one does that goes on while the machine sleeps."""
    call = Session(buffer=buffer)
    call.receive(start(), 100.0)
    speech = call.play(np.full(8 * 8000, 3000, np.int16), 8000, end=True)
    events, texts = [], []

    def talk(frames, now):
        n_events, n_texts = len(events), len(texts)
        for i in frames:
            now += 0.02
            events.extend(call.receive(media(i), now))
            texts.extend(call.poll(now))
            events.extend(call.events())
        return now, events[n_events:], texts[n_texts:]

    now, _, before = talk(range(100), 100.0)
    now, _, at_once = talk(range(100, 101), now + jump_s)
    now, after, _ = talk(range(101, 200), now)
    assert len(at_once) <= 3
    audio_s = sum(len(event.samples) for event in after if isinstance(event, Audio)) / 8000
    assert audio_s == pytest.approx(99 * len(SILENCE) / 8000, abs=0.04)
    reasons = [event.reason for event in events if isinstance(event, Warned)]
    assert f"speech left {jump_s:.1f} s late" in " ".join(reasons)
    for i in range(200, 700):
        now += 0.02
        events.extend(call.receive(media(i), now))
        texts.extend(call.poll(now))
    assert len(before) < len(texts)
    assert speech.sent == speech.queued
