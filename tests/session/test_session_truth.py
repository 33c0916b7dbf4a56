"""What a session says was heard: asking changes nothing, and a stream that is gone takes nothing for granted."""

import base64
import json

import numpy as np
import pytest

from _support.messages import media, played, start
from voiceband.formats import PLIVO_L16_8K, PLIVO_MULAW_8K
from voiceband.session import Capture, Drained, Missed, Played, Session, Started, replay


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def drained_at(session, *, ask_every=0, until_s=30):
    for i in range(1, until_s * 50):
        events = session.receive(media(i), i * 0.02)
        session.poll(i * 0.02)
        if ask_every and i % ask_every == 0:
            session.heard(i * 0.02)
        if of(events, Drained):
            return i, of(events, Drained)
    return None, []


class TestAsking:
    @pytest.mark.parametrize("every", [5, 50, 250])
    def test_what_was_heard_does_not_put_off_the_end_of_a_drain_without_answers(self, every):
        ends = []
        for ask_every in (0, every):
            session = Session()
            session.receive(start(), 0.0)
            session.play(np.ones(16000, np.int16), 8000, end=True)
            session.drain(hangup_after_drain=True)
            ends.append(drained_at(session, ask_every=ask_every))
        assert ends[0] == ends[1]
        assert of(ends[0][1], Drained) == [Drained(by_clock=True, hangup=True)]

    def test_what_was_heard_twice_gives_the_same_answer_and_replays_alike(self, tmp_path):
        told = []
        with Capture(tmp_path / "call.jsonl") as capture:
            session = Session(guard=False, capture=capture)
            session.receive(start(), 0.0)
            session.play(np.ones(16000, np.int16), 8000, end=True)
            session.drain()
            for i in range(1, 500):
                told += session.receive(media(i), i * 0.02)
                session.poll(i * 0.02)
                assert session.heard(i * 0.02) == session.heard(i * 0.02)
        again = [event for _, event in replay(tmp_path / "call.jsonl", Session(guard=False))]
        assert [type(e) for e in again][1:] == [type(e) for e in told]
        assert of(again, Drained) == of(told, Drained) != []


@pytest.mark.parametrize("hook", [None, lambda name, value: None])
class TestSecondStart:
    def test_ends_a_drain_whose_speech_went_down_with_the_first_stream(self, hook):
        session = Session(metrics=hook)
        session.receive(start(), 0.0)
        session.play(np.ones(16000, np.int16), 8000, end=True)
        session.drain(hangup_after_drain=True)
        for i in range(1, 90):
            session.receive(media(i), i * 0.02)
            session.poll(i * 0.02)
        events = session.receive(start(stream_id="s2"), 1.8)
        assert [type(event) for event in events] == [Started, Drained]
        assert events[1] == Drained(by_clock=True, hangup=True, cut_off=True)
        assert session.hangup_due

    def test_drains_when_what_was_left_has_been_heard(self, hook):
        session = Session(metrics=hook)
        session.receive(start(), 0.0)
        session.play(np.ones(24000, np.int16), 8000, name="a", end=True)
        session.drain()
        for i in range(1, 30):
            session.receive(media(i), i * 0.02)
            session.poll(i * 0.02)
        events = session.receive(start(stream_id="s2"), 0.6)
        for i in range(30, 250):
            session.poll(i * 0.02)
        assert not of(events, Drained)
        events = session.receive(played("a"), 5.0)
        assert events == [Played("a", utterance=True), Drained(by_clock=False, cut_off=True)]

    def test_in_another_format_ends_a_drain_too(self, hook):
        session = Session(metrics=hook)
        session.receive(start(), 0.0)
        session.play(np.ones(24000, np.int16), 8000, end=True)
        session.drain()
        session.poll(0.0)
        events = session.receive(start(PLIVO_L16_8K, "s2"), 0.5)
        assert of(events, Drained) == [Drained(by_clock=True, cut_off=True)]

    @pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_8K])
    def test_keeps_the_error_of_what_nobody_confirmed(self, hook, wire):
        session = Session(metrics=hook, guard=False, message_ms=20)
        session.receive(start(), 0.0)
        session.play(np.ones(8000, np.int16), 8000, name="a", end=True)
        for i in range(1, 30):
            session.receive(media(i), i * 0.02)
            session.poll(i * 0.02)
        before = session.heard(0.58)
        events = session.receive(start(wire, "s2"), 0.59)
        after = session.heard(0.59) if wire == PLIVO_MULAW_8K else events[1].heard
        assert before["a"].heard_error_ms > 100
        assert (after.heard_ms, after.heard_error_ms) == (before.heard_ms, before.heard_error_ms)

    def test_an_answer_on_it_says_nothing_of_what_went_down_with_the_first(self, hook):
        session = Session(metrics=hook, guard=False, message_ms=20)
        session.receive(start(), 0.0)
        session.play(np.ones(8000, np.int16), 8000, name="a", end=True)
        for i in range(1, 30):
            session.receive(media(i), i * 0.02)
            session.poll(i * 0.02)
        assert session.heard(0.59)["a"].sent_ms == 960
        session.receive(start(stream_id="s2"), 0.59)
        before = session.heard(0.59)["a"]
        session.play(np.ones(1600, np.int16), 8000, name="b", end=True)
        for i in range(30, 100):
            session.receive(media(i), i * 0.02)
            session.poll(i * 0.02)
        session.receive(played("a"), 2.0)
        session.receive(played("b"), 2.0)
        heard = session.heard(2.0)
        a, b = heard["a"], heard["b"]
        assert a.acknowledged_ms == 40  # what the second stream was sent
        assert a.heard_ms == before.heard_ms + 40
        assert a.heard_error_ms == before.heard_error_ms
        assert a.heard_ms + a.cleared_ms == a.queued_ms
        assert b.heard_ms == b.acknowledged_ms == 200
        assert heard.heard_ms == a.heard_ms + b.heard_ms
        final = session.interrupt(2.0)["a"]
        assert (final.heard_ms, final.cleared_ms) == (a.heard_ms, a.cleared_ms)


