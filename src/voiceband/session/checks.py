"""What a session can be given: each check returns the value, or says which one it is and what it must be.

A value of a wrong type is a TypeError, a value out of range a ValueError. Scalars of numpy are numbers.
"""

from __future__ import annotations

import functools
import math
import numbers
from types import NoneType
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from voiceband.dsp.resample import Resampler
from voiceband.formats import PLIVO_FORMATS, AudioFormat

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_NOW = 1e12
"""Times are nearer to their origin than this, in seconds."""
RATES = range(4000, 192001)
BUFFERS = ("timeline", "jitter", None)
MAX_GAIN_DB = 40.0


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a real number, and no flag."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_number(name: str, value: object, least: float, most: float, rule: str) -> float:
    """Return a number from `least` to `most`; `rule` says in an error what it must be."""
    if not is_number(value):
        raise TypeError(f"{name} must be {rule}, not {value!r}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be {rule}, not {value!r}")
    return float(value)


def check_tracks(tracks: Collection[str]) -> frozenset[str]:
    """Return the names of the tracks to hear."""
    # Of a text, each character would be a track.
    if not isinstance(tracks, (tuple, list, set, frozenset)) or not all(isinstance(track, str) for track in tracks):
        raise TypeError(f'tracks must be a tuple of names such as ("inbound",), not {tracks!r}')
    if not tracks or not all(tracks):
        raise ValueError(f'tracks must be a tuple of names such as ("inbound",), not {tracks!r}')
    return frozenset(tracks)


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


def check_flag(name: str, value: object) -> bool:
    """Return True or False."""
    if value is True or value is False:
        return value
    if not isinstance(value, np.bool_):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def check_choice(name: str, value: object, choices: tuple[str | None, ...]) -> None:
    """Refuse what is none of some texts, or None where that is one of them."""
    if isinstance(value, (str, NoneType)) and value in choices:
        return
    *first, last = (f'"{choice}"' if choice else "None" for choice in choices)
    wrong = ValueError if isinstance(value, str) else TypeError
    raise wrong(f"{name} must be {', '.join(first)} or {last}, not {value!r}")


def check_rate(rate: int | None) -> int | None:
    """Return a rate in Hz, or None."""
    if rate is None:
        return None
    rule = f"rate must be {RATES.start} to {RATES.stop - 1} Hz"
    if not isinstance(rate, numbers.Integral) or isinstance(rate, bool):
        raise TypeError(f"{rule}, a whole number, not {rate!r}")
    if rate not in RATES:
        raise ValueError(f"{rule}, not {rate!r}")
    rate = int(rate)
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


def check_level(level: float | None) -> float | None:
    """Return a suppressor's level, or None."""
    return None if level is None else check_number("denoise", level, 60, 100, "60 to 100, or None")


def check_buffer(kind: str | None) -> str | None:
    """Return the kind of a buffer."""
    check_choice("buffer", kind, BUFFERS)
    return kind


def check_lead(lead_ms: float | None) -> float | None:
    """Return a lead in seconds, or None."""
    return None if lead_ms is None else check_number("lead_ms", lead_ms, 0, 5000, "0 to 5000, or None") / 1000


def check_gain(name: str, gain_db: float) -> float:
    """Return a gain in dB."""
    return check_number(name, gain_db, -100, MAX_GAIN_DB, f"-100 to {MAX_GAIN_DB:g} dB")


def check_wire(name: str, wire: AudioFormat) -> AudioFormat:
    """Return a format that a wire can carry."""
    if isinstance(wire, AudioFormat) and wire in PLIVO_FORMATS:
        return wire
    wrong = ValueError if isinstance(wire, AudioFormat) else TypeError
    raise wrong(f"{name} must be one of {', '.join(map(str, PLIVO_FORMATS))}, not {wire!r}")
