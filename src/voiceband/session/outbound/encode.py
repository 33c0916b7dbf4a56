"""From the agent's audio to the wire's bytes: one converter for each open utterance, for pieces of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from voiceband.dsp._shared.convert import as_samples
from voiceband.dsp.l16 import to_int16
from voiceband.dsp.resample import Resampler
from voiceband.formats import AudioFormat
from voiceband.session.checks import check_rate
from voiceband.session.codecs import codec_of
from voiceband.session.gain import apply_gain
from voiceband.session.guard import guard_of
from voiceband.session.outbound.chain import OutboundChain

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from voiceband.dsp.sound import SoundGuard
    from voiceband.dsp.sound_findings import SoundFinding
    from voiceband.formats import ByteOrder

    Warn = Callable[[list[SoundFinding]], object]

MAX_IDLE = 4
"""Resamplers that wait for the next utterance."""
MAX_GUARDS = 8
"""Kinds of sources that are heard; what is given in more of them is not."""

Source = tuple[int, str] | AudioFormat
"""What an utterance is given in: rate and dtype of arrays, or a format of bytes."""


class Converters:
    """Makes converters for one wire.

    Parameters
    ----------
    wire : AudioFormat
        What comes out.
    byteorder : {"little", "big"}
        Of L16 on the wire.
    gain_db : float
        Applied to all but bytes that are the wire's own already.
    warn : callable, optional
        Called with what the guards find in what is given; without it there are none.
    """

    __slots__ = ("_guards", "_idle", "byteorder", "codec", "encode", "gain_db", "warn", "wire")

    def __init__(self, wire: AudioFormat, byteorder: ByteOrder, gain_db: float, warn: Warn | None = None) -> None:
        self.wire = wire
        self.byteorder = byteorder
        self.gain_db = gain_db
        self.warn = warn
        self._idle: list[Resampler] = []
        self._guards: dict[Source, SoundGuard | None] = {}
        self.codec, _, self.encode = codec_of(wire, byteorder)

    def resampler(self, rate: int, dtype: str) -> Resampler:
        """Return a fresh resampler to the wire's rate."""
        for i, idle in enumerate(self._idle):
            if idle.rate_in == rate and idle.dtype == dtype:
                del self._idle[i]
                idle.reset()
                return idle
        return Resampler(rate, self.wire.sample_rate, dtype=dtype)

    def recycle(self, resampler: Resampler) -> None:
        """Keep a resampler for the next utterance."""
        if len(self._idle) < MAX_IDLE:
            self._idle.append(resampler)

    def guard(self, source: Source) -> SoundGuard | None:
        """Return what hears everything that is given like this, in all utterances."""
        if self.warn is None:
            return None
        if source not in self._guards:
            if len(self._guards) >= MAX_GUARDS:
                return None
            if isinstance(source, AudioFormat):
                self._guards[source] = guard_of(codec_of(source, "little")[0], source.sample_rate)
            else:
                rate, dtype = source
                self._guards[source] = guard_of("float32" if dtype == "float32" else "int16", rate)
        return self._guards[source]

    def open(self, source: Source) -> Converter:
        """Return a converter for an utterance."""
        return Converter(self, source)


