"""The carrier's end: its player's clock, and the messages it sends."""

import base64
import json
import math

import numpy as np
import pytest

from voiceband.emulator import CarrierStream, Player
from voiceband.formats import PLIVO_FORMATS, PLIVO_L16_8K, PLIVO_MULAW_8K
from voiceband.protocol import Checkpoint, ClearAudio, PlayAudio, SendDtmf, parse

SECOND = b"\x01" * 8000


def texts_until(call, end, step=0.005):
    texts, now = [], call.started_at
    while now <= end:
        texts += call.poll(now)
        now += step
    return texts


class TestPlayer:
    def test_plays_after_its_delay_and_in_order(self):
        player = Player(8000, delay_s=0.25)
        player.play(b"\x01" * 800, 1.0)
        player.play(b"\x02" * 800, 1.01)
        assert [(run.start, len(run.data)) for run in player.runs] == [(1.25, 1600)]
        assert player.heard(1.0, 0.6, b"\xff") == b"\xff" * 2000 + b"\x01" * 800 + b"\x02" * 800 + b"\xff" * 1200

    def test_a_late_piece_of_the_same_talk_is_a_gap(self):
        player = Player(8000, delay_s=0.1)
        player.play(b"\x01" * 800, 0.0)
        player.play(b"\x01" * 800, 0.3)
        assert [(gap.start, gap.end, gap.ms) for gap in player.gaps] == [pytest.approx((0.2, 0.4, 200.0))]

    def test_after_a_checkpoint_or_a_long_silence_it_is_a_pause(self):
        player = Player(8000, delay_s=0.1)
        player.play(b"\x01" * 800, 0.0)
        player.checkpoint("end", 0.05)
        player.play(b"\x01" * 800, 0.3)
        player.play(b"\x01" * 800, 2.0)
        assert player.gaps == []

    def test_checkpoints_come_when_truly_played(self):
        player = Player(8000, delay_s=0.25)
        player.play(SECOND, 0.0)
        player.checkpoint("a", 0.0)
        assert player.next_mark == 1.25
        assert player.reached(1.2499) == []
        assert player.reached(1.25) == ["a"]
        player.checkpoint("idle", 3.0)
        assert player.reached(3.0) == ["idle"]

    def test_clear_drops_audio_and_checkpoints(self):
        player = Player(8000, delay_s=0.25)
        player.play(SECOND, 0.0)
        player.checkpoint("a", 0.0)
        player.clear(0.5)
        assert player.reached(9.0) == []
        assert player.heard(0.0, 2.0, b"\xff").count(b"\x01") == 2000
        player.play(SECOND, 1.0)
        assert player.heard(1.25, 1.0, b"\xff") == SECOND

    def test_clear_before_the_first_sample(self):
        player = Player(8000, delay_s=0.25)
        player.play(SECOND, 0.0)
        player.clear(0.1)
        assert player.runs == []
        assert player.queued_s(0.1) == 0.0

    def test_the_queue_is_bounded(self):
        player = Player(8000, delay_s=0.0, max_queue_s=60.0)
        for _ in range(70):
            player.play(SECOND, 0.0)
        assert player.queued_s(0.0) == pytest.approx(60.0)
        assert player.overflow_bytes == 80_000

    def test_the_playout_delay_takes_no_room_in_the_queue(self):
        player = Player(8000, delay_s=0.25, max_queue_s=60.0)
        for _ in range(60):
            player.play(SECOND, 0.0)
        assert (player.queued_s(0.0), player.queued_s(0.2), player.overflow_bytes) == (60.0, 60.0, 0)
        player.play(SECOND, 1.0)  # three quarters of a second have been played
        assert player.overflow_bytes == 2000
        player.clear(2.0)
        assert player.queued_s(2.0) == 0.0
        for _ in range(61):
            player.play(SECOND, 2.5)
        assert player.overflow_bytes == 2000 + 8000


