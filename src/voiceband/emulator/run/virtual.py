"""Runs a call and an agent in one process, without sockets, on a clock that jumps from one event to the next."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING, Any, Protocol

from voiceband.emulator.network.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from voiceband.emulator.carrier.stream import Call
    from voiceband.emulator.network.network import Way

LEAST_STEP_S = 1e-5
"""How far time goes on when someone wants to be asked again at once, so that no agent can stop it."""


class Agent(Protocol):
    """The agent's end, sans-IO; a `Session` is one."""

    def receive(self, message: str, now: float) -> Iterable[Any]:
        """Take a text from the carrier; return events, of any kind, or nothing."""

    def poll(self, now: float) -> Iterable[str]:
        """Return the texts that are due."""

    @property
    def next_poll(self) -> float:
        """When `poll` wants to be called next; -inf for at once, inf for never."""


class Answering:
    """A plain function as an agent: it is given each text and the time, and returns the texts to answer at once."""

    def __init__(self, answer: Callable[[str, float], Iterable[str] | None]) -> None:
        self._answer = answer
        self._texts: list[str] = []

    def receive(self, message: str, now: float) -> Iterable[Any]:
        """Hand the text on."""
        self._texts.extend(self._answer(message, now) or ())
        return ()

    def poll(self, now: float) -> list[str]:  # noqa: ARG002
        """Return what the function has answered."""
        texts, self._texts = self._texts, []
        return texts

    @property
    def next_poll(self) -> float:
        """At once when there are answers, never otherwise."""
        return -math.inf if self._texts else math.inf


class VirtualCall:
    """A call and an agent, joined by a network, on virtual time.

    Parameters
    ----------
    call : Call
        The carrier's end; it is started here.
    agent : Agent or callable
        A `Session` or the like, or a function as in `Answering`.
    network : Network, optional
        What lies between them; by default a clean one.
    start_s : float, optional
        The time to start at.
    on_events : callable, optional
        Called with (events, time of the agent's clock) whenever the agent's end gave some: the place for what an agent
        does.
    on_tick : callable, optional
        Called with (time, call) at every step of the clock, which is at least every media message: a `Script.tick`.

    Attributes
    ----------
    now : float
        The carrier's clock.
    stalled_until : float
        Until then the agent's loop is stuck: it takes no message and sends none. To be set from outside.

    Notes
    -----
    Nothing depends on the machine: the same ends, network and seeds give the same messages at the same times.
    """

    def __init__(
        self,
        call: Call,
        agent: Agent | Callable[[str, float], Iterable[str] | None],
        network: Network | None = None,
        *,
        start_s: float = 0.0,
        on_events: Callable[[list[Any], float], object] | None = None,
        on_tick: Callable[[float, Call], object] | None = None,
    ) -> None:
        self.call = call
        self.agent: Any = agent if hasattr(agent, "receive") else Answering(agent)
        self.network = Network() if network is None else network
        self.now = start_s
        self.stalled_until = -math.inf
        self._on_events = on_events
        self._on_tick = on_tick
        self._take_events = getattr(self.agent, "events", None)
        self._on_the_way: dict[Way, collections.deque[tuple[float, str]]] = {
            "sent": collections.deque(),
            "received": collections.deque(),
        }
        call.start(start_s)

    @property
    def over(self) -> bool:
        """Whether the stream has ended and the agent has been told all."""
        return self.call.ended_at < math.inf and not self._on_the_way["sent"]

    def send(self, texts: Iterable[str]) -> None:
        """Put texts of the agent on their way, now; for those that it gave otherwise than through its `poll`."""
        self._put("received", texts)

    def _put(self, way: Way, texts: Iterable[str]) -> None:
        lane = self._on_the_way[way]
        for text in texts:
            lane.append((self.network.arrival(self.now, len(text), way), text))

    def run(self, until: float) -> None:
        """Let time go on to `until`, or to the call's end."""
        while True:
            self._turn()
            if self.now >= until or self.over:
                return
            following = self._following()
            self.now = min(until, following if following > self.now else self.now + LEAST_STEP_S)

    def _turn(self) -> None:
        """Do all that is due now."""
        now, call = self.now, self.call
        arrived = self._on_the_way["received"]
        while arrived and arrived[0][0] <= now:
            call.receive(arrived.popleft()[1], now)
        if now >= self.stalled_until:
            self._turn_of_agent(now)
        self._put("sent", call.poll(now))
        if self._on_tick is not None:
            # After the frame that ends now: what the caller does now is in the next one.
            self._on_tick(now, call)
            if call.next_poll <= now:
                self._put("sent", call.poll(now))
        call.backed_up(self.network.backlog_s(now), now)

    def _turn_of_agent(self, now: float) -> None:
        agent, shown = self.agent, self.network.agent_time(now)
        arrived = self._on_the_way["sent"]
        events: list[Any] = []
        while arrived and arrived[0][0] <= now:
            events += agent.receive(arrived.popleft()[1], shown) or ()
        if self._take_events is not None:
            events += self._take_events()
        if events and self._on_events is not None:
            self._on_events(events, shown)
        self._put("received", agent.poll(shown))

    def _following(self) -> float:
        """When something is due next."""
        for_agent = self.network.carrier_time(self.agent.next_poll)
        to_agent, to_carrier = self._on_the_way["sent"], self._on_the_way["received"]
        if to_agent:
            for_agent = min(for_agent, to_agent[0][0])
        following = min(max(for_agent, self.stalled_until), self.call.next_poll)
        return min(following, to_carrier[0][0]) if to_carrier else following


def run(
    call: Call,
    agent: Agent | Callable[[str, float], Iterable[str] | None],
    network: Network | None = None,
    until: float = 600.0,
    **options: Any,
) -> VirtualCall:
    """Run a call from its start until it ends, or for `until` seconds; `options` are those of `VirtualCall`.

    Examples
    --------
    >>> from voiceband.emulator import Call
    >>> from voiceband.emulator.network.network import Network
    >>> from voiceband.session import Session
    >>> call, session = Call(), Session()
    >>> _ = session.play(np.full(8000, 1000, np.int16), 8000)
    >>> joined = run(call, session, Network("jittery", seed=1), until=3.0)
    >>> call.player.played(joined.now), call.player.gaps, call.problems
    (8000, [], [])
    """
    joined = VirtualCall(call, agent, network, **options)
    joined.run(joined.now + until)
    return joined
