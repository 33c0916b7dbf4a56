"""The state of a session."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING

from voiceband.formats import PLIVO_FORMATS, PLIVO_MULAW_8K, AudioFormat
from voiceband.session.checks import (
    check_buffer,
    check_choice,
    check_flag,
    check_lead,
    check_level,
    check_rate,
    check_tracks,
    within,
)
from voiceband.session.contained import Hook, contain
from voiceband.session.gain import check_gain
from voiceband.session.inbound import InboundOptions, InboundTrack
from voiceband.session.metrics import Meter
from voiceband.session.stats import Counters
from voiceband.session.transport import Transport
from voiceband.session.unsent import Unsent

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiceband.formats import ByteOrder
    from voiceband.protocol import Media
    from voiceband.session.capture import Capture
    from voiceband.session.checkpoints import Clear, Waiting
    from voiceband.session.events import SessionEvent
    from voiceband.session.inbound_chain import InboundChain
    from voiceband.session.outbound import Outbound
    from voiceband.session.recorder import Recorder

MAX_EARLY_MEDIA = 250
"""Media messages kept while the start message has not come: five seconds of one track."""
MAX_EVENTS = 1024
"""Events that wait for `Session.events`; beyond that the oldest audio is dropped, and counted, but nothing else."""


class State:
    """What a session remembers; `Session` documents the parameters."""

    __slots__ = (
        "_byteorder_out",
        "_capture",
        "_control",
        "_count",
        "_cut_off",
        "_deadline",
        "_drain",
        "_due",
        "_early",
        "_events",
        "_every_ms",
        "_fallback",
        "_gain_out_db",
        "_heard_tracks",
        "_idle_due",
        "_inlet",
        "_interrupted_at",
        "_lead_s",
        "_max_queued_ms",
        "_meter",
        "_names",
        "_observe",
        "_options",
        "_out",
        "_recorder",
        "_tracks",
        "_transport",
        "_unsent",
        "call_id",
        "capture",
        "format",
        "hang_up_due",
        "metrics",
        "muted",
        "recorder",
        "stopped",
        "stream_id",
    )

    def __init__(
        self,
        rate: int | None = None,
        dtype: str = "int16",
        *,
        denoise: float | None = None,
        buffer: str | None = "timeline",
        tracks: tuple[str, ...] = ("inbound",),
        lead_ms: float | None = 400,
        byteorder_in: str = "little",
        byteorder_out: ByteOrder = "little",
        fallback_format: AudioFormat = PLIVO_MULAW_8K,
        gain_in_db: float = 0.0,
        gain_out_db: float = 0.0,
        checkpoint_every_ms: float | None = None,
        max_queued_ms: float = 120_000,
        guard: bool = True,
        recorder: Recorder | None = None,
        capture: Capture | None = None,
        metrics: Callable[[str, float], None] | None = None,
    ) -> None:
        check_choice("dtype", dtype, ("int16", "float32"))
        check_choice("byteorder_in", byteorder_in, ("little", "big", "auto"))
        check_choice("byteorder_out", byteorder_out, ("little", "big"))
        if not isinstance(fallback_format, AudioFormat) or fallback_format not in PLIVO_FORMATS:
            raise ValueError(
                f"fallback_format must be one of {', '.join(map(str, PLIVO_FORMATS))}, not {fallback_format!r}"
            )
        if metrics is not None and not callable(metrics):
            raise ValueError(f"metrics must be callable, not {metrics!r}")
        for name, given, method in [("recorder", recorder, "caller"), ("capture", capture, "received")]:
            if given is not None and not hasattr(given, method):
                raise ValueError(f"{name} must be a {name.capitalize()}, not {given!r}")
        if checkpoint_every_ms is not None and not within(checkpoint_every_ms, 20, 600_000):
            raise ValueError(f"checkpoint_every_ms must be 20 to 600000, not {checkpoint_every_ms!r}")
        if not within(max_queued_ms, 1000, 3_600_000):
            raise ValueError(f"max_queued_ms must be 1000 to 3600000, not {max_queued_ms!r}")
        self.stream_id: str | None = None
        self.call_id: str | None = None
        self.format: AudioFormat | None = None
        self.stopped = False
        self.muted = False
        self.hang_up_due = False
        self.recorder = recorder
        self.capture = capture
        self.metrics = metrics
        self._events: collections.deque[SessionEvent] = collections.deque()
        self._recorder = contain("recorder", recorder, self._events)
        self._capture = contain("capture", capture, self._events)
        self._observe = Hook(metrics, self._events) if metrics is not None else None
        self._options = InboundOptions(
            rate=check_rate(rate),
            dtype=dtype,
            byteorder=byteorder_in,
            buffer=check_buffer(buffer),
            denoise=check_level(denoise),
            gain_db=check_gain("gain_in_db", gain_in_db),
            guard=check_flag("guard", guard),
        )
        self._heard_tracks = check_tracks(tracks)
        self._lead_s = check_lead(lead_ms)
        self._byteorder_out: ByteOrder = byteorder_out
        self._gain_out_db = check_gain("gain_out_db", gain_out_db)
        self._every_ms = checkpoint_every_ms
        self._max_queued_ms = max_queued_ms
        self._fallback = fallback_format
        self._tracks: dict[str, InboundTrack] = {}
        self._inlet: InboundChain | None = None  # the quick way of messages of these
        self._early: list[Media] = []
        self._transport = Transport()
        self._out: Outbound | None = None
        self._unsent = Unsent()
        self._control: list[str | Clear | Waiting] = []  # what goes out at the next poll, ahead of audio
        self._names = 0
        self._due = math.inf
        self._idle_due = -math.inf  # the same but for audio; -inf while that would be too simple
        self._meter = Meter(self._observe) if self._observe is not None else None
        self._deadline = math.inf if metrics is None else -math.inf  # when an answer may be overdue, or metrics due
        self._cut_off = False  # whether the stream stopped before all was heard
        self._drain: bool | None = None  # whether to hang up then
        self._interrupted_at: list[float] = []  # of the latest, as many as the ledger keeps
        self._count = Counters(self._observe)
