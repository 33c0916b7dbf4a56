"""The pacer's short way gives what the long one gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceband.formats import PLIVO_FORMATS
from voiceband.session.outbound.ledger import Ledger, Utterance
from voiceband.session.outbound.pacer import Pacer
from voiceband.session.outbound.playout import PlayoutClock
from voiceband.session.session import Session

steps = st.lists(
    st.one_of(
        st.tuples(st.just("frames"), st.integers(1, 30)),
        st.tuples(st.just("frame"), st.just(1)),
        st.tuples(st.just("frame"), st.just(1)),
        st.tuples(st.just("bytes"), st.integers(1, 700)),
        st.tuples(st.just("end"), st.just(0)),
        st.tuples(st.just("acknowledged"), st.just(0)),
        st.tuples(st.just("round_trip"), st.floats(0.001, 0.5)),
        st.tuples(st.just("stall"), st.floats(0.0, 3.0)),
    ),
    max_size=60,
)
STRETCH = ("sent_at", "early", "late", "position", "n", "idle", "observed")


class Paced:
    """One pacer with its clock, polled the long way or, where it can be, the short way."""

    def __init__(self, wire, lead_s, *, short):
        self.transport = Session()._transport
        self.clock = PlayoutClock(wire.sample_rate, self.transport)
        self.ledger = Ledger(wire.sample_rate, self.clock)
        self.pacer = Pacer(wire, self.clock, self.ledger, lead_s)
        self.wire, self.short = wire, short
        self.utterance = Utterance("u")
        self.n_utterances = self.n_marks = self.n_short = 0

    def do(self, what, value, now):
        wire = self.wire
        if what in ("frames", "frame", "bytes"):
            if self.utterance.ended:
                self.n_utterances += 1
                self.utterance = Utterance(f"u{self.n_utterances}")
            n = value // wire.sample_bytes * wire.sample_bytes if what == "bytes" else value * wire.frame_bytes()
            self.pacer.add(self.utterance, bytes(range(256)) * (n // 256) + bytes(n % 256))
        elif what == "end" and not self.utterance.ended and self.utterance.queued:
            self.pacer.end(self.utterance)
        elif what == "acknowledged" and self.clock.position:
            self.n_marks += 1
            self.clock.expect(str(self.n_marks))
            self.clock.acknowledged(str(self.n_marks), now + 0.3)
        elif what == "round_trip":
            self.clock.learn_round_trip(value)

    def poll(self, now):
        if self.short and self.pacer.queue:
            utterance = self.pacer.queue[0]
            frame = self.pacer.steady(now)
            if frame is not None:
                self.n_short += 1
                return [(utterance.name, frame, False)]
        return [(utterance.name, frames, last) for utterance, frames, last in self.pacer.take(now)]

    def state(self):
        pacer, clock = self.pacer, self.clock
        return (
            [getattr(pacer, n) for n in ("queued", "sent_until", "frames", "sends", "late_sum_s", "late_max_s")],
            [pacer.lead_s, pacer.underruns, pacer.waiting, [(u.name, u.queued, u.sent, u.end) for u in pacer.queue]],
            [clock.position, [[getattr(s, n) for n in STRETCH] for s in clock.stretches]],
            [u.name for u in self.ledger.spoken],
        )


def run(wire, lead_s, todo, dt, short):
    paced = Paced(wire, lead_s, short=short)
    now, sent, states = 10.0, [], []
    for i, (what, value) in enumerate(todo):
        paced.do(what, value, now)
        paced.transport.media(20 * i, now)
        sent.append(paced.poll(now))
        states.append(paced.state())
        now += dt + (value if what == "stall" else 0.0)
    return sent, states, paced.n_short


@given(
    steps, st.sampled_from(PLIVO_FORMATS), st.sampled_from([0.0, 0.1, 0.4, None]), st.sampled_from([0.02, 0.019, 0.005])
)
def test_random_schedules(todo, wire, lead_s, dt):
    short, long = (run(wire, lead_s, todo, dt, way) for way in (True, False))
    assert short[:2] == long[:2]


def test_a_synthesiser_in_real_time_goes_the_short_way():
    todo = [("frames", 20)] + [("frame", 1)] * 200
    short, long = (run(PLIVO_FORMATS[0], 0.4, todo, 0.02, way) for way in (True, False))
    assert short[:2] == long[:2]
    assert short[2] > 150
    assert long[2] == 0


@pytest.mark.parametrize("lead_ms", [400, 5000, None])
def test_what_could_not_go_before_is_not_late(lead_ms):
    """Filling the lead, and a synthesiser that has nothing more yet, are no stalls of the driver."""
    session = Session(lead_ms=lead_ms)
    session.receive('{"event":"start","start":{"streamId":"s"}}', 0.0)
    session.play(np.zeros(8000 * 6, np.int16), name="a")
    session.poll(0.0)
    slow = session.play(np.zeros(160, np.int16), end=False)
    now = 10.0
    for _ in range(100):
        session.play(np.zeros(160, np.int16), utterance=slow, end=False)
        while session.next_poll <= now:
            session.poll(now)
        now += 0.02
    session.interrupt(now)
    session.play(np.zeros(8000, np.int16))
    session.poll(now)
    # The first utterance had been waiting until the loop came back at 10 s, unless all of it had left.
    expected = {400: 10.0, 5000: 10.0, None: 0.0}[lead_ms]
    assert session.stats.send_late_max_ms == pytest.approx(expected * 1000, abs=30)


@pytest.mark.parametrize("stall_s", [0.05, 0.3, 2.0])
def test_a_stall_is_as_late_as_it_was_long(stall_s):
    session = Session()
    session.receive('{"event":"start","start":{"streamId":"s"}}', 0.0)
    session.play(np.zeros(80_000, np.int16))
    now = 0.0
    while session.queued_ms > 5000:
        session.poll(now)
        now = session.next_poll
    assert session.stats.send_late_max_ms == pytest.approx(0, abs=0.01)
    session.poll(now + stall_s)
    assert session.stats.send_late_max_ms == pytest.approx(stall_s * 1000, abs=0.01)
