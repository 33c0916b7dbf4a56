"""Races: the same work by several contenders, interleaved in one process, so that noise hits all of them alike."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ROUNDS = 15
ROUND_S = 0.02
"""How long one contender runs in one round."""

# Processor time leaves out what other programs do meanwhile, and takes in what a contender's threads do. On Windows it
# advances in steps that are longer than a round.
clock = time.perf_counter if sys.platform == "win32" else time.process_time


@dataclass(frozen=True)
class Each:
    """A function to call on every one of some items: the race's loop then costs a few nanoseconds only."""

    function: Callable[[Any], object]
    items: Sequence[Any]


@dataclass(frozen=True)
class Repeated:
    """A function that does the work `n` times: for what needs an event loop, which is started once for all of them."""

    function: Callable[[], object]
    n: int


Contender = Callable[[], object] | Each | Repeated


def race(
    contenders: Mapping[str, Contender], *, rounds: int = ROUNDS, round_s: float = ROUND_S
) -> dict[str, list[float]]:
    """Time contenders that take turns.

    Parameters
    ----------
    contenders : mapping of str to Contender
        What to time: a function without arguments, an `Each` or a `Repeated`.
    rounds : int
        Turns of each contender.
    round_s : float, seconds
        Time of a turn; 0 does the work once, for a smoke test.

    Returns
    -------
    seconds : dict of str to list of float
        Of each contender, seconds that the work took, one figure a round: figures at one index are neighbours in time.
    """
    times = {name: _times_in(contender, round_s) if round_s else 1 for name, contender in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, contender in contenders.items():
                seconds[name].append(_time(contender, times[name]))
    finally:
        if collecting:
            gc.enable()
    return seconds


def _times_in(contender: Contender, round_s: float) -> int:
    """Return how many times the work is done in a round; the first times also warm it up."""
    times = 1
    while True:
        took = _time(contender, times) * times
        if took >= round_s / 8:
            return max(1, round(times * round_s / took))
        times *= 4


def _time(contender: Contender, times: int) -> float:
    """Return the seconds of one time of some, or of somewhat more when the contender has many items."""
    if isinstance(contender, Each):
        function, items = contender.function, contender.items
        loop = range(-(-times // len(items)))
        start = clock()
        for _ in loop:
            for item in items:
                function(item)
        return (clock() - start) / (len(loop) * len(items))
    if isinstance(contender, Repeated):
        work, n = contender.function, contender.n
    else:
        work, n = contender, 1
    loop = range(-(-times // n))
    start = clock()
    for _ in loop:
        work()
    return (clock() - start) / (len(loop) * n)
