"""What a session can be given: each check returns the value, or says which one it is and what it must be.

A value of a wrong type is a TypeError, a value out of range a ValueError. Scalars of numpy are numbers.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, SupportsFloat, SupportsIndex

import numpy as np

from voiceband._checks import check_choice, check_integer, check_number, is_number
from voiceband.dsp.resample import Resampler
from voiceband.formats import PLIVO_FORMATS, AudioFormat

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_NOW = 1e12
"""Times are nearer to their origin than this, in seconds."""
MIN_RATE, MAX_RATE = 4000, 192_000
BUFFERS = ("timeline", "jitter", None)
MAX_GAIN_DB = 40.0
CALLER = frozenset(("inbound",))


def check_tracks(tracks: Collection[str]) -> frozenset[str]:
    """Return the names of the tracks to hear."""
    # Of a text, each character would be a track.
    if not isinstance(tracks, (tuple, list, set, frozenset)) or not all(isinstance(track, str) for track in tracks):
        raise TypeError(f'tracks must be a tuple of names such as ("inbound",), not {tracks!r}')
    if not tracks or not all(tracks):
        raise ValueError(f'tracks must be a tuple of names such as ("inbound",), not {tracks!r}')
    names = frozenset(tracks)
    return CALLER if names == CALLER else names  # nearly all calls share it


def check_now(now: float) -> float:
    """Return a finite time as a float."""
    if now.__class__ is float and -MAX_NOW < now < MAX_NOW:  # nearly all are
        return now
    if not is_number(now):
        raise TypeError(f"now must be a number of seconds, not {now!r}")
    if not -math.inf < now < math.inf:
        raise ValueError(f"now must be a finite number of seconds, not {now!r}")
    if not -MAX_NOW < now < MAX_NOW:
        raise ValueError(f"now must be a number of seconds between -1e12 and 1e12, not {now!r}")
    return float(now)


def check_rate(rate: SupportsIndex | None) -> int | None:
    """Return a rate in Hz, or None."""
    if rate is None:
        return None
    rate = check_integer("rate", rate, MIN_RATE, MAX_RATE, unit="Hz")
    _check_convertible(rate)
    return rate


@functools.lru_cache(maxsize=64)
def _check_convertible(rate: int) -> None:
    """Refuse a rate that one of the wires' cannot be resampled to: the start may bring any of them."""
    for wire in {known.sample_rate for known in PLIVO_FORMATS}:
        try:
            Resampler(wire, rate)
        except ValueError as error:
            raise ValueError(f"rate must be one that {wire} Hz can be resampled to, not {rate!r}: {error}") from None


def check_level(level: SupportsFloat | None) -> float | None:
    """Return a suppressor's level, or None."""
    return None if level is None else check_number("denoise", level, 60, 100)


def check_dtype(dtype: object) -> str:
    """Return the name of what samples are given out in; numpy's own types are taken too."""
    if isinstance(dtype, (type, np.dtype)):
        dtype = np.dtype(dtype).name
    check_choice("dtype", dtype, ("int16", "float32"))
    return str(dtype)


def check_buffer(kind: str | None) -> str | None:
    """Return the kind of a buffer."""
    check_choice("buffer", kind, BUFFERS)
    return kind


def check_lead(lead_ms: SupportsFloat | None) -> float | None:
    """Return a lead in seconds, or None."""
    return None if lead_ms is None else check_number("lead_ms", lead_ms, 0, 5000) / 1000


def check_gain(name: str, gain_db: SupportsFloat) -> float:
    """Return a gain in dB."""
    return check_number(name, gain_db, -100, MAX_GAIN_DB, unit="dB")


def check_wire(name: str, wire: AudioFormat) -> AudioFormat:
    """Return a format that a wire can carry."""
    if isinstance(wire, AudioFormat) and wire in PLIVO_FORMATS:
        return wire
    wrong = ValueError if isinstance(wire, AudioFormat) else TypeError
    raise wrong(f"{name} must be one of {', '.join(map(str, PLIVO_FORMATS))}, not {wire!r}")
