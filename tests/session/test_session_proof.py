"""The proof: a session and the emulated carrier joined on virtual time, over networks that stall and bunch.

The carrier's player is the truth; each random call plays, interrupts and presses keys.
"""

import json
import math
import random
import statistics

import numpy as np
import pytest

from voiceband.emulator import Call
from voiceband.emulator.run.virtual import VirtualCall
from voiceband.formats import PLIVO_FORMATS, PLIVO_MULAW_8K
from voiceband.session import Audio, Cleared, Drained, Played, Session


class Path:
    """One direction of a TCP connection: a fixed way, jitter, stalls that hold everything up; never out of order."""

    def __init__(self, rng, way_s, jitter_s=0.0, stalls_per_min=0.0, stall_s=0.0):
        self.rng, self.way_s, self.jitter_s = rng, way_s, jitter_s
        self.stalls = []
        t = 0.0
        while stalls_per_min and t < 700:
            t += rng.expovariate(stalls_per_min / 60)
            self.stalls.append((t, t + rng.uniform(0.02, stall_s)))
        self.last = -math.inf

    def arrival(self, now):
        at = now + self.way_s + self.rng.uniform(0, self.jitter_s)
        for begin, end in self.stalls:
            if begin <= at < end:
                at = end
        self.last = max(at, self.last)
        return self.last


class Paths:
    """A path each way, as a network."""

    def __init__(self, there, back):
        self.there, self.back = there, back

    def arrival(self, send_s, n_bytes, way):
        return (self.back if way == "sent" else self.there).arrival(send_s)

    def backlog_s(self, now):
        return 0.0

    def agent_time(self, carrier_s):
        return carrier_s

    carrier_time = agent_time


class Joined(VirtualCall):
    """A session and a carrier on virtual time; the agent's loop can stall."""

    def __init__(self, call, session, there, back):
        self.session, self.events = session, []
        super().__init__(call, session, Paths(there, back), on_events=self.keep)

    def keep(self, events, now):
        self.events += [(now, event) for event in events]

    def flush(self):
        self.send(self.session.poll(self.now))

    def truth_ms(self):
        return self.call.player.played(self.now) / (self.call.player.bytes_per_s / 1000)


