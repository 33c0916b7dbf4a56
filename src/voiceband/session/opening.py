"""How a stream begins: what its start message says, what media say that come without one, and what is assumed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from voiceband.formats import PLIVO_FORMATS
from voiceband.session.events import Held, Malformed, Started, Warned
from voiceband.session.outbound.checkpoints import MAX_STREAM_ID_BYTES

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat
    from voiceband.protocol import Media, Start
    from voiceband.session.events import SessionEvent
    from voiceband.session.inbound.inbound import Inbound
    from voiceband.session.outbound.outbound import Outbound
    from voiceband.session.transport import Transport


class Opening:
    """Settles the format of a stream, and opens both halves in it.

    Parameters
    ----------
    fallback : AudioFormat
        What the wire is taken to carry when nothing says it.
    transport, inbound, outbound
        The session's.

    Attributes
    ----------
    call_id : str or None
        The call, once a start message has named it.
    format : AudioFormat or None
        What the wire carries, once that is settled.
    """

    __slots__ = (
        "_announced",
        "_assumed",
        "_fallback",
        "_inbound",
        "_media_format",
        "_named",
        "_outbound",
        "_transport",
        "call_id",
        "format",
    )

    def __init__(self, fallback: AudioFormat, transport: Transport, inbound: Inbound, outbound: Outbound) -> None:
        self.call_id: str | None = None
        self.format: AudioFormat | None = None
        self._fallback = fallback
        self._transport = transport
        self._inbound = inbound
        self._outbound = outbound
        self._assumed = True  # whether the format is a guess, which a media message may correct
        self._media_format: AudioFormat | str | None = None  # what media messages last said of their own
        self._announced = False  # whether a start message has come since the last media without one
        self._named: str | None = None  # the stream's id there

    def start(self, start: Start, now: float, out: list[SessionEvent]) -> None:
        """Begin a stream with a start message; the same message again changes nothing."""
        outbound = self._outbound
        again = self._announced
        if again and start.stream_id == self._named and not outbound.stopped:
            return
        self._announced, self._named = True, start.stream_id
        wire, doubt = self._format_of(start)
        stream_id = start.stream_id
        if not _can_be_named(stream_id):
            # No checkpoint and no clearAudio could name it; speech needs no name.
            out.append(Malformed(f"the stream's id must take 3 to {MAX_STREAM_ID_BYTES} bytes of JSON", start))
            stream_id = None
        self.call_id = start.call_id
        out.append(
            Started(
                stream_id=stream_id,
                call_id=start.call_id,
                format=wire,
                tracks=start.tracks,
                headers=dict(start.headers),
                again=again,
            )
        )
        if doubt is not None:
            out.append(Warned("format", doubt, ""))
        self._assumed = doubt is not None
        if outbound.held:  # the new stream is not
            out.append(Held(False))
        outbound.begin(stream_id)
        if again:
            outbound.reconnect(now, out)
            self._transport.restart()
            self._inbound.reconnect(out)
        self._open(wire, now, out)

    def _format_of(self, start: Start) -> tuple[AudioFormat, str | None]:
        """Return the format that a start message means, and what is assumed, if anything is."""
        wire, written = start.media_format, start.format_doubt
        if wire is not None and wire not in PLIVO_FORMATS:
            return self._fallback, f"the start says {wire}, which a wire cannot carry; {self._fallback} is assumed"
        if wire is None:
            said = "no mediaFormat" if written is None else f"mediaFormat {written}, which is not understood"
            return self._fallback, f"the start has {said}; {self._fallback} is assumed"
        if written is not None:
            return wire, f"the start has mediaFormat {written}, which is not as documented; {wire} is assumed"
        return wire, None

    def start_without(self, media: Media, now: float, out: list[SessionEvent]) -> None:
        """Go on with media alone, whose start message does not come."""
        wire = media.media_format if media.media_format in PLIVO_FORMATS else None
        self._announced = False
        self._assumed = wire is None
        stream_id = media.stream_id if _can_be_named(media.stream_id) else None
        out.append(
            Started(
                stream_id=stream_id,
                call_id=None,
                format=wire or self._fallback,
                tracks=(),
                headers=dict(media.headers),
            )
        )
        said = f"media say {wire}" if wire is not None else f"{self._fallback} is assumed"
        out.append(Warned("format", f"media come without a start message; {said}", ""))
        self._outbound.begin(stream_id)
        self._open(wire or self._fallback, now, out)

    def media_says(self, media: Media, now: float, out: list[SessionEvent]) -> None:
        """Follow what a media message itself says of its format: it knows better than the start."""
        wire = media.media_format
        said = wire if media.format_doubt is None else media.format_doubt
        if self.format is None or (wire is not None and wire == self._inbound.wire) or said == self._media_format:
            return
        self._media_format = said
        if wire is None or wire not in PLIVO_FORMATS:
            out.append(Warned("format", f"media say {said}, which is not understood; {self.format} is assumed", ""))
            return
        assumed = "was assumed" if self._assumed else "is what the start says"
        out.append(Warned("format", f"media say {said}, and {self.format} {assumed}: media are read as {wire}", ""))
        if self._assumed:
            self._open(wire, now, out)
        else:
            self._inbound.leave(wire, out)
            self._inbound.open(wire, now, out)

    def _open(self, wire: AudioFormat, now: float, out: list[SessionEvent]) -> None:
        """Settle the format, and go through what has been waiting for it."""
        before = self._outbound.leave(wire, now, out)
        self._inbound.leave(wire, out)
        self.format = wire
        self._outbound.open(wire, before, out)
        self._inbound.open(wire, now, out)
        self._outbound.check_drain()  # what was waited for may be gone with another stream


def _can_be_named(stream_id: str | None) -> bool:
    """Whether an id fits into the messages that name the stream."""
    return stream_id is None or (bool(stream_id) and len(json.dumps(stream_id)) <= MAX_STREAM_ID_BYTES)
