"""What a session refuses, and what stays as it was when it does."""

import json
import math

import numpy as np
import pytest

from _support.messages import start
from _support.session_calls import open_session
from voiceband.formats import PLIVO_FORMATS, PLIVO_L16_16K, PLIVO_MULAW_8K, AudioFormat
from voiceband.session import Cleared, Drained, Failed, Malformed, Missed, QueueFullError, Session, Started, Stopped
from voiceband.session.outbound import refusal
from voiceband.session.outbound.encode import Converter

FRAME = np.zeros(160, np.int16)


def sent(texts):
    return [(m["event"], m.get("name")) for m in map(json.loads, texts)]


class TestReceiveDoesNotRaise:
    @pytest.mark.parametrize("wire", PLIVO_FORMATS)
    @pytest.mark.parametrize("rate", [4000, 4410, 7999, 11025, 44100, 192000])
    def test_what_play_takes_before_the_start_fits_every_wire(self, wire, rate):
        session = Session()
        try:
            session.play(np.zeros(441, np.int16), rate, end=True)
        except ValueError:
            assert session.queued_ms == 0
        assert [type(e) for e in session.receive(start(wire), 0.0)] == [Started]

    def test_a_piece_that_fails_all_the_same(self, monkeypatch):
        session = Session()
        bad = session.play(FRAME[:40], 8000, name="bad")
        session.play(FRAME, 8000, end=True)
        session.play(FRAME, 8000, name="good", end=True)
        convert = Converter.convert

        def failing(self, data, item):
            if len(data) == 40:
                raise ValueError("no")
            return convert(self, data, item)

        monkeypatch.setattr(Converter, "convert", failing)
        started, failed = session.receive(start(), 0.0)
        assert isinstance(started, Started)
        assert isinstance(failed, Failed)
        assert failed.reason == "utterance 'bad' cannot be played: no"
        assert bad.ended
        assert sent(session.poll(0.0)) == [("playAudio", None), ("checkpoint", "good")]


class TestNames:
    def test_of_an_utterance_that_is_queued(self):
        session = open_session()
        session.play(FRAME, name="a", end=True)
        with pytest.raises(ValueError, match="name must be unique, and 'a' is in use"):
            session.play(FRAME, name="a", end=True)
        with pytest.raises(ValueError, match="name must be unique, and 'a' is in use"):
            session.checkpoint("a")
        assert session.queued_ms == 20
        assert sent(session.poll(0.0)) == [("playAudio", None), ("checkpoint", "a")]

    def test_of_an_utterance_that_waits_for_the_start(self):
        session = Session()
        session.play(FRAME, 8000, name="a", end=True)
        with pytest.raises(ValueError, match="in use"):
            session.play(FRAME, 8000, name="a", end=True)

    def test_of_a_checkpoint_that_is_not_sent(self):
        session = open_session()
        session.checkpoint("a")
        for call in (lambda: session.play(FRAME, name="a", end=True), lambda: session.checkpoint("a")):
            with pytest.raises(ValueError, match="in use"):
                call()

    def test_automatic_ones_skip_those_in_use(self):
        session = open_session()
        session.play(FRAME, name="utterance-1", end=True)
        assert session.play(FRAME, end=True).name == "utterance-2"
        waiting = Session()
        waiting.play(FRAME, 8000, name="utterance-1", end=True)
        assert waiting.play(FRAME, 8000, end=True).name == "utterance-2"

    def test_are_free_again_once_answered(self):
        session = open_session()
        session.play(FRAME, name="a", end=True)
        session.poll(0.0)
        session.receive('{"event":"playedStream","name":"a"}', 0.1)
        assert session.play(FRAME, name="a", end=True).name == "a"

    @pytest.mark.parametrize("name", ["voiceband-mark-1", "voiceband-", "n" * 70_000, "ü" * 11_000, 5, ""])
    def test_that_cannot_be(self, name):
        session = open_session()
        for call in (
            lambda: session.play(FRAME, name=name, end=True),
            lambda: session.checkpoint(name),
            lambda: Session().play(FRAME, name=name, end=True),
        ):
            with pytest.raises(ValueError if isinstance(name, str) else TypeError, match="name must"):
                call()
        assert session.poll(0.0) == []

    def test_the_longest_fits_with_the_longest_stream_id(self):
        from voiceband.session.outbound.checkpoints import MAX_NAME_BYTES, MAX_STREAM_ID_BYTES

        session = Session()
        session.receive(start(stream_id="s" * (MAX_STREAM_ID_BYTES - 2)), 0.0)
        name = "n" * (MAX_NAME_BYTES - 2)
        session.play(FRAME, name=name, end=True)
        assert sent(session.poll(0.0))[1] == ("checkpoint", name)

    def test_a_stream_id_that_no_message_can_name(self):
        session = Session()
        events = session.receive(start(stream_id="s" * 65_000), 0.0)
        assert [type(e) for e in events] == [Malformed, Started]
        session.play(FRAME, end=True)
        assert sent(session.poll(0.0)) == [("playAudio", None)]


