"""A 20 ms frame through a session, beside the packages that speak the same protocol, each the way its users run it."""

import asyncio
import itertools
import warnings

import pytest

from conftest import Batch
from test_bench_session import PAYLOADS, hand_in, hand_out, make_inbound, make_outbound, media_text, voice

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

FRAMES = 100
TEXTS = [media_text(i, PAYLOADS[i % 64]) for i in range(64)]


def batch(loop, frame):
    """Return a contender that awaits frame() again and again on a loop that runs."""

    async def frames():
        for _ in range(FRAMES):
            await frame()

    return Batch(lambda: loop.run_until_complete(frames()), FRAMES)


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.parametrize("rate", [16000, 8000])
def test_inbound_beside_pipecat(race, loop, rate):
    serializer = pipecat_serializer(loop, rate)
    texts = itertools.cycle(TEXTS)
    deserialize = serializer.deserialize
    race(
        f"in: media text -> {rate} Hz samples",
        {
            "Session (timeline, pacing, ledger)": make_inbound(rate=rate),
            "orjson + pybase64 + audioop": hand_in(rate),
            "pipecat PlivoFrameSerializer": batch(loop, lambda: deserialize(next(texts))),
        },
    )


@pytest.mark.parametrize("rate", [24000, 8000])
def test_outbound_beside_pipecat(race, loop, rate):
    serializer = pipecat_serializer(loop, rate)
    frames = pytest.importorskip("pipecat.frames.frames")
    pcm = voice(rate)
    frame = frames.OutputAudioRawFrame(audio=pcm.tobytes(), sample_rate=rate, num_channels=1)
    race(
        f"out: {rate} Hz samples -> playAudio text",
        {
            "Session.play + poll": make_outbound(pcm, rate),
            "audioop + pybase64 + orjson": hand_out(pcm, rate),
            "pipecat PlivoFrameSerializer": batch(loop, lambda: serializer.serialize(frame)),
        },
    )


def pipecat_serializer(loop, rate):
    """Return pipecat's serializer for one call, at the rate of its pipeline."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plivo = pytest.importorskip("pipecat.serializers.plivo")
    params = plivo.PlivoFrameSerializer.InputParams(sample_rate=rate, auto_hang_up=False)
    serializer = plivo.PlivoFrameSerializer("s", params=params)
    loop.run_until_complete(serializer.setup(None))  # which the rate makes it leave alone
    return serializer


@pytest.mark.parametrize("rate", [16000, 8000])
def test_inbound_beside_the_sdk(race, loop, rate):
    handler = sdk_handler()
    texts = itertools.cycle(TEXTS)
    state = None

    @handler.on_media
    async def media(event):
        # The SDK ends at the payload; what makes samples of it is what its users would write.
        nonlocal state
        pcm = audioop.ulaw2lin(event.get_raw_media(), 2)
        if rate != 8000:
            pcm, state = audioop.ratecv(pcm, 2, 1, 8000, rate, state)

    race(
        f"in: media text -> {rate} Hz samples",
        {
            "Session (timeline, pacing, ledger)": make_inbound(rate=rate),
            "plivo-stream-sdk + audioop": batch(loop, lambda: handler._process_message(next(texts))),
        },
    )


@pytest.mark.parametrize("rate", [24000, 8000])
def test_outbound_beside_the_sdk(race, loop, rate):
    handler = sdk_handler()
    pcm = voice(rate)
    data, state = pcm.tobytes(), None

    async def frame():
        nonlocal state
        wire = data
        if rate != 8000:
            wire, state = audioop.ratecv(data, 2, 1, rate, 8000, state)
        await handler.send_media(audioop.lin2ulaw(wire, 2))

    race(
        f"out: {rate} Hz samples -> playAudio text",
        {
            "Session.play + poll": make_outbound(pcm, rate),
            "plivo-stream-sdk + audioop": batch(loop, frame),
        },
    )
    assert '"playAudio"' in handler.sent


def sdk_handler():
    """Return a handler of the SDK that keeps what it would send."""
    base = pytest.importorskip("plivo_stream.base")

    class Handler(base.BaseStreamingHandler):
        sent = ""

        async def _send_raw(self, data):
            self.sent = data

    return Handler()
