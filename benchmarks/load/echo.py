"""The agent that the load talks to: it says back what it hears, as any agent would speak."""

import os

from voiceband.servers import flow, read_meter
from voiceband.session import Audio

AT_ONCE = bool(os.environ.get("LOAD_AT_ONCE"))
LEAD_MS = None if AT_ONCE else 400.0
"""A saturated call runs ahead of real time, so that its audio must not wait for its place in it."""
if AT_ONCE:  # nor must its messages wait, although no caller speaks that fast
    for module in flow, read_meter:
        module.MAX_IN_BURST = module.MAX_BYTES_PER_S = 2**62


async def agent(call):
    call.session.lead_ms = LEAD_MS
    async for event in call:
        if isinstance(event, Audio):
            await call.play(event.samples, 8000)
