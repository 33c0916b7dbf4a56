"""One process of a load test: places its share of the calls, and tells the parent what it measured.

It says on its pipe a `Progress` twice a second and with every phase, and its `WorkerResult` at the end; an exception is
said as a text. The parent says "go", "hold" when all processes have placed their calls, and "stop". The pipe's end,
when the parent has died, means "stop" too.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import time
import warnings
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from voiceband._processes import listen_to_parent, run_fast
from voiceband.emulator.carrier.web.signing import Signer
from voiceband.emulator.run.unreached import why_unreached
from voiceband.load.caller import LoadCall, Shared
from voiceband.load.distribution import Distribution
from voiceband.load.media_texts import ready_frames
from voiceband.load.results import STALLED, CallResult, WorkerResult
from voiceband.load.wheel import Wheel
from voiceband.protocol.limits import MAX_RECEIVED_BYTES
from voiceband.sound import SoundWarning
from voiceband.sound.speech import speech_intervals

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from typing import Any

    from voiceband.load.options import LoadOptions

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
MAX_DRAIN_S = 10.0
PROGRESS_S = 0.5


class Phase(IntEnum):
    """What a process is at."""

    PLACING = 0
    PLACED = 1
    HOLDING = 2
    ENDING = 3


class Progress(NamedTuple):
    """How far a process is: its calls that are up, failed and lost, and seconds since all of the test's were placed."""

    up: int
    failed: int
    lost: int
    held_s: float
    phase: Phase


