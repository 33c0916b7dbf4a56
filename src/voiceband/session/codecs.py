"""What decodes and encodes a wire's payloads, and what the chains of `voiceband.dsp` call it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from voiceband.dsp.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from voiceband.dsp.l16 import l16_decode, l16_encode
from voiceband.formats import Encoding

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from voiceband.formats import AudioFormat

    Decode = Callable[[bytes], NDArray[Any]]
    Encode = Callable[[NDArray[Any]], bytes]

Codec = Literal["mulaw", "alaw", "l16", "l16-big"]

_CODECS: dict[Encoding, tuple[Codec, Any, Any]] = {
    Encoding.MULAW: ("mulaw", ulaw_decode, ulaw_encode),
    Encoding.ALAW: ("alaw", alaw_decode, alaw_encode),
    Encoding.L16: ("l16", l16_decode, l16_encode),
}


def codec_of(wire: AudioFormat, byteorder: str) -> tuple[Codec, Decode, Encode]:
    """Return the codec of a wire, with the order of the bytes of its samples where that matters."""
    if wire.encoding is Encoding.L16 and byteorder == "big":
        return "l16-big", lambda data: wire.decode(data, "big"), lambda pcm: wire.encode(pcm, "big")
    return _CODECS[wire.encoding]
