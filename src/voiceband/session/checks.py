"""What a session can be given: each check returns the value, or says which one it is and what it must be."""

from __future__ import annotations

import functools
import math
import numbers
from types import NoneType

import numpy as np

from voiceband.dsp.resample import Resampler
from voiceband.formats import PLIVO_FORMATS

MAX_NOW = 1e12
"""Times are nearer to their origin than this, in seconds."""
RATES = range(4000, 192001)
BUFFERS = ("timeline", "jitter", None)


def within(value: object, least: float, most: float) -> bool:
    """Whether a value is a number from `least` to `most`."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


def check_tracks(tracks: tuple[str, ...]) -> frozenset[str]:
    """Return the tracks to hear; ValueError if these are not the names of some."""
    if (
        not isinstance(tracks, (tuple, list, set, frozenset))  # of a text, each character would be a track
        or not tracks
        or not all(isinstance(track, str) and track for track in tracks)
    ):
        raise ValueError(f'tracks must be a tuple of names such as ("inbound",), not {tracks!r}')
    return frozenset(tracks)


def check_now(now: float) -> float:
    """Return a time as a float; TypeError or ValueError for what is no finite time."""
    if now.__class__ is float and -MAX_NOW < now < MAX_NOW:  # nearly all are
        return now
    if not isinstance(now, numbers.Real) or isinstance(now, bool):
        raise TypeError(f"now must be a number of seconds, not {now!r}")
    if not -math.inf < now < math.inf:
        raise ValueError(f"now must be a finite number of seconds, not {now!r}")
    if not -MAX_NOW < now < MAX_NOW:
        raise ValueError(f"now must be a number of seconds between -1e12 and 1e12, not {now!r}")
    return float(now)


def check_flag(name: str, value: object) -> bool:
    """Return a flag; ValueError for what is neither True nor False."""
    if value is True or value is False:
        return value
    if not isinstance(value, np.bool_):
        raise ValueError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def check_choice(name: str, value: object, choices: tuple[str | None, ...]) -> None:
    """ValueError for what is none of some texts, or None where that is one of them."""
    if not isinstance(value, (str, NoneType)) or value not in choices:  # an array would compare its items
        *first, last = (f'"{choice}"' if choice else "None" for choice in choices)
        raise ValueError(f"{name} must be {', '.join(first)} or {last}, not {value!r}")


def check_rate(rate: int | None) -> int | None:
    """Return a rate in Hz or None; ValueError for anything else."""
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int) or rate not in RATES):
        raise ValueError(f"rate must be {RATES.start} to {RATES.stop - 1} Hz, not {rate!r}")
    if rate is not None:
        _check_convertible(rate)
    return rate


@functools.lru_cache(maxsize=64)
def _check_convertible(rate: int) -> None:
    """ValueError for a rate that one of the wires' cannot be resampled to: the start may bring any of them."""
    for wire in {known.sample_rate for known in PLIVO_FORMATS}:
        try:
            Resampler(wire, rate)
        except ValueError as error:
            raise ValueError(f"rate must be one that {wire} Hz can be resampled to, not {rate!r}: {error}") from None


def check_level(level: float | None) -> float | None:
    """Return a suppressor's level or None; ValueError for anything else."""
    if level is not None and (isinstance(level, bool) or not isinstance(level, (int, float)) or not 60 <= level <= 100):
        raise ValueError(f"denoise must be 60 to 100, or None, not {level!r}")
    return level


def check_buffer(kind: str | None) -> str | None:
    """Return the kind of a buffer; ValueError for an unknown one."""
    check_choice("buffer", kind, BUFFERS)
    return kind


def check_lead(lead_ms: float | None) -> float | None:
    """Return a lead in seconds or None; ValueError if it is no number from 0 to 5000 ms."""
    if lead_ms is None:
        return None
    if isinstance(lead_ms, bool) or not isinstance(lead_ms, (int, float)) or not 0 <= lead_ms <= 5000:
        raise ValueError(f"lead_ms must be 0 to 5000, or None, not {lead_ms!r}")
    return lead_ms / 1000
