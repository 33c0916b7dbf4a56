"""A batch in processes of this machine."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from voiceband._processes import Children, Gone, listen_to_parent
from voiceband.batch.work import FileOutcome, Job, Work, do
from voiceband.sound.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Generator
    from multiprocessing.connection import Connection

    from voiceband._processes import Child

AHEAD = 4  # jobs a worker in the queue: enough that none waits, few enough to hold in memory
STOP = "stop"
END_S = 5.0
STARTS = 5
"""How many processes in a row may be killed before they have begun."""


def in_processes(work: Work, jobs: list[Job], workers: int) -> Generator[FileOutcome]:
    """Do jobs in `workers` processes, or in this one if it is one; yield what becomes of them, in any order."""
    if workers == 1:
        yield from _here(work, jobs)
        return
    suspects: list[Job] = []
    yield from _share(work, deque(jobs), suspects, workers)
    for job in suspects:  # a worker died on each, perhaps for want of the memory that others had: each is tried alone
        guilty: list[Job] = []
        yield from _share(work, deque([job]), guilty, 1)
        for job in guilty:
            yield FileOutcome(job, "bad", "the process that worked on it was killed; perhaps it needs too much memory")


def _here(work: Work, jobs: list[Job]) -> Generator[FileOutcome]:
    waiting = iter(jobs)
    for job in waiting:
        outcome = do(work, job)
        yield outcome
        if outcome.state == "full":
            break
    yield from (FileOutcome(job, "stopped") for job in waiting)


def _share(work: Work, waiting: deque[Job], suspects: list[Job], workers: int) -> Generator[FileOutcome]:
    """Do the jobs that wait; those that workers die on become suspects."""
    given: dict[Child, deque[Job]] = {}
    ready: set[Child] = set()
    killed = 0
    stopped = False
    with Children(_run, end_s=END_S) as children:
        for k in range(workers):
            given[children.start(work, name=f"batch-{k}")] = deque()
        while waiting or any(given.values()):
            while waiting and stopped:
                yield FileOutcome(waiting.popleft(), "stopped")
            for child in ready:
                while waiting and len(given[child]) < AHEAD:
                    given[child].append(waiting[0])
                    child.tell(waiting.popleft())
            for child, said in children.wait():
                if said is None:
                    ready.add(child)
                    killed = 0
                elif not isinstance(said, Gone):
                    given[child].popleft()
                    if said.state == "full":
                        stopped = True
                        children.tell(STOP)
                    yield said
                else:
                    if child not in ready:  # nothing was given to it yet
                        killed += 1
                        _check_start(said, killed)
                    ready.discard(child)
                    lost = given.pop(child)
                    suspects.extend([lost.popleft()] if lost else [])
                    waiting.extendleft(reversed(lost))
                    given[children.start(work, name=child.process.name)] = deque()


def _check_start(gone: Gone, killed: int) -> None:
    """Refuse to start another process after one that ended before it had begun, unless somebody killed that one."""
    if gone.exit_code is None or gone.exit_code >= 0:
        raise FileError('cannot start processes; a program needs `if __name__ == "__main__":` around it')
    if killed >= STARTS:
        raise FileError(f"cannot start processes: {killed} in a row were killed; perhaps there is too little memory")


def _run(work: Work, pipe: Connection) -> None:
    """Do jobs, one after the other, until the parent says no more, or dies."""
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    stop = threading.Event()

    def hear(said: Any) -> None:
        if said is None:
            os._exit(1)  # what is unfinished is not under its name yet
        elif said == STOP:
            stop.set()
        else:
            jobs.put(said)

    listen_to_parent(pipe, hear)
    with contextlib.suppress(OSError):  # the parent has gone
        pipe.send(None)
        while True:
            pipe.send(do(work, jobs.get(), stop.is_set))
