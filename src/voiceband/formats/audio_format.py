"""`AudioFormat`: an encoding and a sample rate, with the names that MIME types give them."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Literal

import msgspec

from voiceband._checks import check_integer, check_number
from voiceband.dsp.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from voiceband.dsp.l16 import l16_decode, l16_encode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

ByteOrder = Literal["little", "big"]


class Encoding(enum.StrEnum):
    """How samples become bytes; the value is the MIME type."""

    L16 = "audio/x-l16"
    """16-bit linear PCM."""
    MULAW = "audio/x-mulaw"
    """G.711 mu-law, 8 bits."""
    ALAW = "audio/x-alaw"
    """G.711 A-law, 8 bits."""


_ALIASES = {
    **dict.fromkeys(("l16", "x-l16", "raw", "pcm", "linear16", "pcm_s16le", "s16le"), Encoding.L16),
    **dict.fromkeys(("mulaw", "x-mulaw", "ulaw", "x-ulaw", "pcmu", "basic"), Encoding.MULAW),
    **dict.fromkeys(("alaw", "x-alaw", "pcma"), Encoding.ALAW),
}


class AudioFormat(msgspec.Struct, frozen=True, order=True):
    """An encoding and a sample rate.

    Parameters
    ----------
    encoding : Encoding or str
        How samples become bytes; a name as `parse` knows it.
    sample_rate : int
        Samples per second, in Hz, positive.

    Raises
    ------
    TypeError
        If `encoding` is no text, or `sample_rate` no integer.
    ValueError
        If `encoding` names none, or `sample_rate` is not positive.

    Examples
    --------
    >>> str(AudioFormat(Encoding.L16, 16000))
    'audio/x-l16;rate=16000'
    >>> AudioFormat.parse("audio/x-mulaw;rate=8000").frame_bytes()
    160
    """

    encoding: Encoding
    sample_rate: int

    if TYPE_CHECKING:  # the names that are read are more than the attribute can be

        def __init__(self, encoding: Encoding | str, sample_rate: int) -> None: ...

    def __post_init__(self) -> None:
        if not isinstance(self.encoding, Encoding):
            msgspec.structs.force_setattr(self, "encoding", _encoding(self.encoding))
        if type(self.sample_rate) is not int or self.sample_rate < 1:
            rate = check_integer("sample_rate", self.sample_rate, 1, unit="Hz")
            msgspec.structs.force_setattr(self, "sample_rate", rate)

    @classmethod
    def parse(cls, text: str, sample_rate: int | None = None) -> AudioFormat:
        """Read a MIME type such as ``audio/x-l16;rate=16000``, or a bare one beside a rate.

        Parameters
        ----------
        text : str
            MIME type, with or without ``audio/`` and ``;rate=``, in any case; ``raw``, ``pcm``, ``linear16`` and
            ``pcm_s16le`` mean L16, ``ulaw``, ``pcmu`` and ``basic`` mu-law, ``pcma`` A-law.
        sample_rate : int, optional
            Rate in Hz; it wins over the one in `text`. G.711 without any rate means 8000.

        Returns
        -------
        format : AudioFormat
            What `text` says.

        Raises
        ------
        TypeError
            If `text` is no text, or `sample_rate` no integer.
        ValueError
            If the encoding is unknown, the rate is no positive integer, or an L16 type comes without a rate.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be a MIME type, not {text!r}")
        name, *parameters = (part.strip() for part in text.split(";"))
        encoding = _encoding(name)
        for parameter in parameters if sample_rate is None else ():
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "rate":
                value = value.strip().strip('"')
                if not (value.isascii() and value.isdecimal() and len(value) < 10):
                    raise ValueError(f"rate must be a positive integer in Hz, not {value!r} (in {text!r})")
                sample_rate = int(value)
        if sample_rate is None:
            if encoding is Encoding.L16:
                raise ValueError(f"an L16 type needs a rate, as in 'audio/x-l16;rate=16000', not {text!r}")
            sample_rate = 8000
        return cls(encoding, sample_rate)

    def __str__(self) -> str:
        return f"{self.encoding.value};rate={self.sample_rate}"

    @property
    def mime(self) -> str:
        """The bare MIME type, without the rate."""
        return self.encoding.value

    @property
    def sample_bytes(self) -> int:
        """Bytes a sample."""
        return 2 if self.encoding is Encoding.L16 else 1

    @property
    def silence(self) -> bytes:
        """One sample of silence: the code that decodes nearest to zero."""
        return _SILENCE[self.encoding]

    def frame_samples(self, ms: float = 20) -> int:
        """Return how many samples `ms` milliseconds hold.

        Raises
        ------
        TypeError
            If `ms` is no number.
        ValueError
            If `ms` is negative or not finite, or does not give whole samples, as 20 ms at 11 025 Hz.
        """
        ms = check_number("ms", ms, 0)
        samples = self.sample_rate * ms / 1000
        if samples % 1 != 0:  # of infinity too
            raise ValueError(f"ms must give whole samples, but {ms:g} ms at {self.sample_rate} Hz is {samples} samples")
        return int(samples)

    def frame_bytes(self, ms: float = 20) -> int:
        """Return how many bytes `ms` milliseconds take; the errors are those of `frame_samples`."""
        return self.frame_samples(ms) * self.sample_bytes

    def decode(self, data: Buffer | NDArray[np.uint8], byteorder: ByteOrder = "little") -> NDArray[np.int16]:
        """Turn wire bytes into int16 samples; `byteorder` ("little" or "big") matters to L16 only."""
        _check_order(byteorder)
        if self.encoding is Encoding.MULAW:
            return ulaw_decode(data)
        if self.encoding is Encoding.L16:
            return l16_decode(data, byteorder=byteorder)
        return alaw_decode(data)

    def encode(self, pcm: Buffer | NDArray[np.int16], byteorder: ByteOrder = "little") -> bytes:
        """Turn int16 samples into wire bytes; `byteorder` ("little" or "big") matters to L16 only."""
        _check_order(byteorder)
        if self.encoding is Encoding.MULAW:
            return ulaw_encode(pcm)
        if self.encoding is Encoding.L16:
            return l16_encode(pcm, byteorder=byteorder)
        return alaw_encode(pcm)


def _check_order(byteorder: str) -> None:
    if byteorder not in ("little", "big"):
        raise ValueError(f'byteorder must be "little" or "big", not {byteorder!r}')


def _encoding(name: str) -> Encoding:
    if not isinstance(name, str):
        raise TypeError(f"encoding must be an Encoding or its name, not {name!r}")
    key = name.strip().lower().removeprefix("audio/")
    if key not in _ALIASES:
        raise ValueError(f"encoding must be one of {', '.join(e.value for e in Encoding)} or an alias, not {name!r}")
    return _ALIASES[key]


_SILENCE = {Encoding.L16: b"\x00\x00", Encoding.MULAW: b"\xff", Encoding.ALAW: b"\xd5"}

PLIVO_MULAW_8K = AudioFormat(Encoding.MULAW, 8000)
PLIVO_L16_8K = AudioFormat(Encoding.L16, 8000)
PLIVO_L16_16K = AudioFormat(Encoding.L16, 16000)
PLIVO_FORMATS = (PLIVO_MULAW_8K, PLIVO_L16_8K, PLIVO_L16_16K)
