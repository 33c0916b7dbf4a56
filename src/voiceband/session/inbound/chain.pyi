from collections.abc import Callable, Sized
from typing import Any, Literal

from typing_extensions import disjoint_base

from voiceband.dsp.resample import Resampler
from voiceband.dsp.sound import SoundGuard
from voiceband.dsp.timeline import Timeline
from voiceband.session.transport import Transport

@disjoint_base
class InboundChain:
    def __new__(
        cls,
        track: str,
        transport: Transport,
        waiting: Sized,
        make: Callable[..., Any],
        warn: Callable[..., Any],
        other: InboundChain | None,
    ) -> InboundChain: ...
    def open(
        self,
        codec: Literal["mulaw", "alaw", "l16", "l16-big"],
        timeline: Timeline,
        resampler: Resampler | None,
        guard: SoundGuard | None,
        base: int,
        shift: float = 0.0,
    ) -> None: ...
    def close(self) -> None: ...
    def last(self) -> tuple[int, int, int] | None: ...
    def passed(self, timestamp_ms: int, n_samples: int) -> None: ...
    def take(self, message: object, now: object) -> list[Any] | None: ...
