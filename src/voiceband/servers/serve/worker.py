"""One worker process: serves the agent until the supervisor says otherwise, and drains."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voiceband._processes import listen_to_parent, run_fast
from voiceband.servers.call_log import PrintableFormatter
from voiceband.servers.serve.agents import load_agent
from voiceband.servers.serve.sockets import StartError, bound_socket

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from typing import Any

    from voiceband.servers.serve.agents import Agent

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
    """

    agent: str
    options: dict[str, Any]
    grace_s: float


def run_worker(number: int, options: WorkerOptions, where: Any, pipe: Connection) -> None:
    """Serve until the supervisor says otherwise; what keeps this from serving is said to the supervisor.

    Parameters
    ----------
    number : int
        Of the worker, for the log.
    options : WorkerOptions
    where : socket or tuple
        The listening socket that all workers share; or a family and an address to listen on beside the others.
    pipe : Connection
        To the supervisor.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(PrintableFormatter(f"%(asctime)s %(levelname)s worker {number}: %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("picows").setLevel(logging.WARNING)
    try:
        agent = load_agent(options.agent)
        run_fast(_serve(agent, options, where, pipe))
    except (StartError, ModuleNotFoundError, OSError, ValueError, TypeError) as error:
        pipe.send(" ".join(str(error).split()))


async def _serve(agent: Agent, options: WorkerOptions, where: Any, pipe: Connection) -> None:
    from voiceband.servers.picows import serve

    loop = asyncio.get_running_loop()
    drain, end = asyncio.Event(), asyncio.Event()

    def hear(word: str | None) -> None:
        loop.call_soon_threadsafe(end.set if word == "end" else drain.set)

    sock = where if isinstance(where, socket.socket) else bound_socket(*where, share=True)
    async with await serve(agent, sock=sock, **options.options) as server:
        # What was loaded stays; to look through it at every collection of garbage would stall the calls.
        gc.collect()
        gc.freeze()
        if sys.platform != "win32":
            loop.add_signal_handler(signal.SIGTERM, drain.set)
        listen_to_parent(pipe, hear)
        pipe.send(None)
        ended = asyncio.create_task(end.wait())
        await asyncio.wait({ended, asyncio.create_task(drain.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            server.refuse()
            if server.calls:
                log.info("no more calls; up to %g s for %d", options.grace_s, len(server.calls))
            draining = asyncio.create_task(server.shut_down(options.grace_s))
            await asyncio.wait({ended, draining}, return_when=asyncio.FIRST_COMPLETED)
    if server.calls:  # the end of the event loop would wait for them
        logging.shutdown()
        os._exit(1)
