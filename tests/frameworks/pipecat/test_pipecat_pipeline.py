"""Whole calls: the emulator's caller, a real socket, uvicorn, FastAPI, pipecat's transport and pipeline."""

import asyncio
import contextlib
import json
import time

import httpx
import numpy as np
import pytest

pytest.importorskip("pipecat.serializers.plivo", reason="needs pipecat: make test-pipecat runs it")

import uvicorn
from fastapi import FastAPI, WebSocket
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames import frames as pf
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

from _support.likeness import likeness, played, voice
from _support.one_connection import call_agent
from voiceband import resample
from voiceband.api import AsyncPlivoClient
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.frameworks.pipecat import CheckpointFrame, PlayedFrame, PlivoControls, PlivoFrameSerializer

# uvicorn's and pipecat's own, which we cannot mend.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

FORMATS = [PLIVO_MULAW_8K, PLIVO_L16_8K, PLIVO_L16_16K]


class Bot(FrameProcessor):
    """Keeps what it sees, and does what the test says with it."""

    def __init__(self, act):
        super().__init__()
        self.seen = []
        self.act = act

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        self.seen.append(frame)
        await self.push_frame(frame, direction)
        await self.act(self, frame)

    def of(self, kind):
        return [f for f in self.seen if isinstance(f, kind)]

    async def speak(self, pcm, rate):
        await self.push_frame(pf.TTSStartedFrame())
        await self.push_frame(pf.TTSAudioRawFrame(pcm.tobytes(), rate, 1))
        await self.push_frame(pf.TTSStoppedFrame())


def talk(wire, act, *, tick=None, pipeline=None, timeout=20, **options):
    """Place one call to a bot; return the bot, the carrier, its stream, and the requests to the API.

    `tick` is called with (stream, now, bot); `options` are those of `call_agent`.
    """
    bot, requests, serializers, streams, done = Bot(act), [], [], [], []
    app = FastAPI()

    def api(request):
        requests.append(request.url.path)
        streams[0].hang_up(time.monotonic())
        return httpx.Response(204)

    def watch(stream, now):
        streams[:] = [stream]
        if tick is not None:
            tick(stream, now, bot)

    @app.websocket("/ws")
    async def answer(websocket: WebSocket):
        await websocket.accept()
        start = json.loads(await websocket.receive_text())["start"]
        async with httpx.AsyncClient(transport=httpx.MockTransport(api)) as http:
            serializer = PlivoFrameSerializer(
                start["streamId"],
                start["callId"],
                params=PlivoFrameSerializer.InputParams(
                    plivo_encoding=start["mediaFormat"]["encoding"],
                    plivo_sample_rate=start["mediaFormat"]["sampleRate"],
                ),
                client=AsyncPlivoClient("MAXXXXXXXXXXXXXXXXXX", "token", client=http),
            )
            serializers.append(serializer)
            transport = FastAPIWebsocketTransport(
                websocket,
                FastAPIWebsocketParams(
                    audio_in_enabled=True, audio_out_enabled=True, serializer=serializer, audio_out_end_silence_secs=0
                ),
            )
            worker = PipelineWorker(
                Pipeline([transport.input(), bot, PlivoControls(serializer), transport.output()]),
                params=PipelineParams(**(pipeline or {})),
            )

            @transport.event_handler("on_client_disconnected")
            async def gone(transport, websocket):
                await worker.cancel()

            runner = WorkerRunner(handle_sigint=False)
            await runner.add_workers(worker)
            await runner.run()
            done.append(True)

    async def scenario():
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws_per_message_deflate=False))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            return await asyncio.wait_for(call_agent(f"ws://127.0.0.1:{port}/ws", wire, act=watch, **options), timeout)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    while not done:
                        await asyncio.sleep(0.01)
            server.should_exit = True
            await serving

    carrier = asyncio.run(scenario())
    assert done == [True], "the pipeline did not end with its call"
    bot.malformed = serializers[0].malformed
    return bot, carrier, carrier.streams[0], requests


async def echo(bot, frame):
    if isinstance(frame, pf.InputAudioRawFrame):
        await bot.push_frame(pf.OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels))


def sent_by_agent(carrier):
    return [entry.name for entry in carrier.log if entry.way == "received"]


