"""Runs a load test in several processes, and joins what they measure."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from voiceband.emulator.load.results import Report, WorkerResult
from voiceband.emulator.load.usage import Usage
from voiceband.emulator.load.worker import Progress, run_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from typing import Self

    from voiceband.emulator.load.options import LoadOptions

POLL_S = 0.25
END_S = 5.0


class LoadError(RuntimeError):
    """A load test could not be run; the text says why."""


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Workers:
    """The processes; as a context it leaves none behind."""

    def __init__(self, options: LoadOptions) -> None:
        context = multiprocessing.get_context("spawn")
        n = min(options.processes, options.calls)
        self.processes: list[SpawnProcess] = []
        self.pipes: list[Connection] = []
        for index in range(n):
            ours, theirs = context.Pipe()
            process = context.Process(target=run_worker, args=(options, index, n, theirs), name=f"load-{index}")
            process.start()
            theirs.close()
            self.processes.append(process)
            self.pipes.append(ours)

    def tell(self, word: str) -> None:
        for pipe in self.pipes:
            try:
                pipe.send(word)
            except OSError:  # it has ended, which the next reading shows
                continue

    def hear(self, pipe: Connection) -> Progress | WorkerResult:
        try:
            said = pipe.recv()
        except (EOFError, OSError):
            raise LoadError("a process of the load test has died") from None
        if isinstance(said, str):
            raise LoadError(said)
        return said  # type: ignore[no-any-return]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for process, pipe in zip(self.processes, self.pipes, strict=True):
            pipe.close()  # which is a "stop"
            process.join(0.1 if kind else END_S)
            if process.is_alive():
                process.kill()
                process.join()


def run_load(
    options: LoadOptions,
    *,
    pid: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> Report:
    """Run a load test, and return what was measured from the moment that all calls had begun.

    An interrupt (Ctrl-C) ends it early, and the report has what was measured until then; a second one is raised.

    Parameters
    ----------
    options : LoadOptions
        What to do.
    pid : int, optional
        The server's, to see what it uses.
    on_progress : callable, optional
        Called with the `Progress` of all processes together, several times a second.

    Raises
    ------
    LoadError
        If a process cannot do its work.
    ValueError
        If there is no process `pid`, or the callers' WAV file cannot be read.
    """
    options.utterance()
    usage = Usage(pid) if pid is not None else None
    interrupted = False
    results: dict[Connection, WorkerResult] = {}
    with _Workers(options) as workers:
        states: dict[Connection, Progress] = {}

        def step() -> None:
            nonlocal holding
            for pipe in wait([p for p in workers.pipes if p not in results], POLL_S):
                said = workers.hear(pipe)  # type: ignore[arg-type]
                if isinstance(said, WorkerResult):
                    results[pipe] = said  # type: ignore[index]
                else:
                    states[pipe] = said  # type: ignore[index]
            if usage is not None and not results:
                usage.sample()
            if not states:
                return
            up, failed, lost, _ = map(sum, zip(*states.values(), strict=True))
            together = Progress(up, failed, lost, min(state.held_s for state in states.values()))
            if together.held_s and not holding:
                holding = True
                if usage is not None:
                    usage.forget()
            on_progress(together)

        holding = False
        try:
            while len(states) < len(workers.pipes):
                step()
            workers.tell("go")
            while len(results) < len(workers.pipes):
                step()
        except KeyboardInterrupt:
            interrupted = True
            workers.tell("stop")
            while len(results) < len(workers.pipes):
                step()
        server = usage.summary() if usage is not None else None
    return Report(
        list(results.values()), options.calls, echo=options.echo, server=server, interrupted=interrupted
    )