class TestNames:
    @pytest.mark.parametrize("first", ["interrupt", "timeout", "checkpoint"])
    def test_a_late_answer_to_a_namesake_does_not_count(self, first):
        session = Session(lead_ms=5000)
        session.receive(start(), 0.0)
        if first == "checkpoint":
            session.checkpoint("greet", timeout_s=1)
        else:
            session.play(np.ones(800, np.int16), 8000, name="greet", end=True)
        session.poll(0.0)
        now = 0.05
        if first == "interrupt":
            session.interrupt(now)
            session.poll(now)
        else:
            missed = []
            while not missed:
                now += 0.5
                assert now < 60
                missed = of(session.receive(media(round(now * 50)), now), Missed)
                session.poll(now)
        utterance = session.play(np.ones(24000, np.int16), 8000, name="greet", end=True)
        session.drain()
        texts = session.poll(now)
        (wire,) = [m["name"] for m in map(json.loads, texts) if m["event"] == "checkpoint"]
        assert wire != "greet"
        assert session.receive(played("greet"), now + 0.05) == []
        assert utterance.acknowledged == 0
        assert session.stats.late_answers == 1
        assert session.receive(played(wire), now + 3.3) == [Played("greet", utterance=True), Drained(by_clock=False)]


class TestWithoutStreamId:
    @pytest.mark.parametrize("flowing", [False, True])
    def test_the_clock_says_when_all_was_heard(self, flowing):
        session = Session()
        session.receive(start(stream_id=None), 0.0)
        session.play(np.ones(8000, np.int16), 8000, end=True)
        session.drain(hangup_after_drain=True)
        events, now = [], 0.0
        while not of(events, Drained):
            now += 0.02
            assert now < 3
            if flowing:
                events += session.receive(media(round(now * 50)), now)
            session.poll(now)
            events += session.events()
        assert now > 1.0
        assert of(events, Drained) == [Drained(by_clock=True, hangup=True)]

    def test_no_more_waits_at_the_far_end_than_it_takes(self):
        session = Session(lead_ms=None)
        session.receive(start(stream_id=None), 0.0)
        sent = 0
        for k in range(4):
            session.play(np.zeros(8000 * 60, np.int16), 8000, end=True)
            for text in session.poll(k * 0.1):
                sent += len(base64.b64decode(json.loads(text)["media"]["payload"]))
            session.interrupt(k * 0.1 + 0.05)
        assert sent <= 8000 * 30
