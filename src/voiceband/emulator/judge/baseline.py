"""`Baseline`: how an agent treated its callers on many calls, and whether it has become worse since.

before  . .:.::.:. .        of each call one figure: its median answer, its median silence after an interruption,
now       . .:::.:: .       the sum of its gaps
"""

from __future__ import annotations

import hashlib
import math
import statistics
from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from voiceband.emulator.judge.measures import Measures

ALARM_P = 1e-5
"""What is so unlikely of equal agents is an alarm: none in a thousand comparisons."""
LEAST_CALLS = 10
"""Fewer on each side could never be so unlikely."""
BINS = 300
NEVER_MS = 1000.0
"""How much longer than the longest it counts as if there was no answer at all."""
WIDE = 1.0
"""Values are cut off so many spreads from the median of both runs, so that a few odd calls hide nothing."""
FIGURES = {"answer_ms": "answer time", "silence_ms": "silence after an interruption", "gap_ms": "gaps"}


class CallFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One call in numbers, in ms; None where there was nothing to measure."""

    answer_ms: float | None
    silence_ms: float | None
    gap_ms: float


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calls that were placed under the same conditions.

    Attributes
    ----------
    conditions : dict of str to str
        What the figures depend on: the caller's script, the network, the line, the stream.
    calls : list of CallFigures
        In the order in which they were placed.
    """

    conditions: dict[str, str]
    calls: list[CallFigures]


class Compared(msgspec.Struct, frozen=True):
    """What became of one figure.

    Attributes
    ----------
    name : str
        A key of `FIGURES`.
    before_ms, now_ms : float or None
        Medians over the calls.
    p : float
        How likely it is that equal agents differ so much in this direction.
    worse : bool
        Whether that is less than `ALARM_P`.
    """

    name: str
    before_ms: float | None
    now_ms: float | None
    p: float
    worse: bool

    def __str__(self) -> str:
        medians = [("none" if ms is None else f"{ms:.0f} ms") for ms in (self.before_ms, self.now_ms)]
        chance = "by chance less than once in 100,000 times" if self.worse else f"p {self.p:.2g}"
        verdict = "worse" if self.worse else "not worse"
        return f"{FIGURES[self.name]}: {verdict}, {medians[0]} before and {medians[1]} now, {chance}"


def figures_of(measures: Measures) -> CallFigures:
    """Return the figures of a call."""
    silences = [barge.silence_ms for barge in measures.barge_ins]
    return CallFigures(
        measures.answer_median_ms,
        statistics.median(silences) if silences else None,
        sum(gap.ms for gap in measures.gaps),
    )


def fingerprint(*parts: object) -> str:
    """Return a short text that differs if one of the parts does; arrays count by their samples."""
    digest = hashlib.sha256()
    for part in parts:
        for piece in _flat(part):
            digest.update(piece)
            digest.update(b"\0")
    return digest.hexdigest()[:16]


def _flat(part: object) -> list[bytes]:
    if isinstance(part, np.ndarray):
        return [np.ascontiguousarray(part).tobytes()]
    if isinstance(part, msgspec.Struct):
        part = (type(part).__name__, *(getattr(part, name) for name in part.__struct_fields__))
    if isinstance(part, (list, tuple)):
        return [piece for each in part for piece in _flat(each)]
    return [repr(part).encode()]


def load_baseline(path: Path) -> Baseline:
    """Read a baseline; ValueError, with the file and what is wrong, of another file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Baseline)
    except OSError as error:
        raise ValueError(f"the baseline {path} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"{path} is no baseline: {error}; --save-baseline makes one") from None


def check_length(before: Baseline, n_calls: int) -> None:
    """Raise ValueError if there are too few calls to compare."""
    for name, n in (("the baseline", len(before.calls)), ("this run", n_calls)):
        if n < LEAST_CALLS:
            calls = f"{n} call{'s' if n != 1 else ''}"
            raise ValueError(f"{name} has {calls}, and a comparison needs {LEAST_CALLS}; place more with -n")


def compare(before: Baseline, now: Baseline) -> list[Compared]:
    """Return what became of each figure.

    Raises
    ------
    ValueError
        If the runs are unlike, or too short.
    """
    keys = [*before.conditions, *(key for key in now.conditions if key not in before.conditions)]
    for key in keys:
        then, today = before.conditions.get(key, "none"), now.conditions.get(key, "none")
        if then != today:
            raise ValueError(f"the runs are unlike: {key} was {then}, and is {today}; compare like with like")
    check_length(before, len(now.calls))
    return [_compared(name, before, now) for name in FIGURES]


def _compared(name: str, before: Baseline, now: Baseline) -> Compared:
    sides = [[getattr(call, name) for call in run.calls] for run in (before, now)]
    known = [[value for value in side if value is not None] for side in sides]
    medians = [statistics.median(side) if side else None for side in known]
    if not any(known):
        return Compared(name, None, None, 1.0, worse=False)
    never = max(max(side) for side in known if side) + NEVER_MS
    p = worse_p(*([never if value is None else value for value in side] for side in sides))
    return Compared(name, medians[0], medians[1], p, worse=p < ALARM_P)


def worse_p(before: Sequence[float], now: Sequence[float]) -> float:
    """Return how likely it is that chance alone makes `now` so much larger than `before`.

    It is the exact permutation test of Fisher and Pitman for the sum of `now`: of all ways to divide the values, the
    share that gives so large a sum. Nothing is supposed of their distribution but that calls do not depend on each
    other.

    Examples
    --------
    >>> worse_p([1.0, 2.0], [3.0, 4.0])
    0.16666666666666666
    """
    values = np.array([*before, *now], float)
    centre = float(np.median(values))
    spread = float(np.median(np.abs(values - centre))) * 1.4826 + 1.0
    values = np.clip(values, centre - WIDE * spread, centre + WIDE * spread)
    low, high = float(values.min()), float(values.max())
    if high == low:
        return 1.0
    bins = np.rint((values - low) / (high - low) * BINS).astype(int)
    n, most = len(now), int(np.sort(bins)[-len(now) :].sum())
    ways = np.zeros((n + 1, most + 1))  # to choose so many values with such a sum
    ways[0, 0] = 1.0
    for value in bins:
        # From many to few, so that no value is chosen twice.
        ways[1:, value:] += ways[:-1, : most + 1 - value].copy()
    reached = int(bins[len(before) :].sum())
    return float(ways[n, reached:].sum() / math.comb(len(values), n))
