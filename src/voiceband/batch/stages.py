"""The stages of a pipeline: small values that say what to do, and open the stream that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from voiceband._checks import check_choice, check_integer, check_number
from voiceband.batch.echo_watch import EchoWatch
from voiceband.batch.gaps import Gaps
from voiceband.batch.level import Leveller
from voiceband.batch.streams import Decoding, EachChannel, Stateless, denoising, resampling
from voiceband.batch.tone_watch import ToneWatch
from voiceband.dsp.denoise import Denoiser
from voiceband.dsp.resample import Resampler
from voiceband.formats import AudioFormat
from voiceband.sound.mono import mixed

if TYPE_CHECKING:
    from voiceband.batch.streams import StageRunner

MAX_CHANNELS = 1024


class Spec(NamedTuple):
    """What a stream of samples is made of.

    Attributes
    ----------
    rate : int
        Samples per second.
    channels : int
        How many, at least 1.
    dtype : str
        "int16" or "float32".
    """

    rate: int
    channels: int
    dtype: str


class Stage(msgspec.Struct, frozen=True):
    """One stage; a subclass says what it makes of a stream."""

    def after(self, spec: Spec) -> Spec:
        """Return what comes out of the stage; ValueError if it cannot take `spec`."""
        raise NotImplementedError

    def open(self, spec: Spec) -> StageRunner:
        """Return what does it, for one stream."""
        raise NotImplementedError


class Decode(Stage, frozen=True):
    r"""Bytes to samples; the first stage, where the input is raw.

    Parameters
    ----------
    format : AudioFormat or str
        Encoding and rate, as "audio/x-mulaw;rate=8000"; see `AudioFormat.parse`.
    channels : int, optional
        How many are interleaved.
    byteorder : {"little", "big"}, optional
        Of L16.

    Raises
    ------
    TypeError
        If `format` is neither, or `channels` no integer.
    ValueError
        If the format cannot be read, or one of the others is not as above.

    Examples
    --------
    >>> from voiceband.batch import Pipeline
    >>> Pipeline(Decode("audio/x-mulaw;rate=8000"))(b"\xff\x80").tolist()
    [0, 32124]
    """

    format: AudioFormat
    channels: int = 1
    byteorder: Literal["little", "big"] = "little"

    if TYPE_CHECKING:  # a text is read, so the attribute is never one

        def __init__(
            self,
            format: AudioFormat | str,  # noqa: A002 - as the attribute
            channels: int = 1,
            byteorder: Literal["little", "big"] = "little",
        ) -> None: ...

    def __post_init__(self) -> None:
        if not isinstance(self.format, AudioFormat):
            _keep(self, "format", AudioFormat.parse(self.format))
        _keep(self, "channels", check_integer("channels", self.channels, 1, MAX_CHANNELS))
        check_choice("byteorder", self.byteorder, ("little", "big"))

    def after(self, spec: Spec) -> Spec:  # noqa: ARG002
        """Return what comes out of the stage, whatever goes in."""
        return Spec(self.format.sample_rate, self.channels, "int16")

    def open(self, spec: Spec) -> StageRunner:  # noqa: ARG002
        """Return what does it, for one stream."""
        return Decoding(self.format, self.channels, self.byteorder)


class Denoise(Stage, frozen=True):
    """Suppress noise, channel by channel, as `Denoiser` does.

    Rates other than 8000 and 16000 Hz are denoised at 16000 Hz (8000 Hz when lower than that), so nothing above 8 kHz
    is left; resample first where the output's rate is one of the two.

    Parameters
    ----------
    level : float, optional
        60 light .. 85 balanced .. 100 aggressive.

    Raises
    ------
    TypeError
        If `level` is no number.
    ValueError
        If it is out of range.
    """

    level: float = 85.0

    def __post_init__(self) -> None:
        Denoiser(8000, level=self.level)
        _keep(self, "level", float(self.level))

    def after(self, spec: Spec) -> Spec:
        """Return what comes out of the stage; ValueError if it cannot take `spec`."""
        self.open(spec._replace(channels=1))
        return spec

    def open(self, spec: Spec) -> StageRunner:
        """Return what does it, for one stream."""
        return EachChannel(lambda: denoising(spec.rate, self.level, spec.dtype), spec.channels)


class Resample(Stage, frozen=True):
    """Change the sample rate, as `Resampler` does; n samples become ceil(n * rate / rate in).

    Parameters
    ----------
    rate : int
        Hz, 4000 to 192000.
    quality : {"voice", "wide", "fast"}, optional
        The filter.

    Raises
    ------
    TypeError
        If `rate` is no integer.
    ValueError
        If `rate` or `quality` is not as above; when the stream opens, if the two rates do not go together.
    """

    rate: int
    quality: Literal["voice", "wide", "fast"] = "voice"

    def __post_init__(self) -> None:
        _keep(self, "rate", check_integer("rate", self.rate, 4000, 192_000, unit="Hz"))
        Resampler(self.rate, self.rate, quality=self.quality)

    def after(self, spec: Spec) -> Spec:
        """Return what comes out of the stage; ValueError if it cannot take `spec`."""
        resampling(spec.rate, self.rate, spec.dtype, self.quality)
        return spec._replace(rate=self.rate)

    def open(self, spec: Spec) -> StageRunner:
        """Return what does it, for one stream."""
        return EachChannel(lambda: resampling(spec.rate, self.rate, spec.dtype, self.quality), spec.channels)


class Conceal(Stage, frozen=True):
    """Fill packets that were lost and recorded as zeros, as `Concealer` does; for int16 at 8000 or 16000 Hz.

    A run of exact zeros is filled when it lasts whole packets, `longest_ms` at most, and there is sound right at one
    of its ends; so pauses stay.

    Parameters
    ----------
    packet_ms : float, optional
        Length of a packet, 10 to 60.
    longest_ms : float, optional
        The longest hole to fill, up to 1000.

    Raises
    ------
    TypeError
        If one of the two is no number.
    ValueError
        If one of the two is out of range; when the stream opens, if it is not int16 at one of the two rates.
    """

    packet_ms: float = 20.0
    longest_ms: float = 200.0

    def __post_init__(self) -> None:
        _keep(self, "packet_ms", check_number("packet_ms", self.packet_ms, 10, 60))
        _keep(self, "longest_ms", check_number("longest_ms", self.longest_ms, self.packet_ms, 1000))

    def after(self, spec: Spec) -> Spec:
        """Return what comes out of the stage; ValueError if it cannot take `spec`."""
        if spec.rate not in (8000, 16000) or spec.dtype != "int16":
            raise ValueError(f"Conceal takes int16 at 8000 or 16000 Hz, not {spec.dtype} at {spec.rate} Hz")
        return spec

    def open(self, spec: Spec) -> StageRunner:
        """Return what does it, for one stream."""
        return EachChannel(lambda: Gaps(spec.rate, self.packet_ms, self.longest_ms), spec.channels)


class Normalise(Stage, frozen=True):
    """Bring speech to one level, channel by channel, with a slow gain that knows the past only, and a limiter.

    Silence and faint noise (below -55 dBFS) change no gain.

    Parameters
    ----------
    dbfs : float, optional
        Level of active speech to aim at, -60 to -6 dB relative to a mean square of full scale.
    max_gain_db : float, optional
        0 to 40, either way.

    Raises
    ------
    TypeError
        If one of the two is no number.
    ValueError
        If one of the two is out of range.
    """

    dbfs: float = -23.0
    max_gain_db: float = 20.0

    def __post_init__(self) -> None:
        _keep(self, "dbfs", check_number("dbfs", self.dbfs, -60, -6))
        _keep(self, "max_gain_db", check_number("max_gain_db", self.max_gain_db, 0, 40))

    def after(self, spec: Spec) -> Spec:
        """Return what comes out of the stage; ValueError if it cannot take `spec`."""
        return spec

    def open(self, spec: Spec) -> StageRunner:
        """Return what does it, for one stream."""
        return EachChannel(lambda: Leveller(spec.rate, self.dbfs, self.max_gain_db, spec.dtype), spec.channels)


class Tones(Stage, frozen=True):
    """Hear the tones in each channel, as `ToneDetector` does, and change nothing; see `PipelineStream.tones`.

    Put it first: other stages change what it would hear.
    """

    def after(self, spec: Spec) -> Spec:
        """Return what comes out of the stage, which is what went in."""
        return spec

    def open(self, spec: Spec) -> StageRunner:
        """Return what does it, for one stream."""
        return ToneWatch(spec.rate, spec.channels, spec.dtype)


class Echoes(Stage, frozen=True):
    """Hear where a channel brings nothing but another's voice back, and change nothing; see `PipelineStream.echoes`.

    Put it first: other stages change what it would hear.

    Parameters
    ----------
    near : int, optional
        The channel, from 0 on, in which echo is looked for: the caller's.
    far : int, optional
        The channel whose echo that is: the agent's.

    Raises
    ------
    TypeError
        If one of the two is no integer.
    ValueError
        If one of the two is no channel's number, or both are the same; when the stream opens, if there is none of that
        number.
    """

    near: int = 0
    far: int = 1

    def __post_init__(self) -> None:
        for name in ("near", "far"):
            _keep(self, name, check_integer(name, getattr(self, name), 0, MAX_CHANNELS - 1))
        if self.near == self.far:
            raise ValueError(f"near and far must be two channels, not both {self.near}")

    def after(self, spec: Spec) -> Spec:
        """Return what comes out of the stage, which is what went in."""
        if max(self.near, self.far) >= spec.channels:
            raise ValueError(f"Echoes needs channels {self.near} and {self.far}, but the sound has {spec.channels}")
        return spec

    def open(self, spec: Spec) -> StageRunner:
        """Return what does it, for one stream."""
        self.after(spec)
        return EchoWatch(self.near, self.far, spec.rate, spec.channels, spec.dtype)


class Split(Stage, frozen=True):
    """Keep channels apart: files get one output a channel; or keep one of them only.

    Parameters
    ----------
    channel : int, optional
        The only one to keep, from 0 on; all of them by default.

    Raises
    ------
    TypeError
        If `channel` is no integer.
    ValueError
        If `channel` is no channel's number; when the stream opens, if there is none of that number.
    """

    channel: int | None = None

    def __post_init__(self) -> None:
        if self.channel is not None:
            _keep(self, "channel", check_integer("channel", self.channel, 0, MAX_CHANNELS - 1))

    def after(self, spec: Spec) -> Spec:
        """Return what comes out of the stage; ValueError if it cannot take `spec`."""
        if self.channel is None:
            return spec
        if self.channel >= spec.channels:
            raise ValueError(f"there is no channel {self.channel + 1}: the sound has {spec.channels}, counted from 1")
        return spec._replace(channels=1)

    def open(self, spec: Spec) -> StageRunner:
        """Return what does it, for one stream."""
        kept = slice(None) if self.channel is None else slice(self.channel, self.channel + 1)
        return Stateless(lambda parts: parts[kept], self.after(spec).channels, spec.dtype)


class Mix(Stage, frozen=True):
    """Make one channel: the mean of all, which cannot clip."""

    def after(self, spec: Spec) -> Spec:
        """Return what comes out of the stage; ValueError if it cannot take `spec`."""
        return spec._replace(channels=1)

    def open(self, spec: Spec) -> StageRunner:
        """Return what does it, for one stream."""
        return Stateless(lambda parts: [mixed(parts)], 1, spec.dtype)


def _keep(stage: Stage, name: str, value: Any) -> None:
    """Set an attribute as it was read: a stage is a value, and a numpy number is another one."""
    msgspec.structs.force_setattr(stage, name, value)
