"""What both halves of a session count while the call runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from voiceband.session.events import SessionEvent

if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES = {kind: re.sub(r"\B[A-Z]", r"_\g<0>", kind.__name__).lower() for kind in get_args(SessionEvent)}
"""What `METRICS` calls the events."""


class Counters:
    """What a session counts itself."""

    __slots__ = (
        "bytes_out",
        "cleared_max_s",
        "cleared_n",
        "cleared_sum_s",
        "interruptions",
        "late_pieces",
        "malformed",
        "messages_out",
        "observe",
        "reaction_max_s",
        "reconnects",
    )

    def __init__(self, observe: Callable[[str, float], None] | None = None) -> None:
        self.observe = observe
        self.messages_out = self.bytes_out = 0
        self.malformed = self.interruptions = self.reconnects = self.late_pieces = 0
        self.reaction_max_s = self.cleared_max_s = self.cleared_sum_s = 0.0
        self.cleared_n = 0

    def note(self, events: list[SessionEvent]) -> None:
        """Count events, but for audio."""
        for event in events:
            name = _NAMES[type(event)]
            if name == "malformed":
                self.malformed += 1
            if self.observe is not None and name != "audio":
                self.observe(name, 1)

    def sent(self, texts: list[str]) -> None:
        """Count texts that leave."""
        self.messages_out += len(texts)
        for text in texts:
            self.bytes_out += len(text)

    def reaction(self, seconds: float) -> None:
        """Note how long it took from an interruption until its clearAudio left."""
        self.reaction_max_s = max(self.reaction_max_s, seconds)
        if self.observe is not None:
            self.observe("barge_in_send_ms", seconds * 1000)

    def cleared(self, seconds: float) -> None:
        """Note how long it took until the far end said that it is quiet."""
        self.cleared_n += 1
        self.cleared_sum_s += seconds
        self.cleared_max_s = max(self.cleared_max_s, seconds)
        if self.observe is not None:
            self.observe("barge_in_ms", seconds * 1000)
