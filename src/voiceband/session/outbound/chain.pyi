from typing import Literal

from typing_extensions import disjoint_base

from voiceband.dsp.resample import Resampler

@disjoint_base
class OutboundChain:
    def __new__(
        cls, codec: Literal["mulaw", "alaw", "l16", "l16-big"], resampler: Resampler | None
    ) -> OutboundChain: ...
    def append(self, pcm: object, wire: bytearray) -> int: ...
