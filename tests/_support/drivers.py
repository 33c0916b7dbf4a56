"""The drivers behind one face, for tests that hold for each: a server in this event loop, one agent, one address."""

import asyncio
import contextlib
import sys

from voiceband.servers import aiohttp as aiohttp_driver
from voiceband.servers import fastapi as fastapi_driver
from voiceband.servers import picows as picows_driver
from voiceband.servers import websockets as websockets_driver


def server_of(driver):
    """Return a context that serves an agent with a driver, and yields the address."""

    @contextlib.asynccontextmanager
    async def serving(agent, **options):
        async with await driver.serve(agent, **options) as server:
            yield f"ws://127.0.0.1:{server.port}/ws"

    return serving


DRIVERS = {
    "websockets": websockets_driver,
    "fastapi": fastapi_driver,
    "aiohttp": aiohttp_driver,
    "picows": picows_driver,
}
SERVERS = {name: server_of(driver) for name, driver in DRIVERS.items()}


def set_everywhere(monkeypatch, name, value):
    """Set a constant in every module of the servers that has it."""
    for module in [m for key, m in sys.modules.items() if key.startswith("voiceband.servers.") and hasattr(m, name)]:
        monkeypatch.setattr(module, name, value)


def timers_of_voiceband(loop):
    """Return a list to which every timer is added that this project sets in a loop from now on."""
    made, call_later = [], loop.call_later

    def counted(delay, callback, *args, **options):
        timer = call_later(delay, callback, *args, **options)
        if (callback.__module__ or "").startswith("voiceband."):
            made.append(timer)
        return timer

    loop.call_later = counted
    return made


async def eventually(condition, timeout_s=10.0):
    """Let the loop run until a condition holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)
