"""Arrival traces: read from CSV files (seq,send_ms,arrival_ms), or made by a small documented network model.

The model is a TCP path as an application sees it: messages of 20 ms leave on time and reach the other side after the
path's delay; what a stall holds back arrives with it, in order, in one burst. Stalls come from three causes, each a
Poisson process: a lost segment (recovered after a round trip and 30 ms), a spell of loss (a retransmission timeout of
200 ms plus two round trips, doubled with a chance of one in four), and a silent link or event loop of a given length.
Between stalls there is scheduling noise of 0.4 ms (exponential).

The project's own traces, in data/, are made by `python -m benchmarks.jitter.traces`.
"""

import csv
import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FRAME_MS = 20.0
OWN = Path(__file__).parent / "data"
TALK, PAUSE = 50, 79  # means of talk spurt and pause in messages, after ITU-T P.59: 1.0 and 1.6 s


@dataclass(frozen=True)
class Trace:
    """Messages by arrival: (seq, send_ms, arrival_ms), and what of them is speech, by message."""

    name: str
    rows: list[tuple[int, float, float]]
    active: list[bool]
    ppm: float = 0.0

    @cached_property
    def first(self) -> int:
        """The first sequence number."""
        return min(r[0] for r in self.rows)

    @cached_property
    def base_ms(self) -> float:
        """The least arrival minus media time, on the receiver's clock."""
        return min(a - s * (1 + self.ppm * 1e-6) for _, s, a in self.rows)


def talk_pattern(count: int, seed: int = 99) -> list[bool]:
    """Talk spurts and pauses in P.59 proportions, exponential, at least 100 ms each."""
    rng, pattern, on = random.Random(seed), [], True
    while len(pattern) < count:
        pattern += [on] * max(5, int(rng.expovariate(1 / (TALK if on else PAUSE))))
        on = not on
    return pattern[:count]


def _trace(name: str, rows: list[tuple[int, float, float]], ppm: float = 0.0) -> Trace:
    first, last = min(r[0] for r in rows), max(r[0] for r in rows)
    return Trace(name, sorted(rows, key=lambda r: (r[2], r[0])), talk_pattern(last - first + 1), ppm)


def load(folder: Path) -> list[Trace]:
    """Read every CSV file of a folder."""
    traces = []
    for path in sorted(folder.glob("*.csv")):
        with path.open() as lines:
            rows = [(int(k), float(s), float(a)) for k, s, a in list(csv.reader(lines))[1:]]
        traces.append(_trace(path.stem, rows))
    return traces


def model(name: str, *, one_way_ms: float, losses: float, spells: float, silences: float, silence_ms: float,
          seconds: float = 40.0, seed: int = 1) -> Trace:  # fmt: skip
    """Make one trace; `losses`, `spells` and `silences` are per minute."""
    rng, count = random.Random(f"{name}/{seed}"), int(seconds * 1000 / FRAME_MS)
    stalls = []
    for per_minute, length in (
        (losses, lambda: 2 * one_way_ms + 30),
        (spells, lambda: (200 + 4 * one_way_ms) * (2 if rng.random() < 0.25 else 1)),
        (silences, lambda: silence_ms * rng.uniform(0.5, 1.5)),
    ):
        t = rng.expovariate(per_minute / 6e4) if per_minute else 1e12
        while t < seconds * 1000:
            stalls.append((t, t + length()))
            t += rng.expovariate(per_minute / 6e4)
    rows, last = [], 0.0
    for k in range(count):
        at = k * FRAME_MS
        arrival = at + one_way_ms + rng.expovariate(1 / 0.4)
        for begin, end in stalls:
            if begin <= at < end:
                arrival = max(arrival, end + one_way_ms)
        last = max(last, arrival)
        rows.append((k, at, round(last, 1)))
    return _trace(name, rows)


def built_in() -> list[Trace]:
    """Make the project's own traces."""
    return [
        model("clean", one_way_ms=5, losses=0, spells=0, silences=0, silence_ms=0),
        model("wan", one_way_ms=35, losses=15, spells=0, silences=0, silence_ms=0),
        model("lossy", one_way_ms=35, losses=50, spells=4, silences=0, silence_ms=0),
        model("far", one_way_ms=110, losses=15, spells=1, silences=0, silence_ms=0),
        model("wifi", one_way_ms=15, losses=10, spells=0, silences=14, silence_ms=180),
        model("blocked", one_way_ms=5, losses=0, spells=0, silences=10, silence_ms=200),
        model("mobile", one_way_ms=50, losses=20, spells=2, silences=8, silence_ms=450),
    ]


def variant(trace: Trace, *, ppm: float = 0.0, drop: tuple[float, float] | None = None, tile: int = 1) -> Trace:
    """Alter a trace: the sender's clock off by ppm, with messages missing in runs (share, mean run), or repeated."""
    rng, rows, bad = random.Random(7), [], False
    span = max(r[0] for r in trace.rows) - trace.first + 1
    for t in range(tile):
        for k, s, a in sorted(trace.rows):
            if drop:
                share, run = drop
                bad = rng.random() >= 1 / run if bad else rng.random() < share / run / (1 - share)
                if bad:
                    continue
            off = t * span * FRAME_MS
            rows.append((k + t * span, s + off, (a + off) * (1 + ppm * 1e-6)))
    return _trace(trace.name, rows, ppm)


def text(trace: Trace) -> str:
    """Return the trace as a CSV file."""
    return "seq,send_ms,arrival_ms\n" + "".join(f"{k},{s:.0f},{a:.1f}\n" for k, s, a in trace.rows)


if __name__ == "__main__":
    for made in built_in():
        (OWN / f"{made.name}.csv").write_text(text(made))
