from typing import Any, Literal, Self, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer, disjoint_base

from voiceband.dsp.conceal import Concealer as Concealer
from voiceband.dsp.playout_stats import JitterStats as JitterStats
from voiceband.dsp.playout_stats import Push as Push
from voiceband.dsp.playout_stats import RunKind as RunKind
from voiceband.dsp.playout_stats import SegmentKind as SegmentKind
from voiceband.dsp.playout_stats import TimelineStats as TimelineStats
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
        rate: SupportsIndex,
        *,
        stalls_per_min: SupportsFloat | None = None,
        max_ms: SupportsFloat | None = None,
        stretch: SupportsFloat | np.bool_ = 0.08,
        mode: Literal["adaptive", "fixed"] = "adaptive",
        delay_ms: SupportsFloat | None = None,
        tick_ms: SupportsFloat = 20,
        frame_ms: SupportsFloat = 20,
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
    def push(
        self, chunk: object, timestamp_ms: object, pcm: Buffer | NDArray[Any], *, arrival: SupportsFloat
    ) -> Push: ...
    def pull(self, now: SupportsFloat) -> Pulled: ...
    def pull_into(self, out: Buffer | NDArray[Any], now: SupportsFloat) -> tuple[Run, ...]: ...
    @property
    def drift_ppm(self) -> float | None: ...
    @property
    def stats(self) -> JitterStats: ...
    def reset(self) -> None: ...
