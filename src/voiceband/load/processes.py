"""Runs a load test in several processes, and joins what they measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiceband._processes import Children, Gone
from voiceband.load.results import LoadError, LoadReport, WorkerResult
from voiceband.load.usage import Usage
from voiceband.load.worker import Phase, Progress, run_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from voiceband._processes import Child
    from voiceband.load.options import LoadOptions

POLL_S = 0.25
END_S = 5.0
"""How long a process has to hang up and end when the parent has no use for it any more."""
BREAK_S = 0.1
"""And how long after an error."""


class _Workers:
    """The processes, and what they have said; as a context it leaves none behind."""

    def __init__(self, options: LoadOptions, usage: Usage | None, on_progress: Callable[[Progress], None]) -> None:
        self.results: list[WorkerResult] = []
        self._n = min(options.processes, options.calls)
        self._usage = usage
        self._on_progress = on_progress
        self._progress: dict[Child, Progress] = {}
        self._phase = Phase.PLACING
        self._children = Children(run_worker, end_s=END_S)
        for index in range(self._n):
            self._children.start(options, index, self._n, name=f"load-{index}")

    @property
    def ready(self) -> bool:
        return len(self._progress) == self._n

    @property
    def done(self) -> bool:
        return len(self.results) == self._n

    def tell(self, word: str) -> None:
        self._children.tell(word)

    def step(self) -> None:
        """Take what they say; LoadError if one cannot go on."""
        for child, said in self._children.wait(POLL_S):
            if isinstance(said, Gone):
                raise LoadError("a process of the load test has died")
            if isinstance(said, str):
                raise LoadError(said)
            if isinstance(said, WorkerResult):
                self.results.append(said)
                self._children.end([child])
            else:
                self._progress[child] = said
        if self._progress:
            self._show()
        if self._usage is not None and self._phase < Phase.ENDING:
            self._usage.sample()

    def _show(self) -> None:
        each = self._progress.values()
        phases = [progress.phase for progress in each]
        phase = max(phases) if max(phases) == Phase.ENDING else min(phases)  # as soon as one hangs up, it is over
        while self._phase < phase:
            self._phase = Phase(self._phase + 1)
            if self._phase == Phase.PLACED:
                self.tell("hold")
            elif self._usage is not None and self._phase == Phase.HOLDING:
                self._usage.forget()
            elif self._usage is not None:
                self._usage.end()
        held_s = min(progress.held_s for progress in each)
        up, failed, lost = sum(p.up for p in each), sum(p.failed for p in each), sum(p.lost for p in each)
        self._on_progress(Progress(up, failed, lost, held_s, self._phase))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._children.end([*self._children.running], BREAK_S if kind else END_S)


def run_load(
    options: LoadOptions,
    *,
    pid: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> LoadReport:
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
        If there is no process `pid`, or the callers' sound file cannot be read.
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
    return LoadReport(workers.results, options.calls, echo=options.echo, server=server, interrupted=interrupted)
