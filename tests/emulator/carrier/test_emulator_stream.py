"""The carrier's rules for one stream: each attribute of its element, and whatever an agent may send."""

import base64
import itertools
import math

import numpy as np
import pytest

from _support.carrier_streams import URL, media, messages, payloads, play, started, stream
from voiceband.dsp.denoise import Denoiser
from voiceband.emulator import CarrierStream
from voiceband.formats import PLIVO_FORMATS, PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.protocol import Checkpoint, ClearAudio, SendDtmf

RNG = np.random.default_rng(5)


class TestAttributes:
    @pytest.mark.parametrize("audio_format", PLIVO_FORMATS)
    def test_content_type_is_what_start_says_and_media_carry(self, audio_format):
        call = started(element=stream(content_type=audio_format))
        first, second = messages(call, 0.02)
        assert first["start"]["mediaFormat"] == {
            "encoding": audio_format.mime,
            "sampleRate": audio_format.sample_rate,
        }
        assert len(base64.b64decode(second["media"]["payload"])) == audio_format.frame_bytes(20)

    @pytest.mark.parametrize(
        ("track", "tracks"),
        [
            (None, ["inbound"]),
            ("inbound", ["inbound"]),
            ("outbound", ["outbound"]),
            ("both", ["inbound", "outbound"]),
        ],
    )
    def test_audio_track_chooses_the_tracks_each_with_chunks_of_its_own(self, track, tracks):
        call = started(element=stream(audio_track=track))
        first, *found = messages(call, 0.1)
        assert first["start"]["tracks"] == tracks
        for name in tracks:
            assert [m["media"]["chunk"] for m in found if m["media"]["track"] == name] == [1, 2, 3, 4, 5]
        assert len(found) == 5 * len(tracks)
        assert [m["sequenceNumber"] for m in [first, *found]] == list(range(1, len(found) + 2))

    def test_the_outbound_track_is_what_the_caller_hears(self):
        call = started(element=stream(audio_track="both"))
        call.poll(0.1)
        heard = RNG.integers(-9000, 9000, 800, np.int16)
        call.announce(heard, 0.1)
        said = RNG.integers(-9000, 9000, 800, np.int16)
        call.say(said)
        found = messages(call, 0.3)
        outbound = payloads(m for m in found if m["media"]["track"] == "outbound")
        inbound = payloads(m for m in found if m["media"]["track"] == "inbound")
        np.testing.assert_array_equal(np.frombuffer(outbound, "<i2")[:800], heard)
        np.testing.assert_array_equal(np.frombuffer(inbound, "<i2")[:800], said)

    def test_announcements_sound_beside_the_agent_and_can_be_ended(self):
        call = started(element=stream(bidirectional=True), playout_delay_ms=0)
        call.receive(play(100, value=b"\x00\x10"), 0.0)
        call.announce(np.full(800, 0x0100, np.int16), 0.05)
        call.silence(0.08)
        call.poll(0.2)
        _, heard = call.recording(0.2)
        expected = np.repeat([0x1000, 0x1100, 0x1000, 0], [400, 240, 160, 800])
        np.testing.assert_array_equal(heard, expected)

    @pytest.mark.parametrize(
        "text", [play(20), Checkpoint("n", "s").encode(), ClearAudio("s").encode(), SendDtmf("1").encode()]
    )
    @pytest.mark.parametrize("bidirectional", [None, False])
    def test_without_bidirectional_nothing_that_an_agent_sends_has_an_effect(self, text, bidirectional):
        call = started(element=stream(bidirectional=bidirectional), stream_id="s")
        call.receive(text, 0.01)
        assert [m["event"] for m in messages(call, 0.019)] == ["start"]
        assert (call.player.runs, call.digits) == ([], [])
        assert "on a stream that is not bidirectional" in call.problems[0]

    def test_stream_timeout_ends_the_stream_and_no_sooner(self):
        call = started(element=stream(stream_timeout=2, bidirectional=True))
        call.receive(play(3000), 0.0)
        assert len(media(call, 1.999)) == 99
        assert call.next_poll == 2.0
        assert len(media(call, 7.0)) == 1
        assert (call.ended_at, call.end_reason) == (2.0, "timeout")
        assert call.next_poll == math.inf
        assert call.player.played(7.0) == 2 * (8000 * 2 - 2000)  # a quarter of a second passed before it sounded

    def test_extra_headers_are_in_start_media_and_dtmf_with_semicolons(self):
        call = started(element=stream(extra_headers={"user": 7, "tier": "gold"}))
        call.press("1", 0.0)
        found = messages(call, 0.02)
        assert [m["extra_headers"] for m in found] == ["user=7;tier=gold"] * 3

    def test_noise_cancellation_is_our_suppressor_on_the_inbound_track(self):
        noisy = RNG.normal(0, 300, 8000).astype(np.int16)
        for attributes, level in (({}, 85), ({"noise_cancellation_level": 60}, 60)):
            call = started(element=stream(noise_cancellation=True, **attributes))
            call.say(noisy)
            clean = np.frombuffer(payloads(media(call, 1.0)), "<i2")
            np.testing.assert_array_equal(clean, Denoiser(8000, level=level, dtype="int16").process(noisy))
            assert np.std(clean[4000:]) < np.std(noisy) / 2
        plain = started(element=stream(noise_cancellation=False))
        plain.say(noisy)
        np.testing.assert_array_equal(np.frombuffer(payloads(media(plain, 1.0)), "<i2"), noisy)

    def test_format_beside_a_stream_must_be_its_own(self):
        assert CarrierStream(PLIVO_L16_8K, element=stream()).format == PLIVO_L16_8K
        with pytest.raises(ValueError, match=r"format must not be .* beside an element of audio/x-l16"):
            CarrierStream(PLIVO_MULAW_8K, element=stream())
        with pytest.raises(TypeError, match=r"element must be a voiceband.markup.Stream, not 'wss:"):
            CarrierStream(element=URL)


