"""Processes that do a program's work: started, told, listened to, and ended together, whichever side dies first.

Each child has a pipe to its parent. What is said on it is the business of those who use it, but for two things: a
child whose pipe ends has lost its parent, and a parent whose pipe ends has lost the child, which is `Gone`.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from typing import Any, Self

LONGEST_WAIT_S = 1.0
"""On some systems a signal does not interrupt a waiting, so none is longer."""

GONE_S = 5.0
"""How long a process whose pipe has ended may still take to end itself."""


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_fast(main: Coroutine[Any, Any, None]) -> None:
    """Run an event loop that carries many calls: uvloop's where there is one."""
    try:
        import uvloop
    except ModuleNotFoundError:
        asyncio.run(main)
    else:
        uvloop.run(main)


class Gone(NamedTuple):
    """A child has ended."""

    exit_code: int | None


class Child:
    """One child process.

    Attributes
    ----------
    process : SpawnProcess
        The process.
    pipe : Connection
        To it.
    """

    def __init__(self, process: SpawnProcess, pipe: Connection) -> None:
        self.process = process
        self.pipe = pipe

    def tell(self, word: object) -> None:
        """Say something to it; if it has ended, `Children.wait` is what shows that."""
        with contextlib.suppress(OSError):
            self.pipe.send(word)


class Children:
    """Child processes that run one function; as a context it leaves none behind.

    Parameters
    ----------
    target : callable
        What each runs; it can be imported, and its last argument is the pipe to the parent.
    end_s : float
        How long each has to end by itself, once its pipe is closed, before it is killed.
    """

    def __init__(self, target: Callable[..., None], *, end_s: float) -> None:
        self._target = target
        self._end_s = end_s
        self._context = multiprocessing.get_context("spawn")  # the same everywhere, and safe beside threads
        self.running: list[Child] = []

    def start(self, *args: Any, name: str) -> Child:
        """Start one more."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=self._target, args=(*args, theirs), name=name)
        with _interrupts_ignored():
            process.start()
        theirs.close()
        child = Child(process, ours)
        self.running.append(child)
        return child

    def wait(self, timeout_s: float | None = None, *others: Connection) -> list[tuple[Child, Any]]:
        """Wait until a child says something or ends, or one of some other pipes has something to read.

        Returns
        -------
        said : list of (Child, object)
            What each of some children has said; `Gone` from one that has ended, which is not running any more then.
        """
        pipes = {child.pipe: child for child in self.running}
        ready = wait([*pipes, *others], LONGEST_WAIT_S if timeout_s is None else min(max(timeout_s, 0), LONGEST_WAIT_S))
        return [(child, self._hear(child)) for pipe, child in pipes.items() if pipe in ready]

    def _hear(self, child: Child) -> Any:
        try:
            return child.pipe.recv()
        except (EOFError, OSError):
            self.end([child], GONE_S)
            return Gone(child.process.exitcode)

    def tell(self, word: object) -> None:
        """Say something to all."""
        for child in self.running:
            child.tell(word)

    def end(self, children: list[Child], end_s: float | None = None) -> None:
        """Close the pipes of some children, and wait until they have ended; kill those that do not."""
        for child in children:
            child.pipe.close()
        until = monotonic() + (self._end_s if end_s is None else end_s)
        for child in children:
            child.process.join(max(0.0, until - monotonic()))
            if child.process.is_alive():
                child.process.kill()
                child.process.join()
            self.running.remove(child)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end([*self.running])


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let a process that starts meanwhile ignore Ctrl-C, which a terminal sends to all, from its first moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def listen_to_parent(pipe: Connection, hear: Callable[[Any], None]) -> None:
    """Let a thread of a child process pass on what the parent says, and None once when it has ended.

    From then on only the parent decides about a Ctrl-C.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def listen() -> None:
        with contextlib.suppress(RuntimeError):  # the event loop that is told of it has ended
            try:
                while True:
                    hear(pipe.recv())
            except (EOFError, OSError):
                hear(None)

    threading.Thread(target=listen, daemon=True, name="parent").start()
