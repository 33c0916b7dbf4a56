"""The caller's side: stages in their order, the wire's formats, tracks."""

import base64
import json
import math

import numpy as np
import pytest

import voiceband
from _support.messages import media, start
from _support.session_calls import audio, feed, open_session, samples, tone
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.session import Audio, Session, Warned


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
        session.play(ramp[:160], end=True)
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

    def test_timestamps_of_another_rate_are_told_once(self):
        session = open_session(PLIVO_MULAW_8K)
        events = [e for i in range(60) for e in session.receive(media(i, bytes([0xFF]) * 320), i * 0.02)]
        (warned,) = [e for e in events if isinstance(e, Warned)]
        assert (warned.kind, warned.track) == ("wrong-rate", "inbound")
        assert "16000 samples a second" in warned.reason
        assert "too low" in warned.reason

    @pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_8K, PLIVO_L16_16K])
    def test_the_guard_is_quiet_for_what_is_right(self, wire):
        rng = np.random.default_rng(0)
        rate = wire.sample_rate
        signals = [tone(rate, 2.0, 3400), tone(rate, 2.0, 200), np.zeros(2 * rate, np.int16)]
        signals += [np.rint(rng.normal(0, s, 2 * rate)).astype(np.int16) for s in (1, 30, 90)]
        signals.append(tone(rate, 2.0, 697) + tone(rate, 2.0, 1477))
        for pcm in signals:
            assert not any(isinstance(e, Warned) for e in feed(open_session(wire), wire, pcm))

    def test_tracks_never_mix(self):
        session = open_session(tracks=("inbound", "outbound"))
        for i in range(5):
            for track, code in (("inbound", 0x00), ("outbound", 0x80)):
                (event,) = session.receive(media(i, bytes([code]) * 160, track), i * 0.02)
                assert event.track == track
                assert np.all(event.samples == (-32124 if code == 0 else 32124))


def test_a_message_that_the_resampler_keeps_is_no_empty_audio():
    """The quick way, and the general one, which a detector of tones takes."""
    for options in ({}, {"tones": True}):
        session = Session(rate=8000, **options)
        session.receive(start(PLIVO_L16_16K), 0.0)
        events = []
        for i in range(50):
            body = {"track": "inbound", "timestamp": str(i // 16), "chunk": i + 1, "payload": "AAE="}
            events += session.receive(json.dumps({"event": "media", "streamId": "s", "media": body}), 0.02 * i)
        sizes = [len(event.samples) for event in events if isinstance(event, Audio)]
        assert min(sizes) > 0
        assert sum(sizes) <= 25
