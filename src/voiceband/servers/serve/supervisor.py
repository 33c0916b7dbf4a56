"""Worker processes behind one port: started, watched, started again when they die, and ended together.

Each worker has a pipe to the supervisor. The worker says on it that it is ready, or why it cannot be; the supervisor
says "drain" or "end", and the pipe's end, when the supervisor has died, means "drain" too.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
from multiprocessing.connection import wait
from time import monotonic
from typing import TYPE_CHECKING

from voiceband.servers.serve.sockets import StartError, reserve
from voiceband.servers.serve.worker import run_worker

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from typing import Self

    from voiceband.servers.serve.worker import WorkerOptions

BACK_OFF_S = (0.5, 30.0)
"""The wait before a worker that has died is started again: at first, and at most. It doubles from one to the other."""
STEADY_S = 10.0
"""After living that long, a worker's death is a first one again."""
END_S = 5.0
"""What a worker has to end its calls at once; then it is killed."""
log = logging.getLogger("voiceband.serve")


class _Worker:
    """One place for a worker, which may be empty for a while."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: SpawnProcess | None = None
        self.pipe: Connection | None = None
        self.started_at = 0.0
        self.ready = False
        self.deaths = 0  # in a row
        self.again_at = 0.0


class Supervisor:
    """Starts and watches the workers; as a context it leaves none behind.

    Parameters
    ----------
    options : WorkerOptions
    host, port
        Where to listen; port 0 for any that is free.
    n_workers : int

    Raises
    ------
    StartError
        If the address cannot be listened on.
    """

    def __init__(self, options: WorkerOptions, host: str, port: int, n_workers: int) -> None:
        self._options = options
        self._context = multiprocessing.get_context("spawn")
        self._stopping = 0
        self._signals, self._signalled = self._context.Pipe(duplex=False)
        self._socket, self._shared = reserve(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._workers = [_Worker(k + 1) for k in range(n_workers)]

    def start(self) -> None:
        """Start all, and return when they listen; StartError with the first one's reason if they cannot."""
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, lambda *_: self._signalled.send_bytes(b"!"))
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        for worker in self._workers:
            self._start(worker)
        while not self._stopping and not all(worker.ready for worker in self._workers):
            for worker in self._wait(None):
                failure = self._hear(worker)
                if failure is not None:
                    raise StartError(failure)

    def watch(self) -> None:
        """Start dead workers again until a signal comes, and then see all of them end."""
        while not self._stopping:
            now = monotonic()
            for worker in self._workers:
                if worker.process is None and worker.again_at <= now:
                    self._start(worker)
            pauses = [w.again_at - now for w in self._workers if w.process is None]
            for worker in self._wait(min(pauses, default=None)):
                failure = self._hear(worker)
                if failure is not None:
                    self._put_off(worker, failure)
        until = monotonic() + self._options.grace_s + END_S
        while any(worker.process is not None for worker in self._workers) and self._stopping < 2:
            left_s = until - monotonic()
            if left_s <= 0:
                log.error("not all workers have ended in time; they are killed")
                for worker in self._workers:
                    if worker.process is not None:
                        worker.process.kill()
                return
            for worker in self._wait(left_s):
                if self._hear(worker) is not None:
                    self._bury(worker)

    def _start(self, worker: _Worker) -> None:
        worker.pipe, theirs = self._context.Pipe()
        where = self._socket if self._shared else (self._socket.family, self._socket.getsockname())
        worker.process = self._context.Process(
            target=run_worker, args=(worker.number, self._options, where, theirs), name=f"voiceband-{worker.number}"
        )
        worker.started_at = monotonic()
        worker.ready = False
        worker.process.start()
        theirs.close()

    def _wait(self, timeout_s: float | None) -> list[_Worker]:
        """Wait until workers have said something or died, or a signal has come, and return those workers."""
        pipes = {worker.pipe: worker for worker in self._workers if worker.pipe is not None}
        # On some systems a signal does not interrupt the waiting, so it takes a second at most.
        ready = wait([*pipes, self._signals], 1.0 if timeout_s is None else min(max(timeout_s, 0.0), 1.0))
        if self._signals in ready:
            self._signals.recv_bytes()
            self._stopping += 1
            self._tell("drain" if self._stopping == 1 else "end")
        return [pipes[pipe] for pipe in ready if pipe in pipes]

    def _hear(self, worker: _Worker) -> str | None:
        """Take what a worker has said; return why it has ended, if it has."""
        assert worker.pipe is not None
        assert worker.process is not None
        try:
            failure: str | None = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            return f"worker {worker.number} has ended with exit code {worker.process.exitcode}"
        if failure is None:
            worker.ready = True
            log.info("worker %d listens, process %d", worker.number, worker.process.pid)
        return failure

    def _put_off(self, worker: _Worker, failure: str) -> None:
        now = monotonic()
        worker.deaths = 1 if now - worker.started_at > STEADY_S else worker.deaths + 1
        pause_s = min(BACK_OFF_S[0] * 2 ** (worker.deaths - 1), BACK_OFF_S[1])
        worker.again_at = now + pause_s
        self._bury(worker)
        log.error("%s; another starts in %g s", failure, pause_s)

    def _bury(self, worker: _Worker) -> None:
        if worker.process is not None and worker.pipe is not None:
            worker.process.join(END_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()
        worker.process = worker.pipe = None

    def _tell(self, word: str) -> None:
        for worker in self._workers:
            if worker.pipe is not None:
                try:
                    worker.pipe.send(word)
                except OSError:  # it has died, which the next waiting shows
                    continue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tell("end")
        for worker in self._workers:
            self._bury(worker)
        self._socket.close()
