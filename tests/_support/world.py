"""A phone call with its answer URL, its agents and its callbacks, all on virtual time."""

from urllib.parse import urlsplit

import numpy as np

from voiceband.callbacks import StatusCallback
from voiceband.emulator import Carrier, Network, SessionAgent, VirtualCall
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.markup import Response, Stream
from voiceband.session import Session, Started

URL = "wss://agent.example.com:8443/ws?room=7"
ANSWER = "https://agent.example.com/answer?x=1"
BACK = "https://agent.example.com/status?tenant=9"


def stream(**attributes):
    return Stream(URL, **{"content_type": PLIVO_MULAW_8K, **attributes})


def talking(**attributes):
    return stream(bidirectional=True, keep_call_alive=True, **attributes)


class World:
    """A phone call, with what its requests were and what its agents saw."""

    def __init__(
        self, *elements, act=lambda session, event, now: None, refuse=0, http=None, network=Network, **options
    ):
        self.requests, self.upgrades, self.events, self.sessions = [], [], [], []
        self.act, self.refuse = act, refuse
        self.http = http or (lambda request: (200, b""))
        answer = elements[0] if isinstance(elements[0], str) else Response(*elements)
        tick = options.pop("on_tick", None)
        self.carrier = Carrier(answer, seed=1, **options)
        self.phone = VirtualCall(self.carrier, self.connect, self.ask, network=network, on_tick=tick)

    def connect(self, action):
        self.upgrades.append(action)
        if len(self.upgrades) <= self.refuse:
            return None
        self.sessions.append(Session(rate=8000, tracks=("inbound", "outbound")))
        return SessionAgent(self.sessions[-1], self.on_event)

    def on_event(self, session, event, now):
        self.events.append(event)
        self.act(session, event, now)

    def ask(self, request):
        self.requests.append(request)
        return self.http(request)

    def run(self, until=200.0):
        self.phone.run(until)
        return self

    def break_off(self):
        """Let every connection break off, without a close frame."""
        for link in self.phone.links.values():
            link.ended(self.phone.now, proper=False, code=1006)

    def at(self, name):
        return [entry.at_s for entry in self.carrier.log.named(name)]

    def elements(self):
        return [(entry.detail["tag"], entry.at_s) for entry in self.carrier.log.named("element")]

    def callbacks(self):
        forms = [r.body or urlsplit(r.url).query for r in self.requests if r.purpose == "callback"]
        return [StatusCallback.parse(form) for form in forms]

    def told(self):
        return [callback.event_name for callback in self.callbacks()]


def transcript(seed):
    """Return the log of a call with a status callback, an agent that greets, and a network that jitters."""

    def act(session, event, now):
        if isinstance(event, Started):
            session.play(np.arange(-4000, 4000, dtype=np.int16), 8000, end=True)

    world = World(talking(stream_timeout=10, status_callback_url=BACK), act=act)
    rng = np.random.default_rng(seed)
    carrier = Carrier(
        Response(talking(stream_timeout=10, status_callback_url=BACK)),
        seed=seed,
        on_stream=lambda call, now: call.say(rng.integers(-9000, 9000, 16_000, np.int16)),
    )
    phone = VirtualCall(carrier, world.connect, world.ask, network=lambda: Network("jittery", seed=seed))
    phone.run(60.0)
    return "".join(carrier.log.lines())
