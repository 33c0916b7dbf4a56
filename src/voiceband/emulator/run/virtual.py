"""`VirtualCall`: runs a phone call with agents in this process, without sockets, on a clock that jumps."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from voiceband.emulator.carrier.actions import HttpRequest, OpenStream
from voiceband.emulator.network.network import Network
from voiceband.emulator.run.runner import AgentLink, Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voiceband.emulator.carrier.carrier import Carrier
    from voiceband.emulator.run.agents import Agent

LEAST_STEP_S = 1e-5
"""How far time goes on when someone wants to be asked again at once, so that no agent can stop it."""


class VirtualCall(Runner):
    """A phone call and all that it meets, on virtual time.

    Parameters
    ----------
    carrier : Carrier
        The call; it is started here.
    connect : callable
        Called with each `OpenStream`; returns the `Agent` of the new connection (a `Session`, a `SessionAgent`, an
        `Answering`), or None to refuse it.
    web : callable, optional
        Called with each `HttpRequest`; returns (status, body), perhaps with a mapping of headers, names in lower case,
        behind them; or None if nobody is there.
    network : callable, optional
        Called for each connection; returns its `Network`. Clean ones by default.
    on_tick : callable, optional
        Called with (now, carrier) at every step of the clock, which is at least every media message. Where it returns
        False it has done nothing to the call.
    start_s : float, optional
        The time to start at.
    answer_s : float, optional
        How long the answer to a request takes, and to an upgrade.

    Attributes
    ----------
    now : float
        The carrier's clock.

    Notes
    -----
    Nothing depends on the machine: the same parts and seeds give the same log.

    Examples
    --------
    >>> from voiceband.emulator import Carrier
    >>> from voiceband.markup import Response, Stream
    >>> from voiceband.session import Session
    >>> answer = Response(Stream("wss://agent.example.com", bidirectional=True, stream_timeout=2, keep_call_alive=True))
    >>> carrier = Carrier("https://agent.example.com/answer", seed=1)
    >>> call = VirtualCall(carrier, lambda _: Session(), lambda _: (200, answer.to_xml().encode()))
    >>> call.run(60.0)
    >>> round(call.now, 3), carrier.end_reason, carrier.streams[0].end_reason
    (2.125, 'end of XML', 'timeout')
    """

    def __init__(
        self,
        carrier: Carrier,
        connect: Callable[[OpenStream], Agent | None],
        web: Callable[[HttpRequest], tuple[int, bytes] | tuple[int, bytes, Mapping[str, str]] | None] = lambda _: None,
        *,
        network: Callable[[], Network] = Network,
        on_tick: Callable[[float, Carrier], object] | None = None,
        start_s: float = 0.0,
        answer_s: float = 0.05,
    ) -> None:
        super().__init__(carrier, network, on_tick)
        self.now = start_s
        self._connect, self._web, self._answer_s = connect, web, answer_s
        self._outcomes: list[tuple[float, int, HttpRequest | OpenStream]] = []  # a heap; what waits for its outcome
        carrier.start(start_s)

    def run(self, until: float) -> None:
        """Let time go on to `until`, or until the call is over, and all agents and requests have come to their end."""
        self.touch()  # anything may have happened since the last run
        for link in self.links.values():
            link.due = self.now
        while True:
            due = self.turn(self.now)
            if self.now >= until or self.over:
                return
            self.now = min(until, due if due > self.now else self.now + LEAST_STEP_S)

    def turn(self, now: float) -> float:
        """Do all that is due by `now`, and return when something is due next."""
        while self._outcomes and self._outcomes[0][0] <= now:
            self._settle(heapq.heappop(self._outcomes)[2], now)
            self.touch()
        due = super().turn(now)
        return min(due, self._outcomes[0][0]) if self._outcomes else due

    def _ask(self, request: HttpRequest, now: float) -> None:
        self._wait_for(request, now)

    def _open(self, action: OpenStream, now: float) -> None:
        self._wait_for(action, now)

    def _wait_for(self, action: HttpRequest | OpenStream, now: float) -> None:
        if self._answer_s:
            heapq.heappush(self._outcomes, (now + self._answer_s, action.id, action))
        else:
            self._settle(action, now)

    def _settle(self, action: HttpRequest | OpenStream, now: float) -> None:
        """Let a request be answered, or an upgrade."""
        if isinstance(action, HttpRequest):
            answer = self._web(action)
            if answer is None:
                self.carrier.unanswered(action.id, f"{action.url}: no answer", now)
            else:
                status, body, *headers = answer
                self.carrier.answered(action.id, status, body, now, *headers)
            return
        agent = self._connect(action)
        if agent is None:
            self.carrier.connections.refused(action.id, f"no agent at {action.url}: connection refused", now)
        else:
            network = self._network() if self._network is not None else None
            self.links[action.id] = AgentLink(action.id, self.carrier, agent, network)
            self.carrier.connections.opened(action.id, now)

    def _closed(self, link: AgentLink) -> None:
        close = getattr(link.agent, "close", None)
        if close is not None:
            close()
