from collections.abc import Callable
from typing import Any, Literal

from typing_extensions import disjoint_base

from voiceband.dsp.resample import Resampler
from voiceband.dsp.sound import SoundGuard

@disjoint_base
class OutboundChain:
    def __new__(
        cls,
        codec: Literal["mulaw", "alaw", "l16", "l16-big"],
        resampler: Resampler | None,
        guard: SoundGuard | None,
        warn: Callable[[list[Any]], object] | None,
    ) -> OutboundChain: ...
    def append(self, pcm: object, wire: bytearray) -> int: ...
