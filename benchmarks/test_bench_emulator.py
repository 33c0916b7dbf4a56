"""A phone call of ten minutes on virtual time, both sides talking all the time, and with the line silent."""

import numpy as np
import pytest

from voiceband.emulator import Carrier, SessionAgent, VirtualCall
from voiceband.formats import PLIVO_FORMATS
from voiceband.markup import Stream
from voiceband.session import Session, Started

SECONDS = 600


@pytest.mark.parametrize("audio_format", PLIVO_FORMATS, ids=str)
@pytest.mark.parametrize("talk", [False, True], ids=["silent", "talking"])
def test_ten_minutes(benchmark, audio_format, talk):
    rate = audio_format.sample_rate
    pcm = (8000 * np.sin(np.arange(SECONDS * rate) * 0.2)).astype(np.int16)

    def act(session, event, _now):
        if talk and isinstance(event, Started):
            session.play(pcm, rate)

    def caller(call, _now):
        if talk:
            call.say(pcm)

    def place():
        stream = Stream(
            "wss://agent.example.com/",
            bidirectional=True,
            keep_call_alive=True,
            stream_timeout=SECONDS,
            content_type=audio_format,
        )
        carrier = Carrier(stream, seed=1, on_stream=caller)
        session = Session(rate=rate, max_queued_ms=1000 * SECONDS + 1000)
        VirtualCall(carrier, lambda _: SessionAgent(session, act)).run(SECONDS + 60.0)
        return carrier

    carrier = benchmark.pedantic(place, rounds=3)
    assert len(carrier.log.named("media")) == 50 * SECONDS
    assert carrier.streams[0].player.gaps == []
