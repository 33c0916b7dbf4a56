"""The inbound chain of one track: wire bytes -> samples at the session's rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voiceband.dsp.l16 import to_float
from voiceband.session.events import Audio, Malformed

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat, ByteOrder
    from voiceband.protocol import Media


class InboundTrack:
    """Decodes one track and knows how far it has come."""

    __slots__ = ("_byteorder", "_dtype", "_format", "_name", "_position")

    def __init__(self, name: str, wire: AudioFormat, dtype: str, byteorder: ByteOrder) -> None:
        self._name = name
        self._format = wire
        self._dtype = dtype
        self._byteorder = byteorder
        self._position = 0  # samples so far

    def push(self, media: Media) -> Audio | Malformed:
        """Turn one message into samples."""
        try:
            samples: Any = self._format.decode(media.payload, self._byteorder)
        except ValueError as error:
            return Malformed(str(error), media)
        if self._dtype == "float32":
            samples = to_float(samples)
        position_ms = self._position * 1000 / self._format.sample_rate
        self._position += len(samples)
        return Audio(samples, self._name, position_ms, media.timestamp_ms)
