"""Puts an emulated call on a real WebSocket, by the clock of the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, NamedTuple

from voiceband.emulator.run.clock import clock_of
from voiceband.emulator.run.sockets import RefusedError, dial

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from voiceband.emulator.carrier.stream import Call
    from voiceband.emulator.network.network import Network

TICK_S = 0.02


class NoCallError(RuntimeError):
    """No call could be placed; the text says why."""


class Ending(NamedTuple):
    """How a call ended.

    Attributes
    ----------
    by_agent : bool
        Whether the agent closed the socket, or lost it, before the caller hung up.
    code : int or None
        The close code of the WebSocket: 1000 for a proper end, 1006 when the connection just broke off.
    reason : str
        What the agent's side said about it, perhaps nothing.
    """

    by_agent: bool
    code: int | None
    reason: str


async def place_call(
    call: Call,
    url: str,
    *,
    on_message: Callable[[str, str, float], None] = lambda _way, _text, _now: None,
    on_tick: Callable[[float], None] = lambda _now: None,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    network: Network | None = None,
) -> Ending:
    """Dial the agent at `url`, and run the call until it hangs up or the agent closes the socket.

    Parameters
    ----------
    call : Call
        The carrier's end; it is started here.
    url : str
        ``ws://`` or ``wss://``.
    on_message : callable, optional
        Called with ("sent" or "received", text, time) for every message, seen from the carrier.
    on_tick : callable, optional
        Called with the time after every turn of the loop; the place for a script to act.
    headers : mapping of str to str, optional
        For the upgrade.
    tls : ssl.SSLContext, optional
        For ``wss://``, instead of the system's certificates.
    network : Network, optional
        What delays messages both ways, on top of the real connection. Where it has clocks that differ, the call runs by
        the carrier's, and so do the times that `on_message` and `on_tick` are given.

    Returns
    -------
    ending : Ending
        Who ended the call, and how.

    Raises
    ------
    NoCallError
        If the agent cannot be reached, or refuses the WebSocket.
    """
    wake, agents_clock = asyncio.Event(), clock_of(asyncio.get_running_loop())

    def clock() -> float:
        return agents_clock() if network is None else network.carrier_time(agents_clock())

    def received(message: str | bytes, _now: float) -> None:
        now = clock()
        on_message("received", message if isinstance(message, str) else message.decode("latin-1"), now)
        call.receive(message, now)

    try:
        socket = await dial(url, received, wake.set, headers=headers, tls=tls, network=network)
    except RefusedError as error:
        call.log.add(clock(), "event", "refused", None, reason=str(error))
        raise NoCallError(str(error)) from error
    by_agent = True
    try:
        call.start(clock())
        while socket.open:
            now = clock()
            for text in call.poll(now):
                on_message("sent", text, now)
                socket.send(text, agents_clock())
            on_tick(now)
            call.backed_up(socket.backlog_s(agents_clock()), now)
            if call.next_poll == math.inf:
                by_agent = False
                break
            # What arrives meanwhile may bring the next deadline forward by a checkpoint, never by more than a frame.
            timeout = max(0.0, min(call.next_poll - clock(), TICK_S))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await wake.wait()
    finally:
        now = clock()
        if by_agent and not socket.open:
            call.end(now, "closed by the agent" if socket.proper else "broken off")
        else:
            call.hang_up(now)
        await socket.close()
    return Ending(by_agent, socket.code, socket.reason)
