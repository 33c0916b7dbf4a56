"""Capture and replay: the same events, samples and figures."""

import random

import numpy as np
import pytest

from session_calls import clean_call, start, tone
from test_session_proof import Joined, Path, random_call
from voiceband.emulator import Call
from voiceband.formats import PLIVO_L16_8K
from voiceband.session import (
    Audio,
    Capture,
    Cleared,
    Drained,
    Malformed,
    Played,
    QueueFullError,
    Session,
    Started,
    Stopped,
    replay,
)


def figures(session):
    return session.stats.as_dict() | {"bytes_in": 0}  # what is redacted has another length


def same(ours, theirs):
    ours = list(ours)
    assert [(t, type(e)) for t, e in ours] == [(t, type(e)) for t, e in theirs]
    for (_, a), (_, b) in zip(ours, theirs, strict=True):
        if isinstance(b, Audio):
            np.testing.assert_array_equal(a.samples, b.samples)
            assert [getattr(a, f) for f in a.__struct_fields__[1:]] == [getattr(b, f) for f in b.__struct_fields__[1:]]
        elif not isinstance(b, (Started, Malformed)):  # these hold what is redacted
            assert a == b


class TestCapture:
    def test_a_replay_gives_the_same_events_and_samples(self, tmp_path):
        path = tmp_path / "wire.jsonl"
        rng = random.Random(9)
        options = {"rate": 16000, "denoise": 80}
        with Capture(path) as capture:
            session = Session(capture=capture, **options)
            call = Call(PLIVO_L16_8K, extra_headers="phone=+49301234567")
            joined = Joined(call, session, Path(rng, 0.03, 0.02, 6, 0.2), Path(rng, 0.02, 0.02, 6, 0.2))
            call.say(np.random.default_rng(0).integers(-9000, 9000, 8 * 8000, np.int16))
            joined.run(0.5)
            session.play(tone(24000, 1.0), 24000, name="a")
            joined.run(2.5)
            session.play(tone(24000, 4.0), 24000, name="b")
            call.press("7", joined.now)
            joined.run(4.0)
            session.interrupt(joined.now)
            joined.run(5.0)
            session.checkpoint("mine")
            session.play(tone(8000, 1.0), 8000, name="c")
            session.receive("{nonsense", joined.now)
            joined.run(8.0)
        assert "301234567" not in path.read_text()
        events = list(replay(path, Session(**options)))
        expected = [(t, e) for t, e in joined.events if not isinstance(e, Malformed)]
        events = [(t, e) for t, e in events if not isinstance(e, Malformed)]
        assert [type(e) for _, e in events] == [type(e) for _, e in expected]
        for (t, ours), (at, theirs) in zip(events, expected, strict=True):
            assert t == at
            if isinstance(theirs, Audio):
                np.testing.assert_array_equal(ours.samples, theirs.samples)
            elif not isinstance(theirs, Started):
                assert ours == theirs
        assert any(isinstance(e, Cleared) and e.heard.heard_ms > 500 for _, e in events)

    @pytest.mark.parametrize("seed", range(12))
    def test_a_random_call_replays_event_by_event(self, tmp_path, seed):
        path, events = tmp_path / "wire.jsonl", []
        with Capture(path) as capture:
            session = Session(capture=capture)
            random_call(seed, session=session, events=events)
        again = Session()
        same(replay(path, again), events)
        assert figures(again) == figures(session)
        assert any(isinstance(e, Drained) for _, e in events)

    def test_all_that_an_agent_can_do_is_replayed(self, tmp_path):
        path = tmp_path / "wire.jsonl"
        options = {"rate": 16000, "tracks": ("inbound",), "checkpoint_every_ms": 300, "max_queued_ms": 5000}
        rng = random.Random(4)
        with Capture(path) as capture:
            session = Session(capture=capture, **options)
            before = session.play(tone(24000, 0.3), 24000, end=False)
            session.play(tone(24000, 0.3), 24000, utterance=before)
            _, joined = clean_call(session, format=PLIVO_L16_8K)
            joined.call.say(np.random.default_rng(0).integers(-9000, 9000, 12 * 8000, np.int16))
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
                odd = session.play(bytes(rng.randrange(400)), format="audio/x-l16;rate=8000", end=False)
                session.play(bytes(rng.randrange(4000)), format=PLIVO_L16_8K, utterance=odd)
                with pytest.raises(QueueFullError):
                    session.play(tone(8000, 9.0), 8000)
                joined.run(joined.now + 0.4)
            session.send_dtmf("0123456789")
            late = session.play(tone(44100, 1.0), 44100, end=False)
            joined.run(joined.now + 0.3)
            session.interrupt(joined.now)
            session.play(tone(44100, 1.0), 44100, utterance=late)
            session.drain(hangup_after_drain=True)
            session.play(np.zeros(800, np.float32), 8000, name="bye")
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
