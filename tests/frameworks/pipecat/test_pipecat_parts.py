"""The filter, the serializer and the feeds with pipecat's own classes: its transport, detector and turn analyzer."""

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pipecat.serializers.plivo", reason="needs pipecat: make test-pipecat runs it")

from pipecat.audio.filters.base_audio_filter import BaseAudioFilter
from pipecat.frames import frames as pf
from pipecat.serializers.plivo import PlivoFrameSerializer as Theirs
from pipecat.transports.base_transport import TransportParams

import voiceband
from _support.likeness import voice
from voiceband import Denoiser
from voiceband.frameworks.feeds import SmartTurnFeed, silero
from voiceband.frameworks.pipecat import DenoiserFilter, PlivoFrameSerializer

NOISE = (1000 * np.random.default_rng(1).standard_normal(16000)).astype(np.int16)


def test_the_serializer_is_one_of_theirs():
    class Mine(PlivoFrameSerializer):
        hung_up = 0

        async def _hang_up_call(self):
            self.hung_up += 1

    serializer = Mine("stream", "call", "id", "token")
    assert isinstance(serializer, Theirs)
    assert isinstance(serializer._params, Theirs.InputParams)
    for _ in range(2):
        assert asyncio.run(serializer.serialize(pf.EndFrame())) is None
    assert serializer.hung_up == 1  # an override of theirs holds


@pytest.mark.parametrize("rate", [8000, 16000])
def test_the_filter_is_the_denoiser(rate):
    async def heard():
        filter_ = TransportParams(audio_in_filter=DenoiserFilter(90)).audio_in_filter
        assert isinstance(filter_, BaseAudioFilter)
        await filter_.start(rate)
        n = rate // 50
        out = [await filter_.filter(NOISE[k : k + n].tobytes()) for k in range(0, len(NOISE), n)]
        await filter_.process_frame(pf.FilterEnableFrame(enable=False))
        assert await filter_.filter(b"abcd") == b"abcd"
        await filter_.process_frame(pf.FilterEnableFrame(enable=True))
        assert await filter_.filter(NOISE[:n].tobytes()) == out[0]  # from the beginning
        filter_.level = 60
        assert filter_.level == 60
        await filter_.stop()
        return out, n

    out, n = asyncio.run(heard())
    assert {len(block) for block in out} == {2 * n}
    assert b"".join(out) == Denoiser(rate, level=90).process(NOISE).tobytes()


def test_what_the_filter_cannot_do_it_says():
    with pytest.raises(ValueError, match="level"):
        DenoiserFilter(10)
    with pytest.raises(ValueError, match=r"audio_in_sample_rate=16000"):
        asyncio.run(DenoiserFilter().start(24000))


@pytest.mark.parametrize("rate", [8000, 16000])
def test_the_windows_are_those_of_silero(rate):
    pytest.importorskip("onnxruntime")
    from pipecat.audio.vad.silero import SileroVADAnalyzer

    analyzer = SileroVADAnalyzer(sample_rate=rate)
    analyzer.set_sample_rate(rate)
    feed = silero(rate)
    assert feed.n == analyzer.num_frames_required()
    clip = Path(voiceband.__file__).parent / "data" / "caller.wav"
    with wave.open(str(clip)) as file:
        said = voiceband.resample(np.frombuffer(file.readframes(10**9), np.int16), file.getframerate(), rate)
    said = np.concatenate([np.zeros(rate // 2, np.int16), said])
    found = [float(np.ravel(analyzer._model(window[None], rate))[0]) for window in feed.process(said)]
    assert max(found) > 0.9
    assert found[0] < 0.5


def test_the_window_is_that_of_smart_turn():
    pytest.importorskip("onnxruntime")
    from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3

    feed = SmartTurnFeed(16000)
    said = voice(3.0, 16000)
    feed.process(said)
    analyzer = LocalSmartTurnAnalyzerV3(sample_rate=16000)
    analyzer.set_sample_rate(16000)
    ours = analyzer._predict_endpoint(feed.window())
    theirs = analyzer._predict_endpoint(said / np.float32(32768))
    assert ours["probability"] == theirs["probability"]