class Converter:
    """Turns the pieces of one utterance into wire bytes; bad ones give a ValueError and change nothing."""

    __slots__ = (
        "_carry",
        "_encode",
        "_guard",
        "_makers",
        "_ms",
        "_process",
        "_resampler",
        "_wire",
        "chain",
        "dtype",
        "rate",
        "source",
    )

    def __init__(self, makers: Converters, source: Source) -> None:
        self.source = source
        self._makers = makers
        self._wire = makers.wire
        self._encode = makers.encode
        self._guard = makers.guard(source)
        self._carry = b""
        self._resampler: Resampler | None = None
        if isinstance(source, AudioFormat):
            rate, dtype = source.sample_rate, "int16"
        else:
            rate, dtype = source
        self._ms = 1000 / rate
        self.rate = rate
        self.dtype: Any = None if isinstance(source, AudioFormat) else np.dtype(dtype)
        if rate != self._wire.sample_rate:
            self._resampler = makers.resampler(rate, dtype)
        self._process: Any = self._resampler.process if self._resampler is not None else None
        self.chain: OutboundChain | None = None
        """The same for plain pieces and without gain."""
        if self.dtype == np.int16:
            self.chain = OutboundChain(makers.codec, self._resampler, self._guard, makers.warn)

    def convert(self, data: Any) -> tuple[bytes, float]:
        """Return wire bytes, and how many milliseconds were given."""
        source = self.source
        if source.__class__ is AudioFormat:
            return self._bytes(data)
        n = len(data)
        try:
            pcm = data if self._process is None else self._process(data)
            if self.dtype.char == "f":
                pcm = to_int16(pcm)
        except ValueError:
            bad = np.flatnonzero(~np.isfinite(data))
            if not len(bad):
                raise
            raise ValueError(f"data must be finite, not {data[bad[0]]} at {bad[0]}") from None
        if self._makers.gain_db:
            pcm = apply_gain(pcm, self._makers.gain_db)
        self._hear(data)
        return self._encode(pcm), n * self._ms

    def _hear(self, data: Any) -> None:
        """Let the guard hear what was given, once it was taken."""
        found = self._guard.process(data) if self._guard is not None else None
        if found:
            self._makers.warn(found)  # type: ignore[misc]

    def _bytes(self, data: Any) -> tuple[bytes, float]:
        source: AudioFormat = self.source  # type: ignore[assignment]
        data = self._carry + bytes(data)
        odd = len(data) % source.sample_bytes
        carry = data[len(data) - odd :]
        data = data[: len(data) - odd]
        given_ms = len(data) // source.sample_bytes * self._ms
        self._hear(data)
        if source != self._wire:
            pcm = source.decode(data)
            if self._process is not None:
                pcm = self._process(pcm)
            data = self._encode(apply_gain(pcm, self._makers.gain_db))
        self._carry = carry
        return data, given_ms

    def flush(self) -> bytes:
        """Return what is still inside, and give the resampler back."""
        if self._resampler is None:
            return b""
        pcm = self._resampler.flush()
        self.drop()
        if pcm.dtype == np.float32:
            pcm = to_int16(pcm)
        data: bytes = self._encode(apply_gain(pcm, self._makers.gain_db))
        return data

    @property
    def halves(self) -> int:
        """How many bytes of a sample wait for the rest of it: 0 or 1."""
        return len(self._carry)

    def drop(self) -> None:
        """Give the resampler back with whatever is inside."""
        if self._resampler is not None:
            self._makers.recycle(self._resampler)
            self._resampler = self._process = None


def format_of(format: AudioFormat | str, rate: SupportsIndex | None) -> AudioFormat:  # noqa: A002
    """Return the format of bytes; refuse what is none, and one that says another rate than `rate`."""
    if not isinstance(format, (AudioFormat, str)):
        raise TypeError(f"format must be an AudioFormat or a MIME type, not {format!r}")
    rate = check_rate(rate)
    try:
        given = AudioFormat.parse(format, rate) if isinstance(format, str) else format
        check_rate(given.sample_rate)
    except ValueError as error:
        raise ValueError(f"format must be one of speech, not {str(format)!r}: {error}") from None
    if rate is not None:
        says = given
        if isinstance(format, str) and "rate=" in format.lower().replace(" ", ""):
            says = AudioFormat.parse(format)
        if says.sample_rate != rate:
            raise ValueError(f"rate must be that of format, {says}, or be left out, not {rate!r}")
    return given


def length_of(data: Any, source: AudioFormat) -> int:
    """Return the length of bytes; refuse anything else, and arrays of what is not in the format."""
    try:
        view = memoryview(data)
    except (TypeError, ValueError, BufferError):
        raise TypeError(f"data must be bytes-like with format=, not {type(data).__name__}") from None
    # Samples of other kinds would be read as the wrong bytes, which is noise at full scale.
    if view.ndim != 1 or not (view.itemsize == 1 or (view.format in ("h", "<h") and source.sample_bytes == 2)):
        raise ValueError(
            f"data must be bytes of {source} with format=, not an array of {view.format!r} with {view.ndim} dimensions"
        )
    return view.nbytes


def samples_of(data: Any) -> NDArray[Any]:
    """Return samples as a plain array of int16 or float32, converted as the kernels convert them."""
    if not hasattr(data, "__array__") or isinstance(data, np.ma.MaskedArray):
        raise TypeError(f"data must be an ndarray, or bytes with format=, not {type(data).__name__} without format")
    if isinstance(data, np.ndarray) and data.ndim == 1 and data.dtype.char in "hf" and data.dtype.isnative:
        return np.ascontiguousarray(data)
    return as_samples(data, name="data")