def random_call(seed, seconds=20.0, *, clean=False, session=None, events=None):
    """Run one call; return readings (error, bound), and check all that must hold exactly.

    A list as `events` gets what the session told.
    """
    rng = random.Random(seed)
    audio_format = rng.choice(PLIVO_FORMATS)
    delay_ms = rng.choice([100, 200, 250, 300, 400])
    if clean:
        there, back = Path(rng, 0.025), Path(rng, 0.025)
    else:
        ways = rng.uniform(0.005, 0.075), rng.uniform(0.005, 0.075)
        kind = rng.choice(["jitter", "stalls", "both"])
        jitter = 0.0 if kind == "stalls" else rng.uniform(0, 0.04)
        stalls = 0.0 if kind == "jitter" else rng.uniform(1, 10)
        there, back = (Path(rng, way, jitter, stalls, 0.3) for way in ways)
    call, session = Call(audio_format, playout_delay_ms=delay_ms), session or Session()
    joined = Joined(call, session, there, back)
    if events is not None:
        joined.events = events
    said = np.random.default_rng(seed).integers(-9000, 9000, int(seconds * audio_format.sample_rate), np.int16)
    call.say(said)
    joined.run(0.3)
    readings, finals = [], []
    unsettled, utterances = [], []
    base_ms = 0.0  # what the player had played at the latest clear
    open_utterance = None
    while joined.now < seconds:
        action = rng.random()
        rate = audio_format.sample_rate
        if action < 0.35 and session.queued_ms < 15_000:
            pcm = np.full(int(rng.uniform(0.02, 4) * rate), 3000, np.int16)
            utterances.append(session.play(pcm, rate))
        elif action < 0.45:
            pcm = np.full(int(rng.uniform(0.01, 1) * rate), 3000, np.int16)
            if open_utterance is None or open_utterance.ended:
                open_utterance = session.play(pcm, rate, end=False)
                utterances.append(open_utterance)
            else:
                session.play(pcm, rate, utterance=open_utterance, end=rng.random() < 0.7)
        elif action < 0.50 and (open_utterance is None or open_utterance.ended):
            session.send_dtmf("1")
        elif action < 0.62 and joined.now >= joined.stalled_until:
            truth = joined.truth_ms() - base_ms
            sent_before = call_bytes(call)
            heard = session.interrupt(joined.now)
            readings.append((abs(heard.heard_ms - truth), heard.heard_error_ms))
            for u in heard.utterances:
                assert abs(u.heard_ms + u.cleared_ms + u.unsent_ms - u.queued_ms) < 1e-6
                assert u.audio_end_ms <= u.queued_ms
            for u in utterances:
                assert u.heard + u.cleared + (u.queued - u.sent) == u.queued
            texts = session.poll(joined.now)
            assert json.loads(texts[0])["event"] == "clearAudio"
            assert not any('"playAudio"' in t for t in texts)
            joined.send(texts)
            assert sent_before == call_bytes(call)
            utterances.clear()
            unsettled.append(len(joined.events))
            answered = [e for _, e in joined.events if isinstance(e, Cleared)]
            while len([e for _, e in joined.events if isinstance(e, Cleared)]) == len(answered):
                joined.run(joined.now + 0.05)
            final = next(e for _, e in reversed(joined.events) if isinstance(e, Cleared))
            finals.append((abs(final.heard.heard_ms - (joined.truth_ms() - base_ms)), final.heard.heard_error_ms))
            base_ms = joined.truth_ms()
        elif action < 0.68 and not clean:
            joined.stalled_until = max(joined.stalled_until, joined.now + rng.uniform(0.02, 0.35))
        if joined.now >= joined.stalled_until:
            joined.flush()
        joined.run(joined.now + rng.uniform(0.02, 1.0))
        if joined.now >= joined.stalled_until:
            heard = session.heard(joined.now)
            readings.append((abs(heard.heard_ms - (joined.truth_ms() - base_ms)), heard.heard_error_ms))
    # The end: everything is said, and drained only when it was heard.
    if open_utterance is not None and not open_utterance.ended:
        session.play(np.zeros(0, np.int16), utterance=open_utterance)
    joined.run(max(joined.now, joined.stalled_until))
    session.drain()
    joined.flush()
    while not any(isinstance(e, Drained) for _, e in joined.events):
        joined.run(joined.now + 0.1)
    at, drained = next((t, e) for t, e in joined.events if isinstance(e, Drained))
    assert not drained.by_clock
    total = sum(len(run.data) for run in call.player.runs)
    assert call.player.played(at) == total
    # The caller: nothing lost, nothing twice.
    joined.run(joined.now + 1.5)
    got = np.concatenate([e.samples for _, e in joined.events if isinstance(e, Audio)])
    assert not any(e.concealed for _, e in joined.events if isinstance(e, Audio))
    spoken = audio_format.decode(bytes(call.spoken))
    np.testing.assert_array_equal(got, spoken[: len(got)])
    assert len(spoken) - len(got) <= 0.5 * audio_format.sample_rate
    assert call.problems == []
    return readings, finals


def call_bytes(call):
    return sum(len(run.data) for run in call.player.runs)


def test_what_was_heard_is_within_its_bound(dose):
    readings, finals = [], []
    for seed in range(dose(200, 2000)):
        r, f = random_call(seed)
        readings += r
        finals += f
    assert len(readings) > 2000
    assert len(finals) > 200
    # A sample of rounding on both sides.
    within = [error <= bound + 0.25 for error, bound in readings]
    assert sum(within) / len(within) >= 0.99
    within = [error <= bound + 0.25 for error, bound in finals]
    assert sum(within) / len(within) >= 0.99


def test_on_a_clean_path_the_bound_is_tight(dose):
    bounds = []
    for seed in range(dose(20, 200)):
        readings, _ = random_call(10_000 + seed, clean=True)
        assert all(error <= bound + 0.25 for error, bound in readings)
        bounds += [bound for _, bound in readings]
    assert statistics.median(bounds) <= 40