def test_a_failures_repr_does_not_show_the_message():
    session = open_session()
    (failed,) = session.receive('{"event":"error","reason":"no","extra_headers":"token=secret"}', 0.1)
    assert isinstance(failed, Failed)
    assert "secret" not in repr(failed)
    assert repr(failed).startswith("Failed(reason=")


class TestAfterTheEnd:
    @pytest.mark.parametrize("session", [open_session, Session])
    def test_nothing_can_be_asked_for(self, session):
        session = session()
        session.play(FRAME, 8000, end=True)
        session.close()
        for call in (
            lambda: session.checkpoint("x"),
            lambda: session.send_dtmf("1"),
            lambda: session.play(FRAME, 8000, end=True),
        ):
            with pytest.raises(RuntimeError, match="the call has ended"):
                call()
        assert session.poll(0.0) == []
        assert session.next_poll == math.inf

    def test_what_waited_is_not_sent(self):
        session = open_session()
        session.checkpoint("x")
        session.send_dtmf("1")
        assert session.close() == [Missed("x", "closed"), Stopped()]
        assert session.poll(0.0) == []

    def test_speech_that_waited_for_the_start_is_dropped(self):
        session = Session()
        session.play(FRAME, 8000)
        session.close()
        assert session.queued_ms == 0
        with pytest.raises(RuntimeError, match="the call has ended"):
            session.play(FRAME, 8000, end=True)

    def test_a_later_start_opens_it_again(self):
        session = Session()
        session.close()
        assert [type(e) for e in session.receive(start(), 0.0)] == [Started]
        assert not session.stopped
        session.play(FRAME, name="a", end=True)
        assert sent(session.poll(0.0)) == [("playAudio", None), ("checkpoint", "a")]

    @pytest.mark.parametrize("lead", [0.0, None])
    def test_speech_that_was_cut_off_has_not_drained(self, lead):
        session = open_session(lead_ms=lead)
        session.play(np.zeros(16_000, np.int16), end=True)
        session.poll(0.0)
        session.close()
        session.drain(hangup_after_drain=True)
        assert session.events() == []
        assert not session.hangup_due
        waiting = Session()
        waiting.play(FRAME, 8000, end=True)
        waiting.close()
        waiting.drain()
        assert waiting.events() == []

    def test_drain_after_all_was_heard(self):
        session = open_session()
        session.close()
        session.drain()
        assert session.events() == [Drained(False)]


