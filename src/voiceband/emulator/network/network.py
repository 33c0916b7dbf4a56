"""`Network`: when what one end sends arrives at the other, over a TCP connection that is not perfect.

TCP loses nothing and changes no order: whatever delays a message delays all behind it. What a voice agent notices of a
bad network is therefore lateness, in bunches.
"""

from __future__ import annotations

import collections
import math
import random
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from voiceband.emulator.network.presets import PRESETS, Preset
from voiceband.emulator.network.presets import Way as Model
from voiceband.emulator.network.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

Way = Literal["sent", "received"]
"""A direction as the carrier sees it: what it has sent to the agent, what it has received from it."""
WAYS: tuple[Way, Way] = ("sent", "received")


class Network:
    """Delays of both directions of one connection.

    Parameters
    ----------
    model : str, path-like or Preset, optional
        A name out of `PRESETS`, a CSV file (see `Trace`), or a preset of your own. A trace holds for both directions;
        the way back begins half-way through it.
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
        # One sequence for each use: how often one is asked does not change what another gives.
        streams = [random.Random(rng.random()) for _ in range(3)]
        if not isinstance(model, (str, Path, Preset)):
            raise TypeError(f"network must be a name, a Preset or the path of a CSV file, not {model!r}")
        self.name = model if isinstance(model, str) else str(model)
        self._preset = PRESETS["clean"]
        self._sizes = streams[2]
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
        self._lanes = {way: _Lane(m, r) for way, m, r in zip(WAYS, models, streams[:2], strict=True)}

    def arrival(self, send_s: float, n_bytes: int, way: Way) -> float:
        """Return when a message of `n_bytes` arrives that is sent at `send_s`, behind those asked for before it."""
        return self._lanes[way].arrival(send_s, n_bytes)

    def backlog_s(self, now: float) -> float:
        """Return how long ago the oldest message to the agent was sent that has not arrived."""
        return self._lanes["sent"].backlog.age(now)

    def frame_ms(self) -> Iterator[int] | None:
        """Give the lengths of media messages, without end; None when all have the usual length."""
        sizes = self._preset.frame_ms
        if sizes == (20,):
            return None
        return iter(lambda: self._sizes.choice(sizes), 0)

    @property
    def skewed(self) -> bool:
        """Whether the agent's clock runs at another speed than the carrier's."""
        return self._preset.skew_ppm != 0

    def agent_time(self, carrier_s: float) -> float:
        """Return what the agent's clock shows, which may run a little faster."""
        return carrier_s * (1 + self._preset.skew_ppm * 1e-6)

    def carrier_time(self, agent_s: float) -> float:
        """Return what the carrier's clock shows when the agent's shows `agent_s`."""
        return agent_s / (1 + self._preset.skew_ppm * 1e-6)


class _Backlog:
    """Messages that nobody has taken yet: when they were sent, and when they will be taken."""

    def __init__(self) -> None:
        self._waiting: collections.deque[tuple[float, float]] = collections.deque()

    def put(self, send_s: float, taken_s: float) -> None:
        self._drop(send_s)
        if taken_s > send_s:
            self._waiting.append((send_s, taken_s))

    def age(self, now: float) -> float:
        self._drop(now)
        return max(0.0, now - self._waiting[0][0]) if self._waiting else 0.0

    def _drop(self, now: float) -> None:
        while self._waiting and self._waiting[0][1] <= now:
            self._waiting.popleft()


class _Lane:
    """One direction after a model."""

    def __init__(self, model: Model, rng: random.Random) -> None:
        self.backlog = _Backlog()
        self._model = model
        self._rng = rng
        self._stall_rng = random.Random(rng.random())
        self._phase = rng.random() * model.batch_ms / 1000
        self._stalls: collections.deque[tuple[float, float]] = collections.deque()
        self._stalls_until: float | None = None  # they are drawn as far as this
        self._link_free = -math.inf
        self._last = -math.inf

    def arrival(self, send_s: float, n_bytes: int) -> float:
        model, draw = self._model, self._rng
        left = send_s
        if model.bytes_per_s:
            left = self._link_free = max(send_s, self._link_free) + n_bytes / model.bytes_per_s
        way_s = model.delay_ms / 1000
        if model.jitter_ms:
            way_s += min(draw.expovariate(1 / model.jitter_ms), 10 * model.jitter_ms) / 1000
        at = left + way_s
        if model.loss and draw.random() < model.loss:
            at += draw.uniform(*model.resend_ms) / 1000
        if model.stalls_per_min:
            at = self._after_stalls(send_s, at)
        if model.batch_ms:
            batch = model.batch_ms / 1000
            at = math.ceil((at - self._phase) / batch) * batch + self._phase
        at = max(at, self._last)
        self.backlog.put(send_s, at - way_s)
        self._last = at + model.read_ms / 1000
        return self._last

    def _after_stalls(self, send_s: float, at: float) -> float:
        model, draw = self._model, self._stall_rng
        if self._stalls_until is None:
            self._stalls_until = send_s
        while self._stalls_until <= at:
            begin = self._stalls_until + draw.expovariate(model.stalls_per_min / 60)
            self._stalls_until = begin + draw.uniform(*model.stall_ms) / 1000
            self._stalls.append((begin, self._stalls_until))
        while self._stalls[0][1] <= send_s:
            self._stalls.popleft()
        for begin, end in self._stalls:
            if begin <= at < end:
                return end
        return at


class _TraceLane:
    """One direction after a trace, whose time starts with the first message."""

    def __init__(self, trace: Trace, offset_s: float) -> None:
        self.backlog = _Backlog()
        self._trace = trace
        self._offset = offset_s
        self._least = min(trace.delays)
        self._origin: float | None = None
        self._last = -math.inf

    def arrival(self, send_s: float, n_bytes: int) -> float:  # noqa: ARG002 - a trace knows no sizes
        if self._origin is None:
            self._origin = send_s
        self._last = max(self._last, send_s + self._trace.delay(send_s - self._origin + self._offset))
        self.backlog.put(send_s, self._last - self._least)
        return self._last
