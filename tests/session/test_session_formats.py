"""What the wire carries: said by the start, by the media, or by nobody; whatever is assumed is told."""

import base64
import json
import pickle

import numpy as np
import pytest

from _support.session_calls import audio, open_session, samples
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.session import Audio, Failed, Held, Refused, Session, Started, Warned

TONE = np.rint(8000 * np.sin(np.arange(4800) * 0.2)).astype(np.int16)


def start(media_format=None, **more):
    body = {"streamId": "s", "callId": "c", **more}
    if media_format is not None:
        body["mediaFormat"] = media_format
    return json.dumps({"event": "start", "start": body})


def media(wire, pcm, chunk=None, **more):
    body = {"track": "inbound", "payload": base64.b64encode(wire.encode(pcm)).decode(), **more}
    if chunk is not None:
        body |= {"chunk": chunk, "timestamp": str(20 * chunk)}
    return json.dumps({"event": "media", "streamId": "s", "media": body})


def frames(wire, **more):
    n = wire.frame_samples()
    return [media(wire, TONE[i : i + n], 1 + i // n, **more) for i in range(0, len(TONE), n)]


def run(session, messages):
    return [event for i, message in enumerate(messages) for event in session.receive(message, 0.02 * i)]


@pytest.mark.parametrize(
    ("written", "wire", "quoted"),
    [
        (None, PLIVO_L16_8K, "no mediaFormat"),
        ({"encoding": "audio/opus", "sampleRate": 48000}, PLIVO_L16_8K, '{"encoding":"audio/opus","sampleRate":48000}'),
        ({"encoding": "audio/x-l16"}, PLIVO_L16_8K, '{"encoding":"audio/x-l16"}'),
        ({"encoding": "linear16", "sampleRate": 16000}, PLIVO_L16_16K, '"linear16"'),
        ({"type": "audio/x-l16", "rate": 16000}, PLIVO_L16_16K, '{"type":"audio/x-l16","rate":16000}'),
        ({"encoding": "audio/x-alaw", "sampleRate": 8000}, PLIVO_L16_8K, "audio/x-alaw;rate=8000"),
        ({"encoding": "audio/x-mulaw", "sampleRate": 16000}, PLIVO_L16_8K, "audio/x-mulaw;rate=16000"),
    ],
)
def test_what_a_start_leaves_open_is_assumed_and_told(written, wire, quoted):
    session = Session()
    started, warned = session.receive(start(written), 0.0)
    assert started.format == session.format == wire
    assert warned.kind == "format"
    assert quoted in warned.reason
    assert f"{wire} is assumed" in warned.reason
    np.testing.assert_array_equal(samples(run(session, frames(wire))), TONE)


@pytest.mark.parametrize(
    "written",
    [
        {"encoding": "audio/x-mulaw", "sampleRate": 8000},
        {"encoding": "audio/x-mulaw", "sampleRate": "8000"},
        {"encoding": "audio/x-mulaw;rate=8000"},
    ],
)
def test_documented_spellings_are_not_remarked_on(written):
    events = run(Session(), [start(written), *frames(PLIVO_MULAW_8K)])
    assert [type(e) for e in events] == [Started] + [Audio] * 30


@pytest.mark.parametrize("written", [None, {"encoding": "audio/x-mulaw", "sampleRate": 8000}])
@pytest.mark.parametrize("rate", [8000, "8000"])
def test_the_medias_own_word_wins(written, rate):
    session = Session()
    said = {"contentType": "audio/x-l16", "sampleRate": rate}
    events = run(session, [start(written), *frames(PLIVO_L16_8K, **said)])
    np.testing.assert_array_equal(samples(events), TONE)
    assert len([e for e in events if isinstance(e, Warned)]) == 1


def test_media_correct_both_directions_where_the_start_said_nothing():
    session = Session()
    said = {"contentType": "audio/x-l16", "sampleRate": 16000}
    events = run(session, [start(), *frames(PLIVO_L16_16K, **said)])
    np.testing.assert_array_equal(samples(events), TONE)
    assert session.format == PLIVO_L16_16K
    session.play(TONE, 16000, end=True)
    assert '"sampleRate":16000' in session.poll(1.0)[0].replace(" ", "")


def test_media_in_a_format_that_no_wire_carries_warn_once():
    session = open_session(PLIVO_L16_8K)
    events = run(session, frames(PLIVO_L16_8K, contentType="audio/opus"))
    (warned,) = (e for e in events if isinstance(e, Warned))
    assert warned.kind == "format"
    assert "audio/opus" in warned.reason
    assert len(audio(events)) == 30


def test_media_alone_are_heard_after_half_a_second_and_can_be_answered():
    session = Session(fallback_format=PLIVO_MULAW_8K)
    session.play(TONE, 8000, end=True)
    messages = frames(PLIVO_MULAW_8K)
    assert run(session, messages[:24]) == []
    started, warned, *heard = session.receive(messages[24], 0.5)
    assert (started.stream_id, warned.kind, len(heard)) == ("s", "format", 25)
    assert '"playAudio"' in session.poll(0.5)[0].replace(" ", "")
    session.interrupt(0.6)
    assert json.loads(session.poll(0.6)[0]) == {"event": "clearAudio", "streamId": "s"}


def test_media_alone_that_say_their_format_are_heard_at_once():
    said = {"contentType": "audio/x-l16", "sampleRate": 8000}
    session = Session(fallback_format=PLIVO_MULAW_8K)
    np.testing.assert_array_equal(samples(run(session, frames(PLIVO_L16_8K, **said))), TONE)


def test_a_start_that_comes_late_is_the_start():
    session = Session(fallback_format=PLIVO_MULAW_8K)
    run(session, frames(PLIVO_MULAW_8K))
    (started,) = session.receive(start({"encoding": "audio/x-mulaw", "sampleRate": 8000}), 1.0)
    assert (started.call_id, started.again) == ("c", False)
    assert session.call_id == "c"


def test_call_sid_is_a_call_id():
    assert Session().receive(start({"encoding": "audio/x-mulaw"}, callId=None, callSid="x"), 0.0)[0].call_id == "x"


def test_a_started_event_pickles():
    session = Session()
    text = json.loads(start({"encoding": "audio/x-mulaw"})) | {"extra_headers": '{"X-PH-a":"1"}'}
    (started,) = session.receive(json.dumps(text), 0.0)
    assert started.headers == {"X-PH-a": "1"}
    assert pickle.loads(pickle.dumps(started)) == started


@pytest.mark.parametrize("options", [{"denoise": 85}, {"denoise": 85, "rate": 24000}, {"rate": 4000}])
@pytest.mark.parametrize("n", [0, 1, 7, 40])
def test_no_audio_event_is_empty(options, n):
    session = open_session(PLIVO_L16_8K, **options)
    events = run(session, [media(PLIVO_L16_8K, TONE[i * n : i * n + n]) for i in range(60)])
    assert all(len(e.samples) for e in audio(events))


def refusal(session, now, **more):
    """Return the event of a message that the carrier did not take."""
    (refused,) = session.receive(json.dumps({"event": "incorrectPayload", "streamId": "s", **more}), now)
    assert type(refused) is Refused
    return refused


class TestWhatTheCarrierDoesNotTake:
    def test_a_refused_message(self):
        refused = refusal(open_session(), 0.0, reason="bad type", secret="x")
        assert (refused.reason, refused.message) == ("bad type", "")
        assert "secret" not in repr(refused)

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ({"payload": {"event": "checkpoint", "name": "a", "streamId": "s"}}, "checkpoint 'a'"),
            ({"payload": '{"event":"playAudio","media":{"contentType":"wav"}}'}, "playAudio"),
            ({"incorrectPayload": {"message": "sendDTMF takes 0-9"}}, "sendDTMF"),
            ({"errors": [{"of": {"event": "clearAudio"}}]}, "clearAudio"),
            ({"reason": "bad checkpoint", "name": "b"}, "checkpoint 'b'"),
            ({"reason": "{" * 5000}, ""),
            ({"payload": {"event": "media"}, "name": ["a"]}, ""),
        ],
    )
    def test_the_message_that_it_quotes(self, more, message):
        assert refusal(open_session(), 0.0, **more).message == message

    def test_without_a_quote_it_is_what_was_sent_just_before(self):
        session = open_session()
        session.play(TONE, 8000, name="hello")
        session.poll(1.0)
        assert refusal(session, 1.1).message == "playAudio 'hello'"
        assert refusal(session, 1.1, reason="playAudio is bad").message == "playAudio 'hello'"
        assert refusal(session, 9.0).message == ""

    def test_more_than_one_may_be_meant(self):
        session = open_session()
        session.play(TONE, 8000, name="hello", end=True)
        texts = [text for i in range(60) for text in session.poll(0.02 * i)]
        assert "checkpoint" in texts[-1]
        session.receive('{"event":"playedStream","streamId":"s","name":"voiceband-mark-1"}', 1.25)
        assert refusal(session, 1.3).message == "playAudio 'hello' or checkpoint 'hello'"
        assert refusal(session, 1.3, name="hello").message == "checkpoint 'hello'"
        session.receive('{"event":"playedStream","streamId":"s","name":"hello"}', 1.4)
        assert refusal(session, 1.5).message == "playAudio 'hello'"

    def test_a_clear_and_keys_may_be_meant(self):
        session = open_session()
        session.send_dtmf("5")
        session.poll(1.0)
        assert refusal(session, 1.1).message == "sendDTMF"
        session.play(TONE, 8000, name="hello")
        session.poll(4.0)
        session.interrupt(4.1)
        session.poll(4.1)
        assert refusal(session, 4.2).message == "playAudio 'hello' or clearAudio"
        session.receive('{"event":"clearedAudio","streamId":"s"}', 4.3)
        assert refusal(session, 4.4).message == ""

    def test_a_failed_one_is_another_matter(self):
        (failed,) = open_session().receive('{"event":"playFailed","streamId":"s","reason":"r"}', 0.0)
        assert isinstance(failed, Failed)

    def test_nothing_is_sent_while_the_carrier_is_muted(self):
        session = open_session()
        session.play(TONE, 8000, end=True)
        assert session.receive('{"event":"muteStream","streamId":"s"}', 0.0) == [Held(True)]
        assert session.poll(0.1) == []
        assert session.next_poll > 1e9
        session.send_dtmf("5")
        assert len(session.poll(0.2)) == 1
        assert session.receive('{"event":"unmuteStream","streamId":"s"}', 3.0) == [Held(False)]
        assert any("playAudio" in text for text in session.poll(3.0))
        assert session.queued_ms < 600
