"""One worker process: serves the agent until the supervisor says otherwise, and drains."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voiceband._processes import listen_to_parent, run_fast
from voiceband.servers.call_log import PrintableFormatter
from voiceband.servers.serve.find_agent import load_agent
from voiceband.servers.serve.pulse import ALIVE, DRAINING, FAILED, READY, Mouth, start_pulse
from voiceband.servers.serve.sockets import StartError
from voiceband.servers.serve.stacks import offer_stack
from voiceband.servers.totals import TOTALS

if TYPE_CHECKING:
    import socket
    from multiprocessing.connection import Connection
    from typing import Any

    from voiceband.servers.call import Agent

DRAIN_SIGNALS = ("SIGTERM", "SIGHUP")
"""A worker that gets one takes no more calls, and is replaced. A terminal that closes sends SIGHUP to all."""
log = logging.getLogger("voiceband.serve")


@dataclass(frozen=True)
class WorkerOptions:
    """What each worker is to do.

    Attributes
    ----------
    agent : str
        Where the agent is.
    options : dict
        For `voiceband.servers.picows.serve`.
    grace_s : float
        What running calls get at a shutdown.
    still_s : float
        For how long the event loop may stand still before the supervisor is told.
    figures : bool
        Whether the supervisor is told what the calls come to, every second.
    """

    agent: str
    options: dict[str, Any]
    grace_s: float
    still_s: float
    figures: bool = False


def run_worker(number: int, options: WorkerOptions, sock: socket.socket, pipe: Connection) -> None:
    """Serve until the supervisor says otherwise; what keeps this from serving is said to the supervisor.

    Parameters
    ----------
    number : int
        Of the worker, for the log.
    options : WorkerOptions
        What to do.
    sock : socket
        Where to listen.
    pipe : Connection
        To the supervisor.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(PrintableFormatter(f"%(asctime)s %(levelname)s worker {number}: %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("picows").setLevel(logging.WARNING)
    mouth = Mouth(pipe)
    try:
        agent = load_agent(options.agent)
        run_fast(_serve(agent, options, sock, pipe, mouth))
    except (StartError, ModuleNotFoundError, OSError, ValueError, TypeError) as error:
        mouth.say(FAILED, " ".join(str(error).split()))


async def _serve(agent: Agent, options: WorkerOptions, sock: socket.socket, pipe: Connection, mouth: Mouth) -> None:
    from voiceband.servers.picows import serve

    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()
    end = asyncio.Event()

    def obey(word: str | None) -> None:
        if word == "end":
            end.set()
        elif not told.done():
            told.set_result(word or "leave")  # without a supervisor, another server may want the port

    def hear(word: str | None) -> None:
        loop.call_soon_threadsafe(obey, word)

    figures = TOTALS.snapshot if options.figures else str
    call_options = {**options.options, "metrics": TOTALS.note} if options.figures else options.options
    async with await serve(agent, sock=sock, **call_options) as server:
        # What was loaded stays; to look through it at every collection of garbage would stall the calls.
        gc.collect()
        gc.freeze()
        for name in DRAIN_SIGNALS:
            if hasattr(signal, name) and os.name != "nt":
                loop.add_signal_handler(getattr(signal, name), mouth.say, DRAINING)  # the supervisor says which way
        listen_to_parent(pipe, hear)
        start_pulse(loop, mouth.say, options.still_s, figures)
        mouth.say(READY, offer_stack())
        ended = asyncio.create_task(end.wait())
        either: set[asyncio.Future[Any]] = {ended, told}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            answer = told.result() == "drain"
            server.refuse(answer=answer)
            if server.calls:
                log.info("no more calls; up to %g s for %d", options.grace_s, len(server.calls))
            draining = asyncio.create_task(server.shut_down(options.grace_s, answer=answer))
            await asyncio.wait({ended, draining}, return_when=asyncio.FIRST_COMPLETED)
    mouth.say(ALIVE, figures())  # what the last calls came to
    if server.calls:  # the end of the event loop would wait for them
        logging.shutdown()
        os._exit(1)
