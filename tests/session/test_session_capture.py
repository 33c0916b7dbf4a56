"""Capture and replay: the same events, samples and figures."""

import math
import random

import numpy as np
import pytest

from _support.dose import dose
from _support.joined import Joined, Path, random_call
from _support.messages import start
from _support.session_calls import clean_call, tone
from voiceband.formats import PLIVO_L16_8K
from voiceband.markup import Stream
from voiceband.session import (
    Audio,
    Capture,
    Cleared,
    Drained,
    Dtmf,
    Malformed,
    Played,
    QueueFullError,
    Session,
    Started,
    Stopped,
    replay,
)


def figures(session):
    return session.stats.as_dict()


def same(ours, theirs):
    ours = list(ours)
    assert [type(e) for _, e in ours] == [type(e) for _, e in theirs]
    for (t, a), (u, b) in zip(ours, theirs, strict=True):
        assert u - 0.02 <= t <= u  # `events` takes no time: what it gives carries that of the call before it
        if isinstance(b, Audio):
            np.testing.assert_array_equal(a.samples, b.samples)
            assert [getattr(a, f) for f in a.__struct_fields__[1:]] == [getattr(b, f) for f in b.__struct_fields__[1:]]
        elif not isinstance(b, (Started, Malformed, Dtmf)):  # these hold what is redacted
            assert a == b


