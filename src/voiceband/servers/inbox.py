"""What a call receives: what the socket brings becomes events, which wait here for the agent, within bounds."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import math
from typing import TYPE_CHECKING

from voiceband.servers.flow import MAX_OTHERS_PER_S, Flow
from voiceband.servers.totals import TOTALS
from voiceband.servers.wake import Wake
from voiceband.session import Audio, Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self

    from voiceband.servers.alarm import Alarm
    from voiceband.servers.link import LinkedCall
    from voiceband.session import SessionEvent

MAX_UNREAD = 3000
"""Events that wait for the agent: a minute of one track. Then the socket is left unread, see `call.CallHandle`."""
MAX_UNREAD_S = 60
"""And the same in seconds of audio: a short message can stand behind a long hole, which is made up for."""
MAX_UNREAD_BYTES = 4 * 2**20
"""And the same in bytes of messages."""


class Inbox:
    """A session's events, and the agent that iterates over them.

    Parameters
    ----------
    call : CallHandle
        Whose session and link they are.
    loop : AbstractEventLoop
        The agent's.
    alarm : Alarm
        Set for what a message makes due.
    settle : callable
        Called with every event but audio.

    Attributes
    ----------
    wake : Wake
        Where the iteration waits.
    deaf : bool
        Whether no more is taken from the peer.
    waiting : int
        How many await what comes by the socket, or in time.
    seen : float
        When the latest message came.
    """

    __slots__ = (
        "_alarm",
        "_backlog",
        "_call",
        "_dropped",
        "_flow",
        "_held",
        "_loop",
        "_notice",
        "_settle",
        "_unread_bytes",
        "deaf",
        "events",
        "seen",
        "unread_samples",
        "waiting",
        "wake",
    )

    def __init__(
        self,
        call: LinkedCall,
        loop: asyncio.AbstractEventLoop,
        alarm: Alarm,
        settle: Callable[[SessionEvent], None],
    ) -> None:
        self._call = call
        self._loop = loop
        self._alarm = alarm
        self._settle = settle
        self.wake = Wake(loop)
        self.seen = alarm.clock()
        self.events: collections.deque[SessionEvent] = collections.deque()
        self.unread_samples = 0
        self.waiting = 0
        self._unread_bytes = 0.0
        self._backlog: collections.deque[str | bytes] = collections.deque()  # what came although the socket is paused
        self._notice: Warned | None = None  # what stands for events that gave way
        self._dropped = 0
        self._flow = Flow(self._rate)
        self._held: asyncio.TimerHandle | None = None
        self.deaf = False

    # ---- the socket

    def feed(self, message: str | bytes) -> None:
        """Take a message from the socket; nothing raises."""
        if self.deaf:  # a peer may go on after its stop; `Stopped` is the last event all the same
            return
        if self._call.link.paused:
            # A library hands on what it had read; as messages they are small, as audio perhaps not.
            self._backlog.append(message)
        else:
            self._receive(message)

    def _receive(self, message: str | bytes) -> None:
        session = self._call.session
        now = self.seen = self._alarm.clock()
        try:
            events = session.receive(message, now)
        except Exception as error:
            self._call.fail(error)
            return
        queue = self.events
        if len(events) == 1 and events[0].__class__ is Audio:
            queue.append(events[0])
            n_samples = len(events[0].samples)
            self.unread_samples += n_samples
        else:
            n_samples = self.take(events) if events else session.held_samples
        pause_s = self._flow.take(now, len(message), n_samples)
        if pause_s:
            self._hold(pause_s)
        due = session.next_poll
        if due < self._alarm.at:
            self._alarm.set(due, now)
        if queue:
            self.wake.now()
            if queue:  # the agent is at something else
                self._unread_bytes += len(message)
                if self._is_too_much():
                    self._bound()

    def count(self, n_bytes: int) -> None:
        """Note that the socket has brought something that is no message: a ping, or a piece of one."""
        if not self.deaf:
            pause_s = self._flow.take(self._alarm.clock(), n_bytes)
            if pause_s:
                self._hold(pause_s)

    def silent_s(self) -> float:
        """Return how long ago the latest message came; 0 while the socket is left unread."""
        return 0.0 if self._call.link.paused else self._alarm.clock() - self.seen

    def _hold(self, pause_s: float) -> None:
        """Leave the socket of a peer that sends too fast unread for a while, or end the call of a flood."""
        if pause_s == math.inf:
            self._call.end(1008, f"more than {MAX_OTHERS_PER_S} messages a second without audio")
        elif self._held is None and not self._call.ended:
            self._call.link.pause()
            self._held = self._loop.call_later(pause_s, self._let_go)

    def _let_go(self) -> None:
        self._held = None
        self._read_on()

    def _read_on(self) -> None:
        """Read the socket, unless it is left alone for a while or enough waits for the agent."""
        while self._call.link.paused and self._held is None and (self.waiting or not self._is_too_much()):
            if not self._backlog:
                self._call.link.resume()
                return
            self._receive(self._backlog.popleft())

    def finish_backlog(self) -> None:
        """Take what came of a connection that has ended, within bounds."""
        backlog, self._backlog = self._backlog, collections.deque()
        while backlog and not self.deaf and not self._is_too_much():
            self._receive(backlog.popleft())
        if backlog and not self.deaf:
            TOTALS.add("unread_total", len(backlog))
            reason = f"dropped {len(backlog)} messages: the connection ended before there was room for them"
            self.take([Warned("unread", reason, "")])

    def close(self) -> None:
        """Take nothing more from the peer."""
        self.deaf = True
        if self._held is not None:
            self._held.cancel()
        if self._call.link.paused:  # else the end of the connection would not be seen
            self._call.link.resume()

    # ---- for agents

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionEvent:
        """Return the next event; the iteration ends with the call."""
        events = self.events
        if not events:
            self._read_on()
            while not events:
                if self._call.ended:
                    self._call.reraise()
                    raise StopAsyncIteration
                if self.wake.waited_for:
                    raise RuntimeError("the events of a call are for one task; another is waiting for them already")
                await self.wake
        if self._unread_bytes:
            # What an event's message had is not kept, so each counts as the mean of those that wait.
            self._unread_bytes -= self._unread_bytes / len(events)
        return self._pop()

    async def wait(self, future: asyncio.Future[Any]) -> Any:
        """Await a future of this call; to be cancelled is the waiting's end only."""
        with self.reading():
            return await asyncio.shield(future)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read on while the agent awaits what comes by the socket."""
        self.waiting += 1
        self._read_on()
        try:
            yield
        finally:
            self.waiting -= 1

    # ---- events

    def _rate(self) -> int:
        """Return the rate of the audio that the agent gets."""
        wire = self._call.session.format
        return self._call.session.rate or (8000 if wire is None else wire.sample_rate)

    def take(self, events: list[SessionEvent]) -> int:
        """Let events wait for the agent; return how many samples they hold."""
        self.events.extend(events)
        n_samples = 0
        for event in events:
            if event.__class__ is Audio:
                n_samples += len(event.samples)
            else:
                self._settle(event)
        self.unread_samples += n_samples
        return n_samples

    def _pop(self) -> SessionEvent:
        event = self.events.popleft()
        if event.__class__ is Audio:
            self.unread_samples -= len(event.samples)
        return event

    def _is_too_much(self) -> bool:
        return (
            len(self.events) > MAX_UNREAD
            or self._unread_bytes > MAX_UNREAD_BYTES
            or self.unread_samples > MAX_UNREAD_S * self._flow.rate
        )

    def _bound(self) -> None:
        """Keep what waits for the agent within bounds."""
        if self._call.ended:
            return
        if not self.waiting:
            self._call.link.pause()
            return
        events = self.events
        told = 0
        if events[0] is self._notice:
            events.popleft()
            told = self._dropped
        dropped = told
        share = self._unread_bytes / (len(events) or 1)
        while events and (len(events) == MAX_UNREAD or self._is_too_much()):
            self._pop()
            self._unread_bytes -= share
            dropped += 1
        TOTALS.add("unread_total", dropped - told)
        self._dropped = dropped
        self._notice = Warned("unread", f"dropped {dropped} events: the agent did not read them in time", "")
        events.appendleft(self._notice)
