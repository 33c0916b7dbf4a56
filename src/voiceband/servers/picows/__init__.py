"""Calls on picows, the fastest server of them all.

`serve` an agent; or give ``picows.ws_create_server`` the `handler` of an agent, and the `settings`. There is no
`accept`: picows has callbacks where other libraries have a coroutine for each connection, so an agent of your own
server is given to `handler` too.
"""

try:
    import picows as _  # noqa: F401
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"this driver needs {_error.name}; pip install 'voiceband[serve]' brings it", name=_error.name
    ) from None

from voiceband.servers.call import Agent, CallHandle
from voiceband.servers.picows.server import handler, serve, settings

__all__ = ["Agent", "CallHandle", "handler", "serve", "settings"]
