"""Serves a `RestApi` on a socket of this machine, or to an ASGI client without one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from voiceband.emulator.carrier.rest import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from voiceband.emulator.carrier.rest import RestApi


def asgi_app(api: RestApi, clock: Callable[[], float] = time.monotonic) -> Callable[..., Awaitable[None]]:
    """Return an ASGI application that answers for `api`.

    Parameters
    ----------
    api : RestApi
        What answers.
    clock : callable, optional
        The time of its calls, in seconds; for those that `phone.run` runs, the default.
    """

    async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"this application answers HTTP, not {scope['type']}")
        body, more = b"", True
        while more and len(body) <= MAX_BODY_BYTES:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path = scope.get("raw_path", scope["path"].encode()).partition(b"?")[0].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        answer = api.answer(scope["method"], path, clock(), query=query, headers=headers, body=body)
        about = [(b"content-type", b"application/json")] if answer.body else []
        if answer.status == 401:
            about.append((b"www-authenticate", b'Basic realm="API"'))
        await send({"type": "http.response.start", "status": answer.status, "headers": about})
        await send({"type": "http.response.body", "body": answer.body})

    return app


@contextlib.asynccontextmanager
async def serve_api(api: RestApi, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve `api` as long as the context lasts, in this event loop; give the base URL for clients.

    Parameters
    ----------
    api : RestApi
        What answers.
    host : str, optional
        Where to listen.
    port : int, optional
        0 takes a free one.

    Raises
    ------
    OSError
        If the port cannot be had.
    """
    try:
        import uvicorn
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the emulator's REST server needs {error.name}; pip install 'voiceband[emulator]' brings it",
            name=error.name,
        ) from None
    import socket

    with socket.create_server((host, port)) as listening:
        options: dict[str, Any] = {"log_level": "error", "access_log": False, "lifespan": "off"}
        config = uvicorn.Config(asgi_app(api), timeout_graceful_shutdown=1, **options)
        server = uvicorn.Server(config)
        # Signals belong to the program around it.
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
        task = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://{host}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
