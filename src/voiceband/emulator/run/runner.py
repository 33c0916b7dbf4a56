"""`Runner`: moves one phone call on, whatever the clock is and wherever its agents are.

Carrier --actions--> Runner --texts--> [network] --> agent
   ^                   |                                |
   +---- outcomes -----+<------------ [network] <-------+

`VirtualCall` gives it a clock that jumps and agents without sockets; `run_call` gives it an event loop.
"""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from voiceband.emulator.carrier.actions import CloseStream, HttpRequest, OpenStream, SendText

if TYPE_CHECKING:
    from collections.abc import Callable

    from voiceband.emulator.carrier.actions import Action
    from voiceband.emulator.carrier.carrier import Carrier
    from voiceband.emulator.network.network import Network
    from voiceband.emulator.run.agents import Agent


class _End(NamedTuple):
    """The agent's end of the connection, on its way behind what was sent before."""

    proper: bool
    code: int | None
    reason: str


class AgentLink:
    """One connection, and what is on its way in it.

    Parameters
    ----------
    number : int
        What the carrier calls it.
    carrier : Carrier
        Its near end.
    agent : Agent
        Its far end: the agent itself, or a socket that leads to it.
    network : Network or None
        What delays messages both ways; without it they arrive at once.
    close_timeout_s : float, optional
        How long what was sent may take to arrive once the carrier has closed; the rest is dropped.

    Attributes
    ----------
    due : float
        When `carry` has something to do.
    over : bool
        Whether nothing more passes it.
    behind : bool
        Whether the agent had not taken everything when that was last looked at.
    """

    def __init__(
        self,
        number: int,
        carrier: Carrier,
        agent: Agent,
        network: Network | None,
        close_timeout_s: float = math.inf,
    ) -> None:
        self.number = number
        self.agent = agent
        self.due = -math.inf
        self.over = False
        self.behind = False
        self._carrier = carrier
        self._network = network
        # Most networks have one clock at both ends; then there is nothing to ask.
        self._clocks = network if network is not None and network.skewed else None
        self._close_timeout_s = close_timeout_s
        self._to_agent: collections.deque[tuple[float, str]] = collections.deque()
        self._to_carrier: collections.deque[tuple[float, Any]] = collections.deque()
        self._closes_s = math.inf  # when the carrier's close arrives
        self._ended = False  # by the agent, whether the carrier knows or not
        # What only some agents have is looked for once.
        self._hanging_up: Any = agent if hasattr(agent, "hangup_due") else None
        self._agent_backlog_s = getattr(agent, "backlog_s", None)
        self.unread_s = getattr(agent, "unread_s", None)

    def send(self, text: str, now: float) -> None:
        """Put a text of the carrier on its way."""
        if self._network is None:
            self.agent.receive(text, now)
        else:
            self._to_agent.append((self._network.arrival(now, len(text), "sent"), text))

    def close(self, now: float) -> None:
        """Put the carrier's close on its way, behind what it has sent."""
        if self._ended:  # nobody is there any more
            self.over = True
        elif self._network is None:
            self._closes_s = now
        else:
            self._closes_s = min(self._network.arrival(now, 0, "sent"), now + self._close_timeout_s)

    def arrived(self, message: str | bytes, now: float) -> None:
        """Put a message of the agent on its way."""
        if self._network is None:
            self._carrier.connections.received(self.number, message, now)
        else:
            self._to_carrier.append((self._network.arrival(now, len(message), "received"), message))

    def ended(self, now: float, *, proper: bool, code: int | None, reason: str = "") -> None:
        """Put the end of the agent's side on its way, behind what it has sent."""
        if self._ended or self.over:
            return
        self._ended = True
        end = _End(proper, code, reason)
        self._to_carrier.append((now if self._network is None else self._network.arrival(now, 0, "received"), end))

    def backlog_s(self, now: float) -> float:
        """Return how old the oldest text is that the agent has not taken."""
        network, backlog_s = self._network, self._agent_backlog_s
        if network is None:
            return 0.0 if backlog_s is None else float(backlog_s(now))
        on_the_way_s = network.backlog_s(now)
        shown = now if self._clocks is None else self._clocks.agent_time(now)
        return on_the_way_s if backlog_s is None else max(on_the_way_s, backlog_s(shown))

    def carry(self, now: float) -> bool:
        """Deliver what has arrived by `now`, let the agent speak, and return whether the carrier was told anything."""
        told, arrived = False, self._to_carrier
        while arrived and arrived[0][0] <= now:
            message = arrived.popleft()[1]
            told = True
            if isinstance(message, _End):
                self.over = True
                self._carrier.connections.closed(
                    self.number, now, proper=message.proper, code=message.code, reason=message.reason
                )
                return True
            self._carrier.connections.received(self.number, message, now)
        if self._ended:
            return told
        agent, shown = self.agent, now if self._clocks is None else self._clocks.agent_time(now)
        arriving = self._to_agent
        while arriving and arriving[0][0] <= now:
            agent.receive(arriving.popleft()[1], shown)
        if self._closes_s <= now:
            self.over = True
            return told
        if agent.next_poll <= shown:
            for text in agent.poll(shown):
                self.arrived(text, now)
                told = told or self._network is None
        if self._hanging_up is not None and self._hanging_up.hangup_due:
            self.ended(now, proper=True, code=1000)
        return told

    def plan(self) -> float:
        """Set `due`, and return it."""
        due = math.inf
        if not self._ended:
            asked = self.agent.next_poll
            due = asked if self._clocks is None else self._clocks.carrier_time(asked)
            if self._closes_s < due:
                due = self._closes_s
            if self._to_agent and self._to_agent[0][0] < due:
                due = self._to_agent[0][0]
        if self._to_carrier and self._to_carrier[0][0] < due:
            due = self._to_carrier[0][0]
        self.due = due
        return due


