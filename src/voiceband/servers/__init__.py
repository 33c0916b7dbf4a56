"""Sessions on sockets: a driver for each WebSocket library, all with the same names, and `voiceband serve`.

An agent is a coroutine function that takes a call::

    from voiceband.servers import CallHandle

    async def agent(call: CallHandle) -> None:
        async for event in call: ...
"""

from voiceband.servers.awaited import Mark, Outcome, Speech
from voiceband.servers.call import Agent, CallHandle
from voiceband.servers.errors import CallEndedError
from voiceband.servers.joining import Redials
from voiceband.servers.server import Server

__all__ = ["Agent", "CallEndedError", "CallHandle", "Mark", "Outcome", "Redials", "Server", "Speech"]
