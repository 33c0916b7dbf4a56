"""Worker processes behind one port: started, watched, started again when they die, and ended together.

A worker says on its pipe that it is ready, or why it cannot be; the supervisor says "drain" or "end", and the pipe's
end, when the supervisor has died, means "drain" too.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
from time import monotonic
from typing import TYPE_CHECKING

from voiceband._processes import Children, Gone
from voiceband.servers.serve.sockets import StartError, reserve
from voiceband.servers.serve.worker import run_worker

if TYPE_CHECKING:
    from typing import Self

    from voiceband._processes import Child
    from voiceband.servers.serve.worker import WorkerOptions

BACK_OFF_S = (0.5, 30.0)
"""The wait before a worker that has died is started again: at first, and at most. It doubles from one to the other."""
STEADY_S = 10.0
"""After living that long, a worker's death is a first one again."""
END_S = 5.0
"""What a worker has to end its calls at once; then it is killed."""
log = logging.getLogger("voiceband.serve")


class _Place:
    """One place for a worker, which may be empty for a while."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.child: Child | None = None
        self.ready = False
        self.started_at = 0.0
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
        self._stopping = 0
        self._signals, self._signalled = multiprocessing.Pipe(duplex=False)
        self._socket, self._shared = reserve(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._places = [_Place(k + 1) for k in range(n_workers)]
        self._children = Children(run_worker, end_s=END_S)

    def start(self) -> None:
        """Start all, and return when they listen; StartError with the first one's reason if they cannot."""
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, lambda *_: self._signalled.send_bytes(b"!"))
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        for place in self._places:
            self._start(place)
        while not self._stopping and not all(place.ready for place in self._places):
            for _, failure in self._wait(None):
                raise StartError(failure)

    def watch(self) -> None:
        """Start dead workers again until a signal comes, and then see all of them end."""
        while not self._stopping:
            now = monotonic()
            for place in self._places:
                if place.child is None and place.again_at <= now:
                    self._start(place)
            pauses = [place.again_at - now for place in self._places if place.child is None]
            for place, failure in self._wait(min(pauses, default=None)):
                self._put_off(place, failure)
        until = monotonic() + self._options.grace_s + END_S
        while self._children.running and self._stopping < 2:
            left_s = until - monotonic()
            if left_s <= 0:
                log.error("not all workers have ended in time; they are killed")
                self._children.end([*self._children.running], 0.0)
            self._wait(left_s)

    def _start(self, place: _Place) -> None:
        where = self._socket if self._shared else (self._socket.family, self._socket.getsockname())
        place.ready, place.started_at = False, monotonic()
        place.child = self._children.start(place.number, self._options, where, name=f"voiceband-{place.number}")

    def _wait(self, timeout_s: float | None) -> list[tuple[_Place, str]]:
        """Wait until workers have said something or died, or a signal has come; return those that ended, and why."""
        ended = []
        for child, said in self._children.wait(timeout_s, self._signals):
            place = next(place for place in self._places if place.child is child)
            if said is None:
                place.ready = True
                log.info("worker %d listens, process %d", place.number, child.process.pid)
            elif isinstance(said, Gone):
                place.child = None
                ended.append((place, f"worker {place.number} has ended with exit code {said.exit_code}"))
            else:
                self._children.end([child])
                place.child = None
                ended.append((place, said))
        while self._signals.poll():
            self._signals.recv_bytes()
            self._stopping += 1
            self._children.tell("drain" if self._stopping == 1 else "end")
        return ended

    def _put_off(self, place: _Place, failure: str) -> None:
        now = monotonic()
        place.deaths = 1 if now - place.started_at > STEADY_S else place.deaths + 1
        pause_s = min(BACK_OFF_S[0] * 2 ** (place.deaths - 1), BACK_OFF_S[1])
        place.again_at = now + pause_s
        log.error("%s; another starts in %g s", failure, pause_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._children.tell("end")
        self._children.end([*self._children.running])
        self._socket.close()
