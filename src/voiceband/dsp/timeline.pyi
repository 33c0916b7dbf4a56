from typing import Any, Literal, Self, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer, disjoint_base

from voiceband.dsp.playout_stats import SegmentKind, TimelineStats

__all__ = ["Segment", "Timeline"]

@disjoint_base
class Segment:
    def __init__(self, pcm: NDArray[np.int16], start_sample: int, kind: SegmentKind, epoch: int) -> None: ...
    @property
    def pcm(self) -> NDArray[np.int16]: ...
    @property
    def start_sample(self) -> int: ...
    @property
    def kind(self) -> SegmentKind: ...
    @property
    def epoch(self) -> int: ...

@disjoint_base
class Timeline:
    def __new__(
        cls, rate: SupportsIndex, *, frame_ms: SupportsFloat = 20, fill: Literal["auto", "silence"] | None = "auto"
    ) -> Self: ...
    @property
    def rate(self) -> int: ...
    @property
    def fill(self) -> str | None: ...
    @property
    def frame_ms(self) -> float: ...
    @property
    def next_sample(self) -> int: ...
    def push(
        self,
        chunk: object,
        timestamp_ms: object,
        pcm: Buffer | NDArray[Any],
        *,
        seq: object = None,
        arrival: SupportsFloat | None = None,
    ) -> list[Segment]: ...
    def stalled_ms(self, now: SupportsFloat) -> float: ...
    @property
    def drift_ppm(self) -> float | None: ...
    @property
    def stats(self) -> TimelineStats: ...
    def reset(self) -> None: ...
