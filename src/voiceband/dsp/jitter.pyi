from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer, disjoint_base

from voiceband.dsp.conceal import Concealer as Concealer
from voiceband.dsp.playout import JitterStats as JitterStats
from voiceband.dsp.playout import Push as Push
from voiceband.dsp.playout import RunKind as RunKind
from voiceband.dsp.playout import SegmentKind as SegmentKind
from voiceband.dsp.playout import TimelineStats as TimelineStats
from voiceband.dsp.runs import Pulled as Pulled
from voiceband.dsp.runs import Run as Run
from voiceband.dsp.timeline import Segment as Segment
from voiceband.dsp.timeline import Timeline as Timeline

__all__ = [
    "Concealer",
    "JitterBuffer",
    "JitterStats",
    "Pulled",
    "Push",
    "Run",
    "RunKind",
    "Segment",
    "SegmentKind",
    "Timeline",
    "TimelineStats",
]

@disjoint_base
class JitterBuffer:
    def __new__(
        cls,
        rate: int,
        *,
        stalls_per_min: float | None = None,
        max_ms: float | None = None,
        stretch: float | bool | np.bool_ = 0.08,
        mode: Literal["adaptive", "fixed"] = "adaptive",
        delay_ms: float | None = None,
        tick_ms: float = 20,
        frame_ms: float = 20,
    ) -> Self: ...
    @property
    def rate(self) -> int: ...
    @property
    def tick_ms(self) -> float: ...
    @property
    def stalls_per_min(self) -> float | None: ...
    @property
    def max_ms(self) -> float: ...
    @property
    def stretch(self) -> float: ...
    @property
    def mode(self) -> str: ...
    @property
    def delay_ms(self) -> float: ...
    @property
    def target_ms(self) -> float: ...
    @property
    def buffered_ms(self) -> float: ...
    def push(self, chunk: object, timestamp_ms: object, pcm: Buffer | NDArray[Any], *, arrival: float) -> Push: ...
    def pull(self, now: float) -> Pulled: ...
    def pull_into(self, out: Buffer | NDArray[Any], now: float) -> tuple[Run, ...]: ...
    @property
    def drift_ppm(self) -> float | None: ...
    @property
    def stats(self) -> JitterStats: ...
    def reset(self) -> None: ...
