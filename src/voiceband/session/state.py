"""The state of a session, and the checks of its options."""

from __future__ import annotations

import collections
import functools
import math
import numbers
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.dsp.resample import Resampler
from voiceband.dsp.transport import Transport
from voiceband.formats import PLIVO_FORMATS, PLIVO_MULAW_8K, AudioFormat
from voiceband.session.contained import Hook, contain
from voiceband.session.gain import check_gain
from voiceband.session.inbound import InboundOptions, InboundTrack
from voiceband.session.metrics import Meter
from voiceband.session.stats import Counters

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiceband.dsp.inbound_chain import InboundChain
    from voiceband.formats import ByteOrder
    from voiceband.protocol import Media
    from voiceband.session.capture import Capture
    from voiceband.session.checkpoints import Clear, Waiting
    from voiceband.session.events import SessionEvent
    from voiceband.session.ledger import Utterance
    from voiceband.session.outbound import Outbound
    from voiceband.session.recorder import Recorder

BUFFERS = ("timeline", "jitter", None)
MAX_EARLY_MEDIA = 250
"""Media messages kept while the start message has not come: five seconds of one track."""
MAX_UNSENT = 10_000
MAX_UNSENT_BYTES = 64 * 2**20
"""Pieces of speech, and their bytes, kept while the start message has not come."""
MAX_EVENTS = 1024
"""Events that wait for `Session.events`; beyond that the oldest audio is dropped, and counted, but nothing else."""
MAX_NOW = 1e12
RATES = range(4000, 192001)


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
        _check_choice("dtype", dtype, ("int16", "float32"))
        _check_choice("byteorder_in", byteorder_in, ("little", "big", "auto"))
        _check_choice("byteorder_out", byteorder_out, ("little", "big"))
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
        self._early: collections.deque[Media] = collections.deque(maxlen=MAX_EARLY_MEDIA)
        self._transport = Transport()
        self._out: Outbound | None = None
        self._unsent: list[tuple[Utterance, Any, Any, bool, float]] = []  # played before the start
        self._control: list[str | Clear | Waiting] = []  # what goes out at the next poll, ahead of audio
        self._names = 0
        self._due = math.inf
        self._idle_due = -math.inf  # the same but for audio; -inf while that would be too simple
        self._meter = Meter(self._observe) if self._observe is not None else None
        self._deadline = math.inf if metrics is None else -math.inf  # when an answer may be overdue, or metrics due
        self._cut_off = False  # whether the stream stopped before all was heard
        self._drain: bool | None = None  # whether to hang up then
        self._interrupted_at: collections.deque[float] = collections.deque(maxlen=8)
        self._count = Counters(self._observe)


def within(value: object, least: float, most: float) -> bool:
    """Whether a value is a number from `least` to `most`."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


def check_tracks(tracks: tuple[str, ...]) -> frozenset[str]:
    """Return the tracks to hear; ValueError if these are not the names of some."""
    if (
        not isinstance(tracks, (tuple, list, set, frozenset))  # of a text, each character would be a track
        or not tracks
        or not all(isinstance(track, str) and track for track in tracks)
    ):
        raise ValueError(f'tracks must be a tuple of names such as ("inbound",), not {tracks!r}')
    return frozenset(tracks)


def check_now(now: float) -> float:
    """Return a time as a float; TypeError or ValueError for what is no finite time."""
    if now.__class__ is float and -MAX_NOW < now < MAX_NOW:  # nearly all are
        return now
    if not isinstance(now, numbers.Real) or isinstance(now, bool):
        raise TypeError(f"now must be a number of seconds, not {now!r}")
    if not -math.inf < now < math.inf:
        raise ValueError(f"now must be a finite number of seconds, not {now!r}")
    if not -MAX_NOW < now < MAX_NOW:
        raise ValueError(f"now must be a number of seconds between -1e12 and 1e12, not {now!r}")
    return float(now)


def check_flag(name: str, value: object) -> bool:
    """Return a flag; ValueError for what is neither True nor False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def _check_choice(name: str, value: object, choices: tuple[str | None, ...]) -> None:
    """ValueError for what is none of some texts, or None where that is one of them."""
    if not isinstance(value, (str, NoneType)) or value not in choices:  # an array would compare its items
        *first, last = (f'"{choice}"' if choice else "None" for choice in choices)
        raise ValueError(f"{name} must be {', '.join(first)} or {last}, not {value!r}")


def check_rate(rate: int | None) -> int | None:
    """Return a rate in Hz or None; ValueError for anything else."""
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int) or rate not in RATES):
        raise ValueError(f"rate must be {RATES.start} to {RATES.stop - 1} Hz, not {rate!r}")
    if rate is not None:
        _check_convertible(rate)
    return rate


@functools.lru_cache(maxsize=64)
def _check_convertible(rate: int) -> None:
    """ValueError for a rate that one of the wires' cannot be resampled to: the start may bring any of them."""
    for wire in {known.sample_rate for known in PLIVO_FORMATS}:
        try:
            Resampler(wire, rate)
        except ValueError as error:
            raise ValueError(f"rate must be one that {wire} Hz can be resampled to, not {rate!r}: {error}") from None


def check_level(level: float | None) -> float | None:
    """Return a suppressor's level or None; ValueError for anything else."""
    if level is not None and (isinstance(level, bool) or not isinstance(level, (int, float)) or not 60 <= level <= 100):
        raise ValueError(f"denoise must be 60 to 100, or None, not {level!r}")
    return level


def check_buffer(kind: str | None) -> str | None:
    """Return the kind of a buffer; ValueError for an unknown one."""
    _check_choice("buffer", kind, BUFFERS)
    return kind


def check_lead(lead_ms: float | None) -> float | None:
    """Return a lead in seconds or None; ValueError if it is no number from 0 to 5000 ms."""
    if lead_ms is None:
        return None
    if isinstance(lead_ms, bool) or not isinstance(lead_ms, (int, float)) or not 0 <= lead_ms <= 5000:
        raise ValueError(f"lead_ms must be 0 to 5000, or None, not {lead_ms!r}")
    return lead_ms / 1000
