"""What messages other than media mean to a session."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from voiceband.formats import PLIVO_FORMATS
from voiceband.protocol import ClearedAudio, Error, PlayedStream, PlayFailed, Start, Stop, Unknown
from voiceband.protocol import Dtmf as DtmfMessage
from voiceband.session.checkpoints import MAX_STREAM_ID_BYTES
from voiceband.session.events import Cleared, Dtmf, Failed, Malformed, Other, SessionEvent, Started

if TYPE_CHECKING:
    from voiceband.protocol import Event
    from voiceband.session.session import Session

_KEYS = frozenset("0123456789*#ABCD")


def read_other(session: Session, event: Event, now: float, out: list[SessionEvent]) -> None:
    """Append what a message means to `out`, and change the session accordingly."""
    if isinstance(event, PlayedStream):
        _played(session, event.name, now, out)
    elif isinstance(event, ClearedAudio):
        _cleared(session, now, out)
    elif isinstance(event, Start):
        _start(session, event, now, out)
    elif isinstance(event, DtmfMessage):
        digits = event.digit.upper()
        out.extend(Dtmf(digit, event.track, event.timestamp_ms) for digit in digits if digit in _KEYS)
        junk = "".join(digit for digit in digits if digit not in _KEYS)
        if junk:
            out.append(Malformed(f"digit must be one of 0-9*#A-D, not {junk[:20]!r}", event))
    elif isinstance(event, Stop):
        out.extend(session._close(event.reason))
    elif isinstance(event, (PlayFailed, Error)):
        out.append(Failed(event.reason, event.raw))
    elif isinstance(event, Unknown):
        out.append(Other(event.name, event.raw))
    else:
        raise AssertionError(event)


def _played(session: Session, name: str, now: float, out: list[SessionEvent]) -> None:
    if session._out is None:
        return
    events, probes = session._out.answered(name, now)
    out.extend(events)
    for probe in probes:
        session._send(probe)
    if session._drain is not None:
        session._check_drain()
        out.extend(session._take_events())


def _cleared(session: Session, now: float, out: list[SessionEvent]) -> None:
    heard = None
    if session._out is not None:
        interruptions = session._out.ledger.interruptions
        if interruptions and interruptions[0].sent_at <= now:
            session._out.learn_round_trip(now - interruptions[0].sent_at)
        heard = session._out.ledger.cleared(now)
    if session._interrupted_at and heard is not None:
        session._count.cleared(now - session._interrupted_at.pop(0))
    out.append(Cleared(heard))


def _start(session: Session, start: Start, now: float, out: list[SessionEvent]) -> None:
    known = session.format is not None and session.stream_id is not None
    if known and start.stream_id == session.stream_id and not session.stopped:
        return
    again = session.stream_id is not None
    wire = start.media_format if start.media_format in PLIVO_FORMATS else None
    if wire is None and start.media_format is not None:
        out.append(Malformed(f"the stream's format is {start.media_format}, which a wire cannot carry", start))
    stream_id = start.stream_id
    if stream_id is not None and (not stream_id or len(json.dumps(stream_id)) > MAX_STREAM_ID_BYTES):
        # No checkpoint and no clearAudio could name it; speech needs no name.
        out.append(Malformed(f"the stream's id must take 3 to {MAX_STREAM_ID_BYTES} bytes of JSON", start))
        stream_id = None
    session.stream_id, session.call_id = stream_id, start.call_id
    out.append(
        Started(
            stream_id=stream_id,
            call_id=start.call_id,
            format=wire or session._fallback,
            tracks=start.tracks,
            headers=start.headers,
            again=again,
        )
    )
    session.stopped = session._cut_off = False
    if again:
        _reconnect(session, now, out)
    session._open(wire or session._fallback, now, out)
    out.extend(session._take_events())


def _reconnect(session: Session, now: float, out: list[SessionEvent]) -> None:
    """Go on with another stream of the same call.

    What was sent may have been heard, so it is not sent again; what is still here goes to the new stream. The old
    stream's answers will not come. Its player stopped when it did, as far as is known: with its last media.
    """
    session._count.reconnects += 1
    if session._out is not None:
        out.extend(session._out.close())
        at = min(now, session._transport.seen_at) if session._transport.seen_at > 0 else now
        if session._recorder is not None:
            session._recorder.reconnecting(at)
        session._out.reopen(session.stream_id, at)
    session._interrupted_at.clear()
    session._control = [c for c in session._control if isinstance(c, str)]
    session._transport.restart()
    for track in session._tracks.values():
        out.extend(track.reconnect())
