"""Level meters of running calls, on a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from voiceband.commands._console import is_live, progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from rich.console import Console

    from voiceband.emulator.carrier.carrier import Carrier
    from voiceband.emulator.carrier.carrier_stream import CarrierStream

EVERY_S = 0.1
SILENT_DBFS = -99.0
MAX_ROWS = 8
"""So many callers have meters; more would not fit on a screen."""


class Meters:
    """Shows how loud both sides of each call are, and how much the player has; nothing where there is no terminal.

    Parameters
    ----------
    console : Console
        Where.
    names : sequence of str
        Of the callers.
    """

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(20),
            TextColumn("{task.fields[dbfs]:>6.1f} dBFS  {task.fields[more]}"),
            TimeElapsedColumn(),
        )
        self._shown = is_live(console)
        self._progress = progress(*columns, console=console)
        self._rows: dict[str, tuple[Any, Any]] = {}
        self._due: dict[str, float] = {}
        width = max((len(name) for name in names), default=0)
        for name in names[:MAX_ROWS]:
            self._rows[name] = tuple(  # type: ignore[assignment]
                self._progress.add_task(f"{name:{width}} {side}".lstrip(), total=60, dbfs=SILENT_DBFS, more="")
                for side in ("caller", "agent ")
            )

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._progress.__exit__(*exception)

    def show(self, name: str, carrier: Carrier, now: float) -> None:
        """Bring a call's rows up to date, ten times a second."""
        if not self._shown or name not in self._rows or now < self._due.get(name, -math.inf):
            return
        first = name not in self._due  # drawn at once: it may not ring until the next drawing
        self._due[name] = now + EVERY_S
        stream = carrier.stream
        said, heard = (SILENT_DBFS, SILENT_DBFS) if stream is None else levels(stream, now)
        queued = "" if stream is None else f"{stream.player.queued_s(now):4.1f} s queued"
        state = "ringing" if stream is None else ""
        for row, level, more in zip(self._rows[name], (said, heard), (state, queued), strict=True):
            self._progress.update(row, completed=max(0.0, level + 60), dbfs=level, more=more, refresh=first)


def levels(stream: CarrierStream, now: float) -> tuple[float, float]:
    """Return the levels of the last 100 ms on both sides, in dB relative to a root mean square of full scale."""
    size = stream.format.frame_bytes(100)
    said = stream.format.decode(bytes(stream.spoken[-size:]))
    heard = stream.format.decode(stream.player.heard(now - 0.1, 0.1, stream.format.silence))
    return _dbfs(said), _dbfs(heard)


def _dbfs(pcm: Any) -> float:
    return float(10 * np.log10(np.mean(np.square(pcm / 32768.0)) + 1e-10)) if len(pcm) else SILENT_DBFS
