"""A frame of a session beside what people write by hand, and beside the packages that speak the protocol."""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from benchmarks.costs.rivals.packages import Rivals, optional
from benchmarks.costs.rivals.session_packages import pipecat_in, pipecat_out, sdk_in, sdk_out
from benchmarks.costs.rivals.suppressors import speexdsp

from voiceband.bench.sessions import GROUP, IN_8K, IN_16K, IN_CLEAN, OUT_8K, OUT_24K
from voiceband.bench.signals import Int16, media_texts, noise

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable


def session_rivals(loop: AbstractEventLoop) -> Rivals:
    """Return the rivals of a session; `loop` runs those that need one."""
    found: Rivals = {}
    for name, rate in ((IN_8K, 8000), (IN_16K, 16000)):
        found[GROUP, name] = {
            "orjson + pybase64 + audioop": hand_in(rate),
            "json + base64 + audioop": naive_in(rate),
            "pipecat serializer": pipecat_in(loop, rate),
            "plivo-stream-sdk + audioop": sdk_in(loop, rate),
        }
    found[GROUP, IN_CLEAN] = {"orjson + pybase64 + audioop + speexdsp-ns": clean_in()}
    for name, rate in ((OUT_8K, 8000), (OUT_24K, 24000)):
        x = noise(rate // 50)
        found[GROUP, name] = {
            "orjson + pybase64 + audioop": hand_out(x, rate),
            "json + base64 + audioop": naive_out(x, rate),
            "pipecat serializer": pipecat_out(loop, x, rate),
            "plivo-stream-sdk + audioop": sdk_out(loop, x, rate),
        }
    return found


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