class Runner:
    """A phone call that is being run.

    Parameters
    ----------
    carrier : Carrier
        The call.
    network : callable or None
        Called for each connection; returns its `Network`.
    on_tick : callable or None
        Called with (now, carrier) at every turn, which is at least at every media message: the place for a caller.
        Returns False where it has done nothing.

    Attributes
    ----------
    links : dict of int to AgentLink
        The open connections by their numbers.
    """

    def __init__(
        self,
        carrier: Carrier,
        network: Callable[[], Network] | None,
        on_tick: Callable[[float, Carrier], object] | None,
    ) -> None:
        self.carrier = carrier
        self.links: dict[int, AgentLink] = {}
        self._network, self._on_tick = network, on_tick
        self._due = -math.inf  # when the carrier next wants to be polled

    def turn(self, now: float) -> float:
        """Do all that is due by `now`, and return when something is due next."""
        carrier = self.carrier
        touched = False
        for link in list(self.links.values()):
            if link.due <= now:
                touched = link.carry(now) or touched
                if link.over:
                    self._drop(link)
        # Another plan of the carrier's can only come of what it was told.
        if touched or self._due == -math.inf:
            self._due = carrier.next_poll
        if self._due <= now:
            self._poll(now)
        if self._on_tick is not None:
            # After the frame that ends now: what the caller does now is in the next one.
            if self._on_tick(now, carrier) is not False:
                self._due = carrier.next_poll
            if self._due <= now:
                self._poll(now)
        due = self._due
        for link in self.links.values():
            link_due = link.plan()
            if link_due < due:
                due = link_due
        return due

    @property
    def over(self) -> bool:
        """Whether the call is over, and its connections and requests have come to their end."""
        return not self.links and self.carrier.done

    def touch(self) -> None:
        """Note that the carrier was told something: it may have other plans than it had."""
        self._due = -math.inf

    def _poll(self, now: float) -> None:
        carrier = self.carrier
        for action in carrier.poll(now):
            self._do(action, now)
        due = carrier.next_poll
        if due <= now:  # an outcome came at once
            for action in carrier.poll(now):
                self._do(action, now)
            due = carrier.next_poll
        for link in self.links.values():
            backlog_s = link.backlog_s(now)
            if backlog_s > 0 or link.behind:
                link.behind = backlog_s > 0
                carrier.connections.backed_up(link.number, backlog_s, now)
                due = carrier.next_poll
            if link.unread_s is not None and carrier.connections.parched(link.number, now):
                carrier.connections.unread(link.number, link.unread_s(now))
        self._due = due

    def _do(self, action: Action, now: float) -> None:
        if isinstance(action, SendText):
            # The other side may have closed just now; then there is nobody to tell.
            if (link := self.links.get(action.id)) is not None:
                link.send(action.text, now)
        elif isinstance(action, CloseStream):
            if (closing := self.links.get(action.id)) is not None:
                closing.close(now)
                if closing.over:
                    self._drop(closing)
            else:
                self._give_up(action.id)
        elif isinstance(action, HttpRequest):
            self._ask(action, now)
        elif isinstance(action, OpenStream):
            self._open(action, now)

    def _drop(self, link: AgentLink) -> None:
        if self.links.pop(link.number, None) is not None:
            self._closed(link)

    # ---- what a clock and its agents bring

    def _ask(self, request: HttpRequest, now: float) -> None:
        """Send a request; the carrier is to be told of its outcome."""
        raise NotImplementedError

    def _open(self, action: OpenStream, now: float) -> None:
        """Connect to an agent; the carrier is to be told of the outcome."""
        raise NotImplementedError

    def _give_up(self, number: int) -> None:
        """Cease to connect."""

    def _closed(self, link: AgentLink) -> None:
        """Tell the agent's end that its connection is over."""
        raise NotImplementedError
