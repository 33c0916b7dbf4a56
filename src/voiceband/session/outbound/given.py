"""What `play` takes: arrays and what can become one, and bytes of a named format."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

import numpy as np

from voiceband.dsp._shared.convert import as_samples
from voiceband.formats import AudioFormat, Encoding
from voiceband.session.checks import check_rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZES = {"l16": 2, "l16-big": 2, "mulaw": 1, "alaw": 1, "f32": 4}
"""Kinds of bytes, and how many make a sample."""
NAMES = {"l16": "pcm_s16le", "l16-big": "pcm_s16be", "mulaw": "pcm_mulaw", "alaw": "pcm_alaw", "f32": "pcm_f32le"}
"""A format of each, as it is written."""
WAV = "wav"
"""The format of bytes whose header says what they are."""
_ITEMS = {Encoding.L16: "l16", Encoding.MULAW: "mulaw", Encoding.ALAW: "alaw"}
_SERVICES = {
    **dict.fromkeys(("linear16", "lin16", "pcm16", "pcm_s16le", "s16le"), "l16"),
    **dict.fromkeys(("pcm_s16be", "s16be"), "l16-big"),
    **dict.fromkeys(("pcm_f32le", "f32le"), "f32"),
    **dict.fromkeys(("pcm_mulaw", "g711_ulaw"), "mulaw"),
    **dict.fromkeys(("pcm_alaw", "g711_alaw"), "alaw"),
    **dict.fromkeys(("wav", "x-wav", "wave", "vnd.wave"), WAV),
}
"""Formats as services of speech write them."""
_WITH_RATE = re.compile(r"(pcm|linear16|ulaw|mulaw|alaw)_(\d{4,6})")
_FIRST = {"pcm": "l16", "linear16": "l16", "ulaw": "mulaw", "mulaw": "mulaw", "alaw": "alaw"}
_AS_FORMAT = "an AudioFormat, or the name of one such as 'audio/x-mulaw;rate=8000', 'linear16', 'pcm_24000' or 'wav'"


class PieceFormat(NamedTuple):
    """What an utterance is given in.

    Attributes
    ----------
    rate : int
        In Hz; 0 for the wire's own, which is not known yet.
    item : str
        "int16" or "float32" of arrays, one of `SIZES` of bytes.
    """

    rate: int
    item: str


# ---- arrays


def samples_of(data: Any) -> NDArray[Any]:
    """Return int16 or float32 samples of one dimension; refuse what has none."""
    if isinstance(data, np.ndarray):
        if data.ndim == 1 and data.dtype.char in "hf" and data.dtype.isnative and data.__class__ is np.ndarray:
            return np.ascontiguousarray(data)
        return as_samples(data, name="data")
    if isinstance(data, (list, tuple)):
        try:
            data = np.asarray(data) if len(data) else np.zeros(0, np.int16)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"data must be a list of numbers: {error}") from None
    elif not hasattr(data, "__array__"):
        try:
            of_bytes = memoryview(data).itemsize == 1
        except (TypeError, ValueError, BufferError):
            raise TypeError(
                f"data must be an array or a list of numbers, or bytes with format=, not {type(data).__name__}"
            ) from None
        if of_bytes:
            raise ValueError(
                f"data must come with format= when it is bytes, such as format='audio/x-l16;rate=24000', "
                f"not {type(data).__name__} alone"
            )
    return as_samples(data, name="data")


# ---- bytes


def named(format: AudioFormat | str, rate: SupportsIndex | None) -> tuple[str, int | None]:  # noqa: A002
    """Return the kind of bytes that a format means, or `WAV`, and their rate as far as anything says it.

    Raises
    ------
    TypeError
        If it is neither an `AudioFormat` nor a text, or `rate` no whole number.
    ValueError
        If the text names none, or says another rate than `rate`.
    """
    if not isinstance(format, (AudioFormat, str)):
        raise TypeError(f"format must be {_AS_FORMAT}, not {format!r}")
    rate = check_rate(rate)
    says: int | None
    if isinstance(format, AudioFormat):
        item, says = _ITEMS[format.encoding], format.sample_rate
    else:
        try:
            item, says = _read(str.__str__(format))
        except ValueError as error:
            raise ValueError(f"format must be {_AS_FORMAT}, not {str(format)!r}: {error}") from None
    if says is not None and rate is not None and says != rate:
        raise ValueError(f"rate must be that of format, {says}, or be left out, not {rate!r}")
    return item, rate if rate is not None else says


@functools.lru_cache(maxsize=64)
def _read(text: str) -> tuple[str, int | None]:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    given = dict(part.partition("=")[::2] for part in parameters)
    if given.get("channels", "1").strip('" ') != "1":
        raise ValueError("of several channels, only one can be played")
    says = given.get("rate", given.get("sample_rate", "")).strip('" ')
    if says and not (says.isascii() and says.isdecimal() and len(says) < 10):
        raise ValueError(f"rate must be a whole number of Hz, not {says!r}")
    rate = check_rate(int(says)) if says else None
    name = name.removeprefix("audio/")
    if name in _SERVICES:
        return _SERVICES[name], rate
    with_rate = _WITH_RATE.fullmatch(name)
    if with_rate:
        return _FIRST[with_rate[1]], check_rate(int(with_rate[2]))
    return _ITEMS[AudioFormat(name, 8000).encoding], rate


def bytes_of(data: Any, item: str) -> bytes:
    """Return bytes; refuse anything else, and arrays of other items, which would be read as noise at full scale."""
    try:
        view = memoryview(data)
    except (TypeError, ValueError, BufferError):
        raise TypeError(f"data must be bytes-like with format=, not {type(data).__name__}") from None
    own = {"l16": ("h", "<h"), "f32": ("f", "<f")}.get(item, ())
    if view.ndim != 1 or not (view.itemsize == 1 or view.format in own):
        raise ValueError(
            f"data must be bytes of {NAMES.get(item, item)} with format=, not an array of {view.format!r} "
            f"with {view.ndim} dimensions"
        )
    return bytes(view)  # of a class of its own, what it holds
