"""What a session is given: what it cannot use is refused before anything has changed, and what it can is taken."""

import json

import numpy as np
import pytest

from _support.messages import media, start
from _support.session_calls import open_session
from voiceband.formats import PLIVO_L16_8K
from voiceband.session import Audio, Dtmf, Malformed, Session


class TestRate:
    @pytest.mark.parametrize("rate", [7919, 11011, 191999])
    def test_one_that_no_wire_can_be_resampled_to_is_refused(self, rate):
        with pytest.raises(ValueError, match=f"rate must be one that .* not {rate}"):
            Session(rate=rate)
        session = Session(rate=16000, guard=False)
        session.receive(start(), 0.0)
        session.receive(media(1), 0.1)
        with pytest.raises(ValueError, match=f"rate must be one that .* not {rate}"):
            session.rate = rate
        assert session.rate == 16000
        (event,) = session.receive(media(2), 0.12)
        assert len(event.samples) == 320
        with pytest.raises(ValueError, match=f"rate must be one that .* not {rate}"):
            session.play(np.zeros(160, np.int16), rate, end=True)
        assert session.queued_ms == 0


class TestNow:
    @pytest.mark.parametrize("now", [True, 1e13, -1e12, float("nan"), 10**400, None, "1"])
    def test_one_that_is_refused_leaves_the_message(self, now):
        session = Session(guard=False)
        session.receive(start(), 0.0)
        before = session.stats
        for method in (lambda: session.receive(media(1), now), lambda: session.poll(now)):
            with pytest.raises((TypeError, ValueError), match="now must be"):
                method()
        assert session.stats == before
        assert len(session.receive(media(1), 0.1)) == 1


class TestArrays:
    @pytest.mark.parametrize("first", [True, False])
    def test_strided_ones_and_subclasses_are_taken(self, first, tmp_path):
        plain = np.arange(160, dtype=np.int16)
        stored = np.memmap(tmp_path / "pcm", np.int16, "w+", shape=160)
        stored[:] = plain
        for data in (np.repeat(plain, 2)[::2], plain[::-1][::-1], stored):
            session = open_session()
            if not first:
                session.play(plain[:0], 8000)
            session.play(data, 8000, end=True)
            expected = open_session()
            expected.play(plain, 8000, end=True)
            assert session.poll(0.0) == expected.poll(0.0)

    @pytest.mark.parametrize("data", [np.ma.zeros(160, np.int16), np.zeros(160, complex), np.zeros(3, object)])
    def test_others_are_refused(self, data):
        session = open_session()
        with pytest.raises((TypeError, ValueError), match="data must"):
            session.play(data, 8000, end=True)
        assert session.queued_ms == 0

    @pytest.mark.parametrize("rate", [24000.0, np.float32(24000), True, "24000"])
    def test_a_rate_is_a_whole_number_for_every_piece(self, rate):
        session = open_session()
        utterance = session.play(np.ones(480, np.int16), 24000)
        queued = session.queued_ms
        for name in (utterance.name, None, "another"):
            with pytest.raises(TypeError, match="rate must be"):
                session.play(np.ones(480, np.int16), rate, name=name)
        assert session.queued_ms == queued


class TestNumbersOfNumpy:
    """Scalars of numpy are numbers, wherever a number is taken."""

    @pytest.mark.parametrize("kind", [np.int16, np.int64, np.uint32])
    def test_whole_ones(self, kind):
        session = Session(rate=kind(16000))
        assert session.rate == 16000
        session.rate = kind(8000)
        session.receive(start(), 0.0)
        utterance = session.play(np.ones(480, np.int16), kind(24000))
        session.play(np.ones(480, np.int16), kind(24000), end=True)
        assert utterance.queued_ms == 60  # two pieces, and the resampler's tail in a frame of its own
        session.play(bytes(160), kind(8000), format="audio/x-mulaw", end=True)

    @pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
    def test_any(self, kind):
        session = Session(
            denoise=kind(80), lead_ms=kind(200), gain_in_db=kind(3), gain_out_db=kind(-3), max_queued_ms=kind(5000),
            checkpoint_every_ms=kind(1000),
        )  # fmt: skip
        assert (session.denoise, session.lead_ms, session.gain_in_db, session.gain_out_db) == (80, 200, 3, -3)
        session.receive(start(), kind(0))
        session.checkpoint("a", timeout_s=kind(2))
        session.round_trip(kind(1))
        assert len(session.poll(kind(1))) == 1


class TestMessages:
    def test_junk_keys_are_one_event(self):
        session = open_session()
        events = session.receive(json.dumps({"event": "dtmf", "dtmf": {"digit": "1" + "x" * 60_000 + "#"}}), 0.1)
        assert [type(event) for event in events] == [Dtmf, Dtmf, Malformed]
        assert session.malformed == 1

    def test_nothing_that_is_held_is_lost_with_its_stream(self):
        session = Session(guard=False, byteorder_in="auto")
        session.receive(start(PLIVO_L16_8K), 0.0)
        noise = np.random.default_rng(1).integers(-30000, 30000, 160).astype("<i2").tobytes()
        events = []
        for i in range(1, 6):
            events += session.receive(media(i, noise), i * 0.02)
        events += session.receive(start(PLIVO_L16_8K, "s2"), 0.2)
        for i in range(1, 100):
            events += session.receive(media(i, noise), 0.2 + i * 0.02)
        events += session.close()
        assert sum(len(e.samples) for e in events if isinstance(e, Audio)) == 104 * 160


class TestCounts:
    def test_an_early_message_that_cannot_be_used_counts_once(self):
        told = []
        session = Session(metrics=lambda name, value: told.append(name))
        session.receive(media(1, b"\x11" * 161), 0.0)
        session.receive(start(PLIVO_L16_8K), 0.1)
        assert (session.malformed, told.count("malformed")) == (1, 1)

    def test_so_it_does_when_the_start_never_comes(self):
        session = Session(fallback_format=PLIVO_L16_8K)
        for i in range(1, 251):
            session.receive(media(i, b"\x11" * (161 if i == 7 else 320)), i * 0.02)
        assert session.malformed == 1

    def test_a_warning_while_muted_is_counted(self):
        told = []
        session = Session(metrics=lambda name, value: told.append(name))
        session.receive(start(PLIVO_L16_8K), 0.0)
        session.mute()
        session.receive(media(1, b"RIFF\0\0\0\0WAVE" + bytes(308)), 0.1)
        assert told.count("warned") == 1


class TestOptions:
    @pytest.mark.parametrize("name", ["guard", "recorder", "capture", "metrics"])
    def test_what_is_none_is_refused(self, name):
        with pytest.raises(TypeError, match=f"{name} must be .* not 'x'"):
            Session(**{name: "x"})


def test_a_text_of_a_class_of_its_own_is_what_it_holds():
    class Odd(str):
        __slots__ = ()

        def __len__(self):
            raise RuntimeError("no length")

    (event,) = Session().receive(Odd('{"event":"x"}'), 0.0)
    assert event.name == "x"
