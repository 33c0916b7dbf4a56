"""Races of `voiceband.bench.race` as a fixture; their tables end the test run."""

import statistics
from dataclasses import dataclass

import pytest

from voiceband import simd_level
from voiceband.bench.race import ROUND_S, ROUNDS, Contender
from voiceband.bench.race import race as run_race


@dataclass
class Race:
    """One table: seconds per call of each contender, one figure a round, ours first."""

    title: str
    frames: float
    seconds: dict[str, list[float]]

    def rows(self) -> list[str]:
        """Format median, spread (half the interquartile range) and the median of the per-round ratios to ours."""
        ours = next(iter(self.seconds))
        rows = []
        for name, figures in self.seconds.items():
            values = [1e6 * s / self.frames for s in figures]
            low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
            ratio = statistics.median(t / o for t, o in zip(figures, self.seconds[ours], strict=True))
            rows.append(f"  {name:<44} {median:>10.3f} us ± {(high - low) / 2:<8.3f} {ratio:>8.2f}x")
        return rows


class Races:
    """Runs races, and keeps their tables for the terminal summary."""

    def __init__(self, *, smoke: bool) -> None:
        self.smoke = smoke
        self.tables: list[Race] = []

    def __call__(self, title: str, contenders: dict[str, Contender], *, frames: float = 1.0) -> Race:
        """Time each contender, ours first; what is shown is the time of one of the `frames` that each works on."""
        rounds, round_s = (1, 0.0) if self.smoke else (ROUNDS, ROUND_S)
        seconds = run_race(contenders, rounds=rounds, round_s=round_s)
        race = Race(title, frames, seconds)
        self.tables.append(race)
        return race


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
