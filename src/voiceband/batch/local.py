"""A batch in processes of this machine."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, Any

from voiceband.batch.files import FileError
from voiceband.batch.work import Job, Outcome, Work, do

if TYPE_CHECKING:
    from collections.abc import Generator

AHEAD = 4  # jobs a worker in the queue: enough that none waits, few enough to hold in memory

_work: Work
_stop: Any


def in_processes(work: Work, jobs: list[Job], workers: int) -> Generator[Outcome]:
    """Do jobs in `workers` processes, or in this one if it is one; yield what becomes of them, in any order."""
    if workers == 1:
        yield from _here(work, jobs)
        return
    waiting = deque(jobs)
    suspects: deque[Job] = deque()
    while waiting or suspects:
        if not suspects:
            yield from _pool(work, waiting, suspects, workers, AHEAD)
            continue
        # A worker has died, and it could be any of these files: each is tried alone.
        guilty: deque[Job] = deque()
        yield from _pool(work, suspects, guilty, 1, 1)
        for job in guilty:
            yield Outcome(job, "bad", "the process that worked on it was killed; perhaps it needs too much memory")


def _here(work: Work, jobs: list[Job]) -> Generator[Outcome]:
    waiting = iter(jobs)
    for job in waiting:
        outcome = do(work, job)
        yield outcome
        if outcome.state == "full":
            break
    yield from (Outcome(job, "stopped") for job in waiting)


def _pool(work: Work, waiting: deque[Job], suspects: deque[Job], workers: int, ahead: int) -> Generator[Outcome]:
    """Do the jobs that wait in a new pool; if one of its processes dies, those under way become suspects."""
    context = get_context("spawn")  # the same everywhere, and safe beside threads
    stop = context.Event()
    under_way: dict[Future[Outcome], Job] = {}
    with ProcessPoolExecutor(workers, context, _begin, (work, stop)) as pool:
        try:
            pool.submit(os.getpid).result()
        except BrokenProcessPool:
            raise FileError('cannot start processes; a program needs `if __name__ == "__main__":` around it') from None
        try:
            while waiting or under_way:
                while waiting and stop.is_set():
                    yield Outcome(waiting.popleft(), "stopped")
                while waiting and len(under_way) < ahead * workers:
                    under_way[pool.submit(_do, waiting[0])] = waiting[0]
                    waiting.popleft()
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    outcome = future.result()
                    del under_way[future]
                    if outcome.state == "full":
                        stop.set()
                    yield outcome
        except BrokenProcessPool:
            suspects.extend(under_way.values())
        finally:
            stop.set()


def _begin(work: Work, stop: Any) -> None:
    """Prepare a worker. Ctrl-C is for the first process, and if that one dies, so does the worker."""
    global _work, _stop
    _work, _stop = work, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _do(job: Job) -> Outcome:
    return do(_work, job, _stop.is_set)
