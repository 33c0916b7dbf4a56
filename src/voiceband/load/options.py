"""What a load test is asked for."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import numpy as np

from voiceband._checks import check_number
from voiceband.emulator.caller.sounds import read_at, shipped
from voiceband.formats import PLIVO_FORMATS, PLIVO_MULAW_8K, AudioFormat

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_CALLS = 100_000
BURST_S = 0.2
BURST_HZ = 437.0
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class LoadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """A load test.

    Attributes
    ----------
    url : str
        The agent: ``ws://`` or ``wss://``.
    calls : int
        How many at once, 1 to 100,000.
    ramp_per_s : float
        How many are begun in a second, above 0.
    hold_s : float
        How long all of them last once all have begun, 0.1 to 86,400.
    format : AudioFormat
        Of the wire.
    echo : bool
        Whether the agent says back all that it hears. Every silence is a gap then, audio that does not come back is
        counted, and a response counts from the beginning of what the caller says.
    playout_delay_ms : float
        Of the player, 0 to 5000.
    drain_s : float
        How long an echo may be silent after the last frame before what has not come back is missing, 0 to 60.
    processes : int
        That share the calls.
    headers : dict of str to str
        For every upgrade.
    auth_token : str or None
        Signs the upgrades, if there is one.
    say : str
        A sound file of what callers say; without it they beep at an echo, and say the shipped clip to other agents.
    """

    url: str
    calls: int = 50
    ramp_per_s: float = 20.0
    hold_s: float = 60.0
    format: AudioFormat = PLIVO_MULAW_8K
    echo: bool = False
    playout_delay_ms: float = 250.0
    drain_s: float = 1.0
    processes: int = 1
    headers: dict[str, str] = {}
    auth_token: str | None = None
    say: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.fragment:
            raise ValueError(f"url must be ws:// or wss:// and a host, without a fragment, not {self.url!r}")
        check_number("calls", self.calls, 1, MAX_CALLS)
        check_number("ramp", self.ramp_per_s, 0.01, MAX_CALLS)
        check_number("hold", self.hold_s, 0.1, 86_400)
        check_number("playout_delay", self.playout_delay_ms, 0, 5000)
        check_number("drain", self.drain_s, 0, 60)
        check_number("processes", self.processes, 1, 1024)
        if self.format not in PLIVO_FORMATS:
            raise ValueError(f"format must be one of {', '.join(map(str, PLIVO_FORMATS))}, not {self.format}")

    def utterance(self) -> NDArray[np.int16]:
        """Return what callers say, at the format's rate; ValueError if the file cannot be read."""
        rate = self.format.sample_rate
        if self.say:
            return read_at(Path(self.say), rate)
        if not self.echo:
            return read_at(shipped("@caller"), rate)
        at = np.arange(round(BURST_S * rate)) / rate
        return (8000 * np.sin(2 * np.pi * BURST_HZ * at)).astype(np.int16)


def seconds(text: str) -> float:
    """Read a duration such as ``60s``, ``500ms``, ``2m`` or ``1.5h``; a bare number is seconds.

    Examples
    --------
    >>> seconds("500ms"), seconds("2m"), seconds("60")
    (0.5, 120.0, 60.0)
    """
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(ms|s|m|h)?", text.strip())
    value = float(found[1]) * _UNITS_S[found[2] or "s"] if found else math.nan
    if not math.isfinite(value):
        raise ValueError(f"a duration must be like 60s, 500ms or 2m, not {text!r}")
    return value


def per_second(text: str) -> float:
    """Read a rate such as ``20/s`` or ``300/m``; a bare number is per second.

    Examples
    --------
    >>> per_second("20/s"), per_second("300/m")
    (20.0, 5.0)
    """
    count, _, unit = text.partition("/")
    try:
        rate = float(count) / _UNITS_S[unit.strip() or "s"]
    except (ValueError, KeyError):
        rate = math.nan
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"a rate must be like 20/s or 300/m, not {text!r}")
    return rate
