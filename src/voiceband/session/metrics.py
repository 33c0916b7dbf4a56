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
    "bytes_in": Metric("counter", "bytes", "Size of the messages that could be read, in characters."),
    "messages_out": Metric("counter", "", "Messages sent."),
    "bytes_out": Metric("counter", "bytes", "Size of the messages sent, in characters."),
    "frames_out": Metric("counter", "", "Audio sent, in frames of 20 ms."),
    "gaps": Metric("counter", "", "Gaps in the audio received: places where messages are missing."),
    "late": Metric("counter", "", "Media messages dropped because their place in the audio had been filled."),
    "duplicates": Metric("counter", "", "Media messages dropped because they had come before."),
    "dropped": Metric("counter", "", "Audio events dropped because nobody took them from the session in time."),
    "concealed_ms": Metric("counter", "ms", "Audio made up in place of what did not come, in ms."),
    "underruns": Metric("counter", "", "Times that the carrier's player ran dry in the middle of an utterance."),
    "late_answers": Metric("counter", "", "Acknowledgements of checkpoints that nobody waited for any more."),
    "late_pieces": Metric("counter", "", "Pieces of speech dropped because their utterance had been interrupted."),
    "half_samples": Metric("counter", "", "Halves of 16-bit samples dropped at the end of utterances."),
    "reconnects": Metric("counter", "", "Start messages after the first of a call."),
    # The same moments, as it stands.
    "jitter_ms": Metric("gauge", "ms", "How late messages have been recently, in ms."),
    "lead_ms": Metric("gauge", "ms", "How far ahead of its playout the latest audio was sent, in ms."),
    "queued_ms": Metric("gauge", "ms", "Speech that waits to be sent, in ms."),
    "playout_delay_ms": Metric("gauge", "ms", "From sending to sound when the carrier's player is idle, in ms."),
    # The mean over what was sent since the moment before.
    "send_late_ms": Metric("histogram", "ms", "How late messages were sent, in ms: the mean of each second of a call."),
    # At once, each time.
    "round_trip_ms": Metric("histogram", "ms", "Round trips to the carrier, in ms."),
    "barge_in_send_ms": Metric("histogram", "ms", "From an interruption until its clearAudio was sent, in ms."),
    "barge_in_ms": Metric("histogram", "ms", "From an interruption until the carrier said that it is quiet, in ms."),
    "interruptions": Metric("counter", "", "Interruptions of the agent's speech."),
    "malformed": Metric("counter", "", "Messages received that could not be used."),
    "started": Metric("counter", "", "Start messages received."),
    "caller_spoke": Metric("counter", "", "Times that a caller spoke up while the agent spoke."),
    "dtmf": Metric("counter", "", "Keys that callers pressed."),
    "tone": Metric("counter", "", "Reports of tones in the callers' audio."),
    "played": Metric("counter", "", "Checkpoints that the carrier's player has reached."),
    "missed": Metric("counter", "", "Checkpoints that were not acknowledged in time, or will not be."),
    "cleared": Metric("counter", "", "Times that the carrier dropped audio that waited in its player."),
    "drained": Metric("counter", "", "Times that all speech was heard after a drain."),
    "warned": Metric("counter", "", "Warnings of all kinds."),
    "held": Metric("counter", "", "Times that the carrier muted the agent's speech, or took it again."),
    "refused": Metric("counter", "", "Messages sent that the carrier could not use."),
    "stopped": Metric("counter", "", "Streams that ended."),
    "failed": Metric("counter", "", "Errors that the carrier reported."),
    "other": Metric("counter", "", "Messages received of a kind that this version does not know."),
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
