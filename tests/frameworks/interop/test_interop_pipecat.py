"""Bots on pipecat's FastAPI transport with pipecat's own Plivo serializer."""

import asyncio
import contextlib
import json

import pytest

pytest.importorskip("pipecat.serializers.plivo", reason="needs pipecat: make test-interop runs it")

import fastapi
from pipecat.frames import frames as pf
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.serializers.plivo import PlivoFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

from _support.asgi import agent_address
from _support.likeness import likeness, voice
from voiceband import resample
from voiceband.formats import PLIVO_L16_16K, PLIVO_MULAW_8K

# uvicorn's and pipecat's own.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Bot(FrameProcessor):
    def __init__(self, act):
        super().__init__()
        self.act = act

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        await self.act(self, frame)


async def echo(bot, frame):
    if isinstance(frame, pf.InputAudioRawFrame):
        await bot.push_frame(pf.OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels))


def speaker(pcm, rate):
    async def speak(bot, frame):
        if isinstance(frame, pf.OutputTransportReadyFrame):
            await bot.push_frame(pf.TTSStartedFrame())
            await bot.push_frame(pf.TTSAudioRawFrame(pcm.tobytes(), rate, 1))
            await bot.push_frame(pf.TTSStoppedFrame())
        if isinstance(frame, pf.InputDTMFFrame):
            await bot.broadcast_interruption()

    return speak


@contextlib.asynccontextmanager
async def serving(act):
    app = fastapi.FastAPI()

    @app.websocket("/ws")
    async def endpoint(websocket: fastapi.WebSocket):
        await websocket.accept()
        start = json.loads(await websocket.receive_text())["start"]
        params = PlivoFrameSerializer.InputParams(auto_hang_up=False)
        transport = FastAPIWebsocketTransport(
            websocket,
            FastAPIWebsocketParams(
                audio_in_enabled=True,
                audio_out_enabled=True,
                serializer=PlivoFrameSerializer(start["streamId"], start["callId"], params=params),
            ),
        )
        worker = PipelineWorker(Pipeline([transport.input(), Bot(act), transport.output()]))

        @transport.event_handler("on_client_disconnected")
        async def gone(transport, websocket):
            await worker.cancel()

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()

    async with agent_address(app) as address:
        yield address


def test_an_echo_is_what_was_said(place):
    said = voice(1.2, 8000)

    async def scenario():
        async with serving(echo) as address:
            return await place(address, PLIVO_MULAW_8K, said, seconds=3)

    call, findings = asyncio.run(scenario())
    assert findings == []
    assert likeness(call.recording(call.ended_at)[1], PLIVO_MULAW_8K.decode(PLIVO_MULAW_8K.encode(said))) >= 0.99


def test_speech_is_heard(place):
    meant = voice(1.2, 24_000, seed=2)

    async def scenario():
        async with serving(speaker(meant, 24_000)) as address:
            return await place(address, PLIVO_MULAW_8K, seconds=3.5)

    for _ in range(3):  # it sends just in time, without a lead: on a busy machine speech has holes
        call, findings = asyncio.run(scenario())
        if not findings:
            break
    assert findings == []
    heard, meant = call.recording(call.ended_at)[1], resample(meant, 24_000, 8000)
    assert likeness(heard, meant[:-800]) >= 0.99
    assert likeness(heard, meant) < 0.99  # the end of what is said stays in pipecat's resampler


def test_an_interruption_clears_what_waits(place):
    async def scenario():
        pressed = []

        def act(call, now):
            if call.player.played(now) > 8000 and not pressed:
                pressed.append(now)
                call.press("1", now)

        async with serving(speaker(voice(5.0, 24_000), 24_000)) as address:
            return await place(address, PLIVO_MULAW_8K, seconds=3.5, act=act)

    call, findings = asyncio.run(scenario())
    assert findings == []
    assert [entry.name for entry in call.log if entry.name == "clearAudio"] == ["clearAudio"]
    assert call.player.played(call.ended_at) < 1.6 * 8000


def test_the_serializer_takes_any_stream_for_mulaw(place):
    """It says mu-law on a stream of L16, and reads L16 as mu-law: refused, or played as noise."""

    async def scenario(profile):
        async with serving(echo) as address:
            return await place(address, PLIVO_L16_16K, voice(1.2, 16_000), seconds=6, profile=profile)

    call, findings = asyncio.run(scenario("documented"))
    assert [(finding.rule, finding.degree) for finding in findings] == [("wrong-format", "error")]
    assert call.player.runs == []
    call, findings = asyncio.run(scenario("observed"))
    degrees = {finding.rule: finding.degree for finding in findings}
    assert degrees["wrong-format"] == "doubtful"
    assert degrees["no-speech"] == "error"
    assert call.player.runs
