"""`Network`: when what one end sends arrives at the other, over a TCP connection that is not perfect.

TCP loses nothing and changes no order: whatever delays a message delays all behind it. What a voice agent notices of a
bad network is therefore lateness, in bunches.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Literal

from voiceband.emulator._checks import check_number
from voiceband.emulator.presets import PRESETS, Preset
from voiceband.emulator.presets import Way as Model
from voiceband.emulator.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Way = Literal["sent", "received"]
"""A direction as the carrier sees it: what it has sent to the agent, what it has received from it."""
WAYS: tuple[Way, Way] = ("sent", "received")


class Network:
    """Delays of both directions of one connection.

    Parameters
    ----------
    model : str, path-like or Preset, optional
        A name out of `PRESETS`, a CSV file (see `Trace`), or a preset of your own. A trace holds for both directions; the
        way back begins half-way through it.
    seed : int, optional
        The same seed, the same delays, however the directions take turns.

    Attributes
    ----------
    name : str
        What it was made from.

    Raises
    ------
    ValueError
        If there is no such preset or file, or the file is no trace.

    Notes
    -----
    Times are the carrier's, in seconds from any monotonic origin. It serves one connection.

    Examples
    --------
    >>> network = Network("clean")
    >>> network.arrival(10.0, 448, "sent")
    10.025
    """

    def __init__(self, model: str | Path | Preset = "clean", *, seed: int = 0) -> None:
        rng = random.Random(seed)
        # Drawn for every model alike, so that each use has its own sequence.
        streams = [random.Random(rng.random()) for _ in range(3)]
        self.name = model if isinstance(model, str) else str(model)
        self._preset = PRESETS["clean"]
        self._lanes: dict[Way, _Lane | _TraceLane]
        if isinstance(model, Preset):
            self.name = "own"
            self._preset = model
        elif self.name in PRESETS:
            self._preset = PRESETS[self.name]
        elif not self.name.lower().endswith(".csv"):
            raise ValueError(f"network must be one of {', '.join(PRESETS)}, or a CSV file, not {self.name!r}")
        else:
            trace = Trace(model)
            self._lanes = {"sent": _TraceLane(trace, 0.0), "received": _TraceLane(trace, trace.period / 2)}
            return
        models = self._preset.to_agent, self._preset.to_carrier
        self._lanes = {way: _Lane(m, rng) for way, m, rng in zip(WAYS, models, streams, strict=False)}
        self._sizes = streams[2]

    def arrival(self, send_s: float, n_bytes: int, way: Way) -> float:
        """Return when a message of `n_bytes` arrives that is sent at `send_s`, behind those asked for before it."""
        return self._lanes[way].arrival(send_s, n_bytes)

    def backlog_s(self, now: float) -> float:
        """Return how long ago the oldest message to the agent was sent that has not arrived; for `Call.backed_up`."""
        return self._lanes["sent"].backlog(now)

    def frame_ms(self) -> Iterator[int] | None:
        """Give the lengths of media messages, without end; None when all have the usual length."""
        sizes = self._preset.frame_ms
        if sizes == (20,):
            return None
        return iter(lambda: self._sizes.choice(sizes), 0)

    def agent_time(self, carrier_s: float) -> float:
        """Return what the agent's clock shows, which may run a little faster."""
        return carrier_s * (1 + self._preset.skew_ppm * 1e-6)

    def carrier_time(self, agent_s: float) -> float:
        """Return what the carrier's clock shows when the agent's shows `agent_s`."""
        return agent_s / (1 + self._preset.skew_ppm * 1e-6)
