"""Calls on the `websockets` library.

`serve` an agent; or give `websockets.serve` a `handler` of an agent, or one of your own that uses `accept`, and the
`settings`, which hold what is done about upgrades: a handler comes after them.
"""

try:
    import websockets as _  # noqa: F401
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"this driver needs {_error.name}; pip install 'voiceband[websockets]' brings it", name=_error.name
    ) from None

from voiceband.servers.call import Agent, CallHandle
from voiceband.servers.websockets.connection import accept
from voiceband.servers.websockets.server import handler, serve, settings

__all__ = ["Agent", "CallHandle", "accept", "handler", "serve", "settings"]
