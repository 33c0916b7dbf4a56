"""The packages that speak the same protocol, each the way its users run it: on an event loop, a frame at a time."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from benchmarks.costs.rivals.packages import optional

from voiceband.bench.race import Repeated
from voiceband.bench.signals import STREAM, Int16, media_texts

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Awaitable, Callable

FRAMES = 100


def _batch(loop: AbstractEventLoop, frame: Callable[[], Awaitable[object]]) -> Repeated:
    """Return a contender that awaits frame() again and again on a loop that runs."""

    async def frames() -> None:
        for _ in range(FRAMES):
            await frame()

    return Repeated(lambda: loop.run_until_complete(frames()), FRAMES)


def pipecat_in(loop: AbstractEventLoop, rate: int) -> Repeated | None:
    """Return pipecat's serializer at work on messages."""
    serializer = _pipecat(loop, rate)
    if serializer is None:
        return None
    following = itertools.cycle(media_texts()).__next__
    deserialize = serializer.deserialize
    return _batch(loop, lambda: deserialize(following()))


def pipecat_out(loop: AbstractEventLoop, pcm: Int16, rate: int) -> Repeated | None:
    """Return pipecat's serializer at work on audio."""
    serializer, frames = _pipecat(loop, rate), optional("pipecat.frames.frames")
    if serializer is None or frames is None:
        return None
    frame = frames.OutputAudioRawFrame(audio=pcm.tobytes(), sample_rate=rate, num_channels=1)
    return _batch(loop, lambda: serializer.serialize(frame))


def _pipecat(loop: AbstractEventLoop, rate: int) -> Any:
    """Return pipecat's serializer for one call, at the rate of its pipeline; None if it is not installed."""
    loguru = optional("loguru")
    if loguru is not None:
        loguru.logger.disable("pipecat")  # which greets on standard error when it is imported
    plivo = optional("pipecat.serializers.plivo")
    if plivo is None:
        return None
    params = plivo.PlivoFrameSerializer.InputParams(sample_rate=rate, auto_hang_up=False)
    serializer = plivo.PlivoFrameSerializer(STREAM, params=params)
    loop.run_until_complete(serializer.setup(None))  # which the rate makes it leave alone
    return serializer


def sdk_in(loop: AbstractEventLoop, rate: int) -> Repeated | None:
    """Return Plivo's SDK at work on messages. It ends at the payload; the samples are made as its users would."""
    handler, audioop = _sdk(), optional("audioop")
    if handler is None or audioop is None:
        return None
    following = itertools.cycle(media_texts()).__next__
    state = None

    async def media(event: Any) -> None:
        nonlocal state
        pcm = audioop.ulaw2lin(event.get_raw_media(), 2)
        if rate != 8000:
            pcm, state = audioop.ratecv(pcm, 2, 1, 8000, rate, state)

    handler.on_media(media)
    return _batch(loop, lambda: handler._process_message(following()))


def sdk_out(loop: AbstractEventLoop, pcm: Int16, rate: int) -> Repeated | None:
    """Return Plivo's SDK at work on audio that was resampled and companded for it."""
    handler, audioop = _sdk(), optional("audioop")
    if handler is None or audioop is None:
        return None
    data = pcm.tobytes()
    state = None

    async def frame() -> None:
        nonlocal state
        wire = data
        if rate != 8000:
            wire, state = audioop.ratecv(data, 2, 1, rate, 8000, state)
        await handler.send_media(audioop.lin2ulaw(wire, 2))

    return _batch(loop, frame)


def _sdk() -> Any:
    """Return a handler of the SDK that keeps what it would send; None if it is not installed."""
    base = optional("plivo_stream.base")
    if base is None:
        return None

    async def keep(self: Any, data: str) -> None:
        self.sent = data

    return type("Handler", (base.BaseStreamingHandler,), {"_send_raw": keep})()
