"""The agent's end: events out of texts, paced texts out of speech, and what was heard."""

import copy
import math
import pickle

import numpy as np
import pytest

import voiceband
from _support.messages import media, start
from _support.session_calls import open_session, payloads, sent
from voiceband.formats import PLIVO_FORMATS, PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.protocol import Media
from voiceband.session import (
    Audio,
    Cleared,
    Dtmf,
    Failed,
    Malformed,
    Other,
    Played,
    Session,
    Started,
    Stopped,
    Warned,
)


class TestInbound:
    def test_start(self):
        session = Session()
        (event,) = session.receive(start(extra_headers="a=1"), 0.0)
        assert isinstance(event, Started)
        assert (event.stream_id, event.call_id, event.format, event.tracks) == (
            "s",
            "c",
            PLIVO_MULAW_8K,
            ("inbound",),
        )
        assert dict(event.headers) == {"a": "1"}
        assert not event.again
        assert "a=1" not in repr(event)

    @pytest.mark.parametrize("audio_format", PLIVO_FORMATS)
    @pytest.mark.parametrize("dtype", ["int16", "float32"])
    def test_audio_is_decoded_and_placed(self, audio_format, dtype):
        session = open_session(audio_format, dtype=dtype)
        pcm = np.random.default_rng(0).integers(-32768, 32768, 10 * audio_format.frame_samples(), np.int16)
        wire = audio_format.encode(pcm)
        size = audio_format.frame_bytes()
        events = [e for i in range(10) for e in session.receive(media(i, wire[i * size : (i + 1) * size]), 0.0)]
        assert all(isinstance(e, Audio) and e.track == "inbound" and not e.concealed for e in events)
        assert [e.position_ms for e in events] == [20.0 * i for i in range(10)]
        assert [e.timestamp_ms for e in events] == [20 * i for i in range(10)]
        samples = np.concatenate([e.samples for e in events])
        assert samples.dtype == dtype
        expected = audio_format.decode(wire)
        np.testing.assert_array_equal(samples, expected if dtype == "int16" else expected / 32768)

    def test_byte_order_is_a_choice_in_each_direction(self):
        session = open_session(PLIVO_L16_8K, byteorder_in="big", byteorder_out="big")
        (event,) = session.receive(media(0, b"\x01\x02"), 0.0)
        assert event.samples.tolist() == [0x0102]
        session.play(np.full(160, 0x0102, np.int16), end=True)
        assert payloads(session.poll(0.0)) == b"\x01\x02" * 160

    def test_other_tracks_are_kept_apart(self):
        session = open_session(tracks=("inbound", "outbound"))
        for i, track in ((0, "inbound"), (0, "outbound"), (1, "inbound")):
            (event,) = session.receive(media(i, bytes(160), track), 0.0)
            assert event.track == track
        assert event.position_ms == 20.0

    def test_only_the_caller_is_heard_by_default(self):
        session = open_session()
        (warned,) = session.receive(media(0, bytes(160), "outbound"), 0.0)
        assert isinstance(warned, Warned)
        assert (warned.kind, warned.track) == ("track", "outbound")
        assert session.receive(media(1, bytes(160), "outbound"), 0.02) == []

    def test_media_before_the_start_is_kept(self):
        session = Session()
        wire = [PLIVO_L16_16K.encode(np.full(320, i, np.int16)) for i in range(3)]
        assert [session.receive(media(i, w), 0.0) for i, w in enumerate(wire)] == [[], [], []]
        started, *audio = session.receive(start(PLIVO_L16_16K), 0.1)
        assert isinstance(started, Started)
        assert [e.samples[0] for e in audio] == [0, 1, 2]
        assert audio[2].position_ms == 40.0

    def test_without_a_start_the_fallback_format_is_taken_after_half_a_second(self):
        session = Session(fallback_format=PLIVO_L16_8K)
        started, warned, *audio = [e for i in range(26) for e in session.receive(media(i, bytes(320)), 0.0)]
        assert isinstance(started, Started)
        assert started.format == session.format == PLIVO_L16_8K
        assert warned == Warned("format", "media come without a start message; audio/x-l16;rate=8000 is assumed", "")
        assert [len(e.samples) for e in audio] == [160] * 26

    def test_a_start_without_a_format_means_the_fallback(self):
        session = Session(fallback_format=PLIVO_L16_16K)
        started, warned = session.receive('{"event":"start","start":{"streamId":"s"}}', 0.0)
        assert started.format == PLIVO_L16_16K
        assert warned == Warned("format", "the start has no mediaFormat; audio/x-l16;rate=16000 is assumed", "")

    def test_a_second_start_is_a_reconnect_unless_it_is_the_same(self):
        session = open_session()
        assert session.receive(start(), 1.0) == []
        (event,) = session.receive(start(stream_id="s2"), 2.0)
        assert event.again
        assert session.stream_id == "s2"

    def test_keys(self):
        session = open_session()
        text = '{"event":"dtmf","dtmf":{"digit":"%s","timestamp":"17"}}'
        assert session.receive(text % "5", 0.0) == [Dtmf("5", "inbound", 17)]
        first, second, third = session.receive(text % "1ax", 0.0)
        assert (first.digit, second.digit) == ("1", "A")
        assert isinstance(third, Malformed)
        assert third.reason == "digit must be one of 0-9*#A-D, not 'X'"

    def test_more_keys_than_anybody_presses_are_not_as_many_events(self):
        session = open_session()
        *keys, told = session.receive('{"event":"dtmf","dtmf":{"digit":"' + "5" * 200_000 + '"}}', 0.0)
        assert [event.digit for event in keys] == ["5"] * 32
        assert told.reason == "digit must be one key, at most 32, not 200000"

    def test_the_rest(self):
        session = open_session()
        assert session.receive('{"event":"clearedAudio"}', 0.0) == [Cleared()]
        assert session.receive('{"event":"playedStream","name":"nobody asked"}', 0.0) == []
        (failed,) = session.receive('{"event":"error","reason":"buffer_overflow"}', 0.0)
        assert isinstance(failed, Failed)
        assert failed.reason == "buffer_overflow"
        (other,) = session.receive('{"event":"news"}', 0.0)
        assert isinstance(other, Other)
        assert session.receive('{"event":"stop","reason":"hangup"}', 0.0) == [Stopped("hangup")]
        assert session.close() == []

    @pytest.mark.parametrize("message", ["{", "[]", b"\xff", None, media(0, b"abc"), '{"event":"media","media":null}'])
    def test_a_bad_message_never_ends_a_call(self, message):
        session = open_session(PLIVO_L16_8K)
        (event,) = session.receive(message, 0.0)
        assert isinstance(event, Malformed)
        assert event.message is message or isinstance(event.message, Media)
        assert session.malformed == 1
        (event,) = session.receive(media(1, b"\x05\x00"), 0.0)
        assert event.samples.tolist() == [5]

    def test_a_wire_at_another_rate_than_asked_for_is_resampled(self):
        session = Session(16000)
        (started,) = session.receive(start(PLIVO_L16_8K), 0.0)
        assert isinstance(started, Started)
        pcm = np.random.default_rng(0).integers(-9000, 9000, 1600, np.int16)
        wire = PLIVO_L16_8K.encode(pcm)
        events = [e for i in range(10) for e in session.receive(media(i, wire[i * 320 : (i + 1) * 320]), i * 0.02)]
        assert [len(e.samples) for e in events] == [320] * 10
        np.testing.assert_array_equal(
            np.concatenate([e.samples for e in events]), voiceband.Resampler(8000, 16000).process(pcm)
        )