@pytest.mark.parametrize("wire", FORMATS, ids=str)
def test_an_echo_comes_back_as_it_was_said(wire):
    said = voice(1.0, wire.sample_rate)
    bot, carrier, call, requests = talk(wire, echo, say=said, seconds=2.0)
    assert carrier.end_reason == "caller"
    assert call.problems == []
    assert likeness(played(call), said) >= 0.99
    audio = bot.of(pf.InputAudioRawFrame)
    assert {len(f.audio) for f in audio} == {640}  # 20 ms at the pipeline's 16 kHz
    assert requests == []  # the caller has hung up; nothing is left to end


@pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_16K], ids=str)
def test_a_whole_call_with_checkpoints_and_keys(wire):
    speech = voice(0.6, 24000)

    async def act(bot, frame):
        if isinstance(frame, pf.OutputTransportReadyFrame):
            await bot.speak(speech, 24000)
            await bot.push_frame(CheckpointFrame("greeting"))
            await bot.push_frame(pf.OutputDTMFFrame.from_string("12#"))
        if isinstance(frame, pf.InputDTMFFrame):
            await bot.push_frame(pf.OutputDTMFUrgentFrame(button=frame.button))
            await bot.push_frame(pf.EndFrame())

    pressed = []

    def tick(call, now, bot):
        if len(bot.of(PlayedFrame)) == 2 and not pressed:
            pressed.append(now)
            call.press("7", now)

    bot, carrier, call, requests = talk(wire, act, tick=tick)
    assert call.problems == []
    assert {f.checkpoint for f in bot.of(PlayedFrame)} == {"speech-1", "greeting"}
    assert call.digits == ["1", "2", "#", "7"]
    assert [f.button for f in bot.of(pf.InputDTMFFrame)] == [KeypadEntry.SEVEN]
    heard = call.recording(call.ended_at)[1]
    meant = resample(speech, 24000, wire.sample_rate)
    assert likeness(heard, meant) >= 0.99
    # Each checkpoint stands behind all the audio that it is about.
    events = sent_by_agent(carrier)
    assert events.index("checkpoint") > max(i for i, e in enumerate(events) if e == "playAudio")
    assert requests == [f"/v1/Account/MAXXXXXXXXXXXXXXXXXX/Call/{call.call_id}/"]


def test_an_interruption_clears_the_far_end_and_its_checkpoint_never_comes():
    async def act(bot, frame):
        if isinstance(frame, pf.OutputTransportReadyFrame):
            await bot.speak(voice(5.0, 24000), 24000)
        if isinstance(frame, pf.InputDTMFFrame):
            await bot.broadcast_interruption()

    pressed = []

    def tick(call, now, bot):
        if call.player.played(now) > 4000 and not pressed:
            pressed.append(now)
            call.press("1", now)
        if pressed and now - pressed[0] > 0.6:
            call.hang_up(now)

    bot, carrier, call, _ = talk(PLIVO_MULAW_8K, act, tick=tick, playout_delay_ms=200)
    events = sent_by_agent(carrier)
    assert events.count("clearAudio") == 1
    assert "checkpoint" not in events
    assert "playAudio" not in events[events.index("clearAudio") :]
    assert bot.of(PlayedFrame) == []
    heard = np.flatnonzero(call.recording(call.ended_at)[1])
    assert 4000 <= heard[-1] - heard[0] <= 8000


def test_bad_messages_do_not_end_the_call_or_cost_a_sample():
    hostile = ["[1]", "x", '{"event":"media","media":null}', '{"event":"dtmf","dtmf":null}', "null", "[" * 3000,
               '{"event":"media","media":{"payload":"!"}}', '{"event":"media","media":{"payload":5}}']  # fmt: skip

    def mangle(call):
        poll = call.poll

        def with_rubbish(now):
            return [x for text in poll(now) for x in ([text, *hostile] if '"media"' in text else [text])]

        call.poll = with_rubbish

    said = voice(0.5, 16000)
    bot, carrier, _, _ = talk(PLIVO_L16_16K, echo, say=said, seconds=1.0, on_stream=mangle)
    assert carrier.end_reason == "caller"
    assert bot.malformed >= 8 * 25
    heard = np.concatenate([np.frombuffer(f.audio, np.int16) for f in bot.of(pf.InputAudioRawFrame)])
    np.testing.assert_array_equal(heard[: len(said)], said)
