"""`voiceband demo`: an emulated call to the sample agent, heard, recorded and measured."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from voiceband.commands import _console
from voiceband.commands._arguments import Option
from voiceband.commands.placing import Desk, print_summary, run, why_none
from voiceband.commands.reports import as_json
from voiceband.emulator import Retries
from voiceband.emulator.call.place import target_of
from voiceband.emulator.caller.ready import turns_of
from voiceband.examples.agent import agent as sample_agent
from voiceband.servers.websockets import serve

if TYPE_CHECKING:
    from typing import Self

    from voiceband.emulator.call.placed import PlacedCall

LINES = {"speech ends": "the caller has spoken"}


class AgentThread:
    """The sample agent in a thread and an event loop of its own, so that its CPU time is known."""

    def __init__(self) -> None:
        self.url = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="agent", daemon=True)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with await serve(sample_agent) as server:
            self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._ready.wait(0.1):
            if not self._thread.is_alive():
                raise RuntimeError("the sample agent's server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def cpu_s(self) -> float:
        """Return how much CPU time the thread has used."""

        async def measure() -> float:
            return time.thread_time()

        return asyncio.run_coroutine_threadsafe(measure(), self._loop).result()


def demo(
    say: Annotated[
        Path | None, Option(metavar="FILE", help="What the caller says: a sound file; default: a shipped clip.")
    ] = None,
    out: Annotated[Path, Option(metavar="FOLDER", help="Folder for call.wav, wire.jsonl and summary.json.")] = Path(
        "demo-call"
    ),
    url: Annotated[
        str | None, Option(metavar="URL", help="Call the agent at this address instead of the sample agent.")
    ] = None,
    json_: Annotated[bool, Option("--json", help="Print the call's summary as JSON.")] = False,
) -> int:
    """Call the sample agent over a real WebSocket, and keep the recording.

    Exit code 0: the agent answered. 1: it did not. 2: there was no call. 130: Ctrl-C.
    """
    console = _console.screen()
    try:
        steps = turns_of(say)
        with AgentThread() if url is None else contextlib.nullcontext() as server:
            address = server.url if server is not None else url or ""
            desk = Desk("", out, console, LINES, target_of(address), steps, retries=Retries(most=0))
            try:
                run([desk], console, before_files=lambda: _add_cpu(desk, server))
            except KeyboardInterrupt:
                _console.say(f"interrupted; what there is of the call is in {out}")
                code = _console.interrupted()
            else:
                code = _verdict(desk)
    except ValueError as error:
        _console.refuse(error)
    if json_:
        _console.put_json(as_json([desk] if desk.call is not None else [], code))
    return code


def _verdict(desk: Desk) -> int:
    """Print what a call came to; return the exit code."""
    assert desk.call is not None
    if desk.call.connected:
        print_summary(desk)
    problem = _problem(desk.call)
    if problem:
        _console.say(problem)
    return (_console.WRONG if desk.call.connected else _console.NOT_RUN) if problem else _console.DONE


def _add_cpu(desk: Desk, server: AgentThread | None) -> None:
    # One media message is one frame: its cost, and that of what went back for it.
    frames = sum(entry.way == "sent" for entry in desk.record.log)
    if server is not None and frames:
        desk.record.extra["agent_cpu_us_per_frame"] = round(server.cpu_s() / frames * 1e6, 1)


def _problem(call: PlacedCall) -> str:
    """Return in one line what kept this from being a conversation; nothing when it was one."""
    if not call.connected:
        return why_none(call)
    if call.answers:
        return ""
    for entry in call.log.named("closed"):
        why = f": {entry.detail['reason']}" if entry.detail["reason"] else ""
        return f"the agent closed the call before it had answered (code {entry.detail['code']}{why})"
    return "the agent did not answer"
