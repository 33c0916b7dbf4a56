"""A frame through a whole session."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.bench.cases import Case
from voiceband.bench.race import Repeated
from voiceband.bench.signals import Int16, media_texts, noise, start_text
from voiceband.session import Session

if TYPE_CHECKING:
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


def session_cases() -> Iterator[Case]:
    """Yield the cases of a session."""
    yield Case(GROUP, IN_8K, make_inbound(rate=8000))
    yield Case(GROUP, IN_16K, make_inbound(rate=16000))
    yield Case(GROUP, IN_CLEAN, make_inbound(rate=16000, denoise=85))
    for name, rate in ((OUT_8K, 8000), (OUT_24K, 24000)):
        yield Case(GROUP, name, make_outbound(noise(rate // 50), rate))
    yield Case(GROUP, "poll with nothing due", idle())


def make_inbound(**options: Any) -> Repeated:
    """Return a contender that takes all messages of a call of two minutes, from its start."""
    texts = [(text, i / FRAMES_A_SECOND) for i, text in enumerate(media_texts(n=CALL_S * FRAMES_A_SECOND))]
    start = start_text()

    def call() -> None:
        session = Session(**options)
        session.receive(start, 0.0)
        receive = session.receive
        for text, now in texts:
            receive(text, now)

    return Repeated(call, len(texts))


def make_outbound(pcm: Int16, rate: int) -> Callable[[], object]:
    """Return a function that queues 20 ms of speech and takes the texts that are due."""
    session = Session(rate=rate)
    session.receive(start_text(), 0.0)
    session.play(np.zeros(rate * 2 // 5, np.int16), rate)
    session.poll(0.0)  # the lead is there
    session.play(pcm, rate)
    sent = map(json.loads, session.poll(0.02))  # and an answer has come, as in any call
    name = next(message["name"] for message in sent if message["event"] == "checkpoint")
    session.receive(json.dumps({"event": "playedStream", "name": name}), 0.7)
    clock = itertools.count(2)
    play, poll = session.play, session.poll

    def step() -> object:
        play(pcm, rate)
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