class TestEnd:
    def test_stop_is_the_last_message_as_observed(self):
        call = started(call_id="c", stream_id="s")
        call.hang_up(0.05)
        found = messages(call, 9.0)
        assert [m["event"] for m in found] == ["start", "media", "media", "stop"]
        assert found[-1]["stop"] == {"callId": "c", "streamId": "s", "reason": "hang-up"}
        assert call.poll(9.0) == []

    @pytest.mark.parametrize("options", [{"profile": "documented"}, {"send_stop": False}])
    def test_by_the_documents_only_the_socket_tells_the_end(self, options):
        call = started(**options)
        call.hang_up(0.05)
        assert [m["event"] for m in messages(call, 9.0)] == ["start", "media", "media"]

    def test_a_message_after_the_end_is_noted_and_does_nothing(self):
        call = started(PLIVO_L16_8K)
        call.hang_up(1.0)
        call.receive(play(20), 1.1)
        assert call.problems == []
        assert call.player.runs == []
        entry = call.log.entries[-1]
        assert (entry.way, entry.name, entry.detail) == ("received", "playAudio", {"ignored": "the stream has ended"})

    def test_the_first_end_counts(self):
        call = started()
        call.end(1.0, "because")
        call.hang_up(2.0)
        assert (call.ended_at, call.end_reason) == (1.0, "because")


class TestAnswers:
    def test_a_checkpoint_passed_before_a_clear_is_answered_and_one_behind_it_never(self):
        call = started(PLIVO_L16_8K, stream_id="s", playout_delay_ms=0)
        call.receive(play(100), 0.0)
        call.receive(Checkpoint("passed", "s").encode(), 0.0)
        call.receive(play(100), 0.0)
        call.receive(Checkpoint("cut", "s").encode(), 0.0)
        call.receive(ClearAudio("s").encode(), 0.15)  # nothing was polled meanwhile
        answers = [(m["event"], m.get("name")) for m in messages(call, 9.0) if m["event"] != "media"]
        assert answers == [("start", None), ("playedStream", "passed"), ("clearedAudio", None)]

    def test_a_checkpoint_on_an_idle_player_is_answered_at_once(self):
        call = started(stream_id="s")
        call.poll(0.0)
        call.receive(Checkpoint("idle", "s").encode(), 0.01)
        assert call.next_poll <= 0.01
        assert [m["name"] for m in messages(call, 0.01)] == ["idle"]

    def test_the_carrier_tells_of_each_answer_once(self):
        told = []
        call = started(PLIVO_L16_8K, stream_id="s", on_event=lambda name, now, detail: told.append((name, now, detail)))
        call.receive(Checkpoint("a", "s").encode(), 0.0)
        call.poll(0.0)
        call.receive(ClearAudio("s").encode(), 0.5)
        call.hang_up(1.0)
        assert told == [
            ("playedStream", 0.0, {"name": "a"}),
            ("clearedAudio", 0.5, {}),
            ("ended", 1.0, {"reason": "hang-up"}),
        ]

    def test_the_log_has_a_clear_before_its_answer(self):
        call = started(stream_id="s")
        call.receive(ClearAudio("s").encode(), 0.01)
        assert [(e.way, e.name) for e in call.log][-2:] == [("received", "clearAudio"), ("sent", "clearedAudio")]