@pytest.mark.parametrize("now", [math.nan, math.inf, -math.inf, None, "x"])
@pytest.mark.parametrize("call", ["interrupt", "heard", "poll", "receive", "receive start"])
@pytest.mark.parametrize("opened", [True, False])
def test_now(call, now, opened):
    session = open_session() if opened else Session()
    session.play(np.zeros(1600, np.int16), 8000, name="a", end=True)
    before = session.stats
    message = [start(stream_id="s2") if "start" in call else "{"] if "receive" in call else []
    with pytest.raises((TypeError, ValueError), match="now must be a"):
        getattr(session, call.split()[0])(*message, now)
    assert session.stats == before
    assert session.queued_ms == 200
    if not opened:
        session.receive(start(), 0.0)
    assert sent(session.poll(0.0))[-1] == ("checkpoint", "a")


class TestArguments:
    @pytest.mark.parametrize("opened", [True, False])
    @pytest.mark.parametrize(
        ("data", "options", "error", "complaint"),
        [
            (b"ab", {"format": 5}, TypeError, "format must be an AudioFormat, or the name of one such as"),
            (b"ab", {"format": "audio/x-l16;rate=8000", "rate": 16000}, ValueError, "rate must be that of format"),
            (b"ab", {"format": PLIVO_L16_16K, "rate": 8000}, ValueError, "rate must be that of format"),
            (b"ab", {"format": PLIVO_L16_16K, "rate": "x"}, TypeError, "rate must be an integer in Hz"),
            (
                np.zeros(5, np.float32),
                {"format": PLIVO_L16_16K},
                ValueError,
                "must be bytes of pcm_s16le with format=, not an array of 'f'",
            ),
            (
                np.zeros(5, np.int16),
                {"format": PLIVO_MULAW_8K},
                ValueError,
                "must be bytes of pcm_mulaw with format=, not an array of 'h'",
            ),
            ([1, 2], {"format": PLIVO_MULAW_8K}, TypeError, "data must be bytes-like with format=, not list"),
            ("ab", {"format": PLIVO_MULAW_8K}, TypeError, "data must be bytes-like with format=, not str"),
            (5, {"format": PLIVO_MULAW_8K}, TypeError, "data must be bytes-like with format=, not int"),
            (np.array(3, np.int16), {}, ValueError, "data must be one-dimensional, not of shape ()"),
            (np.zeros((2, 3), np.int16), {}, ValueError, "data must be one channel, not of shape (2, 3)"),
            (np.zeros(5, np.uint8), {}, ValueError, "data must hold samples"),
            (np.array([0, np.nan]), {}, ValueError, "data must be finite, but data[1] is nan"),
        ],
    )
    def test_of_play(self, data, options, error, complaint, opened):
        session = open_session() if opened else Session()
        with pytest.raises(error) as caught:
            session.play(data, **options)
        assert complaint in str(caught.value)
        assert session.queued_ms == 0

    @pytest.mark.parametrize("opened", [True, False])
    def test_of_play_for_an_open_utterance(self, opened):
        session = open_session() if opened else Session()
        session.play(FRAME, 8000)
        with pytest.raises(ValueError, match="data must be one-dimensional"):
            session.play(np.array(3, np.int16), 8000)
        assert session.queued_ms == 20

    def test_rate_and_format_that_agree(self):
        session = open_session()
        utterances = [
            session.play(b"ab", 8000, format="audio/x-l16; rate=8000", end=True),
            session.play(b"ab", 16000, format="audio/x-l16", end=True),
            session.play(b"ab", 16000, format=AudioFormat("audio/x-l16", 16000), end=True),
            session.play(np.zeros(160, np.int16), format="audio/x-l16;rate=8000", end=True),
            session.play(np.zeros(160, np.uint8), format=PLIVO_MULAW_8K, end=True),
        ]
        assert [utterance.queued_ms for utterance in utterances] == [20.0] * 5  # in whole frames
        assert session.queued_ms == 100

    @pytest.mark.parametrize(
        "options",
        [
            *({"tracks": value} for value in ("inbound", 5, [], [1], None, ("",))),
            *({name: v} for name in ("max_queued_ms", "checkpoint_every_ms") for v in ("x", math.nan, True, 0)),
        ],
    )
    def test_of_a_session(self, options):
        [(name, value)] = options.items()
        wrong_type = value in ("inbound", 5, [1], None, "x", True)
        with pytest.raises(TypeError if wrong_type else ValueError, match=f"{name} must be"):
            Session(**options)

    @pytest.mark.parametrize("timeout_s", ["x", None, 0, -1, math.nan, True])
    def test_of_a_checkpoint(self, timeout_s):
        session = open_session()
        wrong_type = isinstance(timeout_s, (str, bool, type(None)))
        with pytest.raises(
            TypeError if wrong_type else ValueError,
            match=r"timeout_s must be (a number in s|more than 0 and at most 1e\+12 s, or inf)",
        ):
            session.checkpoint("a", timeout_s=timeout_s)
        with pytest.raises(TypeError, match="name must be a text, not None"):
            session.checkpoint(None)
        assert session.poll(0.0) == []

    @pytest.mark.parametrize("seconds", [-1, -1e-9, math.nan, math.inf, -math.inf, "x", None, True])
    @pytest.mark.parametrize("session", [open_session, Session])
    def test_of_a_round_trip(self, session, seconds):
        wrong_type = isinstance(seconds, (str, bool, type(None)))
        with pytest.raises(
            TypeError if wrong_type else ValueError, match=r"seconds must be (a number|from 0 to 1e\+12), not"
        ):
            session().round_trip(seconds)


