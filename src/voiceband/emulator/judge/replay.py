"""`replay`: makes the call of a stored log again, so that it can be measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.emulator.carrier.carrier_stream import CarrierStream
from voiceband.emulator.judge.measures import Measures, measure
from voiceband.formats import PLIVO_MULAW_8K, AudioFormat
from voiceband.protocol import Media, ProtocolError, Start, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from voiceband.emulator.carrier.log import Entry
    from voiceband.sound.speech import Intervals

MAX_TRACK_S = 24 * 3600


class _Stored:
    """A source that gives again what the inbound track had."""

    def __init__(self, pcm: NDArray[np.int16]) -> None:
        self._pcm = pcm
        self._at = 0

    def read(self, n_samples: int) -> NDArray[np.int16]:
        piece = self._pcm[self._at : self._at + n_samples]
        self._at += n_samples
        return np.pad(piece, (0, n_samples - len(piece)))


def replay(log: Iterable[Entry]) -> CarrierStream:
    """Return a call that has gone as the log tells of its last stream.

    Parameters
    ----------
    log : iterable of Entry
        A `CallLog`, such as one read from a ``wire.jsonl``.

    Returns
    -------
    call : CarrierStream
        One that is over, on the log's clock; if the log breaks off before the end, it ends there.

    Raises
    ------
    ValueError
        If the log has no start message, or one that cannot be read.
    """
    entries = _last_stream(log)
    start, detail = _start(entries[0]), entries[0].detail
    wire = start.media_format or PLIVO_MULAW_8K
    delay_ms = detail.get("playout_delay_ms", 250.0)
    call = CarrierStream(
        wire,
        call_id=start.call_id,
        stream_id=start.stream_id,
        source=_Stored(_track(entries, wire)),
        playout_delay_ms=delay_ms,
        profile=detail.get("profile", "observed"),
    )
    call.bidirectional = bool(detail.get("bidirectional", True))
    call.start(entries[0].at_s)
    for entry in entries:
        if entry.way == "received" and entry.text is not None:
            call.poll(entry.at_s)
            behind_s = entry.detail.get("behind_s")
            if isinstance(behind_s, (int, float)):
                call.unread(behind_s)
            call.receive(entry.text, entry.at_s)
        elif entry.way == "sent" and entry.name == "media":
            call.poll(entry.at_s)
        elif entry.name == "says" or (entry.way == "sent" and entry.name == "dtmf"):
            call.log.add(entry.at_s, entry.way, entry.name, entry.text, **entry.detail)
        elif entry.name == "ended" and entry.way == "event":
            call.end(entry.at_s, str(entry.detail.get("reason")))
    call.end(entries[-1].at_s, "the end of the log")
    return call


def measure_log(log: Iterable[Entry]) -> Measures:
    """Return the measures of a stored log's last stream.

    Parameters
    ----------
    log : iterable of Entry
        As for `replay`, which also says what is raised.
    """
    entries = _last_stream(log)
    return measure(replay(entries), caller_speech=noted_speech(entries))


def _last_stream(log: Iterable[Entry]) -> list[Entry]:
    entries = list(log)
    starts = [i for i, entry in enumerate(entries) if entry.way == "sent" and entry.name == "start"]
    if not starts:
        raise ValueError("the log has no start message, so there is no stream to measure")
    return entries[starts[-1] :]


def _start(entry: Entry) -> Start:
    try:
        event = parse(entry.text or "")
    except ProtocolError as error:
        raise ValueError(f"the log's start message cannot be read: {error}") from None
    if not isinstance(event, Start):
        raise ValueError(f"the log's start message is none: {entry.text!r:.60}")
    return event


def _track(entries: list[Entry], wire: AudioFormat) -> NDArray[np.int16]:
    """Return the inbound track, each message where its timestamp says, silence where one is missing."""
    pieces: list[tuple[int, NDArray[np.int16]]] = []
    base_ms: int | None = None
    for entry in entries:
        if entry.way != "sent" or entry.name != "media":
            continue
        try:
            event = parse(entry.text or "")
        except ProtocolError:
            continue
        if not isinstance(event, Media) or event.track != "inbound" or event.timestamp_ms is None:
            continue
        if base_ms is None:  # the messages before the first that arrived had 20 ms each
            base_ms = event.timestamp_ms - 20 * ((event.chunk or 1) - 1)
        at = (event.timestamp_ms - base_ms) * wire.sample_rate // 1000
        if 0 <= at < MAX_TRACK_S * wire.sample_rate:
            pieces.append(
                (at, wire.decode(event.payload[: len(event.payload) // wire.sample_bytes * wire.sample_bytes]))
            )
    track = np.zeros(max((at + len(pcm) for at, pcm in pieces), default=0), np.int16)
    for at, pcm in pieces:
        track[at : at + len(pcm)] = pcm
    return track


def noted_speech(entries: Sequence[Entry]) -> Intervals:
    """Return where the log of one stream says that the caller spoke, in ms from its start."""
    speech: Intervals = []
    begin: float | None = None
    for entry in entries:
        at_ms: Any = entry.detail.get("at_ms")
        if entry.way != "event" or not isinstance(at_ms, (int, float)):
            continue
        if entry.name == "speech begins":
            begin = at_ms
        elif entry.name == "speech ends" and begin is not None:
            speech.append((begin, at_ms))
            begin = None
    if begin is not None:
        speech.append((begin, (entries[-1].at_s - entries[0].at_s) * 1000))
    return speech
