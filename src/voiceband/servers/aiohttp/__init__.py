"""Calls in an aiohttp application.

`accept` a call in a handler of a route, or make a handler of an agent with `handler`; `serve` needs no application.
There are no `settings`: with aiohttp a WebSocket belongs to the request, so `accept` sets all of it.
"""

try:
    import aiohttp as _  # noqa: F401
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"this driver needs {_error.name}; pip install 'voiceband[aiohttp]' brings it", name=_error.name
    ) from None

from voiceband.servers.aiohttp.connection import accept
from voiceband.servers.aiohttp.server import handler, serve
from voiceband.servers.call import Agent, CallHandle

__all__ = ["Agent", "CallHandle", "accept", "handler", "serve"]
