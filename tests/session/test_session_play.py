"""The agent's side: pieces, the queue, checkpoints."""

import base64
import json
import random

import numpy as np
import pytest

import voiceband
from _support.messages import start
from _support.session_calls import clean_call, open_session, tone
from voiceband.emulator import CarrierStream
from voiceband.formats import PLIVO_L16_8K, PLIVO_MULAW_8K
from voiceband.session import Missed, Played, QueueFullError, Session, Stopped


class TestPlay:
    @pytest.mark.parametrize("dtype", ["int16", "float32"])
    def test_pieces_of_another_rate_are_resampled_as_one(self, dtype):
        session = open_session(PLIVO_L16_8K)
        pcm = tone(24000, 0.5)
        given = pcm if dtype == "int16" else voiceband.to_float(pcm)
        utterance = session.play(given[:7], 24000)
        for i in range(7, len(given), 991):
            session.play(given[i : i + 991], 24000, end=i + 991 >= len(given))
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
        session.play(data[:3], format="audio/x-l16;rate=8000")
        for i in range(3, len(data), 7):
            session.play(data[i : i + 7], format="audio/x-l16;rate=8000")
        session.play(b"", format="audio/x-l16;rate=8000", end=True)
        texts = [t for t in session.poll(0.0) if "playAudio" in t]
        assert b"".join(base64.b64decode(json.loads(text)["media"]["payload"]) for text in texts) == data

    def test_the_queue_is_bounded(self):
        session = open_session(lead_ms=None)
        with pytest.raises(QueueFullError, match="0 ms are queued, and 120020 more would pass the limit of 120000 ms"):
            session.play(bytes(160 * 6001), format=PLIVO_MULAW_8K, end=True)
        session.play(bytes(160 * 5000), format=PLIVO_MULAW_8K, end=True)
        now, longest = 0.0, 0.0
        call = CarrierStream(stream_id="s")
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
        utterance = session.play(np.zeros(800, np.int16))
        session.poll(0.0)
        session.interrupt(0.1)
        assert session.play(np.zeros(800, np.int16), name=utterance.name) is utterance
        session.poll(0.1)
        assert session.queued_ms == 0
        assert session.stats.late_pieces == 1
        assert session.receive('{"event":"playedStream","name":"utterance-1"}', 0.2) == []
        assert session.stats.late_answers == 1

    def test_truncation_never_passes_the_content(self):
        session = Session()
        _, joined = clean_call(session)
        joined.run(0.1)
        session.play(tone(24000, 0.505), 24000, name="u", end=True)
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
        session = Session(checkpoint_every_ms=1000)
        _, joined = clean_call(session)
        joined.run(0.1)
        session.play(tone(8000, 4.0), name="u", end=True)
        joined.run(3.0)
        (record,) = session.heard(joined.now).utterances
        assert record.acknowledged_ms >= record.heard_ms - 1400
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
            session.play(bytes(320) + b"\x07", format=self.WIRE, name="a", end=True)
        assert session.queued_ms == 0
        session.play(bytes(320), format=self.WIRE, name="a", end=True)  # the name is still free

    @pytest.mark.parametrize("opened", [True, False])
    def test_at_the_end_of_a_stream_it_is_dropped_and_counted(self, opened):
        session = open_session(PLIVO_L16_8K) if opened else Session()
        session.play(bytes([1, 0, 1]), format=self.WIRE)
        session.play(bytes([0]), format=self.WIRE)
        session.play(bytes([9]), format=self.WIRE, end=True)
        if not opened:
            session.receive(start(PLIVO_L16_8K), 0.0)
        assert session.stats.half_samples == 1
        (text,) = [t for t in session.poll(0.0) if "playAudio" in t]
        assert base64.b64decode(json.loads(text)["media"]["payload"]) == b"\1\0\1\0" + bytes(316)

    def test_before_another_format_too(self):
        session = open_session(PLIVO_L16_8K)
        session.play(bytes(3), format=self.WIRE)
        session.play(b"\xff" * 159, format=PLIVO_MULAW_8K, end=True)
        assert session.stats.half_samples == 1
        assert session.queued_ms == 20


@pytest.mark.parametrize("seed", range(5))
def test_an_answer_confirms_everything_before_it_of_many_short_utterances(seed):
    rng = random.Random(seed)
    session = open_session(guard=False)
    said, answers, last = [], [], -1
    for i in range(400):
        now = i * 0.02
        said.append(session.play(np.ones(rng.choice([100, 160]), np.int16), 8000, end=True))
        session.poll(now)
        if rng.random() < 0.9:
            answers.append((now + 0.3 + rng.uniform(0, 0.2), i))
        answers.sort()
        while answers and answers[0][0] <= now:
            _, k = answers.pop(0)
            events = session.receive(json.dumps({"event": "playedStream", "name": said[k].name}), now)
            assert events[-1] == Played(said[k].name, utterance=True)
            last = max(last, k)
        recent = range(max(0, i - 60), i + 1)
        heard = session.heard(now)
        assert [heard[said[k].name].acknowledged_ms for k in recent] == [20 * (k <= last) for k in recent]
        assert heard.heard_ms >= 20 * (last + 1)