class TestOutbound:
    def test_the_first_poll_sends_the_lead_in_few_messages(self):
        session = open_session(lead_ms=400)
        pcm = np.random.default_rng(0).integers(-30000, 30000, 8000, np.int16)
        session.play(pcm, end=True)
        texts = session.poll(10.0)
        # What it begins with is short, so that it is there the sooner; the rest is as long as messages are.
        assert [len(payloads([text])) // 8 for text in texts] == [20, 200, 200]
        assert session.poll(10.0) == []
        assert session.next_poll == pytest.approx(10.04)
        assert session.poll(10.039) == []
        assert len(payloads(session.poll(10.04))) == 1600
        assert session.queued_ms == 380

    def test_speech_given_at_once_takes_few_messages(self):
        session = open_session()
        session.play(np.ones(30 * 8000, np.int16), end=True)
        texts, now = [], 0.0
        while session.queued_ms:
            now = max(now, session.next_poll)
            texts += session.poll(now)
        messages = [payloads([text]) for text in texts if "playAudio" in text]
        assert sum(map(len, messages)) == 30 * 8000
        assert len(messages) == 151

    @pytest.mark.parametrize(("message_ms", "lead_ms", "most_ms"), [(20, 400, 20), (1000, 400, 400), (90, 400, 80)])
    def test_how_long_messages_are(self, message_ms, lead_ms, most_ms):
        session = open_session(message_ms=message_ms, lead_ms=lead_ms)
        session.play(np.ones(16_000, np.int16), end=True)
        lengths, now = [], 0.0
        while session.queued_ms:
            now = max(now, session.next_poll)
            lengths += [len(payloads([text])) // 8 for text in session.poll(now) if "playAudio" in text]
        assert lengths[0] == 20
        assert set(lengths[1:-1]) == {most_ms}

    def test_everything_goes_out_in_order_and_ends_with_a_checkpoint(self):
        session = open_session()
        pcm = np.random.default_rng(0).integers(-30000, 30000, 8100, np.int16)
        session.play(pcm, name="hello", end=True)
        texts, now = [], 0.0
        while session.next_poll < math.inf:
            now = max(now, session.next_poll)
            texts += session.poll(now)
        audio = payloads(texts)
        assert len(audio) == 8160  # whole frames
        np.testing.assert_array_equal(
            np.frombuffer(audio, np.uint8)[:8100], np.frombuffer(PLIVO_MULAW_8K.encode(pcm), np.uint8)
        )
        assert audio[8100:] == b"\xff" * 60
        assert sent(texts)[-1] == {"event": "checkpoint", "streamId": "s", "name": "hello"}
        assert now == pytest.approx(1.02 - 0.6, abs=0.021)  # the last message holds up to 200 ms more than the lead
        assert session.receive('{"event":"playedStream","name":"hello"}', 1.4) == [Played("hello", True)]

    def test_a_stall_is_caught_up_without_drift(self):
        session = open_session(lead_ms=200)
        session.play(np.zeros(80_000, np.int16), end=True)
        session.poll(0.0)
        assert len(payloads(session.poll(0.15))) == 1600
        assert len(payloads(session.poll(5.0))) == 1600
        ahead = 200  # ms, at 5 s
        for i in range(1, 51):
            ahead += len(payloads(session.poll(5.0 + i * 0.02))) // 8 - 20
            assert 180 < ahead <= 380

    def test_messages_stay_below_16_kb_of_base64(self):
        session = open_session(PLIVO_L16_16K, lead_ms=5000)
        session.play(np.zeros(160_000, np.int16), end=True)
        lengths = [len(m["media"]["payload"]) for m in sent(session.poll(0.0))]
        assert sum(lengths) * 3 / 4 == pytest.approx(160_000, abs=6400)  # a message more or less
        assert max(lengths) <= 16_384

    def test_pieces_of_any_size_make_whole_frames(self):
        session = open_session()
        pcm = np.arange(1000, dtype=np.int16)
        utterance = session.play(pcm[:1], name="u")
        for i in range(1, 1000, 37):
            session.play(pcm[i : i + 37])
        texts = session.poll(0.0)
        assert len(payloads(texts)) == 960
        session.play(pcm[:0], end=True)
        texts += session.poll(0.0)
        assert payloads(texts) == PLIVO_MULAW_8K.encode(pcm) + b"\xff" * 120
        assert [m["event"] for m in sent(texts)] == [*["playAudio"] * 3, "checkpoint"]
        assert (utterance.queued_ms, utterance.sent_ms) == (140, 140)

    def test_speech_before_the_start_waits_for_it(self):
        session = Session()
        utterance = session.play(np.full(160, 1000, np.int16), 8000)
        assert session.play(np.full(160, 1000, np.int16), 8000, end=True) is utterance
        assert session.poll(0.0) == []
        session.receive(start(), 0.5)
        assert len(payloads(session.poll(0.5))) == 320

    def test_bytes_in_the_wires_format_go_untouched_and_others_are_converted(self):
        session = open_session()
        session.play(b"\x12" * 160, format=PLIVO_MULAW_8K, end=True)
        session.play(np.full(160, 1000, "<i2").tobytes(), format="audio/x-l16;rate=8000", end=True)
        wire = payloads(session.poll(0.0))
        assert wire == b"\x12" * 160 + PLIVO_MULAW_8K.encode(np.full(160, 1000, np.int16))

    def test_samples_of_other_widths_and_strides(self):
        speech = np.arange(-800, 800, dtype=np.int16) * 20

        def wire(samples):
            session = open_session(lead_ms=None)
            session.play(samples, 8000, name="said", end=True)
            return payloads(session.poll(0.0))

        stereo = np.stack([speech, -speech], axis=1)
        for wide in (stereo[:, 0], speech.reshape(-1, 1), speech.astype(np.int64), speech.astype(">i2")):
            assert wire(wide) == wire(speech)
        assert wire(speech / 32768) == wire((speech / 32768).astype(np.float32))

    def test_floats(self):
        session = open_session(PLIVO_L16_8K)
        session.play(np.full(160, 0.5, np.float32), end=True)
        assert payloads(session.poll(0.0)) == np.full(160, 16384, "<i2").tobytes()

    def test_checkpoints_of_ones_own_and_keys(self):
        session = open_session()
        session.checkpoint("now")
        session.send_dtmf("1#")
        assert session.next_poll == -math.inf
        assert [m["event"] for m in sent(session.poll(0.0))] == ["checkpoint", "sendDTMF"]
        assert session.receive('{"event":"playedStream","name":"now"}', 0.1) == [Played("now", False)]

    @pytest.mark.parametrize(
        ("call", "error", "complaint"),
        [
            (lambda s: s.play(np.zeros(5, np.int16), 0, end=True), ValueError, "rate must be from 4000 to"),
            (lambda s: s.play(b"ab", end=True), ValueError, "data must come with format= when it is bytes"),
            (
                lambda s: s.play(np.zeros(5, complex)),
                ValueError,
                "data must hold samples .*, not complex128",
            ),
            (lambda s: s.play(np.zeros(5, np.uint8)), ValueError, "data must hold samples .*, not uint8"),
            (
                lambda s: s.play(np.full(5, np.nan, np.float32), end=True),
                ValueError,
                "data must be finite, not nan at 0",
            ),
            (lambda s: s.play(np.zeros(5, np.int16), name="", end=True), ValueError, "name must not be empty"),
            (lambda s: s.send_dtmf("x"), ValueError, "digits must be"),
            (lambda s: Session().checkpoint("x"), RuntimeError, "a stream that has started"),
            (lambda s: (s.close(), s.play(np.zeros(5, np.int16), end=True)), RuntimeError, "the call has ended"),
        ],
    )
    def test_misuse(self, call, error, complaint):
        session = open_session()
        with pytest.raises(error, match=complaint):
            call(session)

    @pytest.mark.parametrize(
        "options",
        [
            {"dtype": "int32"},
            {"lead_ms": -1},
            {"lead_ms": 5001},
            {"rate": 3999},
            {"byteorder_in": "auto?"},
            {"byteorder_out": ""},
        ],
    )
    def test_bad_options(self, options):
        name = next(iter(options))
        with pytest.raises(ValueError, match=f"{name} must be"):
            Session(**options)

    def test_an_option_that_there_is_not_is_named(self):
        with pytest.raises(TypeError, match=r"Session.*'ratee'"):
            Session(ratee=16000)

    @pytest.mark.parametrize("dtype", [np.float32, np.dtype("float32"), np.float32(0).dtype, "float32"])
    def test_types_of_numpy_are_taken(self, dtype):
        session = Session(dtype=dtype)
        session.receive(start(PLIVO_MULAW_8K), 0.0)
        (heard,) = session.receive(media(0, bytes(160)), 0.0)
        assert heard.samples.dtype == np.float32

    def test_it_says_what_it_is_and_is_not_copied(self):
        session = Session()
        assert repr(session) == "<Session, before its start>"
        session.receive(start(PLIVO_MULAW_8K), 0.0)
        assert repr(session) == f"<Session of {session.call_id!r}, audio/x-mulaw;rate=8000>"
        for way in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="a Session cannot be copied or pickled"):
                way(session)
