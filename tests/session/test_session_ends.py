"""How a call drains, is cut off, and goes on with another stream."""

import base64
import json
import math

import numpy as np
import pytest

from _support.messages import start
from _support.session_calls import audio, clean_call, feed, open_session, samples, tone
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.session import Drained, Held, Missed, Played, Session, Started, Stopped
from voiceband.session.outbound.checkpoints import MAX_WAITING


class TestDrain:
    def test_with_nothing_to_say_it_is_at_once(self):
        session = open_session()
        session.drain(hangup_after_drain=True)
        assert session.events() == [Drained(by_clock=False, hangup=True)]
        assert session.hangup_due

    def test_it_comes_with_the_last_answer(self):
        session = Session()
        call, joined = clean_call(session)
        joined.run(0.1)
        session.play(tone(8000, 1.0), name="bye", end=True)
        session.drain()
        joined.run(3.0)
        (at,) = [t for t, e in joined.events if isinstance(e, Drained)]
        assert at >= call.player.runs[0].start + 1.0
        assert not session.hangup_due

    def test_a_carrier_that_never_answers_freezes_nothing(self):
        session = open_session()
        session.play(tone(8000, 1.0), name="bye", end=True)
        session.drain(hangup_after_drain=True)
        now, following = 0.0, 0.0
        while not session.hangup_due and now < 60:
            now = max(following, now + 1e-6)
            session.poll(now)
            following = session.next_poll
        assert 6.0 < now < 10.0
        assert session.events() == [Missed("bye", "timeout"), Drained(by_clock=True, hangup=True)]

    def test_a_stream_that_stops_first_says_so(self):
        session = open_session()
        session.play(tone(8000, 1.0), name="bye", end=True)
        session.drain(hangup_after_drain=True)
        session.poll(0.0)
        assert not session.cut_off
        assert session.close("gone") == [Stopped("gone", undrained=True)]
        assert session.cut_off
        assert not session.hangup_due
        # Another stream says the rest, and then it has drained.
        session.receive(start(stream_id="s2"), 5.0)
        assert not session.cut_off
        events, now = [], 5.0
        while session.queued_ms:
            session.poll(now)
            now += 0.02
        events = session.receive('{"event":"playedStream","name":"bye"}', now + 1)
        assert events == [Played("bye", True), Drained(by_clock=False, hangup=True)]

    def test_an_end_without_a_drain_or_after_it_is_plain(self):
        session = open_session()
        session.play(tone(8000, 1.0), end=True)
        assert session.close() == [Stopped(None, undrained=False)]
        assert session.cut_off
        quiet = open_session()
        quiet.drain()
        assert quiet.close() == [Drained(by_clock=False), Stopped(None, undrained=False)]
        assert not quiet.cut_off


class TestInterruption:
    def test_before_the_start_it_says_what_was_dropped(self):
        counted = []
        session = Session(metrics=lambda *told: counted.append(told))
        session.play(np.zeros(800, np.int16), 8000, name="a")
        session.play(np.zeros(400, np.int16), 8000, end=True)
        session.play(np.zeros(160, np.int16), 8000, name="b", end=True)
        before = session.heard(0.0)
        heard = session.interrupt(0.0)
        assert heard == before
        assert [(u.name, u.queued_ms, u.unsent_ms, u.heard_ms) for u in heard.utterances] == [
            ("a", 150, 150, 0),
            ("b", 20, 20, 0),
        ]
        assert counted == [("interruptions", 1)]
        session.receive(start(), 0.1)
        assert session.poll(0.1) == []


def speak_on(session, name):
    return session.play(np.zeros(80, np.int16), 8000, name=name)


def follow(session):
    session.close()
    session.receive(start(PLIVO_L16_16K), 0.1)


OPEN, GIVEN, LAPSED, INTERRUPTED = (False,) * 3, (True, False, False), (True, True, False), (True, False, True)
ENDS = {  # what it does to an utterance that has a stream, and to one that waits for it
    "its last piece": (lambda session, speech: session.play(np.zeros(0, np.int16), 8000, end=True), GIVEN, GIVEN),
    "its own end": (lambda session, speech: speech.end(), GIVEN, GIVEN),
    "the next one": (lambda session, speech: speak_on(session, "next"), GIVEN, GIVEN),
    "drain": (lambda session, speech: session.drain(), GIVEN, GIVEN),
    "time": (lambda session, speech: [session.poll(now) for now in (0.0, 9.0)], LAPSED, OPEN),
    "interrupt": (lambda session, speech: session.interrupt(0.1), INTERRUPTED, INTERRUPTED),
    "the end of its stream": (lambda session, speech: session.close(), OPEN, GIVEN),
    "a stream in another format": (lambda session, speech: follow(session), INTERRUPTED, GIVEN),
}


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("how", ENDS)
def test_what_ends_an_utterance(how, waits):
    end, *becomes = ENDS[how]
    session = Session() if waits else open_session()
    speech = speak_on(session, "first")
    assert not speech.ended
    end(session, speech)
    assert (speech.ended, speech.lapsed, speech.interrupted) == becomes[waits]


def test_nobody_else_ends_one():
    speech = speak_on(open_session(), "first")
    for name in ("ended", "lapsed", "interrupted"):
        with pytest.raises(AttributeError):
            setattr(speech, name, True)
    assert not speech.ended


