"""Runs a `Carrier`, its web server and its agents in one process, without sockets, on a clock that jumps."""

from __future__ import annotations

import collections
import heapq
import math
from typing import TYPE_CHECKING, Any

from voiceband.emulator.carrier.actions import CloseStream, HttpRequest, OpenStream, SendText
from voiceband.emulator.network.network import Network
from voiceband.emulator.run.virtual import LEAST_STEP_S, Agent

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiceband.emulator.carrier.actions import Action
    from voiceband.emulator.carrier.carrier import Carrier
    from voiceband.session import Session, SessionEvent

HTTP_S = 0.05
"""How long an HTTP answer takes, and an upgrade."""


class SessionAgent:
    """A `Session`, and a function that acts on its events.

    Parameters
    ----------
    session : Session
        The agent's end of one connection.
    on_event : callable
        Called with (session, event, now) for every event, the last one that says why it stopped among them.
    """

    def __init__(self, session: Session, on_event: Callable[[Session, SessionEvent, float], object]) -> None:
        self.session = session
        self._on_event = on_event
        self._now = -math.inf

    def receive(self, message: str, now: float) -> list[SessionEvent]:
        """Take a text from the carrier."""
        self._now = now
        return self._act(self.session.receive(message, now))

    def poll(self, now: float) -> list[str]:
        """Return the texts that are due."""
        self._now = now
        texts = self.session.poll(now)
        self._act(self.session.events())
        return texts

    @property
    def next_poll(self) -> float:
        """When `poll` wants to be called next."""
        return self.session.next_poll

    @property
    def hang_up_due(self) -> bool:
        """Whether the agent wants the connection closed."""
        return self.session.hang_up_due

    def close(self) -> None:
        """Take it that the connection is gone."""
        self._act(self.session.close())

    def _act(self, events: list[SessionEvent]) -> list[SessionEvent]:
        for event in events:
            self._on_event(self.session, event, self._now)
        return events


class _Link:
    """One connection: the agent, and what is on the way to it and from it."""

    def __init__(self, agent: Agent, network: Network) -> None:
        self.agent = agent
        self.network = network
        self.to_agent: collections.deque[tuple[float, str | None]] = collections.deque()  # None closes
        self.to_carrier: collections.deque[tuple[float, str]] = collections.deque()
        self.due = -math.inf  # when it next wants to be carried on
        self.end_s = math.inf  # when the carrier hears of the agent's close frame

    def send(self, text: str | None, now: float) -> None:
        """Put a text of the carrier on its way, or its close frame."""
        self.to_agent.append((self.network.arrival(now, len(text or ""), "sent"), text))

    def receive(self, text: str, now: float) -> None:
        """Put a text of the agent on its way."""
        self.to_carrier.append((self.network.arrival(now, len(text), "received"), text))

    @property
    def next(self) -> float:
        following = self.network.carrier_time(self.agent.next_poll)
        if self.end_s < following:
            following = self.end_s
        if self.to_agent and self.to_agent[0][0] < following:
            following = self.to_agent[0][0]
        if self.to_carrier and self.to_carrier[0][0] < following:
            following = self.to_carrier[0][0]
        return following


