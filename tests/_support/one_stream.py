"""One stream without the phone call around it: a carrier's end and an agent, joined on virtual time."""

import collections
import math

from voiceband.emulator import Answering, Carrier, Network, SessionAgent, VirtualCall
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.markup import Stream
from voiceband.session import Session


class OneStream(VirtualCall):
    """A stream that begins at `start_s` exactly, and its agent.

    Parameters
    ----------
    agent : Agent or callable
        A `Session` or the like, or a function as for `Answering`.
    network : Network, optional
        What lies between; a clean one by default.
    element : Stream, optional
        The XML element; by default a bidirectional one of mu-law.
    on_events : callable, optional
        Called with ([event], time) for what a `Session` tells.
    on_tick : callable, optional
        Called with (time, stream) at every step of the clock.
    script : Script, optional
        What the caller does.
    **carrier_options
        For `Carrier`.

    Attributes
    ----------
    stream : CarrierStream
        The carrier's end; it has started.
    stalled_until : float
        Until then the agent's loop is stuck: it takes no message and sends none.
    """

    def __init__(
        self,
        agent,
        network=None,
        *,
        element=None,
        wire=PLIVO_MULAW_8K,
        on_events=None,
        on_tick=None,
        script=None,
        start_s=0.0,
        **carrier_options,
    ):
        if element is None:
            element = Stream("wss://agent.test/", bidirectional=True, keep_call_alive=True, content_type=wire)
        if not hasattr(agent, "receive"):
            agent = Answering(agent)
        elif on_events is not None:
            agent = SessionAgent(agent, lambda _session, event, now: on_events([event], now))
        self.agent = _Stalling(agent)
        self.stream = None

        def tick(now, carrier):
            if script is not None:
                script.tick(now, carrier)
            if on_tick is not None and carrier.streams:
                on_tick(now, carrier.streams[0])

        carrier = Carrier(element, **carrier_options)
        super().__init__(
            carrier,
            lambda _: self.agent,
            network=(lambda: network) if network is not None else Network,
            start_s=start_s,
            answer_s=0.0,
            on_tick=None if on_tick is script is None else tick,
        )
        self.run(start_s)
        (self.stream,) = carrier.streams

    @property
    def stalled_until(self):
        return self.agent.until

    @stalled_until.setter
    def stalled_until(self, until):
        self.agent.until = until

    def send(self, texts):
        """Put texts of the agent on their way now, which it gave otherwise than through its `poll`."""
        for link in self.links.values():
            for text in texts:
                link.arrived(text, self.now)


def joined(*args, until=600.0, **options):
    """Run one stream until it ends, or for `until` seconds."""
    one = OneStream(*args, **options)
    one.run(one.now + until)
    return one


class _Stalling:
    """An agent whose loop may be stuck for a while."""

    def __init__(self, agent):
        self.agent = agent
        self.until = -math.inf
        self._waiting = collections.deque()
        self._now = -math.inf

    def receive(self, message, now):
        self._now = now
        if now < self.until:
            self._waiting.append(message)
        else:
            self.agent.receive(message, now)

    def poll(self, now):
        self._now = now
        if now < self.until:
            return ()
        while self._waiting:
            self.agent.receive(self._waiting.popleft(), now)
        return self.agent.poll(now)

    @property
    def next_poll(self):
        if self._now < self.until:
            return self.until
        return -math.inf if self._waiting else self.agent.next_poll

    @property
    def hangup_due(self):
        return getattr(self.agent, "hangup_due", False)

    def close(self):
        if isinstance(self.agent, (Session, SessionAgent)):
            self.agent.close()
