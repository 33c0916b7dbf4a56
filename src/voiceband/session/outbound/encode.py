"""From the agent's audio to the wire's bytes: one converter for each open utterance, for pieces of any size."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.dsp.g711 import alaw_decode, ulaw_decode
from voiceband.dsp.l16 import l16_decode, to_float, to_int16
from voiceband.dsp.resample import Resampler
from voiceband.session.codecs import codec_of
from voiceband.session.gain import apply_gain
from voiceband.session.guard import guard_of
from voiceband.session.outbound.chain import OutboundChain
from voiceband.session.outbound.given import SIZES, PieceFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from voiceband.dsp.sound import SoundGuard
    from voiceband.dsp.sound_findings import SoundFinding
    from voiceband.formats import AudioFormat, ByteOrder

    Warn = Callable[[list[SoundFinding]], object]

MAX_IDLE = 4
"""Resamplers that wait for the next utterance."""
MAX_GUARDS = 8
"""Kinds of sources that are heard; what is given in more of them is not."""
_DECODE: dict[str, Callable[[bytes], NDArray[Any]]] = {
    "l16": l16_decode,
    "l16-big": functools.partial(l16_decode, byteorder="big"),
    "mulaw": ulaw_decode,
    "alaw": alaw_decode,
    "f32": lambda data: np.frombuffer(data, "<f4").astype(np.float32),
}


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

    __slots__ = ("_guards", "_idle", "codec", "encode", "gain_db", "warn", "wire")

    def __init__(self, wire: AudioFormat, byteorder: ByteOrder, gain_db: float, warn: Warn | None = None) -> None:
        self.wire = wire
        self.gain_db = gain_db
        self.warn = warn
        self._guards: dict[PieceFormat, SoundGuard | None] = {}
        self._idle: list[Resampler] = []
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

    def guard(self, source: PieceFormat) -> SoundGuard | None:
        """Return what hears everything that is given like this, in all utterances."""
        if self.warn is None:
            return None
        if source not in self._guards:
            if len(self._guards) >= MAX_GUARDS:
                return None
            item: Any = "float32" if source.item == "f32" else source.item
            self._guards[source] = guard_of(item, source.rate)
        return self._guards[source]

    def open(self, source: PieceFormat) -> Converter:
        """Return a converter for an utterance."""
        return Converter(self, source)


class Converter:
    """Turns the pieces of one utterance at one rate into wire bytes; bad ones raise an error and change nothing.

    Pieces may hold any items: the type of the first one is that of the resampler.
    """

    __slots__ = ("_carry", "_guard", "_item", "_makers", "_native", "_resampler", "chain", "halves", "ms", "rate")

    def __init__(self, makers: Converters, source: PieceFormat) -> None:
        wire = makers.wire
        self.rate = source.rate
        self.ms = 1000 / source.rate
        self.halves = 0
        """How many samples were dropped because only a part of them came."""
        self._makers = makers
        self._item = source.item
        self._guard = makers.guard(source)
        self._carry = b""  # what a piece of bytes had too few of for a sample
        # Untouched, whatever the order of the wire's bytes: they are meant for it.
        self._native = makers.codec.removesuffix("-big") if source.rate == wire.sample_rate else ""
        self._resampler: Resampler | None = None
        floats = source.item in ("float32", "f32")
        if source.rate != wire.sample_rate:
            self._resampler = makers.resampler(source.rate, "float32" if floats else "int16")
        self.chain: OutboundChain | None = None
        """The same for plain arrays of int16, and without gain."""
        if source.item == "int16":
            self.chain = OutboundChain(makers.codec, self._resampler, self._guard, makers.warn)

    def convert(self, data: Any, item: str) -> tuple[bytes, float]:
        """Return wire bytes, and how many milliseconds were given."""
        carry = self._carry if item == self._item else b""
        halves = 1 if self._carry and not carry else 0
        rest = b""
        if item in SIZES:
            data = carry + data
            odd = len(data) % SIZES[item]
            rest = data[len(data) - odd :]
            data = data[: len(data) - odd]
            n = len(data) // SIZES[item]
            pcm = None if item == self._native else _DECODE[item](data)
            wire = data if pcm is None else self._samples(pcm)
            if item == "f32":
                data = pcm
        else:
            n = len(data)
            wire = self._samples(data)
        if item != self._item:
            self._guard = self._makers.guard(PieceFormat(self.rate, item))
        self._carry, self._item = rest, item
        self.halves += halves
        found = self._guard.process(data) if self._guard is not None else None
        if found and self._makers.warn is not None:
            self._makers.warn(found)
        return wire, n * self.ms

    def _samples(self, pcm: NDArray[Any]) -> bytes:
        try:
            if self._resampler is not None:
                if pcm.dtype != self._resampler.dtype:
                    pcm = to_int16(pcm) if self._resampler.dtype == "int16" else to_float(pcm)
                pcm = self._resampler.process(pcm)
            if pcm.dtype == np.float32:
                pcm = to_int16(pcm)
        except ValueError:
            bad = np.flatnonzero(~np.isfinite(pcm))
            if not len(bad):
                raise
            raise ValueError(f"data must be finite, not {pcm[bad[0]]} at {bad[0]}") from None
        return self._makers.encode(apply_gain(pcm, self._makers.gain_db))

    @property
    def carry(self) -> int:
        """How many bytes wait for the rest of their sample."""
        return len(self._carry)

    def flush(self) -> bytes:
        """Return what is still inside, and give the resampler back."""
        self.halves += bool(self._carry)
        self._carry = b""
        if self._resampler is None:
            return b""
        pcm = self._resampler.flush()
        self.drop()
        if pcm.dtype == np.float32:
            pcm = to_int16(pcm)
        return self._makers.encode(apply_gain(pcm, self._makers.gain_db))

    def drop(self) -> None:
        """Give the resampler back with whatever is inside."""
        if self._resampler is not None:
            self._makers.recycle(self._resampler)
            self._resampler = None
        self.chain = None
