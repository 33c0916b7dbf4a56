"""Real sockets on virtual time: both ends in one event loop, whose clock jumps once nothing more arrives."""

import asyncio
import selectors

from voiceband.emulator.run.clock import LEAST_STEP_S, VirtualLoop

ARRIVES_S = 0.001
"""For how long the machine is given to carry what was sent to the other end; loopback usually takes no time at all."""


class _Patient(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout=None):
        if timeout is None:
            return super().select(None)
        ready = super().select(min(timeout, ARRIVES_S))
        if not ready and timeout > 0:
            self.now += max(timeout, LEAST_STEP_S)
        return ready


class LoopbackLoop(VirtualLoop):
    """A loop for servers and their clients alike; what a thread does takes none of its time."""

    def __init__(self):
        self._selector_of_time = _Patient()
        asyncio.SelectorEventLoop.__init__(self, self._selector_of_time)


def run_on_loopback(work):
    """Run a coroutine, as `asyncio.run` would, as fast as the machine is, and with the same times on each."""
    with asyncio.Runner(loop_factory=LoopbackLoop) as runner:
        return runner.run(work)
