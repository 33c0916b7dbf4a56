"""Passes: everything measured once, again and again, each time in a process of its own.

Figures of one process agree better with each other than with those of the next, where code and data lie at other
addresses. So the spread over passes is the true one, and any two sets of passes can be compared.
"""

from __future__ import annotations

import json
import signal
import statistics
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from voiceband._processes import Children, Gone
from voiceband.bench.kernels import kernel_cases
from voiceband.bench.messages import message_cases
from voiceband.bench.race import Contender, Each, race
from voiceband.bench.sessions import session_cases
from voiceband.bench.signals import media_texts

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from voiceband.bench.cases import Case

Cases = Callable[[], Iterator["Case"]]
Progress = Callable[[float], None]
OURS, YARDSTICK = "voiceband", "yardstick"


class BenchError(RuntimeError):
    """Error when nothing could be measured; the text says why."""


class PassPlan(msgspec.Struct, frozen=True):
    """How long to measure: passes, rounds of each case in a pass, and seconds of each contender in a round."""

    passes: int
    rounds: int
    round_s: float


class Timed(msgspec.Struct, frozen=True):
    """What one pass found of one case.

    `seconds` is ours for 20 ms of audio, the median of the rounds. `yardstick` is how many times as long a piece of
    work takes that has nothing to do with this package, from the fastest round of both: it says little of usual costs,
    but it repeats best, since every disturbance makes a round slower. `others` is how many times as long other ways to
    the same result take, the median of ratios of neighbours in time.
    """

    group: str
    name: str
    seconds: float
    yardstick: float
    others: dict[str, float | None]


Pass = list[Timed]
"""One pass over all cases."""


def every_case() -> Iterator[Case]:
    """Yield all cases there are."""
    yield from kernel_cases()
    yield from message_cases()
    yield from session_cases()


def run_pass(
    plan: PassPlan,
    only: Collection[tuple[str, str]] = (),
    cases: Cases = every_case,
    on_progress: Progress = lambda _share: None,
) -> Pass:
    """Measure all cases once, in this process.

    Parameters
    ----------
    plan : PassPlan
        For how long.
    only : collection of (group, name)
        The cases to measure; all of them if empty.
    cases : callable
        Makes the cases.
    on_progress : callable
        Is told the share that is done, 0 to 1.
    """
    chosen = [case for case in cases() if not only or (case.group, case.name) in only]
    yardsticks = _frame_yardstick(), _bulk_yardstick()
    timed = []
    for i, case in enumerate(chosen):
        timed.append(_timed(case, plan, yardsticks[case.bulk]))
        on_progress((i + 1) / len(chosen))
    return timed


def _timed(case: Case, plan: PassPlan, yardstick: Contender) -> Timed:
    contenders = {OURS: case.ours, YARDSTICK: yardstick}
    contenders |= {name: contender for name, contender in case.others.items() if contender is not None}
    seconds = race(contenders, rounds=plan.rounds, round_s=plan.round_s)
    ours = seconds[OURS]

    def ratio(name: str) -> float:
        return statistics.median(its / our for its, our in zip(seconds[name], ours, strict=True))

    return Timed(
        case.group,
        case.name,
        statistics.median(ours) / case.frames,
        min(seconds[YARDSTICK]) / min(ours),
        {name: ratio(name) if name in seconds else None for name in case.others},
    )


def _frame_yardstick() -> Contender:
    """Return work like that on a frame: calls, small objects, data in the first cache."""
    return Each(json.loads, media_texts())


def _bulk_yardstick() -> Contender:
    """Return work like that on much audio: vectors of floats, data in a core's second cache."""
    x = np.linspace(-10, 10, 50_000, dtype=np.float32)
    y = np.empty_like(x)
    return lambda: np.exp(x, out=y)


def run_passes(
    plan: PassPlan,
    only: Collection[tuple[str, str]] = (),
    cases: Cases = every_case,
    on_progress: Progress = lambda _share: None,
) -> list[Pass]:
    """Run the plan's passes one after the other, each in a process of its own.

    Parameters are those of `run_pass`; `cases` must be importable by its name.

    Raises
    ------
    BenchError
        If a process ends without a result; it has said why on standard error.
    """
    return [
        _elsewhere(plan, only, cases, lambda share, i=i: on_progress((i + share) / plan.passes))  # type: ignore[misc]
        for i in range(plan.passes)
    ]


def _elsewhere(plan: PassPlan, only: Collection[tuple[str, str]], cases: Cases, on_progress: Progress) -> Pass:
    with Children(_report, end_s=0.0) as children:  # after its result, it has nothing left to do
        children.start(plan, only, cases, name="bench")
        while True:
            for _, said in children.wait():
                if isinstance(said, Gone):
                    raise BenchError("a measuring process ended before it was done")
                if isinstance(said, list):
                    return said
                on_progress(said)


def _report(plan: PassPlan, only: Collection[tuple[str, str]], cases: Cases, pipe: Connection) -> None:
    """Run a pass, and tell of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C comes to all of a terminal's processes; the parent decides
    pipe.send(run_pass(plan, only, cases, pipe.send))
