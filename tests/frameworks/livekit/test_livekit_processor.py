"""The noise processor with LiveKit's own frames and types."""

import numpy as np
import pytest

pytest.importorskip("livekit.agents", reason="needs livekit: make test-livekit runs it")

from livekit import rtc
from livekit.agents.voice.room_io import AudioInputOptions

from voiceband import Denoiser
from voiceband.frameworks.livekit import DenoiserProcessor

NOISE = (1000 * np.random.default_rng(1).standard_normal(16000)).astype(np.int16)


def frame(pcm, rate=16000, channels=1):
    return rtc.AudioFrame(pcm.tobytes(), rate, channels, len(pcm) // channels)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_room_takes_it_and_it_is_the_denoiser(rate):
    options = AudioInputOptions(sample_rate=rate, noise_cancellation=DenoiserProcessor(90))
    processor = options.noise_cancellation
    assert isinstance(processor, rtc.FrameProcessor)
    n = rate // 50
    out = [processor._process(frame(NOISE[k : k + n], rate)) for k in range(0, len(NOISE), n)]
    assert {(f.sample_rate, f.num_channels, f.samples_per_channel) for f in out} == {(rate, 1, n)}
    assert b"".join(bytes(f.data) for f in out) == Denoiser(rate, level=90).process(NOISE).tobytes()
    processor.enabled = False
    same = frame(NOISE[:n], rate)
    assert processor._process(same) is same
    processor.enabled = True
    assert bytes(processor._process(frame(NOISE[:n], rate)).data) == bytes(out[0].data)
    processor._close()


def test_frames_that_it_cannot_treat_pass_and_are_told_of_once(caplog):
    processor = DenoiserProcessor()
    for rate, channels in ((48000, 1), (16000, 2)):
        given = frame(NOISE[:960], rate, channels)
        assert processor._process(given) is given
    (record,) = caplog.records
    assert "48000 Hz" in record.message
    assert "sample_rate=16000" in record.message
    with pytest.raises(ValueError, match="level"):
        DenoiserProcessor(10)
