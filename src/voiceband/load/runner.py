"""Runs a load test in several processes, and joins what they measure."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from voiceband._interrupts import interrupts_ignored
from voiceband.load.results import LoadError, Report, WorkerResult
from voiceband.load.usage import Usage
from voiceband.load.worker import Progress, run_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from typing import Self

    from voiceband.load.options import LoadOptions

POLL_S = 0.25
END_S = 5.0


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Workers:
    """The processes, and what they have said; as a context it leaves none behind."""

    def __init__(self, options: LoadOptions, usage: Usage | None, on_progress: Callable[[Progress], None]) -> None:
        self.results: dict[Connection, WorkerResult] = {}
        self._usage = usage
        self._on_progress = on_progress
        self._progress: dict[Connection, Progress] = {}
        self._holding = False
        self._processes: list[SpawnProcess] = []
        self._pipes: list[Connection] = []
        context = multiprocessing.get_context("spawn")
        n = min(options.processes, options.calls)
        for index in range(n):
            ours, theirs = context.Pipe()
            process = context.Process(target=run_worker, args=(options, index, n, theirs), name=f"load-{index}")
            with interrupts_ignored():
                process.start()
            theirs.close()
            self._processes.append(process)
            self._pipes.append(ours)

    @property
    def ready(self) -> bool:
        return len(self._progress) == len(self._pipes)

    @property
    def done(self) -> bool:
        return len(self.results) == len(self._pipes)

    def tell(self, word: str) -> None:
        for pipe in self._pipes:
            try:
                pipe.send(word)
            except OSError:  # it has ended, which the next reading shows
                continue

    def step(self) -> None:
        """Take what they say; LoadError if one cannot go on."""
        waiting = {pipe: pipe for pipe in self._pipes if pipe not in self.results}
        for ready in wait([*waiting], POLL_S):
            pipe = waiting[ready]  # type: ignore[index]
            try:
                said: Progress | WorkerResult | str = pipe.recv()
            except (EOFError, OSError):
                raise LoadError("a process of the load test has died") from None
            if isinstance(said, str):
                raise LoadError(said)
            if isinstance(said, WorkerResult):
                self.results[pipe] = said
            else:
                self._progress[pipe] = said
        if self._usage is not None and not self.results:
            self._usage.sample()
        if self._progress:
            self._show()

    def _show(self) -> None:
        each = self._progress.values()
        held_s = min(progress.held_s for progress in each)
        if held_s and not self._holding:
            self._holding = True
            if self._usage is not None:
                self._usage.forget()
        self._on_progress(
            Progress(sum(p.up for p in each), sum(p.failed for p in each), sum(p.lost for p in each), held_s)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for process, pipe in zip(self._processes, self._pipes, strict=True):
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
    with _Workers(options, usage, on_progress) as workers:
        try:
            while not workers.ready:
                workers.step()
            workers.tell("go")
            while not workers.done:
                workers.step()
        except KeyboardInterrupt:
            interrupted = True
            workers.tell("stop")
            while not workers.done:
                workers.step()
        server = usage.summary() if usage is not None else None
        results = list(workers.results.values())
    return Report(results, options.calls, echo=options.echo, server=server, interrupted=interrupted)
