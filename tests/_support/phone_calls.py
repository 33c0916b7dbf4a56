"""What tests of phone calls on real sockets share: addresses, quick retries, and what the application is told."""

import asyncio

from voiceband.callbacks import StatusCallback
from voiceband.emulator import Retries

TOKEN = "emulated-token"
SOON = Retries(after_s=0.01)


def url(server, scheme="ws"):
    return f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def callbacks(web):
    return [StatusCallback.parse(asked.body) for asked in web.requests if "status" in asked.path]


def go(scenario, timeout=20):
    return asyncio.run(asyncio.wait_for(scenario(), timeout))
