"""A caller whose media stands still: what was said is recorded, and nothing old comes out."""

import wave

import numpy as np
import pytest

from _support.messages import media, start
from voiceband.session import Recorder, Session


def recorded(path):
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


@pytest.mark.parametrize("tracks", [("inbound",), ("outbound",)])
@pytest.mark.parametrize("media_s", [0.0, 0.03, 1.0])
def test_what_was_heard_is_recorded_while_the_caller_stands_still(tmp_path, media_s, tracks):
    with Recorder(tmp_path / "call.wav") as recorder:
        session = Session(recorder=recorder, guard=False, tracks=tracks)
        session.receive(start(), 0.0)
        session.play(np.full(8000 * 20, 3000, np.int16), 8000, name="a", end=True)
        sizes = []
        for i in range(1, 23 * 50):
            now = i * 0.02
            if now < media_s:
                session.receive(media(i, b"\x80" * 160), now)
            session.poll(now)
            sizes.append((tmp_path / "call.wav").stat().st_size)
        assert session.heard(now).heard_ms == 20000
    assert sizes[500] > 44 + 4 * 8000 * 4  # ten seconds after the start, all but the last few are in the file
    assert np.count_nonzero(recorded(tmp_path / "call.wav")[:, 1]) == 8000 * 20


def test_media_that_was_held_up_comes_where_it_belongs(tmp_path):
    with Recorder(tmp_path / "call.wav") as recorder:
        session = Session(recorder=recorder, guard=False)
        session.receive(start(), 0.0)
        session.play(np.full(8000 * 20, 3000, np.int16), 8000, end=True)
        for i in range(1, 500):
            if i < 50 or i >= 450:
                session.receive(media(i, b"\x80" * 160), i * 0.02)
            if i == 450:
                for late in range(50, 450):
                    session.receive(media(late, b"\x80" * 160), i * 0.02)
            session.poll(i * 0.02)
            if i < 450:
                assert session.next_poll < np.inf
    left = recorded(tmp_path / "call.wav")[:, 0]
    assert np.count_nonzero(left) >= 99 * 160


class TestJitterBufferThatNobodyAsks:
    def test_a_long_gap_is_left_out(self):
        session = Session(buffer="jitter", guard=False)
        session.receive(start(), 0.0)
        for i in range(1, 5):
            session.receive(media(i, b"\x55" * 160), i * 0.02)
        events = session.receive(media(180_000, b"\x55" * 160), 3600.0)
        assert 4 <= len(events) <= 500
        more = session.receive(media(180_001, b"\x55" * 160), 3600.04)
        assert 3_590_000 < more[-1].position_ms < 3_610_000

    def test_what_is_no_audio_is_kept(self):
        session = Session(buffer="jitter", guard=False)
        session.receive(start(), 0.0)
        for i in range(1, 10):
            session.receive(media(i, b"\x55" * 160), i * 0.02)
        session.play(np.ones(160, np.int16), 8000, name="a", end=True)
        session.drain()
        for i in range(10, 4000):
            session.poll(i * 0.02)
        kinds = [type(event).__name__ for event in session.events()]
        assert len(kinds) <= 1024
        assert kinds.count("Drained") == 1
        assert session.stats.dropped > 1000


@pytest.mark.parametrize("first_of_pause", [2, 75])
def test_a_pause_says_nothing_about_the_rate(first_of_pause):
    session = Session()
    session.receive(start(), 0.0)
    kinds = set()
    for i in range(1, 300):
        stamp = i if i < first_of_pause else i + 200
        kinds |= {type(event).__name__ for event in session.receive(media(stamp), i * 0.02)}
    assert kinds == {"Audio"}
