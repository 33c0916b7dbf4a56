"""One stream of a phone call through all its connections: retries, ends, and what is told of it.

connecting --opened--> live --closed properly--> over
    |  ^                 |
 refused +-- retry_s ----+ broken off          both count as one of two retries
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from voiceband._checks import check_integer, check_number
from voiceband.emulator.carrier.actions import SendText

if TYPE_CHECKING:
    from voiceband.emulator.carrier.actions import Action
    from voiceband.emulator.carrier.carrier_stream import CarrierStream
    from voiceband.markup import Stream

NO_CONNECTION = "Could not establish connection with the remote service"
BROKEN_OFF = "Connection disconnected with the remote service"


class Host(Protocol):
    """What a leg needs of its `Carrier`."""

    def act(self, action: Action) -> None:
        """Have the driver do it."""

    def note(self, name: str, now: float, /, **detail: Any) -> None:
        """Put it into the log."""

    def status(self, leg: Leg, event: str, now: float, **detail: str) -> None:
        """Send a status callback, if the stream wants them."""

    def stream_began(self, stream: CarrierStream, now: float) -> None:
        """Take it that a stream has started."""

    def hang_up(self, now: float) -> None:
        """End the phone call from the caller's side."""


class Connector(Protocol):
    """What connects legs."""

    def connect(self, leg: Leg) -> int:
        """Have the driver connect a leg; return the connection's number."""

    def close(self, number: int) -> None:
        """Have the driver close a connection."""

    def make_stream(self, leg: Leg, now: float) -> CarrierStream:
        """Return the stream of a leg's connection, not started."""


class Retries(msgspec.Struct, frozen=True):
    """How connections are tried again.

    Attributes
    ----------
    most : int
        How often in all, for one stream; 0 or more.
    after_s : float
        How long after each failure.
    new_stream_id : bool
        Whether a connection after one that broke off is another stream; documents do not say.
    """

    most: int = 2
    after_s: float = 1.0
    new_stream_id: bool = False

    def __post_init__(self) -> None:
        check_integer("most", self.most, 0)
        check_number("after_s", self.after_s, 0, unit="s")


class Leg:
    """One stream.

    Parameters
    ----------
    host : Host
        The phone call.
    connector : Connector
        Makes and closes its connections.
    element : Stream
        Its attributes.
    stream_id : str
        As messages, callbacks and the API have it.
    now : float
        When it is asked for; it connects at once.
    extra_headers : str
        As the XML or the API has them.
    """

    def __init__(
        self,
        host: Host,
        connector: Connector,
        element: Stream,
        stream_id: str,
        retries: Retries,
        now: float,
        extra_headers: str,
    ) -> None:
        self.element = element
        self.extra_headers = extra_headers
        self.stream_id = stream_id
        self.created_at = now
        self.started_at = math.inf  # when the first connection was there
        self.ended_at = math.inf
        self.stream: CarrierStream | None = None
        self.connection: int | None = None  # the driver's number, while there is one or one is being made
        self._host = host
        self._connector = connector
        self._retries = retries
        self._left = retries.most
        self._retry_at = math.inf
        self._deadline = math.inf  # of the stream, through all its connections
        self._connect(now)

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.ended_at < math.inf

    @property
    def live(self) -> bool:
        """Whether it has a connection."""
        return self.stream is not None and not self.over

    # ---- what the driver tells

    def opened(self, now: float) -> None:
        """Take a connection that was made."""
        self.stream = stream = self._connector.make_stream(self, now)
        again = self.started_at < math.inf
        self._host.note("connected", now, stream_id=self.stream_id, again=again)
        stream.start(now)
        self._host.stream_began(stream, now)
        if not again:
            self.started_at = now
            self._deadline = now + self.element.stream_timeout
            self._host.status(self, "StartStream", now)

    def refused(self, reason: str, now: float) -> None:
        """Take it that a connection could not be made."""
        self.connection = None
        if self.over:
            return
        self._host.note("refused", now, stream_id=self.stream_id, reason=reason)
        self._try_again(NO_CONNECTION if self.started_at == math.inf else BROKEN_OFF, now)

    def closed(self, proper: bool, code: int | None, reason: str, now: float) -> None:
        """Take it that the agent's end has closed the connection, or that it broke off."""
        self.connection = None
        stream, self.stream = self.stream, None
        self._host.note("closed", now, stream_id=self.stream_id, code=code, reason=reason, proper=proper)
        if stream is not None:
            stream.end(now, "closed by the agent" if proper else "broken off")
        if self.over:
            return
        if proper:
            self._finish("StopStream", now)
        else:
            self._try_again(BROKEN_OFF, now)

    def _try_again(self, error: str, now: float) -> None:
        if self._left == 0:
            self._finish("DroppedStream", now, Error=error)
            return
        self._left -= 1
        self._retry_at = now + self._retries.after_s

    def _connect(self, now: float) -> None:
        self._retry_at = math.inf
        self.connection = self._connector.connect(self)
        self._host.note("connecting", now, stream_id=self.stream_id, url=self.element.url)

    # ---- time

    def poll(self, now: float) -> None:
        """Do what is due."""
        if self._retry_at <= now:
            self._connect(now)
        if now >= self._deadline and not self.over:
            self.stop(self._deadline, "timeout")
        stream = self.stream
        if stream is not None:
            # The number stays that of the call's connection while its last words are sent.
            connection = self.connection
            for text in stream.poll(now):
                assert connection is not None
                self._host.act(SendText(connection, text))
            if stream.ended_at <= now:
                self._close()

    @property
    def next_poll(self) -> float:
        """When `poll` next has something to do."""
        stream = self.stream
        if stream is None:
            return self._retry_at if self.over else min(self._retry_at, self._deadline)
        if stream.ended_at < math.inf:
            return -math.inf
        due = stream.next_poll
        return due if due < self._deadline else self._deadline

    # ---- ends

    def stop(self, now: float, reason: str, event: str | None = "StopStream") -> None:
        """End the stream from the carrier's side; with an event of None nobody is told."""
        if self.over:
            return
        if self.stream is not None:
            self.stream.end(now, reason)
            if self.over:  # the call's own end was reported while it was being ended
                return
        # Of a stream that never was, there is nothing to tell.
        self._finish(event if self.started_at < math.inf else None, now)
        if self.stream is None:
            self._close()

    def happened(self, name: str, now: float, detail: dict[str, Any]) -> None:
        """Take what the running stream reports."""
        if name == "playedStream":
            self._host.status(self, "PlayedStream", now, Name=detail["name"])
        elif name == "clearedAudio":
            self._host.status(self, "ClearedAudio", now)
        elif name == "degraded":
            self._host.status(self, "DegradedStream", now)
        elif name == "ended" and not self.over:
            if detail["reason"] == "hang-up":
                self._host.hang_up(now)
            elif detail["reason"] == "slow connection":
                self._finish("DroppedStream", now, Error=BROKEN_OFF)
            elif detail["reason"] == "timeout":
                self._finish("StopStream", now)

    def _finish(self, event: str | None, now: float, **detail: str) -> None:
        self.ended_at = now
        self._retry_at = math.inf
        if event is not None:
            self._host.status(self, event, now, **detail)
        self._host.note("stream over", now, stream_id=self.stream_id)

    def _close(self) -> None:
        self.stream = None
        if self.connection is not None:
            self._connector.close(self.connection)
            self.connection = None