class TestCapture:
    def test_a_replay_gives_the_same_events_and_samples(self, tmp_path):
        path = tmp_path / "wire.jsonl"
        rng = random.Random(9)
        options = {"rate": 16000, "denoise": 80}
        with Capture(path) as capture:
            session = Session(capture=capture, **options)
            element = Stream("wss://agent.test/", bidirectional=True, keep_call_alive=True, content_type=PLIVO_L16_8K,
                             extra_headers={"phone": "49301234567"})  # fmt: skip
            ways = Path(rng, 0.03, 0.02, 6, 0.2), Path(rng, 0.02, 0.02, 6, 0.2)
            joined = Joined(session, *ways, element=element)
            call = joined.stream
            call.say(np.random.default_rng(0).integers(-9000, 9000, 8 * 8000, np.int16))
            joined.run(0.5)
            session.play(tone(24000, 1.0), 24000, name="a", end=True)
            joined.run(2.5)
            session.play(tone(24000, 4.0), 24000, name="b", end=True)
            call.press("7", joined.now)
            joined.run(4.0)
            session.interrupt(joined.now)
            joined.run(5.0)
            session.checkpoint("mine")
            session.play(tone(8000, 1.0), 8000, name="c", end=True)
            session.receive("{nonsense", joined.now)
            joined.run(8.0)
        assert "301234567" not in path.read_text()
        events = list(replay(path, Session(**options)))
        expected = [(t, e) for t, e in joined.events if not isinstance(e, (Malformed, Dtmf))]
        events = [(t, e) for t, e in events if not isinstance(e, (Malformed, Dtmf))]
        assert [type(e) for _, e in events] == [type(e) for _, e in expected]
        for (t, ours), (at, theirs) in zip(events, expected, strict=True):
            assert t == at
            if isinstance(theirs, Audio):
                np.testing.assert_array_equal(ours.samples, theirs.samples)
            elif not isinstance(theirs, Started):
                assert ours == theirs
        assert any(isinstance(e, Cleared) and e.heard.heard_ms > 500 for _, e in events)

    @pytest.mark.parametrize("seed", range(dose(4, 12)))
    def test_a_random_call_replays_event_by_event(self, tmp_path, seed):
        path, events = tmp_path / "wire.jsonl", []
        with Capture(path) as capture:
            session = Session(capture=capture)
            random_call(seed, session=session, events=events)
        again = Session()
        same(replay(path, again), events)
        assert figures(again) == figures(session)
        assert any(isinstance(e, Drained) for _, e in events)

    def test_any_path_names_a_capture(self, tmp_path):
        class Named:
            def __fspath__(self):
                return str(tmp_path / "wire.jsonl")

        with Capture(Named()) as capture:
            Session(capture=capture).close("over")
        assert [event for _, event in replay(Named(), Session())] == [Stopped("over")]

    def test_all_that_an_agent_can_do_is_replayed(self, tmp_path):
        path = tmp_path / "wire.jsonl"
        options = {"rate": 16000, "tracks": ("inbound",), "checkpoint_every_ms": 1000, "max_queued_ms": 5000}
        rng = random.Random(4)
        with Capture(path) as capture:
            session = Session(capture=capture, **options)
            session.play(tone(24000, 0.3), 24000)
            session.play(tone(24000, 0.3), 24000, end=True)
            _, joined = clean_call(session, wire=PLIVO_L16_8K)
            joined.stream.say(np.random.default_rng(0).integers(-9000, 9000, 12 * 8000, np.int16))
            joined.run(1.0)
            session.mute()
            session.round_trip(0.04)
            joined.run(1.5)
            session.unmute()
            for stage, value in [
                ("buffer", "jitter"),
                ("denoise", 90),
                ("gain_in_db", 3.0),
                ("gain_out_db", -3.0),
                ("rate", 24000),
                ("lead_ms", 100),
                ("denoise", None),
                ("buffer", "timeline"),
                ("rate", None),
            ]:
                setattr(session, stage, value)
                session.checkpoint(f"at-{stage}-{value}", timeout_s=2)
                session.play(bytes(rng.randrange(400)), format="audio/x-l16;rate=8000")
                session.play(bytes(rng.randrange(4000)), format=PLIVO_L16_8K, end=True)
                with pytest.raises(QueueFullError):
                    session.play(tone(8000, 9.0), 8000, end=True)
                joined.run(joined.now + 0.4)
            session.send_dtmf("0123456789")
            late = session.play(tone(44100, 1.0), 44100)
            joined.run(joined.now + 0.3)
            session.interrupt(joined.now)
            for _ in range(2):  # the second piece is late, the third is not, but of another utterance
                session.play(tone(44100, 0.1), 44100, name=late.name)
                late.end()
            session.drain(hangup_after_drain=True)
            session.play(np.zeros(800, np.float32), 8000, name="bye", end=True)
            session.drain()
            joined.run(joined.now + 0.1)
            joined.events += [(joined.now, e) for e in session.close("gone")]
        assert "0123456789" not in path.read_text()
        again = Session(**options)
        same(replay(path, again), joined.events)
        assert figures(again) == figures(session)
        assert {type(e) for _, e in joined.events} >= {Cleared, Played, Stopped, Audio}
        assert joined.events[-1][1] == Stopped("gone", undrained=True)

    def test_what_is_no_capture_is_refused(self, tmp_path):
        for line, why in [
            ("{", "truncated"),
            ("{}", "time"),
            ("[]", "indices"),
            ('{"time": 1, "way": "up"}', "way must be received, call or sent, not 'up'"),
            ('{"time": 1, "way": "call", "call": "__init__"}', "call must be one of a session's, not '__init__'"),
            ('{"time": "x", "way": "received", "text": ""}', "now must be a number"),
        ]:
            with pytest.raises(ValueError, match=rf"line 1 of the capture cannot be replayed: .*{why}"):
                list(replay([line + "\n"], Session()))
        # The last line of a process that was killed in the middle of it.
        path = tmp_path / "wire.jsonl"
        with Capture(path) as capture:
            Session(capture=capture).receive(start(), 0.0)
        whole = path.read_text()
        path.write_text(whole + whole[:20])
        assert [type(e) for _, e in replay(path, Session())] == [Started]

    @pytest.mark.parametrize(
        ("text", "secret"),
        [
            ('{"event":"start","start":{"streamId":"s"},"extra_headers":"user=bob"}', "bob"),
            ('{"event":"news","from":"+49 30 1234567"}', "1234567"),
            ('{"event":"news","from":"0301234567"', "0301234567"),
            ('{"event":"start","start":{"customParameters":{"a":"bob"}}}', "bob"),
        ],
    )
    def test_what_is_personal_is_left_out(self, tmp_path, text, secret):
        for redact in (True, False):
            with Capture(tmp_path / "w", redact=redact) as capture:
                Session(capture=capture).receive(text, 0.0)
            assert (secret in (tmp_path / "w").read_text()) is not redact


def captured(path, *messages, **options):
    with Capture(path, **options) as capture:
        session = Session(capture=capture, guard=False)
        events = [event for message in messages for event in session.receive(message, 0.0)]
    return session, events


