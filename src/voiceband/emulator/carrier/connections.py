"""The connections of a call's streams: which were asked for, which there are, and what the driver tells of each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from voiceband.emulator.carrier.actions import CloseStream, OpenStream
from voiceband.emulator.carrier.carrier_stream import CarrierStream
from voiceband.emulator.carrier.leg import Host, Leg
from voiceband.emulator.carrier.message_writer import random_uuid
from voiceband.emulator.carrier.web.signing import as_http

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from voiceband.emulator.carrier.leg import Retries
    from voiceband.emulator.carrier.log import CallLog
    from voiceband.emulator.carrier.tracks import Source
    from voiceband.emulator.carrier.web.addresses import Addresses
    from voiceband.emulator.carrier.web.signing import Signer
    from voiceband.formats import AudioFormat
    from voiceband.markup import Stream


class CallHost(Host, Protocol):
    """What connections need of their `Carrier`."""

    call_id: str
    auth_id: str
    log: CallLog

    def problem(self, text: str, now: float, purpose: str | None = None, **detail: Any) -> None:
        """Put it into the log as something wrong."""

    def epoch_ms(self, now: float) -> int:
        """Return the time of day in milliseconds since 1970."""

    def next_number(self) -> int:
        """Return a number that no request or connection of this call has had."""


class Connections:
    """Opens streams, and finds the one that a connection's number stands for.

    Parameters
    ----------
    host : CallHost
        The phone call.
    ids : Random
        Of identifiers.
    signer, addresses
        The call's.
    retries, max_streams, source, on_stream, stream_options
        See `Carrier`.

    Attributes
    ----------
    legs : list of Leg
        Every stream that was asked for.
    streams : list of CarrierStream
        One for every connection that was made.
    """

    def __init__(
        self,
        host: CallHost,
        ids: random.Random,
        signer: Signer,
        addresses: Addresses,
        retries: Retries,
        max_streams: int,
        source: Callable[[AudioFormat], Source | None] | None,
        on_stream: Callable[[CarrierStream, float], object] | None,
        stream_options: dict[str, Any],
    ) -> None:
        self.legs: list[Leg] = []
        self.streams: list[CarrierStream] = []
        self._host, self._ids, self._signer, self._addresses = host, ids, signer, addresses
        self._retries, self._max_streams = retries, max_streams
        self._source, self._on_stream = source, on_stream
        self._stream_options = stream_options
        self._links: dict[int, Leg] = {}  # by the connection's number, while it is there or being made
        self._connected: dict[int, CarrierStream] = {}

    # ---- what the driver tells

    def opened(self, number: int, now: float) -> None:
        """Take a connection that an `OpenStream` led to."""
        leg = self._links.get(number)
        if leg is None:
            self._host.act(CloseStream(number))
        else:
            leg.opened(now)
            self._connected[number] = self.streams[-1]

    def refused(self, number: int, reason: str, now: float) -> None:
        """Take it that an `OpenStream` failed."""
        leg = self._links.pop(number, None)
        if leg is not None:
            if "HTTP 401" in reason or "HTTP 403" in reason:
                signed = as_http(self._addresses.signed(leg.element.url))
                reason = f"{reason}: a wrong path, or a signature that was not taken; signed was GET {signed}"
            leg.refused(reason, now)

    def received(self, number: int, message: object, now: float) -> None:
        """Take a message of the agent."""
        # Also when this side has closed the connection: late messages are still logged.
        stream = self._connected.get(number)
        if stream is not None:
            stream.receive(message, now)

    def backed_up(self, number: int, backlog_s: float, now: float) -> None:
        """Tell how old the oldest message is that a connection has not taken, as `CarrierStream.backed_up` wants it."""
        leg = self._links.get(number)
        if leg is not None and leg.stream is not None:
            leg.stream.backed_up(backlog_s, now)

    def parched(self, number: int, now: float) -> bool:
        """Return whether a connection's player has run dry, perhaps in the middle of an utterance."""
        leg = self._links.get(number)
        stream = leg.stream if leg is not None else None
        return stream is not None and now < stream.ended_at and stream.player.parched(now)

    def unread(self, number: int, seconds: float) -> None:
        """Tell for how long an agent has not shown that it reads."""
        leg = self._links.get(number)
        if leg is not None and leg.stream is not None:
            leg.stream.unread(seconds)

    def closed(self, number: int, now: float, *, proper: bool, code: int | None = None, reason: str = "") -> None:
        """Take the end of a connection that this side did not close; proper, if a close frame came."""
        leg = self._links.pop(number, None)
        if leg is not None:
            leg.closed(proper, code, reason, now)

    # ---- what the call and the legs ask for

    def ask(self, stream: Stream, now: float, extra_headers: str | None = None) -> Leg | None:
        """Ask for a stream; None if too many run."""
        if sum(not leg.over for leg in self.legs) >= self._max_streams:
            self._host.problem(f"a <Stream> is left out: the call has {self._max_streams} running already", now)
            return None
        headers = stream.attributes.get("extraHeaders", "") if extra_headers is None else extra_headers
        leg = Leg(self._host, self, stream, random_uuid(self._ids), self._retries, now, headers)
        self.legs.append(leg)
        return leg

    def connect(self, leg: Leg) -> int:
        """Have the driver connect a leg by a signed upgrade; return the connection's number."""
        number = self._host.next_number()
        self._links[number] = leg
        url = leg.element.url
        headers = self._signer.headers("GET", self._addresses.signed(url))
        self._host.act(OpenStream(number, self._addresses.dialled(url, stream=True), headers))
        return number

    def close(self, number: int) -> None:
        """Have the driver close a connection."""
        self._links.pop(number, None)
        self._host.act(CloseStream(number))

    def make_stream(self, leg: Leg, now: float) -> CarrierStream:
        """Return the stream of a leg's connection, not started."""
        if leg.started_at < math.inf and self._retries.new_stream_id:
            leg.stream_id = random_uuid(self._ids)
        stream = CarrierStream(
            element=leg.element,
            call_id=self._host.call_id,
            stream_id=leg.stream_id,
            account_id=self._host.auth_id,
            extra_headers=_on_the_wire(leg.extra_headers),
            epoch_ms=self._host.epoch_ms(now),
            source=None if self._source is None else self._source(leg.element.content_type),
            log=self._host.log,
            on_event=leg.happened,
            **self._stream_options,
        )
        self.streams.append(stream)
        if self._on_stream is not None:
            self._on_stream(stream, now)
        return stream


def _on_the_wire(headers: str) -> str:
    """Return extra headers as messages have them: with semicolons between pairs; what is no such list stays."""
    return headers if headers.startswith("{") else ";".join(part.strip() for part in headers.split(","))
