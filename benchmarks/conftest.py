"""Races: the same work by several contenders, interleaved in one process, so that noise hits all of them alike."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from voiceband import simd_level

ROUNDS = 15
ROUND_S = 0.02  # how long one contender runs in one round


@dataclass(frozen=True)
class Each:
    """A function to call on every one of some items: the race's loop then costs a few nanoseconds only."""

    function: Callable[[Any], object]
    items: Sequence[Any]


@dataclass(frozen=True)
class Batch:
    """A function that does the work `n` times: for what needs an event loop, which is started once for all of them."""

    function: Callable[[], object]
    n: int


Contender = Callable[[], object] | Each | Batch


@dataclass
class Race:
    """One table: seconds per call of each contender, one figure a round, ours first."""

    title: str
    unit_s: float
    unit: str
    scale: float
    seconds: dict[str, list[float]]

    def rows(self) -> list[str]:
        """Format median, spread (half the interquartile range) and the median of the per-round ratios to ours."""
        ours = next(iter(self.seconds))
        rows = []
        for name, figures in self.seconds.items():
            values = [self.scale / s if self.scale else s / self.unit_s for s in figures]
            low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
            ratio = statistics.median(t / o for t, o in zip(figures, self.seconds[ours], strict=True))
            rows.append(f"  {name:<44} {median:>10.3f} {self.unit} ± {(high - low) / 2:<8.3f} {ratio:>8.2f}x")
        return rows


class Races:
    """Runs races, and keeps their tables for the terminal summary."""

    def __init__(self, *, smoke: bool) -> None:
        self.smoke = smoke
        self.tables: list[Race] = []

    def __call__(self, title: str, contenders: dict[str, Contender], *, gb: float = 0.0) -> Race:
        """Time each contender, ours first; `gb` gigabytes a call turn times into GB/s."""
        calls = {name: 1 if self.smoke else _calls_per_round(f) for name, f in contenders.items()}
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        gc.collect()
        gc.disable()
        try:
            for _ in range(1 if self.smoke else ROUNDS):
                for name, function in contenders.items():
                    seconds[name].append(_time(function, calls[name]))
        finally:
            gc.enable()
        race = Race(title, 1e-6, "GB/s" if gb else "us", gb, seconds)
        self.tables.append(race)
        return race


def _time(contender: Contender, calls: int) -> float:
    if isinstance(contender, Each):
        function, items = contender.function, contender.items
        loop = range(max(1, calls // len(items)))
        start = time.perf_counter()
        for _ in loop:
            for item in items:
                function(item)
        return (time.perf_counter() - start) / (len(loop) * len(items))
    if isinstance(contender, Batch):
        loop = range(max(1, calls // contender.n))
        start = time.perf_counter()
        for _ in loop:
            contender.function()
        return (time.perf_counter() - start) / (len(loop) * contender.n)
    loop, function = range(calls), contender
    start = time.perf_counter()
    for _ in loop:
        function()
    return (time.perf_counter() - start) / calls


def _calls_per_round(contender: Contender) -> int:
    once = max(_time(contender, 3), 1e-8)
    return max(1, int(ROUND_S / once))


_races: Races | None = None


@pytest.fixture(scope="session")
def race(request: pytest.FixtureRequest) -> Races:
    """Run contenders against each other; a smoke run (without --benchmark-enable) calls each of them once."""
    global _races
    if _races is None:
        _races = Races(smoke=not request.config.getoption("benchmark_enable"))
    return _races


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print every race's table: median, spread, ratio to the first row."""
    if _races is None or _races.smoke:
        return
    terminalreporter.section(f"races (SIMD {simd_level()}, {ROUNDS} interleaved rounds: median ± IQR/2, time ratio)")
    for table in _races.tables:
        terminalreporter.write_line(table.title)
        for row in table.rows():
            terminalreporter.write_line(row)
