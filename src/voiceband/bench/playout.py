"""What puts packets in order and fills holes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Literal

import numpy as np

from voiceband import Concealer, JitterBuffer, Timeline
from voiceband.bench.cases import Case, Work
from voiceband.bench.signals import noise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RATE = 8000
N = RATE // 50
IN_AND_OUT = Work(4 * N)


def playout_cases() -> Iterator[Case]:
    """Yield the cases; none of the packages raced against elsewhere has these parts."""
    group = "playout, 20 ms at 8000 Hz"
    yield Case(group, "Timeline.push", _placing(), work=IN_AND_OUT)
    yield Case(group, "JitterBuffer.push and pull_into", _buffering(), work=IN_AND_OUT)
    yield Case(group, 'Concealer("ar"): a hole, after 60 ms of sound', _bridging("ar"))
    yield Case(group, 'Concealer("pitch"): a hole, after 60 ms of sound', _bridging("pitch"))


def _placing() -> Callable[[], object]:
    timeline, count, x = Timeline(RATE), itertools.count(1), noise(N)

    def place() -> None:
        k = next(count)
        timeline.push(k, 20 * k, x, arrival=0.02 * k)

    return place


def _buffering() -> Callable[[], object]:
    buffer, count, x = JitterBuffer(RATE), itertools.count(1), noise(N)
    out = np.empty(N, np.int16)

    def tick() -> None:
        k = next(count)
        buffer.push(k, 20 * k, x, arrival=0.02 * k)
        buffer.pull_into(out, 0.02 * k + 0.001)

    return tick


def _bridging(method: Literal["ar", "pitch"]) -> Callable[[], object]:
    concealer, x = Concealer(RATE, method=method), noise(10 * N)

    def hole() -> None:
        concealer.good(x[: 3 * N])
        concealer.bridge(N, x[4 * N :])

    return hole
