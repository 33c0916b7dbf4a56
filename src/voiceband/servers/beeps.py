"""Who waits for the beep of an answering machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voiceband.session import Tone

if TYPE_CHECKING:
    import asyncio

    from voiceband.session import SessionEvent


class Beeps:
    """The last beep that has ended, and those who wait for one."""

    def __init__(self) -> None:
        self.last: Tone | None = None
        self._waiting: list[asyncio.Future[Tone | None]] = []

    def wait(self, future: asyncio.Future[Tone | None]) -> None:
        """Settle a future with the next beep that ends."""
        self._waiting.append(future)

    def note(self, event: SessionEvent) -> None:
        """Settle the futures if an event is a beep that has ended."""
        if isinstance(event, Tone) and event.kind == "beep" and event.end_ms is not None:
            self.last = event
            self.release(event)

    def release(self, beep: Tone | None = None) -> None:
        """Settle the futures; without a beep, none can come any more."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(beep)