class TestReconnect:
    @pytest.mark.parametrize("stream_id", ["s", "s2"])
    def test_nothing_is_heard_twice_and_the_rest_goes_on(self, stream_id):
        session = open_session(guard=False)
        pcm = np.random.default_rng(0).integers(-20000, 20000, 16000, np.int16)
        utterance = session.play(pcm, name="u", end=True)
        texts = session.poll(0.0) + session.poll(0.2)
        if stream_id == "s":
            session.close()
        events = session.receive(start(stream_id=stream_id), 5.0)
        assert [type(e) for e in events] == [Started]
        assert events[0].again
        now = 5.0
        while session.queued_ms:
            texts += session.poll(now)
            now += 0.02
        sent = b"".join(base64.b64decode(json.loads(t)["media"]["payload"]) for t in texts if "playAudio" in t)
        assert sent == PLIVO_MULAW_8K.encode(pcm)
        assert json.loads(texts[-1])["streamId"] == stream_id
        session.receive('{"event":"playedStream","name":"u"}', now + 1)
        (record,) = session.heard(now + 1).utterances
        assert record.sent_ms == record.queued_ms == 2000
        assert record.heard_ms + record.cleared_ms == pytest.approx(2000, abs=650)
        assert utterance.ended

    def test_the_callers_audio_goes_on(self):
        session = open_session()
        pcm = tone(8000, 1.0)
        events = feed(session, PLIVO_MULAW_8K, pcm[:4000])
        session.receive(start(stream_id="s2"), 9.0)
        events += feed(session, PLIVO_MULAW_8K, pcm[4000:])
        np.testing.assert_array_equal(samples(events), PLIVO_MULAW_8K.decode(PLIVO_MULAW_8K.encode(pcm)))
        assert [e.position_ms for e in audio(events)] == [20.0 * i for i in range(50)]
        assert session.stats.reconnects == 1


@pytest.mark.parametrize("n", [MAX_WAITING, MAX_WAITING + 6])
def test_each_checkpoint_has_an_outcome_however_many_there_are(n):
    session = Session()
    session.receive(start(), 0.0)
    for i in range(n):
        session.checkpoint(f"word {i}", timeout_s=5)
    session.poll(0.0)
    events = session.events()
    for i in range(n):
        events += session.receive(json.dumps({"event": "playedStream", "streamId": "s", "name": f"word {i}"}), 0.1)
    outcomes = {event.name: type(event) for event in events if isinstance(event, (Missed, Played))}
    assert outcomes == {f"word {i}": Missed if i < n - MAX_WAITING else Played for i in range(n)}
    assert session.next_poll == math.inf


def test_a_checkpoint_too_many_is_told_at_the_end_at_the_latest():
    session = Session()
    session.receive(start(), 0.0)
    for i in range(MAX_WAITING + 1):
        session.checkpoint(f"word {i}")
    events = session.close("hung up")
    assert [event.reason for event in events if isinstance(event, Missed)][:2] == ["timeout", "closed"]


def test_a_drain_whose_end_was_given_up_is_by_the_clock():
    session = Session(lead_ms=None)
    session.receive(start(), 0.0)
    session.play(np.zeros(160, np.int16), 8000, end=True)
    session.poll(0.0)
    session.drain()
    for i in range(MAX_WAITING):
        session.checkpoint(f"word {i}")
    session.poll(0.0)
    events = session.events()
    for i in range(MAX_WAITING):
        events += session.receive(json.dumps({"event": "playedStream", "streamId": "s", "name": f"word {i}"}), 0.1)
    assert [event.by_clock for event in events if isinstance(event, Drained)] == [True]


class TestWhatGoesOver:
    def test_keys_that_had_not_left_go_to_the_next_stream_and_to_none_that_has_stopped(self):
        session = open_session()
        session.send_dtmf("1#")
        session.close()
        assert session.poll(0.5) == []
        assert session.next_poll == math.inf
        session.receive(start(stream_id="s2"), 1.0)
        assert [json.loads(text)["dtmf"] for text in session.poll(1.0)] == ["1#"]

    def test_a_stream_that_was_held_is_told_to_be_so_no_more(self):
        session = open_session()
        assert session.receive('{"event":"muteStream"}', 0.1) == [Held(True)]
        events = session.receive(start(stream_id="s2"), 0.5)
        assert [type(event) for event in events] == [Started, Held]
        assert events[1] == Held(False)

    @pytest.mark.parametrize("name", ["s1", None, "s" * 100_000])
    def test_a_stream_is_another_one_whether_it_has_a_name_or_not(self, name):
        first, session = start(stream_id=name), Session()
        session.receive(first, 0.0)
        assert session.receive(first, 0.1) == []  # the same message again
        session.play(tone(8000, 10.0), name="a", end=True)
        session.poll(0.2)
        session.close()
        (again,) = [e for e in session.receive(first, 1.5) if isinstance(e, Started)]
        assert again.again
        assert session.stats.reconnects == 1
        assert session.heard(20.0)["a"].heard_ms < 10_000

    def test_a_file_that_breaks_off_in_its_first_bytes_is_an_utterance_without_audio(self):
        for ending in ("poll", "drain", "next"):
            session = open_session()
            broken = session.play(b"RIFF", format="wav", rate=8000, name="a")
            session.poll(0.0)
            if ending == "poll":
                session.poll(10.0)
            elif ending == "drain":
                session.drain()
            session.play(tone(8000, 1.0), name="c", end=True)
            assert broken.ended
            assert sum(len(text) for text in session.poll(11.0)) > 0
            assert session.queued_ms < 1000

    def test_a_checkpoint_is_given_up_while_the_carrier_takes_no_audio(self):
        session = open_session()
        session.checkpoint("x", timeout_s=1)
        session.poll(0.0)
        session.receive('{"event":"muteStream"}', 0.1)
        assert session.next_poll == pytest.approx(1.0)
        session.poll(1.1)
        assert session.events() == [Missed("x", "timeout")]

    def test_what_waits_for_the_start_is_in_the_figures(self):
        session = Session()
        session.play(tone(8000, 1.0), rate=8000)
        assert session.stats.queued_ms == session.queued_ms == 1000