class Worker:
    """Runs every `n_workers`th call, from the `index`th on."""

    def __init__(self, options: LoadOptions, index: int, n_workers: int, tell: Callable[[Progress], None]) -> None:
        self._options = options
        self._tell = tell
        self._numbers = range(index, options.calls, n_workers)
        self._calls: list[LoadCall] = []
        self._failed: dict[int, str] = {}
        self._holding_since = 0.0
        self._phase = Phase.PLACING
        self.hold, self.stop = asyncio.Event(), asyncio.Event()
        wheel = Wheel(asyncio.get_running_loop())
        silence = ready_frames(options.format, np.zeros(options.format.frame_samples(20), np.int16), "")[0]
        with warnings.catch_warnings(action="ignore", category=SoundWarning):  # said once, where the workers come from
            said = options.utterance()
        rate = options.format.sample_rate
        speech = speech_intervals(said, rate) or [(0.0, 1000 * len(said) / rate)]
        speech_s = (speech[0][0] / 1000, speech[-1][1] / 1000)
        self._shared = Shared(options, wheel, silence, ready_frames(options.format, said, ""), speech_s)
        self._cpu_s, self._since = time.process_time(), time.monotonic()
        self._wall_s = 0.0

    async def run(self) -> WorkerResult:
        """Ramp up, hold, hang up."""
        self._shared.wheel.start()
        try:
            await self._ramp_up()
            self._enter(Phase.PLACED)
            await self.hold.wait()
            if not self.stop.is_set():
                self._forget()
                self._enter(Phase.HOLDING)
                await self._wait(self._options.hold_s)
            self._enter(Phase.ENDING)
            self._cpu_s, self._wall_s = time.process_time() - self._cpu_s, time.monotonic() - self._since
            await self._hang_up()
        finally:
            self._shared.wheel.stop()
        return self._result()

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._tell(self.progress())

    async def _ramp_up(self) -> None:
        began = time.monotonic()
        placing: list[asyncio.Task[None]] = []
        for number in self._numbers:
            if await self._wait(began + number / self._options.ramp_per_s - time.monotonic()):
                break
            placing.append(asyncio.create_task(self._place(number)))
        stopped = asyncio.create_task(self.stop.wait())
        waiting: set[asyncio.Task[Any]] = set(placing)
        while waiting and not stopped.done():
            _, left = await asyncio.wait({*waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            waiting = left - {stopped}
        stopped.cancel()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*placing, return_exceptions=True)

    async def _place(self, number: int) -> None:
        from picows import WSError, ws_connect

        options = self._options
        call = LoadCall(self._shared, number)
        headers = dict(options.headers)
        if options.auth_token is not None:
            headers |= Signer(options.auth_token, random.SystemRandom()).headers("GET", options.url)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await ws_connect(
                    lambda: call,
                    options.url,
                    websocket_handshake_timeout=CONNECT_TIMEOUT_S,
                    max_frame_size=MAX_RECEIVED_BYTES,
                    max_redirects=0,
                    extra_headers=headers,
                )
        except TimeoutError:
            self._failed[number] = f"no answer in {CONNECT_TIMEOUT_S:.0f} s"
        except WSError as error:
            refused = getattr(getattr(error, "response", None), "status", None)
            self._failed[number] = f"upgrade refused with {refused:d}" if refused else _one_line(error)
        except (OSError, EOFError) as error:
            self._failed[number] = why_unreached(error)
        else:
            self._calls.append(call)

    def _forget(self) -> None:
        """Start the measurement, now that all calls are there."""
        for call in self._calls:
            call.forget()
        self._shared.late.clear()
        self._holding_since = time.monotonic()
        gc.collect()
        gc.freeze()  # what the calls are made of stays, and should not be looked at again and again
        self._cpu_s, self._since = time.process_time(), time.monotonic()

    async def _wait(self, wait_s: float) -> bool:
        """Wait that long; return whether it is over before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, wait_s)):
                await self.stop.wait()
        return self.stop.is_set()

    async def _hang_up(self) -> None:
        for call in self._calls:
            call.quiet()
        ends = time.monotonic()
        if self._options.echo:
            await self._drain(ends + MAX_DRAIN_S)
        for call in self._calls:
            call.ear.finish(ends)
            call.hang_up()
        until = time.monotonic() + CLOSE_TIMEOUT_S
        while not all(call.over for call in self._calls) and time.monotonic() < until:
            await asyncio.sleep(0.01)
        for call in self._calls:
            call.abandon()

    async def _drain(self, until: float) -> None:
        """Wait until all that was said has come back, or nothing comes any more."""
        heard_s, came_at = 0.0, time.monotonic()
        while time.monotonic() < min(until, came_at + self._options.drain_s):
            waiting = [call for call in self._calls if not call.over and call.ear.heard_s < call.said_s - 1e-6]
            if not waiting:
                return
            now_s = sum(call.ear.heard_s for call in self._calls)
            if now_s > heard_s:
                heard_s, came_at = now_s, time.monotonic()
            await asyncio.sleep(0.02)

    def progress(self) -> Progress:
        """Return how far it is."""
        up = sum(call.up and not call.over for call in self._calls)
        lost = sum(bool(call.problem) for call in self._calls)
        held_s = time.monotonic() - self._holding_since if self._holding_since else 0.0
        return Progress(up, len(self._failed), lost, held_s, self._phase)

    def _result(self) -> WorkerResult:
        failed = [CallResult(k, "failed", reason, Distribution(), Distribution()) for k, reason in self._failed.items()]
        return WorkerResult(
            failed + [_call_result(call) for call in self._calls],
            self._shared.late,
            self._shared.late.n,
            self._cpu_s,
            self._wall_s,
        )


def _call_result(call: LoadCall) -> CallResult:
    probe = call.probe
    state, reason = "good", ""
    if call.problem:
        state, reason = "lost", call.problem
    elif call.ear.stalled:
        state, reason = "stalled", STALLED
    return CallResult(
        call.number,
        state,
        reason,
        call.ear.gaps,
        Distribution() if probe is None else probe.delays,
        0 if probe is None else probe.unanswered,
        call.said_s,
        call.ear.heard_s,
        call.unread,
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def run_worker(options: LoadOptions, index: int, n_workers: int, pipe: Connection) -> None:
    """Do a process's share of a load test; see the module."""
    try:
        run_fast(_main(options, index, n_workers, pipe))
    except BrokenPipeError:
        return  # the parent has died
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {_one_line(error)}")


async def _main(options: LoadOptions, index: int, n_workers: int, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    worker = Worker(options, index, n_workers, pipe.send)
    go = asyncio.Event()

    def hear(word: str | None) -> None:
        loop.call_soon_threadsafe(go.set)
        if word not in ("go", "hold"):
            loop.call_soon_threadsafe(worker.stop.set)
        if word != "go":
            loop.call_soon_threadsafe(worker.hold.set)

    listen_to_parent(pipe, hear)
    pipe.send(worker.progress())
    await go.wait()
    running = asyncio.create_task(worker.run())
    while not (await asyncio.wait({running}, timeout=PROGRESS_S))[0]:
        pipe.send(worker.progress())
    pipe.send(running.result())
