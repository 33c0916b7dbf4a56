"""`plan`: which format to ask the carrier for, so that the fewest conversions remain."""

from __future__ import annotations

import itertools
from math import gcd
from typing import TYPE_CHECKING, Literal

import msgspec

from voiceband._checks import check_choice
from voiceband.dsp.resample import Resampler
from voiceband.formats.audio_format import PLIVO_FORMATS, AudioFormat, Encoding

if TYPE_CHECKING:
    from collections.abc import Iterable

    Formats = AudioFormat | str | Iterable[AudioFormat | str]

SIMPLE_TERMS = 16
"""Up to these terms of a ratio the resampler computes many outputs side by side, see docs/resample.md."""


class Conversion(msgspec.Struct, frozen=True):
    """One step from one format to the next.

    Attributes
    ----------
    kind : {"decode", "resample", "encode"}
        G.711 codes to samples, a change of the sample rate, or samples to G.711 codes.
    source, target : AudioFormat
        What goes in, and what comes out.
    """

    kind: Literal["decode", "resample", "encode"]
    source: AudioFormat
    target: AudioFormat

    @property
    def latency_ms(self) -> float:
        """Delay in ms: 0 for a codec, and for resampling what ``Resampler.latency`` says of quality "voice"."""
        if self.kind != "resample":
            return 0.0
        return Resampler(self.source.sample_rate, self.target.sample_rate).latency * 1000

    @property
    def cost(self) -> Literal["codec", "simple", "general"]:
        """Class of its cost: a codec, resampling by a ratio of terms up to 16, or by any other.

        A codec takes about 0.1 us for 20 ms, simple ratios 0.4 to 1.4 us, others about 2 us.
        """
        if self.kind != "resample":
            return "codec"
        return "simple" if _largest_term(self.source, self.target) <= SIMPLE_TERMS else "general"

    def __str__(self) -> str:
        if self.kind == "resample":
            return f"resample {self.source.sample_rate} -> {self.target.sample_rate}"
        return f"{self.kind} {(self.source if self.kind == 'decode' else self.target).mime}"


class Plan(msgspec.Struct, frozen=True):
    """What to ask for, and what remains to be converted.

    Attributes
    ----------
    wire : AudioFormat
        Of the stream, both ways.
    listens : AudioFormat or None
        What the recogniser gets, None without one.
    speaks : AudioFormat or None
        What the synthesiser is asked for, None without one.
    inbound : tuple of Conversion
        From the wire to `listens`, in order.
    outbound : tuple of Conversion
        From `speaks` to the wire, in order.
    """

    wire: AudioFormat
    listens: AudioFormat | None
    speaks: AudioFormat | None
    inbound: tuple[Conversion, ...]
    outbound: tuple[Conversion, ...]

    @property
    def content_type(self) -> str:
        """The stream's contentType: the `content_type` of `markup.Stream`."""
        return str(self.wire)

    @property
    def rate(self) -> int:
        """The sample rate in Hz at which the agent hears: the `rate` of `Session`."""
        return (self.listens or self.wire).sample_rate

    @property
    def conversions(self) -> int:
        """Number of conversions, both ways together."""
        return len(self.inbound) + len(self.outbound)

    @property
    def inbound_ms(self) -> float:
        """Delay of the caller's audio by its conversions, in ms."""
        return sum(step.latency_ms for step in self.inbound)

    @property
    def outbound_ms(self) -> float:
        """Delay of the agent's audio by its conversions, in ms."""
        return sum(step.latency_ms for step in self.outbound)

    def __str__(self) -> str:
        lines = [f"contentType  {self.content_type}"]
        for name, end, steps, late in (
            ("listens", self.listens, self.inbound, self.inbound_ms),
            ("speaks", self.speaks, self.outbound, self.outbound_ms),
        ):
            if end is not None:
                what = ", ".join(map(str, steps)) + (f" ({late:.1f} ms)" if late else "") if steps else "as it is"
                lines.append(f"{name:<12} {end}: {what}")
        return "\n".join(lines)


