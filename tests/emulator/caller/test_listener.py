"""What the scripted caller hears of the agent: what is loud, and what turns out to be noise."""

import tracemalloc

import numpy as np
import pytest

from _support.noisy_agents import RATE, jumping, noise
from voiceband.emulator import CarrierStream
from voiceband.emulator.caller.listener import Listener
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.protocol import PlayAudio


def test_the_listener_hears_frames_above_its_threshold():
    call = CarrierStream(playout_delay_ms=0)
    call.start(7.0)
    listener = Listener(call)
    listener.listen(6.0)
    for at, amplitude in ((7.0, 120.0), (7.5, 300.0)):  # -45 dBFS is 184 of 32768
        pcm = np.full(800, amplitude).astype(np.int16)
        call.receive(PlayAudio(PLIVO_MULAW_8K.encode(pcm), PLIVO_MULAW_8K).encode(), at)
    listener.listen(8.0)
    assert (listener.speech_ms, listener.last_speech) == (100, pytest.approx(7.6))


def test_the_listener_keeps_no_frame_in_doubt_for_longer_than_two_seconds():
    call = CarrierStream(playout_delay_ms=0)
    call.start(0.0)
    listener = Listener(call)
    pcm = np.concatenate([jumping(30), noise("office", -36)[: 4 * RATE]])
    for i in range(0, len(pcm), RATE):
        call.receive(PlayAudio(PLIVO_MULAW_8K.encode(pcm[i : i + RATE]), PLIVO_MULAW_8K).encode(), 0.0)
    tracemalloc.start()
    try:
        for frame in range(30 * 50):
            listener.listen(frame / 50)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 100_000
    listener.listen(31.5)
    assert listener.last_speech == pytest.approx(31.5, abs=0.03)
    listener.listen(34.0)
    assert listener.last_speech == pytest.approx(30, abs=0.2)
    assert listener.speech_ms == pytest.approx(30_000, abs=200)
