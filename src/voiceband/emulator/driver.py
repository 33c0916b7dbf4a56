"""Puts an emulated call on a real WebSocket, in real time."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, NamedTuple

try:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"the emulator's sockets need {_error.name}; pip install 'voiceband[emulator]' brings it", name=_error.name
    ) from None

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.client import ClientConnection

    from voiceband.emulator.call import Call

CONNECT_TIMEOUT_S = 10.0


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

    Returns
    -------
    ending : Ending
        Who ended the call, and how.

    Raises
    ------
    NoCallError
        If the agent cannot be reached, or refuses the WebSocket.
    """
    try:
        # Compression costs several times the work of the message itself, and phone audio hardly shrinks.
        connection = await connect(url, compression=None, open_timeout=CONNECT_TIMEOUT_S, max_size=2**20)
    except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
        raise NoCallError(f"no agent at {url}: {str(error) or type(error).__name__}") from error
    async with connection:
        call.start(time.monotonic())
        receiver = asyncio.create_task(_receive(call, connection, on_message))
        try:
            await _send(call, connection, receiver, on_message, on_tick)
        finally:
            by_agent = call.ended_at == math.inf
            call.hang_up(time.monotonic())
            receiver.cancel()
            await asyncio.gather(receiver, return_exceptions=True)
    return Ending(by_agent, connection.close_code, connection.close_reason or "")


async def _send(
    call: Call,
    connection: ClientConnection,
    receiver: asyncio.Task[None],
    on_message: Callable[[str, str, float], None],
    on_tick: Callable[[float], None],
) -> None:
    while not receiver.done():
        now = time.monotonic()
        for text in call.poll(now):
            on_message("sent", text, now)
            try:
                await connection.send(text)
            except ConnectionClosed:
                return
        on_tick(now)
        if call.next_poll == float("inf"):
            return
        # What arrives meanwhile may bring the next deadline forward by a checkpoint, never by more than a frame.
        await asyncio.wait({receiver}, timeout=max(0.0, min(call.next_poll - time.monotonic(), 0.02)))


async def _receive(call: Call, connection: ClientConnection, on_message: Callable[[str, str, float], None]) -> None:
    async for message in connection:
        now = time.monotonic()
        on_message("received", message if isinstance(message, str) else message.decode("latin-1"), now)
        call.receive(message, now)