def plan(
    listens: Formats | None = None,
    speaks: Formats | None = None,
    *,
    prefer: Literal["conversions", "band"] = "conversions",
    wires: Iterable[AudioFormat | str] = PLIVO_FORMATS,
) -> Plan:
    """Choose the stream's format, and the services' formats, such that the fewest conversions remain.

    Parameters
    ----------
    listens : AudioFormat, str, or an iterable of them, optional
        What the recogniser takes, such as ``"audio/x-l16;rate=16000"``; None if nobody listens.
    speaks : AudioFormat, str, or an iterable of them, optional
        What the synthesiser gives; None if nobody speaks. A speech-to-speech model has both.
    prefer : {"conversions", "band"}, optional
        What counts most: few conversions, or a wide band both ways. The other comes next.
    wires : iterable of AudioFormat or str, optional
        What the stream may carry: mu-law at 8 kHz, L16 at 8 or 16 kHz.

    Returns
    -------
    plan : Plan
        The best of all combinations. Where conversions and band are equal, the one with fewer bytes on the wire is
        better, then the one with the simpler ratios of rates, then what is named first.

    Raises
    ------
    TypeError
        If one of the formats is neither an `AudioFormat` nor a text.
    ValueError
        If neither `listens` nor `speaks` is given or one is empty, a format cannot be read, a wire is none of the
        carrier's, `prefer` is something else, or no combination of rates can be resampled.

    Notes
    -----
    A conversion is a codec (G.711 to samples or back) or a change of the rate: from mu-law at 8 kHz to L16 at 16 kHz
    are two. The band of a direction is the lower rate of its two ends.

    Examples
    --------
    >>> print(plan(listens="audio/x-l16;rate=16000", speaks=["audio/x-l16;rate=24000", "audio/x-mulaw"]))
    contentType  audio/x-l16;rate=16000
    listens      audio/x-l16;rate=16000: as it is
    speaks       audio/x-l16;rate=24000: resample 24000 -> 16000 (1.2 ms)
    >>> plan(listens="audio/pcmu", speaks="audio/pcmu").content_type
    'audio/x-mulaw;rate=8000'
    """
    check_choice("prefer", prefer, ("conversions", "band"))
    if listens is None and speaks is None:
        raise ValueError("listens or speaks must be given")
    ears = (None,) if listens is None else _formats("listens", listens)
    mouths = (None,) if speaks is None else _formats("speaks", speaks)
    carried = _formats("wires", wires)
    for wire in carried:
        if wire not in PLIVO_FORMATS:
            raise ValueError(f"wires must be of {', '.join(map(str, PLIVO_FORMATS))}, not {str(wire)!r}")

    best: tuple[tuple[int, int, int, int], Plan] | None = None
    for wire, ear, mouth in itertools.product(carried, ears, mouths):
        inbound, outbound = _steps(wire, ear), _steps(mouth, wire)
        if inbound is None or outbound is None:
            continue
        ways = [(a, b) for a, b in ((wire, ear), (mouth, wire)) if a is not None and b is not None]
        band = sum(min(a.sample_rate, b.sample_rate) for a, b in ways)
        count = len(inbound) + len(outbound)
        first, second = (count, -band) if prefer == "conversions" else (-band, count)
        key = (first, second, wire.sample_rate * wire.sample_bytes, sum(_largest_term(a, b) for a, b in ways))
        if best is None or key < best[0]:
            best = (key, Plan(wire, ear, mouth, inbound, outbound))
    if best is None:
        raise ValueError(f"no stream can be resampled between {listens!r} and {speaks!r}: see Resampler for the rates")
    return best[1]


def _formats(name: str, given: Formats) -> tuple[AudioFormat, ...]:
    """Read one argument of `plan`."""
    try:
        some = (given,) if isinstance(given, (AudioFormat, str)) else tuple(given)
        if not some:
            raise ValueError(f"one format at least must be named, not {given!r}")
        return tuple(each if isinstance(each, AudioFormat) else AudioFormat.parse(each) for each in some)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


def _largest_term(source: AudioFormat, target: AudioFormat) -> int:
    """Return the larger term of the ratio of two rates."""
    return max(source.sample_rate, target.sample_rate) // gcd(source.sample_rate, target.sample_rate)


def _steps(source: AudioFormat | None, target: AudioFormat | None) -> tuple[Conversion, ...] | None:
    """Return what leads from one format to another, None if nothing does."""
    if source is None or target is None or source == target:
        return ()
    steps: list[Conversion] = []
    at = source
    if at.encoding is not Encoding.L16:
        at = AudioFormat(Encoding.L16, source.sample_rate)
        steps.append(Conversion("decode", source, at))
    if at.sample_rate != target.sample_rate:
        samples = AudioFormat(Encoding.L16, target.sample_rate)
        try:
            Resampler(at.sample_rate, samples.sample_rate)
        except ValueError:
            return None
        steps.append(Conversion("resample", at, samples))
        at = samples
    if target.encoding is not Encoding.L16:
        steps.append(Conversion("encode", at, target))
    return tuple(steps)