class TestBeforeTheStart:
    def test_the_default_rate_is_the_wires(self):
        session = Session()
        utterance = session.play(np.zeros(320, np.int16), end=True)
        session.receive(start(PLIVO_L16_16K), 0.0)
        assert utterance.queued_ms == 20

    def test_pieces_are_bounded(self, monkeypatch):
        monkeypatch.setattr("voiceband.session.outbound.unsent.MAX_PIECES", 3)
        session = Session()
        for _ in range(3):
            session.play(FRAME[:0], 8000)
        with pytest.raises(QueueFullError, match="3 pieces wait for the start"):
            session.play(FRAME[:0], 8000, end=True)

    def test_bytes_are_bounded(self, monkeypatch):
        monkeypatch.setattr("voiceband.session.outbound.unsent.MAX_BYTES", 700)
        session = Session()
        session.play(FRAME, 8000, end=True)
        session.play(bytes(320), format=PLIVO_L16_16K, end=True)
        with pytest.raises(QueueFullError, match="one more of 320 bytes"):
            session.play(FRAME, 8000, end=True)
        assert session.queued_ms == 30


def test_more_speech_calls_off_the_end():
    session = open_session()
    session.drain(hangup_after_drain=True)
    assert session.hangup_due
    session.play(FRAME, end=True)
    assert not session.hangup_due


def test_another_format_in_mid_call_says_what_was_heard():
    session = open_session()
    session.play(np.zeros(16_000, np.int16), name="a", end=True)
    session.poll(0.0)
    events = session.receive(start(PLIVO_L16_16K, stream_id="s2"), 1.0)
    (cleared,) = [e for e in events if isinstance(e, Cleared)]
    a = cleared.heard["a"]
    assert a.queued_ms == 2000
    assert a.heard_ms + a.cleared_ms + a.unsent_ms == a.queued_ms
    session.play(FRAME, 8000, name="a", end=True)
    assert sent(session.poll(1.0)) == [("playAudio", None), ("playAudio", None), ("checkpoint", "a")]


def test_a_refusal_of_any_shape_is_looked_at_for_as_long_as_any(monkeypatch):
    read = []
    monkeypatch.setattr(refusal.json, "loads", lambda text: read.append(text) or {})
    nested = ['{"'] * 5000
    for keys in (0, 10, 63, 64, 65, 5000):
        refusal.quoted({**{str(i): 1 for i in range(keys)}, "x": nested, "y": [nested, nested]})
        assert len(read) <= 2 * refusal.MOST_VALUES
        read.clear()
