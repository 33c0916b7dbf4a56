"""What calls to other people's agents share; their imports come first, as they warn, which is an error in the tests."""

import asyncio
import contextlib
import importlib
import socket
import time
import warnings

import pytest
import uvicorn

from voiceband.emulator import Call, lint
from voiceband.emulator.run.driver import place_call

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for name in ("plivo_stream", "pipecat.pipeline.worker", "pipecat.transports.websocket.fastapi", "agent_transport"):
        with contextlib.suppress(ModuleNotFoundError):  # each test module says that it is skipped
            importlib.import_module(name)


@contextlib.asynccontextmanager
async def uvicorn_address(app):
    """Yield where an ASGI application answers WebSockets."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=5))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"ws://127.0.0.1:{listening.getsockname()[1]}/ws"
        finally:
            server.should_exit = True
            await running


@pytest.fixture
def place():
    """Place a call to `address`, hang up after some seconds, and return the call and the linter's findings."""

    async def place(address, wire, say=None, *, seconds=2.5, act=lambda call, now: None):
        call = Call(wire, seed=1)
        if say is not None:
            call.say(say)

        def tick(now):
            act(call, now)
            if now - call.started_at > seconds:
                call.hang_up(now)

        async with asyncio.timeout(seconds + 15):
            await place_call(call, address, on_tick=tick)
        findings = lint(call.log)
        for finding in findings:
            print(finding)
        call.hang_up(time.monotonic())
        return call, findings

    return place