@pytest.mark.parametrize("ways", [(0.02, 0.3), (0.3, 0.02), (0.15, 0.15), (0.15, 0.3), (0.3, 0.3)])
@pytest.mark.parametrize("jitter", [0.0, 0.04])
def test_what_was_heard_over_a_long_way_is_within_its_bound(ways, jitter, dose):
    """Before a round trip has been measured nothing says how far the far end is: the bound has to allow for it."""
    early, within = [], []
    # Before the first acknowledgement, 600 ms from sending to sound are allowed for.
    delays = [delay for delay in (100, 200, 250, 300, 400) if delay / 1000 + ways[0] < 0.56]
    for seed in range(dose(2, 40)):
        rng = random.Random(seed)
        call, session = Call(playout_delay_ms=rng.choice(delays)), Session()
        joined = Joined(call, session, *(Path(rng, way, jitter) for way in ways))
        joined.run(1.0)
        session.play(np.full(rng.randrange(4000, 32000), 3000, np.int16), 8000)
        while joined.now < 9:
            joined.run(joined.now + 0.05)
            heard = session.heard(joined.now)
            within.append(abs(heard.heard_ms - joined.truth_ms()) <= heard.heard_error_ms + 0.25)
            if session.stats.round_trip_ms is None and session.stats.playout_delay_ms is not None:
                early.append(heard.heard_error_ms)
            if rng.random() < 0.02 and session.queued_ms < 2000:
                session.play(np.full(rng.randrange(800, 16000), 3000, np.int16), 8000)
        # An interruption before any round trip is known is settled as well.
        call, session = Call(playout_delay_ms=200), Session()
        joined = Joined(call, session, *(Path(rng, way, jitter) for way in ways))
        joined.run(1.0)
        session.play(np.full(32000, 3000, np.int16), 8000)
        joined.run(2.0 + rng.random())
        truth = joined.truth_ms()
        heard = session.interrupt(joined.now)
        assert abs(heard.heard_ms - truth) <= heard.heard_error_ms + 0.25
        joined.run(joined.now + 2.0)
        (final,) = [e.heard for _, e in joined.events if isinstance(e, Cleared)]
        assert abs(final.heard_ms - joined.truth_ms()) <= final.heard_error_ms + 0.25
    assert sum(within) / len(within) >= 0.99
    assert early


def test_stalls_of_the_loop_are_not_heard(dose):
    for seed in range(dose(10, 100)):
        rng = random.Random(seed)
        call, session = Call(), Session()
        joined = Joined(call, session, Path(rng, 0.025, 0.01), Path(rng, 0.025, 0.01))
        session.play(np.full(240_000, 5000, np.int16), 8000)
        joined.run(0.1)
        while joined.now < 30:
            joined.stalled_until = joined.now + rng.uniform(0.0, 0.35)
            joined.run(joined.stalled_until + rng.choice([0.0, 0.001, 0.1]))
        joined.run(32.0)
        assert call.player.gaps == []
        assert [len(run.data) for run in call.player.runs] == [240_000]


def test_ten_minutes_drift_by_less_than_a_frame():
    rng = random.Random(1)
    call, session = Call(), Session(max_queued_ms=700_000)
    joined = Joined(call, session, Path(rng, 0.025, 0.02), Path(rng, 0.025, 0.02))
    session.play(b"\x55" * 4_800_000, format=PLIVO_MULAW_8K, name="long")
    depths = []
    while joined.now < 598:
        joined.run(joined.now + 1.0)
        depths.append(call.player.queued_s(joined.now))
    assert call.player.gaps == []
    assert len(call.player.runs) == 1
    assert max(depths[1:]) - min(depths[1:]) <= 0.02 + 0.02 + 0.02  # a frame, and the path's jitter both ways
    assert abs(statistics.mean(depths[5:50]) - statistics.mean(depths[-50:])) <= 0.02
    joined.run(602)
    assert [e for _, e in joined.events if isinstance(e, Played)] == [Played("long", True)]
