"""Every case of `voiceband bench`, as a race of its own."""

import asyncio
import contextlib

from voiceband.bench.passes import every_case


def test_every_case(race):
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        for case in every_case(loop):
            rivals = {name: rival for name, rival in case.rivals.items() if rival is not None}
            race(f"{case.group}: {case.name}", {"voiceband": case.ours, **rivals}, frames=case.frames)