class VirtualPhone:
    """A phone call and all that it meets, on virtual time.

    Parameters
    ----------
    carrier : Carrier
        The call; it is started here.
    connect : callable
        Called with each `OpenStream`; returns the agent of the new connection (a `Session`, a `SessionAgent` or the
        like), or None to refuse it. An agent whose `hang_up_due` is true closes its end; one that has `close` hears of
        the carrier's end.
    http : callable, optional
        Called with each `HttpRequest`; returns (status, body), or None for no answer at all.
    network : callable, optional
        Called for each connection; returns its `Network`. Clean ones by default.
    start_s : float, optional
        The time to start at.
    on_tick : callable, optional
        Called with (time, carrier) at every step of the clock, which is at least every media message.

    Attributes
    ----------
    now : float
        The carrier's clock.
    links : dict of int
        The open connections by their numbers.

    Notes
    -----
    Nothing depends on the machine: the same parts and seeds give the same log.

    Examples
    --------
    >>> from voiceband.emulator import Carrier
    >>> from voiceband.markup import Response, Speak, Stream
    >>> from voiceband.session import Session
    >>> answer = Response(Stream("wss://agent.example.com", bidirectional=True, stream_timeout=2, keep_call_alive=True))
    >>> carrier = Carrier("https://agent.example.com/answer", seed=1)
    >>> phone = VirtualPhone(carrier, lambda _: Session(), lambda _: (200, answer.to_xml().encode()))
    >>> phone.run(60.0)
    >>> round(phone.now, 3), carrier.end_reason, carrier.calls[0].end_reason
    (2.125, 'end of XML', 'timeout')
    """

    def __init__(
        self,
        carrier: Carrier,
        connect: Callable[[OpenStream], Agent | None],
        http: Callable[[HttpRequest], tuple[int, bytes] | None] = lambda _: None,
        *,
        network: Callable[[], Network] = Network,
        start_s: float = 0.0,
        on_tick: Callable[[float, Carrier], object] | None = None,
    ) -> None:
        self.carrier = carrier
        self.now = start_s
        self.links: dict[int, _Link] = {}
        self._connect, self._http, self._network, self._on_tick = connect, http, network, on_tick
        self._outcomes: list[tuple[float, int, Action]] = []  # a heap; what is on its way to an outcome
        self._count = 0
        self._due = -math.inf  # when the carrier next wants to be polled
        carrier.start(start_s)

    def run(self, until: float) -> None:
        """Let time go on to `until`, or until the call is over, and all agents and requests have come to their end."""
        self._due = -math.inf  # anything may have happened since the last run
        for link in self.links.values():
            link.due = -math.inf
        while True:
            following = self._turn()
            if self.now >= until or (self.carrier.done and not self.links):
                return
            self.now = min(until, following if following > self.now else self.now + LEAST_STEP_S)

    def break_off(self) -> None:
        """Let every connection break off now, without a close frame."""
        for number in list(self.links):
            self._drop(number)
            self.carrier.closed(number, self.now, proper=False, code=1006)

    def _turn(self) -> float:
        """Do what is due, and return when something is due next."""
        now, carrier = self.now, self.carrier
        touched = self._on_tick is not None  # whether the carrier may have other plans than it had
        while self._outcomes and self._outcomes[0][0] <= now:
            self._settle(heapq.heappop(self._outcomes)[2])
            touched = True
        for number, link in list(self.links.items()):
            if link.due <= now:
                touched = self._carry(number, link) or touched
        if self._on_tick is not None:
            self._on_tick(now, carrier)
        due = carrier.next_poll if touched else self._due
        if due <= now:
            for action in carrier.poll(now):
                self._do(action)
            for number, link in self.links.items():
                carrier.backed_up(number, link.network.backlog_s(now), now)
            due = carrier.next_poll
        self._due = following = due
        for link in self.links.values():
            link.due = link.next
            if link.due < following:
                following = link.due
        return min(following, self._outcomes[0][0]) if self._outcomes else following

    def _do(self, action: Action) -> None:
        if isinstance(action, SendText):
            link = self.links.get(action.id)
            if link is not None:
                link.send(action.text, self.now)
        elif isinstance(action, CloseStream):
            if action.id in self.links:
                self.links[action.id].send(None, self.now)
        else:
            self._count += 1
            heapq.heappush(self._outcomes, (self.now + HTTP_S, self._count, action))

    def _settle(self, action: Action) -> None:
        """Let a request be answered, or an upgrade."""
        if isinstance(action, HttpRequest):
            answer = self._http(action)
            if answer is None:
                self.carrier.unanswered(action.id, f"{action.url}: no answer", self.now)
            else:
                self.carrier.answered(action.id, *answer, self.now)
        elif isinstance(action, OpenStream):
            agent = self._connect(action)
            if agent is None:
                self.carrier.refused(action.id, f"no agent at {action.url}: connection refused", self.now)
            else:
                self.links[action.id] = _Link(agent, self._network())
                self.carrier.opened(action.id, self.now)

    def _carry(self, number: int, link: _Link) -> bool:
        """Deliver what has arrived at both ends of a connection; return whether the carrier was told anything."""
        now, told = self.now, False
        while link.to_carrier and link.to_carrier[0][0] <= now:
            self.carrier.received(number, link.to_carrier.popleft()[1], now)
            told = True
        if link.end_s <= now:
            self._drop(number)
            self.carrier.closed(number, now, proper=True, code=1000)
            return True
        if link.end_s == math.inf:
            shown = link.network.agent_time(now)
            while link.to_agent and link.to_agent[0][0] <= now:
                message = link.to_agent.popleft()[1]
                if message is None:
                    self._drop(number)
                    return told
                link.agent.receive(message, shown)
            if link.agent.next_poll <= shown:
                for text in link.agent.poll(shown):
                    link.receive(text, now)
            if getattr(link.agent, "hang_up_due", False):
                link.end_s = link.network.arrival(now, 0, "received")
        return told

    def _drop(self, number: int) -> None:
        link = self.links.pop(number, None)
        close: Any = getattr(link.agent, "close", None) if link is not None else None
        if close is not None:
            close()
