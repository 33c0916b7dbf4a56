"""An interruption: what is dropped, what the carrier is told, and what was heard."""

import numpy as np
import pytest

from _support.messages import start
from _support.session_calls import open_session, sent
from voiceband.session import Session


class TestInterrupt:
    def test_drops_what_is_queued_and_clears_the_far_end_first(self):
        session = open_session()
        session.play(np.zeros(16_000, np.int16), name="a", end=True)
        session.play(np.zeros(16_000, np.int16), name="b", end=True)
        session.poll(0.0)
        session.send_dtmf("1")
        heard = session.interrupt(0.45)
        assert [m["event"] for m in sent(session.poll(0.45))] == ["clearAudio", "sendDTMF"]
        assert session.poll(9.0) == []
        # Up to 600 ms until the player sounds, as long as no answer has shown it, so 0 to 420 ms have been played.
        assert heard.heard_ms == pytest.approx(210, abs=30)
        assert heard.heard_error_ms == pytest.approx(210, abs=30)
        assert [(u.name, u.sent_ms, u.unsent_ms) for u in heard.utterances] == [("a", 420, 1580), ("b", 0, 2000)]
        for u in heard.utterances:
            assert u.heard_ms + u.cleared_ms + u.unsent_ms == u.queued_ms
            assert u.audio_end_ms == int(u.heard_ms)

    def test_acknowledgements_correct_the_clock(self):
        session = open_session()
        session.play(np.zeros(1600, np.int16), name="a", end=True)
        session.play(np.zeros(16_000, np.int16), name="b", end=True)
        session.poll(0.0)
        before = session.heard(0.35)["b"]
        session.receive('{"event":"playedStream","name":"a"}', 0.3)
        # The 200 ms of "a" ended at 0.2 s at the earliest, and when the answer came at the latest.
        b = session.interrupt(0.35)["b"]
        assert b.heard_ms - b.heard_error_ms >= 50 - 1
        assert b.heard_ms + b.heard_error_ms <= 150 + 1
        assert b.heard_error_ms < before.heard_error_ms - 20

    def test_late_acknowledgements_are_ignored_and_speech_can_go_on(self):
        session = open_session()
        session.play(np.zeros(1600, np.int16), name="a", end=True)
        session.poll(0.0)
        session.interrupt(0.1)
        assert session.receive('{"event":"playedStream","name":"a"}', 0.2) == []
        session.poll(0.2)
        session.play(np.zeros(160, np.int16), name="a", end=True)
        assert [m["event"] for m in sent(session.poll(1.0))] == ["playAudio", "checkpoint"]

    def test_before_the_start(self):
        session = Session()
        session.play(np.zeros(160, np.int16), 8000, end=True)
        assert session.interrupt(0.0).heard_ms == 0
        session.receive(start(), 0.1)
        assert session.poll(0.1) == []
