from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from voiceband.dsp.playout_stats import RunKind

__pyx_capi__: dict[str, object]  # what other compiled modules take from here

@disjoint_base
class Run:
    def __init__(
        self, kind: RunKind, ms: float, media_start_ms: float | None = None, media_end_ms: float | None = None
    ) -> None: ...
    @property
    def kind(self) -> RunKind: ...
    @property
    def ms(self) -> float: ...
    @property
    def media_start_ms(self) -> float | None: ...
    @property
    def media_end_ms(self) -> float | None: ...

@disjoint_base
class Pulled:
    def __init__(self, pcm: NDArray[np.int16], runs: Sequence[Run]) -> None: ...
    @property
    def pcm(self) -> NDArray[np.int16]: ...
    @property
    def runs(self) -> tuple[Run, ...]: ...
