"""The clocks of event loops: the machine's, or one of a loop's own that jumps from one timer to the next."""

from __future__ import annotations

import asyncio
import selectors
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

SKIPS = 20
"""How often in a row the system is not asked what has come from outside, while something is to be done."""
LEAST_STEP_S = 1e-6
"""How far the clock goes on at least, so that rounding cannot hold it up."""


def clock_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """Return what tells the time in a loop: `time.monotonic`, or its own clock if it has one."""
    clock: Callable[[], float] = getattr(loop, "virtual_time", time.monotonic)
    return clock


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still while anything is to be done, and jumps to the next timer otherwise.

    Notes
    -----
    Ten minutes of timers take as long as the work in them. What waits for anything else than timers and tasks of this
    loop, such as another thread or a socket, finds that its time-outs come at once.
    """

    def __init__(self) -> None:
        self._selector_of_time = _Jumping()
        super().__init__(self._selector_of_time)

    def time(self) -> float:
        """Return the virtual time, in seconds from 0 on."""
        return self._selector_of_time.now

    virtual_time = time

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002
        """Wait for what other threads still do as long as it takes: any time-out of this clock would come at once."""
        await super().shutdown_default_executor()


class _Jumping(selectors.DefaultSelector):
    """A selector that lets virtual time pass instead of waiting; threads that call back are still heard."""

    now = 0.0
    _skipped = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # no timer: only what is outside can bring anything
            return super().select(None)
        if timeout <= 0 and self._skipped < SKIPS:  # something is to be done here; what is outside can wait a little
            self._skipped += 1
            return []
        self._skipped = 0
        ready = super().select(0)
        if not ready and timeout > 0:
            self.now += max(timeout, LEAST_STEP_S)
        return ready


def run_virtually(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a `VirtualLoop` of its own, and return its result.

    Examples
    --------
    >>> async def ten_minutes():
    ...     await asyncio.sleep(600)
    ...     return asyncio.get_running_loop().time()
    >>> round(run_virtually(ten_minutes()), 3)
    600.0
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
