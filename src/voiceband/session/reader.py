"""What a message of the carrier does to both halves of a session: the general way in, for whatever it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voiceband.protocol import (
    ClearedAudio,
    IncorrectPayload,
    Media,
    MuteStream,
    PlayedStream,
    ProtocolError,
    Start,
    Stop,
    UnmuteStream,
    parse,
)
from voiceband.session.events import Audio, Held, Malformed, Stopped
from voiceband.session.opening import Opening
from voiceband.session.plain_events import events_of

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from voiceband.formats import AudioFormat
    from voiceband.protocol import Event
    from voiceband.session.counters import Counters
    from voiceband.session.events import SessionEvent
    from voiceband.session.inbound.inbound import Inbound
    from voiceband.session.metrics import Meter
    from voiceband.session.outbound.outbound import Outbound
    from voiceband.session.transport import Transport


class Reader:
    """Parses messages, and hands each to the half that it concerns.

    Parameters
    ----------
    fallback : AudioFormat
        What the wire is taken to carry when nothing says it.
    transport, events, count, inbound, outbound, meter, recorder
        The session's.

    Attributes
    ----------
    opening : Opening
        How the stream began: its call and its format.
    """

    __slots__ = ("_count", "_events", "_inbound", "_meter", "_outbound", "_recorder", "_transport", "opening")

    def __init__(
        self,
        fallback: AudioFormat,
        transport: Transport,
        events: list[SessionEvent],
        count: Counters,
        inbound: Inbound,
        outbound: Outbound,
        meter: Meter | None,
        recorder: Any,
    ) -> None:
        self._transport = transport
        self._events = events
        self._count = count
        self._inbound = inbound
        self._outbound = outbound
        self._meter = meter
        self._recorder = recorder
        self.opening = Opening(fallback, transport, inbound, outbound)

    def read(self, message: str | Buffer, now: float, out: list[SessionEvent]) -> bool:
        """Append what a message means to `out`; return whether that can change when the session has something to do."""
        n = len(out)
        try:
            event = parse(message)
        except ProtocolError as error:
            out.append(Malformed(str(error), message))
            self._count.note(out[n:])
            return False
        self._transport.bytes_in += len(message) if isinstance(message, str) else memoryview(message).nbytes
        if event.__class__ is not Media:
            self._take(event, now, out)
            self._count.note(out[n:])
            return True
        says = event.media_format
        changed = says is not self._inbound.wire and (says is not None or event.format_doubt is not None)
        if changed:
            self.opening.media_says(event, now, out)
        if self._inbound.take(event, now, out):
            changed = True
            if self._inbound.early is not None:
                self.opening.start_without(self._inbound.early, now, out)
        if len(out) != n + 1 or out[-1].__class__ is not Audio:
            self._count.note(out[n:])
        return changed

    def _take(self, event: Event, now: float, out: list[SessionEvent]) -> None:
        """Take a message other than media."""
        if isinstance(event, PlayedStream):
            self._outbound.answered(event.name, now, out)
        elif isinstance(event, ClearedAudio):
            out.append(self._outbound.cleared(now))
        elif isinstance(event, IncorrectPayload):
            out.append(self._outbound.refused(event, now))
        elif isinstance(event, Start):
            self.opening.start(event, now, out)
            self._take_waiting(out)
        elif isinstance(event, Stop):
            out.extend(self.close(event.reason))
        elif isinstance(event, (MuteStream, UnmuteStream)):
            held = isinstance(event, MuteStream)
            self._outbound.hold(held)
            out.append(Held(held))
        else:
            ear, events = self._inbound.tones, events_of(event)
            out.extend(events if ear is None else ear.sift(events, now))

    def close(self, reason: str | None) -> list[SessionEvent]:
        """End the stream, unless it has ended already, and return all that comes of it."""
        out: list[SessionEvent] = []
        if self._outbound.stopped:
            return out
        self._take_waiting(out)
        missed = self._outbound.close()
        out += self._inbound.close()
        out += missed
        if self._recorder is not None:
            self._recorder.pause()
        if self._meter is not None:
            self._meter.look(float("-inf"))
        self._take_waiting(out)
        out.append(Stopped(reason, undrained=self._outbound.undrained))
        return out

    def _take_waiting(self, out: list[SessionEvent]) -> None:
        out.extend(self._events)
        self._events.clear()
