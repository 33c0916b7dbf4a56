"""What is left of a call: recording, capture, statistics; and how it ends, pauses and goes on."""

import base64
import json
import math
import random
import wave

import numpy as np
import pytest

import voiceband
from test_session_proof import Joined, Path, random_call
from voiceband.emulator import Call
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.session import (
    METRICS,
    Audio,
    Capture,
    Cleared,
    Drained,
    Malformed,
    Missed,
    Played,
    QueueFullError,
    Recorder,
    Session,
    Started,
    Stopped,
    Warned,
    replay,
)

START = '{"event":"start","start":{"streamId":"%s","callId":"c","mediaFormat":{"encoding":"%s","sampleRate":%d}}}'


def start(wire=PLIVO_MULAW_8K, stream_id="s"):
    return START % (stream_id, wire.mime, wire.sample_rate)


def media(payload, i, track="inbound"):
    body = {"track": track, "timestamp": str(20 * i), "chunk": i + 1, "payload": base64.b64encode(payload).decode()}
    return json.dumps({"event": "media", "streamId": "s", "media": body})


def open_session(wire=PLIVO_MULAW_8K, **options):
    session = Session(**options)
    session.receive(start(wire), 0.0)
    return session


def feed(session, wire, pcm, *, first=0, byteorder="little"):
    """Push speech in 20 ms messages; return the events."""
    n = wire.frame_samples()
    events = []
    for i in range(len(pcm) // n):
        payload = wire.encode(pcm[i * n : (i + 1) * n], byteorder)
        events += session.receive(media(payload, first + i), (first + i) * 0.02)
    return events


def audio(events):
    return [e for e in events if isinstance(e, Audio)]


def samples(events):
    return np.concatenate([e.samples for e in audio(events)])


def tone(rate, seconds, hz=440.0, amplitude=8000):
    return np.rint(amplitude * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def clean_call(session, **options):
    rng = random.Random(5)
    call = Call(**options)
    return call, Joined(call, session, Path(rng, 0.025), Path(rng, 0.025))


class TestStages:
    def test_the_chain_is_decode_denoise_resample(self):
        session = open_session(rate=16000, denoise=85, dtype="float32")
        pcm = np.random.default_rng(1).integers(-3000, 3000, 8000, np.int16)
        got = samples(feed(session, PLIVO_MULAW_8K, pcm))
        decoded = PLIVO_MULAW_8K.decode(PLIVO_MULAW_8K.encode(pcm))
        quiet = voiceband.Denoiser(8000, level=85).process(decoded)
        expected = voiceband.Resampler(8000, 16000, dtype="float32").process(voiceband.to_float(quiet))
        np.testing.assert_array_equal(got, expected)
        assert 0 < session.latency_ms < 60

    def test_switching_the_suppressor_neither_loses_nor_adds_samples(self):
        session = open_session()
        pcm = tone(8000, 2.0)
        events = feed(session, PLIVO_MULAW_8K, pcm[:4000])
        session.denoise = 90
        events += session.events() + feed(session, PLIVO_MULAW_8K, pcm[4000:12000], first=25)
        session.denoise = None
        events += session.events() + feed(session, PLIVO_MULAW_8K, pcm[12000:], first=75)
        got = samples(events)
        assert len(got) == len(pcm)
        decoded = PLIVO_MULAW_8K.decode(PLIVO_MULAW_8K.encode(pcm))
        np.testing.assert_array_equal(got[:4000], decoded[:4000])
        np.testing.assert_array_equal(got[12000:], decoded[12000:])

    def test_switching_the_rate(self):
        session = open_session()
        pcm = tone(8000, 1.0)
        events = feed(session, PLIVO_MULAW_8K, pcm[:4000])
        session.rate = 16000
        events += feed(session, PLIVO_MULAW_8K, pcm[4000:], first=25)
        assert len(samples(events)) == 4000 + 8000
        assert [e.position_ms for e in audio(events)] == [20.0 * i for i in range(50)]

    def test_a_hole_is_filled_and_marked(self):
        session = open_session()
        pcm = tone(8000, 1.0)
        events = feed(session, PLIVO_MULAW_8K, pcm[:3200]) + feed(session, PLIVO_MULAW_8K, pcm[3520:], first=22)
        assert [e.position_ms for e in audio(events) if e.concealed] == [400.0]
        assert len(samples(events)) == 8000
        assert session.stats.gaps == 1
        assert session.stats.concealed_ms == 40

    @pytest.mark.parametrize("buffer", ["timeline", "jitter", None])
    def test_every_buffer_gives_the_speech(self, buffer):
        session = open_session(buffer=buffer)
        pcm = tone(8000, 2.0)
        events = feed(session, PLIVO_MULAW_8K, pcm)
        for i in range(50):
            session.poll(2.0 + i * 0.02)
        events += session.events()
        power = np.mean(samples(events).astype(float) ** 2) * len(samples(events))
        assert power == pytest.approx(np.sum(pcm.astype(float) ** 2), rel=0.1)

    def test_leaving_the_jitter_buffer_plays_what_it_holds(self):
        session = open_session(buffer="jitter")
        events = feed(session, PLIVO_MULAW_8K, tone(8000, 1.0))
        session.buffer = "timeline"
        events += session.events() + feed(session, PLIVO_MULAW_8K, tone(8000, 1.0), first=50)
        assert len(samples(events)) >= 16000 - 400
        assert session.next_poll == math.inf

    def test_mute_keeps_the_timeline_going(self):
        session = open_session()
        feed(session, PLIVO_MULAW_8K, tone(8000, 0.2))
        session.mute()
        assert feed(session, PLIVO_MULAW_8K, tone(8000, 0.2), first=10) == []
        session.unmute()
        (event,) = feed(session, PLIVO_MULAW_8K, tone(8000, 0.02), first=20)
        assert event.position_ms == 400.0

    def test_level(self):
        session = open_session(PLIVO_L16_8K)
        (event,) = feed(session, PLIVO_L16_8K, np.full(160, 16384, np.int16))
        assert event.level_dbfs == pytest.approx(-6.0206, abs=1e-3)
        (event,) = feed(session, PLIVO_L16_8K, np.zeros(160, np.int16), first=1)
        assert event.level_dbfs == -math.inf

    @pytest.mark.parametrize("gain_db", [-20.0, 6.0, 20.0, 40.0])
    def test_gain_cannot_wrap(self, gain_db):
        session = open_session(PLIVO_L16_8K, gain_in_db=gain_db, gain_out_db=gain_db, guard=False)
        ramp = np.linspace(-32768, 32767, 65536 // 160 * 160).astype(np.int16)
        got = samples(feed(session, PLIVO_L16_8K, ramp)).astype(int)
        assert np.all(np.diff(got) >= 0)
        small = np.abs(ramp.astype(float) * 10 ** (gain_db / 20)) < 26000
        np.testing.assert_allclose(got[small], ramp[small] * 10 ** (gain_db / 20), atol=0.51)
        session.play(ramp[:160])
        (text,) = [t for t in session.poll(0.0) if "playAudio" in t]
        sent = np.frombuffer(base64.b64decode(json.loads(text)["media"]["payload"]), "<i2")
        np.testing.assert_array_equal(sent, got[:160])


class TestWire:
    @pytest.mark.parametrize("order", ["little", "big"])
    def test_auto_finds_the_byte_order_and_loses_nothing(self, order):
        session = open_session(PLIVO_L16_16K, byteorder_in="auto")
        pcm = np.concatenate([np.zeros(3200, np.int16), tone(16000, 1.0)])
        events = feed(session, PLIVO_L16_16K, pcm, byteorder=order)
        np.testing.assert_array_equal(samples(events), pcm)
        assert not any(isinstance(e, Warned) for e in events)

    @pytest.mark.parametrize(
        ("kind", "wire", "payloads"),
        [
            ("byteorder", PLIVO_L16_8K, [tone(8000, 0.02).astype(">i2").tobytes()] * 20),
            (
                "mulaw",
                PLIVO_L16_8K,
                [PLIVO_MULAW_8K.encode(tone(8000, 0.02, 150 + 37 * i, 3000)) for i in range(40)],
            ),
            ("wav", PLIVO_L16_8K, [b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(304)]),
            ("rate", PLIVO_MULAW_8K, [bytes([0xFF]) * 320] * 60),
        ],
    )
    def test_the_guard_warns_once(self, kind, wire, payloads):
        session = open_session(wire)
        events = [e for i, p in enumerate(payloads) for e in session.receive(media(p, i), i * 0.02)]
        warned = [e for e in events if isinstance(e, Warned)]
        assert [w.kind for w in warned] == [kind]
        assert "sound" in warned[0].reason

    @pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_8K, PLIVO_L16_16K])
    def test_the_guard_is_quiet_for_what_is_right(self, wire):
        rng = np.random.default_rng(0)
        rate = wire.sample_rate
        signals = [tone(rate, 2.0, 3400), tone(rate, 2.0, 200), np.zeros(2 * rate, np.int16)]
        signals += [np.rint(rng.normal(0, s, 2 * rate)).astype(np.int16) for s in (1, 30, 1000)]
        signals.append(tone(rate, 2.0, 697) + tone(rate, 2.0, 1477))
        for pcm in signals:
            assert not any(isinstance(e, Warned) for e in feed(open_session(wire), wire, pcm))

    def test_tracks_never_mix(self):
        session = open_session(tracks=("inbound", "outbound"))
        for i in range(5):
            for track, code in (("inbound", 0x00), ("outbound", 0x80)):
                (event,) = session.receive(media(bytes([code]) * 160, i, track), i * 0.02)
                assert event.track == track
                assert np.all(event.samples == (-32124 if code == 0 else 32124))


class TestSpeaking:
    @pytest.mark.parametrize("dtype", ["int16", "float32"])
    def test_pieces_of_another_rate_are_resampled_as_one(self, dtype):
        session = open_session(PLIVO_L16_8K)
        pcm = tone(24000, 0.5)
        given = pcm if dtype == "int16" else voiceband.to_float(pcm)
        utterance = session.play(given[:7], 24000, end=False)
        for i in range(7, len(given), 991):
            session.play(given[i : i + 991], 24000, utterance=utterance, end=i + 991 >= len(given))
        sent = b"".join(
            base64.b64decode(json.loads(t)["media"]["payload"])
            for t in session.poll(0.0) + session.poll(9.0)
            if "playA" in t
        )
        resampler = voiceband.Resampler(24000, 8000, dtype=dtype)
        expected = np.concatenate([resampler.process(given), resampler.flush()])
        expected = expected if dtype == "int16" else voiceband.to_int16(expected)
        np.testing.assert_array_equal(np.frombuffer(sent, "<i2")[: len(expected)], expected)
        assert utterance.content_ms == pytest.approx(500)

    def test_half_a_sample_is_carried_over(self):
        session = open_session(PLIVO_L16_8K)
        data = tone(8000, 0.1).astype("<i2").tobytes()
        utterance = session.play(data[:3], format="audio/x-l16;rate=8000", end=False)
        for i in range(3, len(data), 7):
            session.play(data[i : i + 7], format="audio/x-l16;rate=8000", utterance=utterance, end=False)
        session.play(b"", format="audio/x-l16;rate=8000", utterance=utterance)
        (text,) = [t for t in session.poll(0.0) if "playAudio" in t]
        assert base64.b64decode(json.loads(text)["media"]["payload"]) == data

    def test_the_queue_is_bounded(self):
        session = open_session(lead_ms=None)
        with pytest.raises(QueueFullError, match="0 ms are queued, and 120020 more would pass the limit of 120000 ms"):
            session.play(bytes(160 * 6001), format=PLIVO_MULAW_8K)
        session.play(bytes(160 * 5000), format=PLIVO_MULAW_8K)
        now, longest = 0.0, 0.0
        call = Call(stream_id="s")
        call.start(0.0)
        while session.queued_ms:
            for text in session.poll(now):
                assert len(text) < 17_000
                call.receive(text, now)
            longest = max(longest, call.player.queued_s(now))
            now += 0.1
        assert 25 < longest <= 30

    def test_late_pieces_of_an_interrupted_utterance_are_ignored(self):
        session = open_session()
        utterance = session.play(np.zeros(800, np.int16), end=False)
        session.poll(0.0)
        session.interrupt(0.1)
        assert session.play(np.zeros(800, np.int16), utterance=utterance) is utterance
        session.poll(0.1)
        assert session.queued_ms == 0
        assert session.stats.late_pieces == 1
        assert session.receive('{"event":"playedStream","name":"utterance-1"}', 0.2) == []
        assert session.stats.late_answers == 1

    def test_truncation_never_passes_the_content(self):
        session = Session()
        _, joined = clean_call(session)
        joined.run(0.1)
        session.play(tone(24000, 0.505), 24000, name="u")
        joined.run(2.0)
        (heard,) = session.heard(2.0).utterances
        assert heard.heard_ms == heard.queued_ms == 520
        assert heard.audio_end_ms == 505
        assert session.interrupt(2.0)["u"].audio_end_ms == 505

    def test_checkpoints_time_out(self):
        session = open_session()
        session.checkpoint("c", timeout_s=2.0)
        session.poll(0.0)
        assert session.next_poll == pytest.approx(2.0)
        session.poll(2.0)
        assert session.events() == [Missed("c", "timeout")]
        session.checkpoint("d")
        session.poll(2.1)
        session.interrupt(2.2)
        assert session.events() == [Missed("d", "cleared")]
        session.poll(2.2)
        session.checkpoint("e")
        session.poll(2.3)
        assert session.close() == [Missed("e", "closed"), Stopped(None)]

    def test_checkpoints_every_so_often(self):
        session = Session(checkpoint_every_ms=500)
        _, joined = clean_call(session)
        joined.run(0.1)
        session.play(tone(8000, 4.0), name="u")
        joined.run(3.0)
        (record,) = session.heard(joined.now).utterances
        assert record.acknowledged_ms >= record.heard_ms - 700
        joined.run(6.0)
        assert [e for _, e in joined.events if isinstance(e, Played)] == [Played("u", True)]


class TestHalfASample:
    WIRE = "audio/x-l16;rate=8000"

    @pytest.mark.parametrize("opened", [True, False])
    def test_in_one_piece_it_is_refused(self, opened):
        session = open_session(PLIVO_L16_8K) if opened else Session()
        with pytest.raises(
            ValueError, match=r"data must hold whole samples .* of 321 bytes one is left over \(b'\\x07'"
        ):
            session.play(bytes(320) + b"\x07", format=self.WIRE, name="a")
        assert session.queued_ms == 0
        session.play(bytes(320), format=self.WIRE, name="a")  # the name is still free

    @pytest.mark.parametrize("opened", [True, False])
    def test_at_the_end_of_a_stream_it_is_dropped_and_counted(self, opened):
        session = open_session(PLIVO_L16_8K) if opened else Session()
        utterance = session.play(bytes([1, 0, 1]), format=self.WIRE, end=False)
        session.play(bytes([0]), format=self.WIRE, utterance=utterance, end=False)
        session.play(bytes([9]), format=self.WIRE, utterance=utterance)
        if not opened:
            session.receive(start(PLIVO_L16_8K), 0.0)
        assert session.stats.half_samples == 1
        (text,) = [t for t in session.poll(0.0) if "playAudio" in t]
        assert base64.b64decode(json.loads(text)["media"]["payload"]) == b"\1\0\1\0" + bytes(316)

    def test_before_another_format_too(self):
        session = open_session(PLIVO_L16_8K)
        utterance = session.play(bytes(3), format=self.WIRE, end=False)
        session.play(b"\xff" * 159, format=PLIVO_MULAW_8K, utterance=utterance)
        assert session.stats.half_samples == 1
        assert session.queued_ms == 20


class TestDrain:
    def test_with_nothing_to_say_it_is_at_once(self):
        session = open_session()
        session.drain(hangup_after_drain=True)
        assert session.events() == [Drained(by_clock=False, hangup=True)]
        assert session.hang_up_due

    def test_it_comes_with_the_last_answer(self):
        session = Session()
        call, joined = clean_call(session)
        joined.run(0.1)
        session.play(tone(8000, 1.0), name="bye")
        session.drain()
        joined.run(3.0)
        (at,) = [t for t, e in joined.events if isinstance(e, Drained)]
        assert at >= call.player.runs[0].start + 1.0
        assert not session.hang_up_due

    def test_a_carrier_that_never_answers_freezes_nothing(self):
        session = open_session()
        session.play(tone(8000, 1.0), name="bye")
        session.drain(hangup_after_drain=True)
        now, following = 0.0, 0.0
        while not session.hang_up_due and now < 60:
            now = max(following, now + 1e-6)
            session.poll(now)
            following = session.next_poll
        assert 6.0 < now < 10.0
        assert session.events() == [Missed("bye", "timeout"), Drained(by_clock=True, hangup=True)]

    def test_a_stream_that_stops_first_says_so(self):
        session = open_session()
        session.play(tone(8000, 1.0), name="bye")
        session.drain(hangup_after_drain=True)
        session.poll(0.0)
        assert not session.cut_off
        assert session.close("gone") == [Stopped("gone", undrained=True)]
        assert session.cut_off
        assert not session.hang_up_due
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
        session.play(tone(8000, 1.0))
        assert session.close() == [Stopped(None, undrained=False)]
        assert session.cut_off
        quiet = open_session()
        quiet.drain()
        assert quiet.close() == [Drained(by_clock=False), Stopped(None, undrained=False)]
        assert not quiet.cut_off


class TestReconnect:
    @pytest.mark.parametrize("stream_id", ["s", "s2"])
    def test_nothing_is_heard_twice_and_the_rest_goes_on(self, stream_id):
        session = open_session()
        pcm = np.random.default_rng(0).integers(-20000, 20000, 16000, np.int16)
        utterance = session.play(pcm, name="u")
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


def read_wav(path):
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


class TestRecorder:
    def call(self, path, buffer="timeline"):
        rng = random.Random(3)
        with Recorder(path) as recorder:
            session = Session(recorder=recorder, buffer=buffer)
            call = Call(PLIVO_L16_8K)
            joined = Joined(call, session, Path(rng, 0.025, 0.01, 4, 0.2), Path(rng, 0.025, 0.01, 4, 0.2))
            call.say(np.random.default_rng(0).integers(-9000, 9000, 8 * 8000, np.int16))
            joined.run(0.5)
            session.play(np.random.default_rng(1).integers(1, 7000, 16000, np.int16), name="a")
            joined.run(4.0)
            session.play(np.random.default_rng(2).integers(-9000, -1, 40000, np.int16), name="b")
            joined.run(6.0)
            session.interrupt(joined.now)
            joined.run(7.0)
            session.play(np.full(8000, 7777, np.int16), name="c")
            joined.run(10.0)
            session.close()
        return call, joined

    @pytest.mark.parametrize("buffer", ["timeline", "jitter"])
    def test_it_is_what_happened(self, tmp_path, buffer):
        path = tmp_path / "call.wav"
        call, joined = self.call(path, buffer)
        left, right = read_wav(path).T
        said, truth = call.recording(joined.now)
        n = min(len(left), len(said))
        assert n > 9.5 * 8000
        np.testing.assert_array_equal(left[:n], said[:n])
        # Each utterance whole, where it was heard: within the playout clock's reach.
        for value, length in ((lambda x: (x > 0) & (x < 7777), 16000), (lambda x: x == 7777, 8000)):
            ours, theirs = np.flatnonzero(value(right)), np.flatnonzero(value(truth))
            assert abs(ours[0] - theirs[0]) < 0.08 * 8000
            if length == 8000:
                assert len(ours) == length
        np.testing.assert_array_equal(right[right > 0][:16000], truth[truth > 0][:16000])
        # Of the interrupted one, what was heard and no more.
        assert abs(np.count_nonzero(right < 0) - np.count_nonzero(truth < 0)) < 0.08 * 8000

    def test_the_file_is_whole_at_any_time(self, tmp_path):
        path = tmp_path / "call.wav"
        session = Session(recorder=Recorder(path))
        call, joined = clean_call(session)
        call.say(tone(8000, 20.0))
        joined.run(0.5)
        session.play(tone(8000, 19.0))
        for second in range(4, 20):
            joined.run(float(second))
            frames = len(read_wav(path))  # the recorder is still open
            assert second - 3.5 <= frames / 8000 <= second
            assert session.recorder._right.nbytes + session.recorder._left.nbytes < 200_000
        session.recorder.close()

    def test_a_reconnected_stream_comes_at_its_time(self, tmp_path):
        path = tmp_path / "call.wav"
        with Recorder(path) as recorder:
            session = open_session(recorder=recorder)
            pcm = tone(8000, 1.0)
            feed(session, PLIVO_MULAW_8K, pcm)
            session.receive(start(stream_id="s2"), 3.0)
            for i in range(50):
                payload = PLIVO_MULAW_8K.encode(pcm[i * 160 : (i + 1) * 160])
                session.receive(media(payload, i), 3.0 + i * 0.02)
            session.close()
        left = read_wav(path)[:, 0]
        assert len(left) == pytest.approx(4 * 8000, abs=200)
        assert np.all(left[8000 : 3 * 8000 - 200] == 0)

    @pytest.mark.parametrize(("first", "second"), [(PLIVO_MULAW_8K, PLIVO_L16_16K), (PLIVO_L16_16K, PLIVO_L16_8K)])
    def test_another_rate_goes_on_in_the_same_file(self, tmp_path, first, second):
        path = tmp_path / "call.wav"
        with Recorder(path) as recorder:
            session = open_session(first, recorder=recorder)
            feed(session, first, tone(first.sample_rate, 1.0, 440))
            session.play(tone(first.sample_rate, 0.4, 880), name="a")
            session.poll(1.0)
            session.receive(start(second, "s2"), 3.0)
            assert session.format == second
            pcm = tone(second.sample_rate, 2.0, 600)
            n = second.frame_samples()
            for i in range(100):
                if i == 25:
                    session.play(tone(second.sample_rate, 0.5, 1200), name="b")
                now = 3.0 + 0.02 * i
                session.poll(now)
                session.receive(media(second.encode(pcm[i * n : (i + 1) * n]), i), now)
            session.close()
        with wave.open(str(path)) as file:
            rate = file.getframerate()
        assert rate == first.sample_rate
        left, right = read_wav(path).T.astype(float)
        assert len(left) == pytest.approx(5 * rate, abs=0.03 * rate)
        assert not left[int(1.01 * rate) : int(2.96 * rate)].any()
        # The second stream whole and at its time, with no click: what an ideal resampler gives.
        begin = int(np.flatnonzero(left[2 * rate :])[0]) + 2 * rate
        assert begin == pytest.approx(2.98 * rate, abs=0.025 * rate)
        got = left[begin + rate // 100 : begin + int(1.99 * rate)]
        assert purity_db(got, 600, rate) > 40
        # The agent's right side: its second talk for as long as it lasts, at its pitch.
        spoken = np.flatnonzero(right[3 * rate :]) + 3 * rate
        assert np.ptp(spoken) == pytest.approx(0.5 * rate, abs=0.02 * rate)
        assert purity_db(right[spoken[0] + rate // 100 : spoken[-1] - rate // 100], 1200, rate) > 40

    def test_changed_buffers_lose_nothing(self, tmp_path):
        path = tmp_path / "call.wav"
        pcm = np.random.default_rng(0).integers(1, 9000, 3 * 8000, np.int16)
        with Recorder(path) as recorder:
            session = open_session(PLIVO_L16_8K, recorder=recorder, guard=False)
            for i, kind in enumerate(["timeline", "jitter", None, "timeline", "jitter", "timeline"]):
                session.buffer = kind
                feed(session, PLIVO_L16_8K, pcm[i * 4000 : (i + 1) * 4000], first=25 * i)
            session.close()
        np.testing.assert_array_equal(read_wav(path)[:, 0], pcm)


def purity_db(x, hz, rate):
    """Return the power of a tone over that of all else, by least squares."""
    t = 2 * np.pi * hz * np.arange(len(x)) / rate
    basis = np.stack([np.sin(t), np.cos(t)], 1)
    rest = x - basis @ np.linalg.lstsq(basis, x, rcond=None)[0]
    return 10 * np.log10(np.sum((x - rest) ** 2) / max(np.sum(rest**2), 1e-9))


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


class TestFigures:
    def test_stats_and_summary(self):
        counted = []
        session = Session(metrics=lambda name, value: counted.append((name, value)))
        _, joined = clean_call(session)
        joined.run(0.5)
        session.play(tone(8000, 1.0), name="a")
        joined.run(3.0)
        session.play(tone(8000, 3.0), name="b")
        joined.run(4.0)
        session.interrupt(joined.now)
        joined.run(5.0)
        session.receive("{", joined.now)
        stats = session.stats
        assert stats.messages_in > 250
        assert stats.malformed == session.malformed == 1
        assert stats.round_trip_ms == pytest.approx(50, abs=2)
        assert stats.playout_delay_ms == pytest.approx(275, abs=40)
        assert stats.barge_in_send_max_ms == 0
        assert stats.barge_in_ms == pytest.approx(50, abs=2)
        assert stats.frames_out >= 50
        assert stats.underruns == 0
        assert stats.lead_ms == pytest.approx(400, abs=21)
        summary = json.loads(json.dumps(session.summary()))
        assert summary["interruptions"] == 1
        assert {"malformed", "played", "cleared", "interruptions"} <= {name for name, _ in counted}

    def test_metrics_come_to_the_same_as_the_stats(self):
        counted, seen = {}, {}

        def hook(name, value):
            metric = METRICS[name]  # a name that is not there fails
            if metric.kind == "counter":
                assert value > 0
                counted[name] = counted.get(name, 0) + value
            else:
                seen.setdefault(name, []).append(value)

        session = Session(metrics=hook, buffer="jitter")
        call, joined = clean_call(session)
        call.say(tone(8000, 9.0))
        events = []
        joined.run(0.5)
        odd = session.play(tone(24000, 4.0), 24000, end=False)
        joined.run(2.0)
        session.buffer = "timeline"
        joined.run(2.5)
        joined.stalled_until = joined.now + 0.2
        joined.run(3.0)
        session.interrupt(joined.now)
        session.play(b"", utterance=odd)
        joined.run(4.0)
        session.receive("{", joined.now)
        session.receive('{"event":"playedStream","name":"nobody"}', joined.now)
        for i in (90000, 90000, 90003, 90001):
            events += session.receive(media(bytes(160), i), joined.now)
        events += session.receive(start(PLIVO_L16_16K, "s2"), joined.now)
        cut = session.play(bytes(3), format="audio/x-l16;rate=16000", end=False)
        session.play(b"", format="audio/x-l16;rate=16000", utterance=cut)
        session.checkpoint("c", timeout_s=0.1)
        session.poll(4.1)
        session.poll(60.0)
        events += session.events() + session.close("over")
        stats = session.stats.as_dict()
        told = {name: round(value, 3) for name, value in counted.items()}
        for name, metric in METRICS.items():
            if metric.kind == "counter" and name in stats:
                assert told.get(name, 0) == stats[name], name
        assert {"gaps", "late_answers", "late_pieces", "half_samples", "reconnects", "malformed"} <= counted.keys()
        assert counted["interruptions"] == len(seen["barge_in_ms"]) == 1
        assert counted["cleared"] == 2  # and what the other format cut off
        assert seen["barge_in_ms"] == [pytest.approx(50, abs=2)]
        assert seen["barge_in_send_ms"] == [0.0]
        assert max(seen["send_late_ms"]) > 1
        assert min(seen["round_trip_ms"]) == pytest.approx(50, abs=2)
        assert seen["queued_ms"][-1] == stats["queued_ms"]
        assert seen["lead_ms"][-1] == pytest.approx(stats["lead_ms"], abs=1e-3)
        told_of = {type(e).__name__.lower() for _, e in joined.events} | {type(e).__name__.lower() for e in events}
        assert {name for name in told_of if name != "audio"} <= counted.keys()
        assert counted["missed"] >= 1

    def test_metrics_come_once_a_second_while_media_flows(self):
        told = []
        session = Session(metrics=lambda name, value: told.append((name, value)))
        session.receive(start(), 0.0)
        feed(session, PLIVO_MULAW_8K, tone(8000, 5.0))
        totals = [value for name, value in told if name == "messages_in"]
        assert len(totals) == 5
        assert all(value == pytest.approx(50, abs=2) for value in totals[1:])

    def test_another_format_forgets_no_figure(self):
        session = Session()
        _, joined = clean_call(session)
        session.round_trip(0.01)
        joined.run(0.2)
        session.play(tone(8000, 1.0), name="a")
        joined.run(3.0)
        before = session.stats
        session.receive(start(PLIVO_L16_16K, "s2"), 3.0)
        after = session.stats
        for name in ("frames_out", "send_late_max_ms", "gaps", "underruns", "round_trip_ms", "concealed_ms"):
            assert getattr(after, name) == getattr(before, name), name
        assert before.frames_out == 50

    def test_random_calls_are_deterministic(self):
        assert random_call(7) == random_call(7)