class TestSlowReader:
    def test_it_is_told_of_at_30_60_and_90_percent_and_dropped_at_40_seconds(self):
        told = []
        call = started(on_event=lambda name, now, detail: told.append((now, name, detail)))
        for second in range(50):
            call.backed_up(float(second), float(second))
        assert told == [
            (12.0, "degraded", {"percent": 30}),
            (24.0, "degraded", {"percent": 60}),
            (36.0, "degraded", {"percent": 90}),
            (40.0, "ended", {"reason": "slow connection", "behind_s": 40.0}),
        ]

    def test_it_is_told_again_only_after_all_has_been_taken(self):
        call = started(max_backlog_s=1.0)
        for now, backlog in enumerate([0.4, 0.1, 0.5, 0.0, 0.3]):
            call.backed_up(backlog, float(now))
        assert [e.at_s for e in call.log.named("degraded")] == [0.0, 4.0]

    @pytest.mark.parametrize("limit", [0, -1, math.inf, math.nan, "x"])
    def test_bad_limits(self, limit):
        with pytest.raises((TypeError, ValueError), match=r"max_backlog_s must be (a number in s|more than 0 s), not"):
            CarrierStream(max_backlog_s=limit)


class Frames:
    """A source that counts up; every third frame is lost."""

    def __init__(self):
        self.n = 0

    def read(self, n_samples):
        self.n += 1
        return None if self.n % 3 == 0 else np.full(n_samples, self.n, np.int16)


class TestSource:
    def test_it_gives_every_frame_and_what_is_lost_is_a_gap_in_the_chunks(self):
        call = started(PLIVO_L16_8K, source=Frames(), epoch_ms=1_000_000)
        found = media(call, 0.12)
        assert [m["media"]["chunk"] for m in found] == [1, 2, 4, 5]
        assert [base64.b64decode(m["media"]["payload"])[0] for m in found] == [1, 2, 4, 5]
        assert [m["media"]["timestamp"][-3:] for m in found] == ["000", "020", "060", "080"]
        assert [e.detail for e in call.log.named("lost frame")] == [{"chunk": 3}, {"chunk": 6}]
        said, _ = call.recording(0.12)
        np.testing.assert_array_equal(said, np.repeat(np.array([1, 2, 0, 4, 5, 0], np.int16), 160))

    def test_what_is_said_goes_to_a_source_that_can_say_it(self):
        class Line(Frames):
            unsaid_ms = 125.0

            def say(self, pcm):
                self.said = pcm

        line = Line()
        call = CarrierStream(PLIVO_L16_8K, source=line)
        pcm = np.zeros(5, np.int16)
        call.say(pcm)
        assert line.said is pcm
        assert call.unsaid_ms == 125.0
        with pytest.raises(RuntimeError, match="a source that has no say method"):
            CarrierStream(source=Frames()).say(pcm)

    @pytest.mark.parametrize("bad", [np.zeros(159, np.int16), np.zeros(160), [0] * 160])
    def test_what_it_gives_must_be_a_frame(self, bad):
        class Bad:
            def read(self, n_samples):
                return bad

        with pytest.raises(ValueError, match=r"source\.read must return 160 samples of int16"):
            started(source=Bad()).poll(0.02)

    @pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((5, 2), np.int16)])
    def test_what_is_said_must_be_samples(self, bad):
        with pytest.raises(ValueError, match="pcm must be a 1-D array of int16"):
            CarrierStream().say(bad)


class TestFrameLengths:
    @pytest.mark.parametrize("noise_cancellation", [False, True])
    def test_messages_may_have_any_length_and_leave_when_spoken(self, noise_cancellation):
        sizes = [5, 100, 15, 20, 60, 300]
        call = started(element=stream(noise_cancellation=noise_cancellation), frame_ms=iter([*sizes, 1000]))
        call.say(np.full(4000, 3000, np.int16))
        call.poll(0.0)
        assert call.next_poll == pytest.approx(0.005)
        found = media(call, 0.5)
        assert [len(base64.b64decode(m["media"]["payload"])) // 16 for m in found] == sizes
        starts = [int(m["media"]["timestamp"]) - int(found[0]["media"]["timestamp"]) for m in found]
        assert starts == [0, 5, 105, 120, 140, 200]
        assert [m["media"]["chunk"] for m in found] == [1, 2, 3, 4, 5, 6]

    @pytest.mark.parametrize("ms", [0, -20, 1001])
    def test_bad_lengths(self, ms):
        with pytest.raises(ValueError, match="frame_ms must give 1 to 1000 ms, not"):
            started(frame_ms=itertools.repeat(ms))


class TestSeed:
    def test_the_same_seed_gives_the_same_identifiers_and_another_others(self):
        first, same, other = CarrierStream(seed=1), CarrierStream(seed=1), CarrierStream(seed=2)
        assert (first.call_id, first.stream_id) == (same.call_id, same.stream_id)
        assert len({first.call_id, first.stream_id, other.call_id, other.stream_id}) == 4
        assert CarrierStream().call_id != CarrierStream().call_id

    def test_the_recording_is_as_long_as_the_call_at_any_rate(self):
        call = started(PLIVO_L16_16K)
        call.poll(1.0)
        assert [len(x) for x in call.recording(0.95)] == [15200, 15200]
