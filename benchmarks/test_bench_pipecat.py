"""A 20 ms frame through our serializer for pipecat and through pipecat's own, in one process and one event loop.

pipecat has an environment of its own: `make bench-pipecat`.
"""

import base64
import json
import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("pipecat.serializers.plivo", reason="needs pipecat: make bench-pipecat runs it")

from pipecat.frames.frames import OutputAudioRawFrame
from pipecat.serializers.plivo import PlivoFrameSerializer as Theirs

from voiceband.emulator import CarrierStream
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.frameworks.pipecat import PlivoFrameSerializer

rng = np.random.default_rng(0)


class Setup:
    """What `setup` looks at: the pipeline's input rate."""

    def __init__(self, rate):
        self.audio_in_sample_rate = rate


def run(coroutine):
    """Run a coroutine that never waits, without an event loop's cost."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def make(cls, rate, wire=PLIVO_MULAW_8K):
    more = {"plivo_encoding": wire.mime, "plivo_sample_rate": wire.sample_rate} if cls is PlivoFrameSerializer else {}
    serializer = cls("87654321-4321-4321-4321-cba987654321", params=cls.InputParams(auto_hang_up=False, **more))
    run(serializer.setup(Setup(rate)))
    return serializer


def texts(wire, n=256):
    call = CarrierStream(wire)
    call.start(0.0)
    call.say(rng.normal(0, 3000, wire.frame_samples() * n).clip(-32000, 32000).astype(np.int16))
    return call.poll(n * 0.02 + 1e-6)[1:]


@pytest.mark.parametrize("rate", [8000, 16000])
def test_in(race, rate):
    messages = texts(PLIVO_MULAW_8K)
    assert len(messages) == 256

    def contender(cls, messages, wire=PLIVO_MULAW_8K):
        deserialize, take = make(cls, rate, wire).deserialize, iter(())

        def step():
            nonlocal take
            try:
                message = next(take)
            except StopIteration:
                take = iter(messages)
                message = next(take)
            return run(deserialize(message))

        for _ in messages:  # the format guard looks at the first 200 only
            step()
        return step

    ours, theirs = contender(PlivoFrameSerializer, messages), contender(Theirs, messages)
    if rate == 8000:  # without a resampler there is one right answer
        assert ours().audio == theirs().audio
    race(
        f"pipecat, in: a mu-law message of 20 ms -> a frame at {rate} Hz",
        {
            "voiceband": ours,
            "voiceband, from L16 at 16 kHz": contender(PlivoFrameSerializer, texts(PLIVO_L16_16K), PLIVO_L16_16K),
            "pipecat": theirs,
        },
    )


@pytest.mark.parametrize("rate", [8000, 24000])
def test_out(race, rate):
    pcm = rng.normal(0, 3000, rate // 50).clip(-32000, 32000).astype(np.int16)
    frame = OutputAudioRawFrame(pcm.tobytes(), rate, 1)

    def contender(cls, wire=PLIVO_MULAW_8K):
        serialize = make(cls, rate, wire).serialize
        return lambda: run(serialize(frame))

    ours, theirs = contender(PlivoFrameSerializer), contender(Theirs)
    if rate == 8000:  # audioop rounds some negative samples to the neighbouring code
        codes = [np.frombuffer(base64.b64decode(json.loads(f())["media"]["payload"]), np.uint8) for f in (ours, theirs)]
        assert np.abs(np.subtract(*codes, dtype=np.int16)).max() <= 1
    race(
        f"pipecat, out: a frame of 20 ms at {rate} Hz -> a mu-law message",
        {
            "voiceband": ours,
            "voiceband, to L16 at 16 kHz": contender(PlivoFrameSerializer, PLIVO_L16_16K),
            "pipecat": theirs,
        },
    )
