"""What a session tells its `metrics` hook: names, kinds and units, and a meter that tells what has changed.

The meter looks once a second, at a moment when the session looks up anyway, so that counting costs a call nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from voiceband.session.stats import SessionStats, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiceband.session.counters import Counters
    from voiceband.session.inbound.inbound import Inbound
    from voiceband.session.outbound.outbound import Outbound
    from voiceband.session.transport import Transport

EVERY_S = 1.0


class Metric(msgspec.Struct, frozen=True):
    """What one name given to a `metrics` hook stands for.

    Attributes
    ----------
    kind : {"counter", "gauge", "histogram"}
        Whether the value is to be added to a total, replaces the one before, or is one observation.
    unit : str
        "ms", "bytes", or "" for plain counts.
    help : str
        One sentence.
    """

    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    help: str


METRICS: dict[str, Metric] = {
    # Once a second and at the end, what has come since.
    "messages_in": Metric("counter", "", "Messages received."),
    "bytes_in": Metric("counter", "bytes", "Their characters."),
    "messages_out": Metric("counter", "", "Messages sent."),
    "bytes_out": Metric("counter", "bytes", "Their characters."),
    "frames_out": Metric("counter", "", "20 ms frames sent."),
    "gaps": Metric("counter", "", "Holes between the caller's messages."),
    "late": Metric("counter", "", "Messages dropped because their place had been filled."),
    "duplicates": Metric("counter", "", "Messages dropped because they had come before."),
    "dropped": Metric("counter", "", "Audio events that nobody took in time."),
    "concealed_ms": Metric("counter", "ms", "Audio made up."),
    "underruns": Metric("counter", "", "Times that the far end ran dry in the middle of an utterance."),
    "late_answers": Metric("counter", "", "Acknowledgements that nobody waited for any more."),
    "late_pieces": Metric("counter", "", "Pieces given to play() for interrupted utterances."),
    "half_samples": Metric("counter", "", "Halves of samples dropped at the end of utterances."),
    "reconnects": Metric("counter", "", "Further start messages."),
    # The same moments, as it stands.
    "jitter_ms": Metric("gauge", "ms", "How late messages have been of late."),
    "lead_ms": Metric("gauge", "ms", "How far what was sent last was ahead of playout."),
    "queued_ms": Metric("gauge", "ms", "Speech that waits here."),
    "playout_delay_ms": Metric("gauge", "ms", "From sending to sound at an idle player."),
    # The mean over what was sent since the moment before.
    "send_late_ms": Metric("histogram", "ms", "How long after its deadline a message was sent."),
    # At once, each time.
    "round_trip_ms": Metric("histogram", "ms", "A round trip that was measured."),
    "barge_in_send_ms": Metric("histogram", "ms", "From interrupt() until its clearAudio left."),
    "barge_in_ms": Metric("histogram", "ms", "From interrupt() until the far end said that it is quiet."),
    "interruptions": Metric("counter", "", "Calls of interrupt()."),
    "malformed": Metric("counter", "", "Messages that could not be used."),
    **{
        name: Metric("counter", "", f"{name.capitalize()} events.")
        for name in [
            "started",
            "dtmf",
            "played",
            "missed",
            "cleared",
            "drained",
            "warned",
            "held",
            "refused",
            "stopped",
            "failed",
            "other",
        ]
    },
}
"""Every name that a `metrics` hook can be given."""

_AT_ONCE = ("interruptions", "malformed")
_COUNTERS, _GAUGES = (
    [
        name
        for name, metric in METRICS.items()
        if metric.kind == kind and name in SessionStats.__struct_fields__ and name not in _AT_ONCE
    ]
    for kind in ("counter", "gauge")
)


class Meter:
    """Tells a hook what has changed in a session since it was told last; `due` is when it is to look again."""

    __slots__ = ("_hook", "_late", "_outbound", "_parts", "_said", "due")

    def __init__(
        self,
        hook: Callable[[str, float], None],
        count: Counters,
        transport: Transport,
        inbound: Inbound,
        outbound: Outbound,
    ) -> None:
        self._hook = hook
        self._parts = (count, transport, inbound, outbound)
        self._outbound = outbound
        self._said: dict[str, float] = {}
        self._late = (0.0, 0)
        self.due = float("-inf")

    def look(self, now: float) -> None:
        """Tell it the counters and gauges, and how late sends were on average."""
        self.due = now + EVERY_S
        stats, sender = snapshot(*self._parts), self._outbound.sender
        late = (0.0, 0) if sender is None else (sender.pacer.late_sum_s, sender.pacer.sends)
        hook = self._hook
        for name in _COUNTERS:
            value = getattr(stats, name)
            more = value - self._said.get(name, 0)
            if more:
                self._said[name] = value
                hook(name, more)
        for name in _GAUGES:
            value = getattr(stats, name)
            if value is not None:
                hook(name, value)
        seconds, sends = late[0] - self._late[0], late[1] - self._late[1]
        self._late = late
        if sends > 0:
            hook("send_late_ms", seconds / sends * 1000)
