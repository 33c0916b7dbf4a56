"""Calls in a FastAPI or Starlette application.

`accept` a call in a WebSocket endpoint, or make an endpoint of an agent with `handler`; run the application with
``uvicorn.run(app, **settings())``. `serve` needs no application.
"""

try:
    import starlette as _  # noqa: F401
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"this driver needs {_error.name}; pip install 'voiceband[fastapi]' brings it", name=_error.name
    ) from None

from voiceband.servers.call import Agent, CallHandle
from voiceband.servers.fastapi.connection import accept
from voiceband.servers.fastapi.server import handler, serve, settings

__all__ = ["Agent", "CallHandle", "accept", "handler", "serve", "settings"]
