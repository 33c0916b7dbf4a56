"""A frame through a whole session, beside what people write by hand and the packages that speak the protocol."""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.bench.cases import Case
from voiceband.bench.optional import optional
from voiceband.bench.race import Batch
from voiceband.bench.session_rivals import pipecat_in, pipecat_out, sdk_in, sdk_out
from voiceband.bench.signals import Int16, media_texts, noise, start_text
from voiceband.bench.suppressors import speexdsp
from voiceband.session import Session

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterator

GROUP = "Session, a frame of mu-law"
IN_8K, IN_16K, IN_CLEAN = "in, to 8000 Hz", "in, to 16000 Hz", "in, to 16000 Hz, denoised"
OUT_8K, OUT_24K = "out, from 8000 Hz", "out, from 24000 Hz"
CALL_S, FRAMES_A_SECOND = 120, 50
CALLS = {
    "8000 Hz both ways": (IN_8K, OUT_8K),
    "16000 Hz in, 24000 Hz out": (IN_16K, OUT_24K),
    "16000 Hz in, denoised, 24000 Hz out": (IN_CLEAN, OUT_24K),
}
"""Kinds of calls: the cases that make up 20 ms of one."""


def session_cases(loop: AbstractEventLoop) -> Iterator[Case]:
    """Yield the cases of a session; `loop` runs the rivals that need one."""
    for name, rate in ((IN_8K, 8000), (IN_16K, 16000)):
        rivals = {
            "orjson + pybase64 + audioop": hand_in(rate),
            "json + base64 + audioop": naive_in(rate),
            "pipecat serializer": pipecat_in(loop, rate),
            "plivo-stream-sdk + audioop": sdk_in(loop, rate),
        }
        yield Case(GROUP, name, make_inbound(rate=rate), rivals)
    yield Case(
        GROUP, IN_CLEAN, make_inbound(rate=16000, denoise=85), {"orjson + pybase64 + audioop + speexdsp-ns": clean_in()}
    )
    for name, rate in ((OUT_8K, 8000), (OUT_24K, 24000)):
        x = noise(rate // 50)
        rivals = {
            "orjson + pybase64 + audioop": hand_out(x, rate),
            "json + base64 + audioop": naive_out(x, rate),
            "pipecat serializer": pipecat_out(loop, x, rate),
            "plivo-stream-sdk + audioop": sdk_out(loop, x, rate),
        }
        yield Case(GROUP, name, make_outbound(x, rate), rivals)
    yield Case(GROUP, "poll with nothing due", idle())


def make_inbound(**options: Any) -> Batch:
    """Return a contender that takes all messages of a call of two minutes, from its start."""
    texts = [(text, i / FRAMES_A_SECOND) for i, text in enumerate(media_texts(n=CALL_S * FRAMES_A_SECOND))]
    start = start_text()

    def call() -> None:
        session = Session(**options)
        session.receive(start, 0.0)
        receive = session.receive
        for text, now in texts:
            receive(text, now)

    return Batch(call, len(texts))


def make_outbound(pcm: Int16, rate: int) -> Callable[[], object]:
    """Return a function that queues 20 ms of speech and takes the texts that are due."""
    session = Session(rate=rate)
    session.receive(start_text(), 0.0)
    utterance = session.play(np.zeros(rate * 2 // 5, np.int16), rate, end=False)
    session.poll(0.0)  # the lead is there
    session.play(pcm, rate, utterance=utterance, end=False)
    name = json.loads(session.poll(0.02)[-1])["name"]  # and an answer has come, as in any call
    session.receive(json.dumps({"event": "playedStream", "name": name}), 0.7)
    clock = itertools.count(2)
    play, poll = session.play, session.poll

    def step() -> object:
        play(pcm, rate, utterance=utterance, end=False)
        return poll(next(clock) * 0.02)

    return step


def idle() -> Callable[[], object]:
    """Return a function that polls a session that talks, but has sent what is due."""
    session = Session()
    session.receive(start_text(), 0.0)
    session.play(np.zeros(80_000, np.int16))
    session.poll(0.0)
    poll = session.poll
    return lambda: poll(0.001)


def hand_in(rate: int) -> Callable[[], Any] | None:
    """Make the best of orjson, pybase64, audioop's table and its resampler."""
    orjson, pybase64, audioop = optional("orjson"), optional("pybase64"), optional("audioop")
    if None in (orjson, pybase64, audioop):
        return None
    state = None
    following = itertools.cycle(media_texts()).__next__

    def step() -> object:
        nonlocal state
        message = orjson.loads(following())
        pcm = audioop.ulaw2lin(pybase64.b64decode(message["media"]["payload"], validate=True), 2)
        if rate != 8000:
            pcm, state = audioop.ratecv(pcm, 2, 1, 8000, rate, state)
        return np.frombuffer(pcm, np.int16)

    return step


def clean_in() -> Callable[[], Any] | None:
    """Add Speex's suppressor to it, at 16 kHz."""
    receive, suppress = hand_in(16000), speexdsp(16000)
    if receive is None or suppress is None:
        return None
    return lambda: suppress(receive())


def naive_in(rate: int) -> Callable[[], Any] | None:
    """Do the same with the standard library, of which audioop is a part up to Python 3.12."""
    audioop = optional("audioop")
    if audioop is None:
        return None
    state = None
    following = itertools.cycle(media_texts()).__next__

    def step() -> object:
        nonlocal state
        message = json.loads(following())
        pcm = audioop.ulaw2lin(base64.b64decode(message["media"]["payload"]), 2)
        if rate != 8000:
            pcm, state = audioop.ratecv(pcm, 2, 1, 8000, rate, state)
        return np.frombuffer(pcm, np.int16)

    return step


def hand_out(pcm: Int16, rate: int) -> Callable[[], Any] | None:
    """Make the best of audioop, pybase64 and orjson."""
    orjson, pybase64, audioop = optional("orjson"), optional("pybase64"), optional("audioop")
    if None in (orjson, pybase64, audioop):
        return None
    return _out(pcm, rate, audioop, lambda data: pybase64.b64encode(data).decode(), orjson.dumps)


def naive_out(pcm: Int16, rate: int) -> Callable[[], Any] | None:
    """Do the same with the standard library."""
    audioop = optional("audioop")
    if audioop is None:
        return None
    return _out(pcm, rate, audioop, lambda data: base64.b64encode(data).decode(), json.dumps)


def _out(
    pcm: Int16, rate: int, audioop: Any, encode: Callable[[bytes], str], dumps: Callable[[Any], object]
) -> Callable[[], object]:
    state = None
    data = pcm.tobytes()

    def step() -> object:
        nonlocal state
        wire = data
        if rate != 8000:
            wire, state = audioop.ratecv(data, 2, 1, rate, 8000, state)
        media = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": encode(audioop.lin2ulaw(wire, 2))}
        return dumps({"event": "playAudio", "media": media})

    return step
