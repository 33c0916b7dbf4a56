"""Worker processes behind one port: started, watched, started again when they die, replaced, and ended together.

A worker says on its pipe what `pulse.Said` has. The supervisor says "leave" to one whose connections another will have,
"drain" when all of them end, so that those who come are told, and "end"; the pipe's end, when the supervisor has died,
means "leave" too. Where each worker has a listening socket of its own, the supervisor keeps it
open: when a worker is replaced, the next one has the connections that wait there; when one stands still, none come.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from voiceband._processes import Children, Gone
from voiceband.servers.serve.pulse import ALIVE, DRAINING, READY, STILL, PulseWatch, Said
from voiceband.servers.serve.sockets import Port, StartError
from voiceband.servers.serve.stacks import stack_of
from voiceband.servers.serve.worker import run_worker
from voiceband.servers.serve.worker_totals import WorkerTotals

if TYPE_CHECKING:
    import socket
    from typing import Self

    from voiceband._processes import Child
    from voiceband.servers.serve.worker import WorkerOptions

STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
RENEW_SIGNAL = "SIGUSR1"
"""Replaces the workers, one after the other; no call is lost."""
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
        self.before: Child | None = None  # that goes on until the new one is ready
        self.sock: socket.socket | None = None
        self.ready = False
        self.started_at = 0.0
        self.deaths = 0  # in a row
        self.again_at = 0.0

    def empty(self) -> None:
        """Have no worker, until one is started again at once, or when that is put off."""
        self.child, self.ready, self.again_at = None, False, 0.0


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
        self._stopped_by = 0  # the first signal
        self._signals, self._signalled = multiprocessing.Pipe(duplex=False)
        self._port = Port(host, port)
        self.port = self._port.number
        self._places = [_Place(k + 1) for k in range(n_workers)]
        self._renewals: deque[_Place] = deque()
        self._leaving: dict[Child, tuple[int, float]] = {}  # the numbers of those that are replaced, and until when
        self._stacks: dict[Child, str] = {}  # where workers offer them; others must not be asked: it would kill them
        self._children = Children(run_worker, end_s=END_S)
        self._ear = PulseWatch(options.still_s, monotonic())
        self.figures = WorkerTotals()

    def count_ready(self) -> int:
        """Return how many workers take calls; 0 while they drain."""
        return 0 if self._stopping else sum(place.ready or place.before is not None for place in self._places)

    def start(self) -> None:
        """Start all, and return when they listen; StartError with the first one's reason if they cannot."""
        for name in (*STOP_SIGNALS, RENEW_SIGNAL):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), lambda signum, _: self._signalled.send(signum))
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        for place in self._places:
            self._start(place)
        while not self._stopping and not all(place.ready for place in self._places):
            for _, failure in self._wait(None):
                raise StartError(failure)

    def watch(self) -> int:
        """Start dead workers again until a signal comes, and then see all of them end; return the signal's number."""
        while not self._stopping:
            self._look_after_all()
            dues = [place.again_at for place in self._places if place.child is None]
            silent_at = self._ear.due()
            dues += [] if silent_at is None else [silent_at]
            for place, failure in self._wait(min(dues) - monotonic() if dues else None):
                self._put_off(place, failure)
        until = monotonic() + self._options.grace_s + END_S
        while self._children.running and self._stopping < 2:
            left_s = until - monotonic()
            if left_s <= 0:
                log.error("not all workers have ended in time; they are killed")
                self._children.end([*self._children.running], 0.0)
            self._wait(left_s)
        return self._stopped_by

    def _look_after_all(self) -> None:
        """Start, replace and kill those for whom it is time."""
        now = monotonic()
        silent = self._ear.listen(now)
        for place in self._places:
            for child in (place.before, place.child):
                if child is not None and child in silent:
                    self._give_up(place, child, stack_of(child.process.pid, self._stacks.get(child, "")))
            if place.child is None and place.again_at <= now:
                self._start(place)
        if self._renewals and all(place.ready and place.before is None for place in self._places):
            place = self._renewals.popleft()
            place.before = place.child
            self._start(place)
        for child, (number, until) in [*self._leaving.items()]:
            if now > until:
                log.error("worker %d, process %d, has not ended in time; it is killed", number, child.process.pid)
                del self._leaving[child]
                self.figures.leave(child)
                self._children.end([child], 0.0)

    def _start(self, place: _Place) -> None:
        if place.sock is None:
            place.sock = self._port.listener()
        place.ready = False
        place.started_at = monotonic()
        place.child = self._children.start(place.number, self._options, place.sock, name=f"voiceband-{place.number}")

    # ---- what workers say

    def _wait(self, timeout_s: float | None) -> list[tuple[_Place, str]]:
        """Wait until workers have said something or died, or a signal has come; return those that ended, and why."""
        ended = []
        heard = self._children.wait(timeout_s, self._signals)
        while self._signals.poll():  # first: what a worker says may be that it has got the same signal
            self._obey(self._signals.recv())
        for child, said in heard:
            failure = self._hear(child, said)
            if failure is not None:
                ended.append(failure)
        return ended

    def _hear(self, child: Child, said: Said | Gone) -> tuple[_Place, str] | None:
        """Take what a worker says; return its place and the reason if that is empty now."""
        if isinstance(said, Gone):
            self._ear.forget(child)
            self._stacks.pop(child, None)
            self.figures.leave(child)
        elif said.word == ALIVE and said.text:
            self.figures.take(child, self._number_of(child), said.text)
        if child in self._leaving:
            if isinstance(said, Gone):
                number, _ = self._leaving.pop(child)
                log.info("worker %d, process %d, has ended; another one has its place", number, child.process.pid)
            return None
        place = next(place for place in self._places if child in (place.child, place.before))
        if not isinstance(said, Gone) and said.word in (READY, ALIVE):
            self._ear.hear(child, monotonic())
        if isinstance(said, Gone):
            if child is place.before:  # while the new one was being started
                place.before = None
                return None
            return self._lose(place, f"worker {place.number} has ended with exit code {said.exit_code}")
        if said.word == STILL:
            self._give_up(place, child, f"in {said.text}")
        elif said.word == DRAINING:
            if not self._stopping:
                self._retire(place, child)
        elif child is place.before:
            return None
        elif said.word == READY:
            place.ready = True
            self._stacks[child] = said.text
            log.info("worker %d listens, process %d", place.number, child.process.pid)
            if place.before is not None:
                self._retire(place, place.before)
        elif said.word != ALIVE:
            self._ear.forget(child)
            self._children.end([child])
            return self._lose(place, said.text)
        return None

    def _number_of(self, child: Child) -> int:
        if child in self._leaving:
            return self._leaving[child][0]
        return next(place.number for place in self._places if child in (place.child, place.before))

    def _lose(self, place: _Place, failure: str) -> tuple[_Place, str] | None:
        """Empty a place whose worker has ended; one that was to take another's place leaves it that one."""
        if place.before is not None:
            log.error("%s; the worker that it was to replace goes on", failure)
            place.child, place.before, place.ready = place.before, None, True
            return None
        place.empty()
        self._close(place)
        return place, failure

    def _give_up(self, place: _Place, child: Child, where: str) -> None:
        """Replace a worker that stands still; no new connections come to it."""
        log.error(
            "worker %d stands still for %g s %s; another one takes its place",
            place.number,
            self._options.still_s,
            where,
        )
        if child is not place.before:  # else the one that is to replace it has the socket
            self._close(place)
        self._retire(place, child)

    def _retire(self, place: _Place, child: Child) -> None:
        """Let a worker end its calls, and take it from its place."""
        child.tell("leave")
        self._ear.forget(child)
        self._stacks.pop(child, None)
        self._leaving[child] = (place.number, monotonic() + self._options.grace_s + END_S)
        if child is place.before:
            place.before = None
        else:
            place.empty()

    def _close(self, place: _Place) -> None:
        if place.sock is not None:
            self._port.close(place.sock)
            place.sock = None

    def _put_off(self, place: _Place, failure: str) -> None:
        now = monotonic()
        place.deaths = 1 if now - place.started_at > STEADY_S else place.deaths + 1
        pause_s = min(BACK_OFF_S[0] * 2 ** (place.deaths - 1), BACK_OFF_S[1])
        place.again_at = now + pause_s
        log.error("%s; another starts in %g s", failure, pause_s)

    # ---- signals

    def _obey(self, signum: int) -> None:
        if signum == getattr(signal, RENEW_SIGNAL, None):
            log.info("the workers are replaced, one after the other")
            self._renewals = deque(self._places)
            return
        self._stopping += 1
        self._stopped_by = self._stopped_by or signum
        for place in self._places:
            if place.child is None:
                self._close(place)
        self._children.tell("drain" if self._stopping == 1 else "end")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._children.tell("end")
        self._children.end([*self._children.running])
        for place in self._places:
            self._close(place)
        self._port.release()
