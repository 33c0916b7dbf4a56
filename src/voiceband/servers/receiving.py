"""The receiving half of a call: what the socket brings becomes events, which wait here for the agent, within bounds."""

from __future__ import annotations

import abc
import asyncio
import collections
import math
from typing import TYPE_CHECKING

from voiceband.servers.flow import MAX_OTHERS_PER_S, Flow
from voiceband.servers.sending import Sending
from voiceband.session import Audio, Warned

if TYPE_CHECKING:
    from typing import Any, Self

    from voiceband.servers.link import Link
    from voiceband.session import Session, SessionEvent

MAX_UNREAD = 3000
"""Events that wait for the agent: a minute of one track. Then the socket is left unread, see `call.CallHandle`."""
MAX_UNREAD_S = 60
"""And the same in seconds of audio: a short message can stand behind a long hole, which is made up for."""
MAX_UNREAD_BYTES = 4 * 2**20
"""And the same in bytes of messages."""


class Receiving(Sending):
    """A session's events, and the agent that iterates over them."""

    def __init__(self, link: Link, session: Session, idle_timeout_s: float | None) -> None:
        super().__init__(link, session, idle_timeout_s)
        self._events: collections.deque[SessionEvent] = collections.deque()
        self._unread_bytes = 0.0
        self._unread_samples = 0
        self._backlog: collections.deque[str | bytes] = collections.deque()  # what came although the socket is paused
        self._notice: Warned | None = None  # what stands for events that gave way
        self._dropped = 0
        self._error: Exception | None = None  # of the user's code in the session
        self._flow = Flow(self._rate)
        self._held: asyncio.TimerHandle | None = None
        self._deaf = False  # whether no more is taken from the peer
        self._waiting = 0  # how many await what comes by the socket, or in time

    @abc.abstractmethod
    def _settle(self, event: SessionEvent) -> None:
        """Settle what an event settles; audio settles nothing."""

    # ---- for drivers

    def feed(self, message: str | bytes) -> None:
        """Take a message from the socket; nothing raises."""
        if self._deaf:  # a peer may go on after its stop; `Stopped` is the last event all the same
            return
        if self.link.paused:  # a library hands on what it had read; as messages they are small, as audio perhaps not
            self._backlog.append(message)
        else:
            self._receive(message)

    def _receive(self, message: str | bytes) -> None:
        session = self.session
        now = self._seen = self._clock()
        try:
            events = session.receive(message, now)
        except Exception as error:
            self.fail(error)
            return
        queue = self._events
        if len(events) == 1 and events[0].__class__ is Audio:
            queue.append(events[0])
            n_samples = len(events[0].samples)
            self._unread_samples += n_samples
        else:
            n_samples = self._take(events) if events else 0
        pause_s = self._flow.take(now, len(message), n_samples)
        if pause_s:
            self._hold(pause_s)
        due = session.next_poll
        if due < self._alarm_at:
            self._arm(due, now)
        if queue:
            self._wake.now()
            if queue:  # the agent is at something else
                self._unread_bytes += len(message)
                if self._is_too_much():
                    self._bound()

    def count(self, n_bytes: int) -> None:
        """Note that the socket has brought something that is no message: a ping, or a piece of one."""
        if not self._deaf:
            pause_s = self._flow.take(self._clock(), n_bytes)
            if pause_s:
                self._hold(pause_s)

    def _hold(self, pause_s: float) -> None:
        """Leave the socket of a peer that sends too fast unread for a while, or end the call of a flood."""
        if pause_s == math.inf:
            self.end(1008, f"more than {MAX_OTHERS_PER_S} messages a second without audio")
        elif self._held is None and not self.ended:
            self.link.pause()
            self._held = self._loop.call_later(pause_s, self._let_go)

    def _let_go(self) -> None:
        self._held = None
        self._read_on()

    def _read_on(self) -> None:
        """Read the socket, unless it is left alone for a while or enough waits for the agent."""
        while self.link.paused and self._held is None and (self._waiting or not self._is_too_much()):
            if not self._backlog:
                self.link.resume()
                return
            self._receive(self._backlog.popleft())

    def _finish_backlog(self) -> None:
        """Take what came of a connection that has ended, within bounds."""
        backlog, self._backlog = self._backlog, collections.deque()
        while backlog and not self._deaf and not self._is_too_much():
            self._receive(backlog.popleft())
        if backlog and not self._deaf:
            reason = f"{len(backlog)} messages gave way here: the connection ended before there was room for them"
            self._take([Warned("unread", reason, "")])

    def fail(self, error: Exception) -> None:
        """End the call for an error of the user's own code, such as a recorder's or a capture's."""
        self._error = error
        self.end(1011, "internal error")

    def reraise(self) -> None:
        """Raise the error that has ended the call, if one has, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    # ---- for agents

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionEvent:
        """Return the next event; the iteration ends with the call."""
        events = self._events
        if not events:
            self._read_on()
            while not events:
                if self.ended:
                    self.reraise()
                    raise StopAsyncIteration
                if self._wake.waited_for:
                    raise RuntimeError("the events of a call are for one task; another is waiting for them already")
                await self._wake
        if self._unread_bytes:
            # What an event's message had is not kept, so each counts as the mean of those that wait.
            self._unread_bytes -= self._unread_bytes / len(events)
        return self._pop()

    async def wait(self, future: asyncio.Future[Any]) -> Any:
        """Await a future of this call; to be cancelled is the waiting's end only."""
        self._waiting += 1
        self._read_on()
        try:
            return await asyncio.shield(future)
        finally:
            self._waiting -= 1

    # ---- events

    def _rate(self) -> int:
        """Return the rate of the audio that the agent gets."""
        wire = self.session.format
        return self.session.rate or (8000 if wire is None else wire.sample_rate)

    def _take(self, events: list[SessionEvent]) -> int:
        """Let events wait for the agent; return how many samples they hold."""
        self._events.extend(events)
        n_samples = 0
        for event in events:
            if event.__class__ is Audio:
                n_samples += len(event.samples)
            else:
                self._settle(event)
        self._unread_samples += n_samples
        return n_samples

    def _pop(self) -> SessionEvent:
        event = self._events.popleft()
        if event.__class__ is Audio:
            self._unread_samples -= len(event.samples)
        return event

    def _is_too_much(self) -> bool:
        return (
            len(self._events) > MAX_UNREAD
            or self._unread_bytes > MAX_UNREAD_BYTES
            or self._unread_samples > MAX_UNREAD_S * self._flow.rate
        )

    def _bound(self) -> None:
        """Keep what waits for the agent within bounds."""
        if self.ended:
            return
        if not self._waiting:
            self.link.pause()
            return
        events = self._events
        dropped = 0
        if events[0] is self._notice:
            events.popleft()
            dropped = self._dropped
        share = self._unread_bytes / (len(events) or 1)
        while events and (len(events) == MAX_UNREAD or self._is_too_much()):
            self._pop()
            self._unread_bytes -= share
            dropped += 1
        self._dropped = dropped
        self._notice = Warned("unread", f"{dropped} events gave way here, for the agent did not read them", "")
        events.appendleft(self._notice)
