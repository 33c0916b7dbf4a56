"""Both ends joined in one process on virtual time: a whole call, deterministically."""

import json
import math
import sys
import tracemalloc

import numpy as np
import pytest

from voiceband.emulator import CarrierStream
from voiceband.formats import PLIVO_FORMATS, PLIVO_MULAW_8K
from voiceband.session import Audio, Played, Session


def run(call, session, until, on_events=lambda _events, _now: None, delay=0.01):
    """Carry texts both ways with a fixed delay until the time is `until`."""
    wires = {"to_agent": [], "to_carrier": []}
    now = call.started_at
    while now < until:
        for text in call.poll(now):
            wires["to_agent"].append((now + delay, text))
        while wires["to_agent"] and wires["to_agent"][0][0] <= now:
            on_events(session.receive(wires["to_agent"].pop(0)[1], now), now)
        for text in session.poll(now):
            wires["to_carrier"].append((now + delay, text))
        while wires["to_carrier"] and wires["to_carrier"][0][0] <= now:
            call.receive(wires["to_carrier"].pop(0)[1], now)
        arrivals = [queue[0][0] for queue in wires.values() if queue]
        following = min([call.next_poll, session.next_poll, until, *arrivals])
        now = max(now, following) if following > now else now + 1e-4


@pytest.mark.parametrize("audio_format", PLIVO_FORMATS)
def test_what_is_said_is_heard_on_both_sides(audio_format):
    rng = np.random.default_rng(3)
    rate = audio_format.sample_rate
    said, answer = (rng.integers(-20000, 20000, 2 * rate, np.int16) for _ in range(2))
    call, session = CarrierStream(audio_format), Session()
    call.say(said)
    heard, names = [], []

    def on_events(events, now):
        for event in events:
            if isinstance(event, Audio):
                heard.append(event.samples)
            elif isinstance(event, Played):
                names.append((event.name, now))

    call.start(0.0)
    session.play(answer, rate, name="answer", end=True)
    run(call, session, 4.0, on_events)
    wire = audio_format.decode
    np.testing.assert_array_equal(np.concatenate(heard)[: 2 * rate], wire(audio_format.encode(said)))
    _, right = call.recording(4.0)
    start = round(call.player.runs[0].start * rate)
    np.testing.assert_array_equal(right[start : start + 2 * rate], wire(audio_format.encode(answer)))
    assert call.player.gaps == []
    assert call.problems == []
    ((name, at),) = names
    assert name == "answer"
    assert at == pytest.approx(call.player.runs[0].start + 2.0 + 0.01, abs=0.002)


def test_an_interruption_knows_what_the_player_played():
    call, session = CarrierStream(), Session()
    call.start(0.0)
    session.play(np.full(80_000, 5000, np.int16), 8000, name="long", end=True)
    run(call, session, 3.0)
    heard = session.interrupt(3.0)
    for text in session.poll(3.0):
        call.receive(text, 3.0)
    truth = sum(len(run.data) for run in call.player.runs) / 8
    assert heard.heard_ms == pytest.approx(truth, abs=40)


def test_ten_minutes_take_no_drift():
    call, session = CarrierStream(), Session(max_queued_ms=600_000)
    call.start(0.0)
    session.play(np.full(600 * 8000, 5000, np.int16), 8000, end=True)
    run(call, session, 602.0)
    assert call.player.gaps == []
    assert [len(r.data) for r in call.player.runs] == [600 * 8000]


def test_a_bare_session_is_small():
    sessions = []
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for i in range(100):
        session = Session()
        call = CarrierStream(stream_id=f"stream-{i}")
        call.start(0.0)
        session.receive(call.poll(0.0)[0], 0.0)
        session.receive('{"event":"media","streamId":"s","media":{"payload":"/////w=="}}', 0.0)
        session.play(np.zeros(160, np.int16), end=True)
        session.poll(0.0)
        sessions.append(session)
        del call
    per_session = (tracemalloc.get_traced_memory()[0] - before) / 100
    tracemalloc.stop()
    assert per_session <= 42_500  # two guards that listen have 20 KB of it


@pytest.mark.untraced
def test_nothing_grows_with_the_length_of_a_call(dose):
    frames = dose(10_000, 1_000_000)
    session = Session()
    session.receive('{"event":"start","start":{"streamId":"s"}}', 0.0)
    text = CarrierStream()
    text.start(0.0)
    media = next(t for t in text.poll(0.03) if '"media"' in t)
    frame = np.full(160, 1000, np.int16)
    encoded = PLIVO_MULAW_8K.encode(frame)

    def spend(first, n):
        for i in range(first, first + n):
            session.receive(media, i * 0.02)
            session.play(encoded, format=PLIVO_MULAW_8K, end=True)
            for message in session.poll(i * 0.02):
                if '"checkpoint"' in message and i % 10 == 0:
                    name = message.rsplit('"', 2)[1]
                    session.receive(json.dumps({"event": "playedStream", "name": name}), i * 0.02)

    spend(0, frames // 10)
    before = sys.getallocatedblocks()
    spend(frames // 10, frames)
    assert sys.getallocatedblocks() - before < 500
    # Blocks do not tell sizes, so bytes are counted too, over fewer frames: counting them is slow.
    tracemalloc.start()
    spend(frames + frames // 10, 2000)  # all that is kept is new now, and counted
    before = tracemalloc.get_traced_memory()[0]
    spend(frames + frames // 10 + 2000, 2000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2_000
    assert math.isfinite(session.queued_ms)