def test_a_checkpoint_without_a_limit_is_replayed(tmp_path):
    path = tmp_path / "call.jsonl"
    with Capture(path) as kept:
        session = Session(capture=kept)
        events = session.receive(start(), 0.0)
        session.checkpoint("mine", timeout_s=math.inf)
        session.poll(0.0)
        events += session.close("hung up")
    assert "Infinity" not in path.read_text()
    assert [event for _, event in replay(path, Session())] == events


class TestRedaction:
    @pytest.mark.parametrize(
        "message",
        [
            '\ufeff{"event":"start","start":{"streamId":"s"},"extra_headers":"token=SECRET15551234567"}',
            '{"event":"start","start":{"streamId":"s"},"extra_headers":"token=SECRET15551234567"',
            '{"event":"x","from":15551234567}',
            '{"event":"x","from":15551234567.0}',
            '{"event":"x","15551234567":1}',
            '{"event":"x","name":"+15551234567"}',
            '{"event":"x","EXTRA_HEADERS":"SECRET"}',
            b'{"event":"x","a":"SECRET\xff"}',
        ],
    )
    def test_leaves_out_what_may_be_personal(self, tmp_path, message):
        session, events = captured(tmp_path / "c.jsonl", message)
        written = (tmp_path / "c.jsonl").read_text()
        assert "SECRET" not in written
        assert "15551234567" not in written
        again = Session(guard=False)
        assert [type(e) for _, e in replay(tmp_path / "c.jsonl", again)] == [type(e) for e in events]
        assert again.stats == session.stats

    def test_leaves_out_keys_in_both_directions(self, tmp_path):
        with Capture(tmp_path / "c.jsonl") as capture:
            session = Session(capture=capture)
            session.receive('{"event":"start","start":{"streamId":"s"}}', 0.0)
            session.receive('{"event":"dtmf","dtmf":{"digit":"7351"}}', 0.0)
            session.send_dtmf("4711#")
            assert '"4711#"' in session.poll(0.1)[0]
        written = (tmp_path / "c.jsonl").read_text()
        assert "4711" not in written
        assert "7351" not in written
        assert len([e for _, e in replay(tmp_path / "c.jsonl", Session()) if isinstance(e, Dtmf)]) == 4

    def test_a_name_that_is_a_number_still_finds_its_answer(self, tmp_path):
        with Capture(tmp_path / "c.jsonl") as capture:
            session = Session(capture=capture)
            session.receive(start(), 0.0)
            session.play(np.zeros(160, np.int16), 8000, name="+15551234567", end=True)
            session.poll(0.1)
            events = session.receive('{"event":"playedStream","name":"+15551234567"}', 0.5)
            session.close(reason="lost by +15551234567")
        assert "15551234567" not in (tmp_path / "c.jsonl").read_text()
        again = [type(e) for _, e in replay(tmp_path / "c.jsonl", Session())]
        assert again[1:-1] == [type(e) for e in events]


class TestWhateverComes:
    @pytest.mark.parametrize(
        "message",
        [
            '{"event":"x","a":' + "[" * 900 + "]" * 900 + "}",
            '{"event":"x","a":' + "9" * 5000 + ',"extra_headers":"k"}',
            pytest.param(10**5000, id="int"),
            None,
            np.arange(10),
            b"\xff",
        ],
    )
    def test_it_is_the_same_event_with_a_capture_as_without(self, tmp_path, message):
        _, events = captured(tmp_path / "c.jsonl", message)
        assert [type(e) for e in events] == [type(e) for e in Session(guard=False).receive(message, 0.0)]

    @pytest.mark.parametrize("redact", [True, False])
    def test_the_figures_of_bytes_are_replayed(self, tmp_path, redact):
        messages = ['{"event":"é"}'.encode(), memoryview('{"event":"x","from":"+49 30 1234567 é"}'.encode()), b"\xff"]
        session, events = captured(tmp_path / "c.jsonl", *messages, redact=redact)
        again = Session(guard=False)
        assert [type(e) for _, e in replay(tmp_path / "c.jsonl", again)] == [type(e) for e in events]
        assert again.stats == session.stats

    def test_a_capture_may_end_before_its_call(self, tmp_path):
        capture = Capture(tmp_path / "c.jsonl")
        session = Session(capture=capture)
        capture.close()
        assert len(session.receive(start(), np.float32(1.0))) == 1