class TestCall:
    @pytest.mark.parametrize("audio_format", PLIVO_FORMATS)
    def test_start_then_fifty_media_a_second(self, audio_format):
        call = CarrierStream(audio_format, call_id="c", stream_id="s", extra_headers="a=1")
        pcm = np.arange(-4000, 4000, dtype=np.int16)[: audio_format.sample_rate // 2]
        call.say(pcm)
        call.start(10.0)
        events = [parse(text) for text in texts_until(call, 11.0001)]
        assert (events[0].stream_id, events[0].call_id, events[0].media_format) == ("s", "c", audio_format)
        media = events[1:]
        assert [m.chunk for m in media] == list(range(1, 51))
        assert [m.sequence_number for m in media] == list(range(2, 52))
        assert np.diff([m.timestamp_ms for m in media]).tolist() == [20] * 49
        assert {len(m.payload) for m in media} == {audio_format.frame_bytes()}
        said = audio_format.decode(b"".join(m.payload for m in media))
        np.testing.assert_array_equal(said[: len(pcm)], audio_format.decode(audio_format.encode(pcm)))
        assert np.abs(said[len(pcm) :]).max() <= 8
        assert all(m.extra_headers == "a=1" for m in media)

    def test_a_frame_leaves_when_its_last_sample_is_spoken(self):
        call = CarrierStream()
        call.start(0.0)
        assert call.next_poll == -math.inf
        call.poll(0.0)
        assert call.next_poll == pytest.approx(0.02)
        assert call.poll(0.0199) == []
        assert len(call.poll(0.0201)) == 1
        assert len(call.poll(0.5)) == 24

    def test_checkpoint_is_answered_when_played_and_clear_at_once(self):
        call = CarrierStream(stream_id="s", playout_delay_ms=100)
        call.start(0.0)
        call.poll(0.0)
        call.receive(PlayAudio(bytes(1600), PLIVO_MULAW_8K).encode(), 0.05)
        call.receive(Checkpoint("one", "s").encode(), 0.05)
        early = [parse(t).__class__.__name__ for t in call.poll(0.3499)]
        assert set(early) == {"Media"}
        assert "PlayedStream" in [parse(t).__class__.__name__ for t in call.poll(0.3501)]
        call.receive(PlayAudio(bytes(1600), PLIVO_MULAW_8K).encode(), 0.4)
        call.receive(Checkpoint("two", "s").encode(), 0.4)
        call.receive(ClearAudio("s").encode(), 0.45)
        answers = [parse(t) for t in call.poll(5.0)]
        assert [a.__class__.__name__ for a in answers if a.__class__.__name__ != "Media"] == ["ClearedAudio"]
        assert call.problems == []

    def test_keys_both_ways(self):
        call = CarrierStream(stream_id="s")
        call.start(0.0)
        call.press("5", 0.5)
        digit = next(parse(t) for t in call.poll(0.5) if '"dtmf"' in t)
        assert (digit.digit, digit.track) == ("5", "inbound")
        call.receive(SendDtmf("12#").encode(), 0.6)
        assert call.digits == ["1", "2", "#"]

    def test_nothing_after_the_end(self):
        call = CarrierStream()
        call.start(0.0)
        call.poll(0.1)
        call.hang_up(0.1)
        assert [json.loads(text)["event"] for text in call.poll(0.1)] == ["stop"]
        call.receive("rubbish", 0.2)
        assert call.poll(5.0) == []
        assert call.next_poll == math.inf
        assert call.problems == []

    @pytest.mark.parametrize(
        ("message", "problem"),
        [
            (b"\x00", "a message of bytes: only texts are understood"),
            ("{", "cannot be used: Input data was truncated"),
            ("[]", "cannot be used: it is no object"),
            ("{}", "cannot be used: it has no event"),
            ('{"event":"media"}', "event 'media': an agent cannot send it"),
            ('{"event":["x"]}', "cannot be used: its event is ['x']"),
            ('{"event":"playAudio"}', "cannot be used: it has no media"),
            ('{"event":"playAudio","media":[]}', "cannot be used: its media is no object"),
            ('{"event":"sendDTMF","dtmf":{"digits":"1"}}', "it takes a text of 0-9*#A-D"),
            ('{"event":"sendDTMF","dtmf":"xyz"}', "sendDTMF of 'xyz': it takes a text of 0-9*#A-D"),
            ('{"event":"checkpoint","streamId":"other","name":"n"}', "streamId 'other' is not this stream's"),
            ('{"event":"clearAudio","streamId":"other"}', "streamId 'other' is not this stream's"),
            ('{"event":"checkpoint","name":"n"}', "streamId None is not this stream's"),
            (
                json.dumps(
                    {
                        "event": "playAudio",
                        "media": {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": "?"},
                    }
                ),
                "base64",
            ),
        ],
    )
    def test_what_is_wrong_is_noted_and_the_call_goes_on(self, message, problem):
        call = CarrierStream(stream_id="s")
        call.start(0.0)
        call.receive(message, 0.1)
        assert len(call.problems) == 1
        assert problem in call.problems[0]
        call.receive(PlayAudio(b"\x01" * 160, PLIVO_MULAW_8K).encode(), 0.2)
        assert call.player.heard(0.45, 0.02, b"\xff") == b"\x01" * 160

    def test_half_samples_and_a_full_queue_are_noted(self):
        call = CarrierStream(PLIVO_L16_8K)
        call.start(0.0)
        media = {"contentType": "audio/x-l16", "sampleRate": 8000, "payload": base64.b64encode(b"abc").decode()}
        call.receive(json.dumps({"event": "playAudio", "media": media}), 0.0)
        for _ in range(61):
            for _ in range(2):
                call.receive(PlayAudio(bytes(8000), PLIVO_L16_8K).encode(), 0.0)
        assert "3 bytes, which are no whole samples" in call.problems[0]
        assert "beyond the queue of 60 s: 500 ms are dropped" in call.problems[1]

    def test_misuse(self):
        call = CarrierStream()
        with pytest.raises(RuntimeError, match="must have started and not ended"):
            call.press("1", 0.0)
        call.start(0.0)
        with pytest.raises(RuntimeError, match="has started already"):
            call.start(1.0)
        for bad in ("Z", "", "12", 5):
            with pytest.raises(TypeError if bad == 5 else ValueError, match=r"digit must be one of 0-9\*#A-D, not"):
                call.press(bad, 1.0)
        call.hang_up(2.0)
        with pytest.raises(RuntimeError, match="must have started and not ended"):
            call.press("1", 3.0)

    def test_the_sample_rate_may_be_a_text(self):
        call = CarrierStream()
        call.start(0.0)
        media = {"contentType": "audio/x-mulaw", "sampleRate": "8000", "payload": base64.b64encode(b"\x01").decode()}
        call.receive(json.dumps({"event": "playAudio", "media": media}), 0.0)
        assert call.problems == []

    def test_recording(self):
        call = CarrierStream(PLIVO_L16_8K, playout_delay_ms=100)
        call.start(5.0)
        call.say(np.full(800, 1000, np.int16))
        call.receive(PlayAudio(np.full(400, 7, "<i2").tobytes(), PLIVO_L16_8K).encode(), 5.05)
        call.poll(5.3)
        left, right = call.recording(5.3)
        assert len(left) == len(right) == 2400
        assert np.flatnonzero(left).tolist() == list(range(800))
        assert np.flatnonzero(right).tolist() == list(range(1200, 1600))

    @pytest.mark.parametrize(
        "options", [{"playout_delay_ms": -1}, {"playout_delay_ms": 5001}, {"playout_delay_ms": "x"}]
    )
    def test_bad_options(self, options):
        with pytest.raises((TypeError, ValueError), match=r"playout_delay_ms must be (a number|from 0 to 5000), not"):
            CarrierStream(**options)
