"""What a session refuses, and what stays as it was when it does."""

import json
import math

import numpy as np
import pytest

from voiceband.formats import PLIVO_FORMATS, PLIVO_L16_16K, PLIVO_MULAW_8K, AudioFormat
from voiceband.session import Drained, Failed, Malformed, Missed, Session, Started, Stopped
from voiceband.session.outbound import Outbound

FRAME = np.zeros(160, np.int16)


def start(audio_format=PLIVO_MULAW_8K, stream_id="s1"):
    media_format = {"encoding": audio_format.mime, "sampleRate": audio_format.sample_rate}
    body = {"streamId": stream_id, "callId": "c1", "tracks": ["inbound"], "mediaFormat": media_format}
    return json.dumps({"event": "start", "start": body})


def open_session(audio_format=PLIVO_MULAW_8K, **options):
    session = Session(**options)
    session.receive(start(audio_format), 0.0)
    return session


def sent(texts):
    return [(m["event"], m.get("name")) for m in map(json.loads, texts)]


class TestReceiveDoesNotRaise:
    @pytest.mark.parametrize("wire", PLIVO_FORMATS)
    @pytest.mark.parametrize("rate", [4000, 4410, 7999, 11025, 44100, 192000])
    def test_what_play_takes_before_the_start_fits_every_wire(self, wire, rate):
        session = Session()
        try:
            session.play(np.zeros(441, np.int16), rate)
        except ValueError:
            assert session.queued_ms == 0
        assert [type(e) for e in session.receive(start(wire), 0.0)] == [Started]

    def test_a_piece_that_fails_all_the_same(self, monkeypatch):
        session = Session()
        bad = session.play(FRAME, 8000, name="bad", end=False)
        session.play(FRAME, 8000, utterance=bad)
        session.play(FRAME, 8000, name="good")
        play = Outbound.play

        def failing(self, utterance, data, source, *, end):
            if utterance is bad:
                raise ValueError("no")
            play(self, utterance, data, source, end=end)

        monkeypatch.setattr(Outbound, "play", failing)
        started, failed = session.receive(start(), 0.0)
        assert isinstance(started, Started)
        assert isinstance(failed, Failed)
        assert failed.reason == "utterance 'bad' cannot be played: no"
        assert bad.ended
        assert sent(session.poll(0.0)) == [("playAudio", None), ("checkpoint", "good")]
