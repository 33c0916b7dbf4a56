"""`voiceband demo`: an emulated call to the sample agent, heard, recorded and measured."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from voiceband.emulator import Call
from voiceband.emulator.driver import Ending, NoCallError, place_call
from voiceband.emulator.findings import Finding
from voiceband.emulator.record import CallRecord
from voiceband.emulator.script import Script, take_turns
from voiceband.emulator.sounds import read_wav, shipped
from voiceband.emulator.turns import split_at_pauses
from voiceband.examples.agent import agent as sample_agent
from voiceband.integrations.websockets import serve

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

RATE = 8000
MAX_CALL_S = 300.0


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
    say: Annotated[Path | None, typer.Option(help="What the caller says: a WAV file, mono, 16 bit.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for call.wav, wire.jsonl and summary.json.")] = Path("demo-call"),
    url: Annotated[str | None, typer.Option(help="Call the agent at this ws:// address, not the sample agent.")] = None,
) -> None:
    """Place a call to the sample agent over a real WebSocket, and keep its recording."""
    console = Console(stderr=True)
    try:
        pcm = read_wav(say if say is not None else shipped("@caller"), RATE)
        sentences = split_at_pauses(pcm, RATE)
        if not sentences:
            raise ValueError(f"{say} holds no speech above -45 dBFS")
        call = Call()
        with AgentThread() if url is None else contextlib.nullcontext() as server, CallRecord(out, call) as record:
            try:
                ending = asyncio.run(_call(call, record, sentences, server.url if server else url or "", console))
            finally:
                if server is not None and record.sent["messages"]:
                    # One media message is one frame: its cost, and that of what went back for it.
                    us = server.cpu_s() / record.sent["messages"] * 1e6
                    record.extra["agent_cpu_us_per_frame"] = round(us, 1)
    except KeyboardInterrupt:
        console.print(f"interrupted; what there is of the call is in {out}")
        raise typer.Exit(130) from None
    except (NoCallError, ValueError, OSError) as error:
        _complain(console, error)
        raise typer.Exit(1) from None
    _print_summary(console, out)
    problem = _problem(ending, record)
    if problem:
        _complain(console, problem)
        raise typer.Exit(1)


def _problem(ending: Ending, record: CallRecord) -> str:
    """Return in one line what kept this from being a conversation; nothing when it was one."""
    if record.replies_ms():
        return ""
    if ending.by_agent:
        why = f": {ending.reason}" if ending.reason else ""
        return f"the agent closed the call before it had answered (code {ending.code}{why})"
    return "the agent did not answer"


def _complain(console: Console, problem: object) -> None:
    console.print(f"voiceband demo: {problem}", style="bold red", highlight=False, markup=False, soft_wrap=True)


async def _call(
    call: Call, record: CallRecord, sentences: list[NDArray[np.int16]], url: str, console: Console
) -> Ending:
    turns = Script(take_turns(sentences))
    record.speech_ends = turns.speech_ends
    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        TextColumn("{task.fields[dbfs]:>6.1f} dBFS"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        meters = {name: progress.add_task(name, total=60, dbfs=-99.0) for name in ("caller", "agent ")}

        turn = 0

        def tick(now: float) -> None:
            nonlocal turn
            turns.tick(now, call)
            if now - call.started_at > MAX_CALL_S:
                call.hang_up(now)
            if len(turns.speech_ends) > turn and not console.is_terminal:
                turn = len(turns.speech_ends)
                console.print(f"{now - call.started_at:5.1f} s  the caller has spoken", highlight=False)
            for name, level in zip(meters, _levels(call, now), strict=True):
                progress.update(meters[name], completed=max(0.0, level + 60), dbfs=level)

        return await place_call(call, url, on_message=record.message, on_tick=tick)


def _levels(call: Call, now: float) -> tuple[float, float]:
    """Return the levels of the last 100 ms on both sides, in dBFS."""
    size = call.format.frame_bytes(100)
    said = call.format.decode(bytes(call.spoken[-size:]))
    heard = call.format.decode(call.player.heard(now - 0.1, 0.1, call.format.silence))
    return tuple(10 * np.log10(np.mean(np.square(x / 32768.0)) + 1e-10) if len(x) else -99.0 for x in (said, heard))  # type: ignore[return-value]


def _print_summary(console: Console, out: Path) -> None:
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    replies = ", ".join(f"{ms:.0f} ms" for ms in summary["reply_ms"]) or "none"
    lines = [
        f"{summary['duration_s']:.1f} s of {summary['format']}, call {summary['call_id']}",
        "to the agent     {messages} messages, {bytes} bytes".format(**summary["to_agent"]),
        "from the agent   {messages} messages, {bytes} bytes".format(**summary["from_agent"]),
        f"end of speech to first reply audio   {replies}",
        f"gaps heard       {len(summary['gaps'])}",
    ]
    if "agent_cpu_us_per_frame" in summary:
        lines.append(f"agent CPU        {summary['agent_cpu_us_per_frame']:.0f} us per 20 ms frame, sockets included")
    lines += [f"finding          {msgspec.convert(finding, Finding)}" for finding in summary["findings"]]
    lines.append(f"recorded in      {out}/call.wav (left: caller, right: agent), wire.jsonl, summary.json")
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
