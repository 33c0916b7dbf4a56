"""What calls to other people's agents share; their imports come first, as they warn, which is an error in the tests."""

import asyncio
import contextlib
import importlib
import warnings

import pytest

from _support.one_connection import call_agent
from voiceband.emulator import lint

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for name in ("plivo_stream", "pipecat.pipeline.worker", "pipecat.transports.websocket.fastapi", "agent_transport"):
        with contextlib.suppress(ModuleNotFoundError):  # each test module says that it is skipped
            importlib.import_module(name)


@pytest.fixture
def place():
    """Place a call to `address`, hang up after some seconds, and return the call and the linter's findings."""

    async def place(address, wire, say=None, *, seconds=2.5, act=lambda call, now: None, **options):
        async with asyncio.timeout(seconds + 15):
            carrier = await call_agent(address, wire, say=say, seconds=seconds, act=act, seed=1, **options)
        findings = lint(carrier.log)
        for finding in findings:
            print(finding)
        return carrier.streams[0], findings

    return place
