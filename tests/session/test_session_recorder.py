"""Recording: what happened, when it happened, whatever the streams."""

import math
import os
import random
import signal
import wave

import numpy as np
import pytest

from _support.joined import Joined, Path
from _support.messages import media, start
from _support.programs import python
from _support.session_calls import clean_call, feed, open_session, tone
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.session import Recorder, Session


def read_wav(path):
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


class TestRecorder:
    def call(self, path, buffer="timeline"):
        rng = random.Random(3)
        with Recorder(path) as recorder:
            session = Session(recorder=recorder, buffer=buffer)
            ways = Path(rng, 0.025, 0.01, 4, 0.2), Path(rng, 0.025, 0.01, 4, 0.2)
            joined = Joined(session, *ways, wire=PLIVO_L16_8K)
            call = joined.stream
            call.say(np.random.default_rng(0).integers(-9000, 9000, 8 * 8000, np.int16))
            joined.run(0.5)
            session.play(np.random.default_rng(1).integers(1, 7000, 16000, np.int16), name="a", end=True)
            joined.run(4.0)
            session.play(np.random.default_rng(2).integers(-9000, -1, 40000, np.int16), name="b", end=True)
            joined.run(6.0)
            session.interrupt(joined.now)
            joined.run(7.0)
            session.play(np.full(8000, 7777, np.int16), name="c", end=True)
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
        session.play(tone(8000, 19.0), end=True)
        for second in range(4, 20):
            joined.run(float(second))
            frames = len(read_wav(path))  # the recorder is still open
            assert second - 3.5 <= frames / 8000 <= second
            assert session.recorder._right.nbytes + session.recorder._left.nbytes < 200_000
        session.recorder.close()

    @pytest.mark.skipif(os.name == "nt", reason="Windows knows no SIGKILL")
    @pytest.mark.parametrize("closes", [False, True])
    @pytest.mark.parametrize("buffer", ["timeline", "jitter"])
    def test_nothing_is_due_after_the_end(self, tmp_path, buffer, closes):
        with Recorder(tmp_path / "call.wav") as recorder:
            session = Session(recorder=recorder, buffer=buffer)
            session.receive(start(), 10.0)
            session.receive(media(0), 10.0)
            session.play(tone(8000, 3.0), 8000)
            session.poll(10.0)
            assert session.next_poll < 12.0
            if closes:
                session.close()
            else:
                session.receive('{"event": "stop", "streamId": "s"}', 10.5)
            assert session.next_poll == math.inf

    def test_a_killed_process_leaves_a_file_that_plays(self, tmp_path):
        path = tmp_path / "call.wav"
        code = f"""
import os, signal
from _support.session_calls import *
from voiceband.session import Recorder

session = open_session(recorder=Recorder({str(path)!r}))
session.play(tone(8000, 9.0, 880))
for i in range(10):
    session.poll(float(i))
    feed(session, PLIVO_MULAW_8K, tone(8000, 1.0), first=50 * i)
os.kill(os.getpid(), signal.SIGKILL)
"""
        done = python("-c", code)
        assert done.returncode == -signal.SIGKILL
        left, right = read_wav(path).T
        assert 6 * 8000 < len(left) <= 10 * 8000
        said = PLIVO_MULAW_8K.decode(PLIVO_MULAW_8K.encode(tone(8000, 1.0)))
        np.testing.assert_array_equal(left, np.tile(said, 10)[: len(left)])
        assert np.count_nonzero(right) > 3 * 8000

    def test_a_reconnected_stream_comes_at_its_time(self, tmp_path):
        path = tmp_path / "call.wav"
        with Recorder(path) as recorder:
            session = open_session(recorder=recorder)
            pcm = tone(8000, 1.0)
            feed(session, PLIVO_MULAW_8K, pcm)
            session.receive(start(stream_id="s2"), 3.0)
            for i in range(50):
                payload = PLIVO_MULAW_8K.encode(pcm[i * 160 : (i + 1) * 160])
                session.receive(media(i, payload), 3.0 + i * 0.02)
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
            session.play(tone(first.sample_rate, 0.4, 880), name="a", end=True)
            session.poll(1.0)
            session.receive(start(second, "s2"), 3.0)
            assert session.format == second
            pcm = tone(second.sample_rate, 2.0, 600)
            n = second.frame_samples()
            for i in range(100):
                if i == 25:
                    session.play(tone(second.sample_rate, 0.5, 1200), name="b", end=True)
                now = 3.0 + 0.02 * i
                session.poll(now)
                session.receive(media(i, second.encode(pcm[i * n : (i + 1) * n])), now)
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
