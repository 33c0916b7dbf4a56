"""A session and the emulated carrier joined on virtual time, over networks that stall and bunch."""

import json
import math
import random

import numpy as np

from _support.one_stream import OneStream
from voiceband.formats import PLIVO_FORMATS
from voiceband.session import Audio, Cleared, Drained, Session


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

    skewed = False

    def __init__(self, there, back):
        self.there, self.back = there, back

    def arrival(self, send_s, n_bytes, way):
        return (self.back if way == "sent" else self.there).arrival(send_s)

    def backlog_s(self, now):
        return 0.0


class Joined(OneStream):
    """A session and a carrier on virtual time; the agent's loop can stall."""

    def __init__(self, session, there, back, **options):
        self.session, self.events = session, []
        super().__init__(session, Paths(there, back), on_events=self.keep, **options)

    def keep(self, events, now):
        self.events += [(now, event) for event in events]

    def flush(self):
        self.send(self.session.poll(self.now))

    def truth_ms(self):
        return self.stream.player.played(self.now) / (self.stream.player.bytes_per_s / 1000)


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
    session = session or Session()
    joined = Joined(session, there, back, wire=audio_format, playout_delay_ms=delay_ms, seed=seed)
    call = joined.stream
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
            utterances.append(session.play(pcm, rate, end=True))
        elif action < 0.45:
            pcm = np.full(int(rng.uniform(0.01, 1) * rate), 3000, np.int16)
            if open_utterance is None or open_utterance.ended:
                open_utterance = session.play(pcm, rate)
                utterances.append(open_utterance)
            else:
                session.play(pcm, rate, end=rng.random() < 0.7)
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
        session.play(np.zeros(0, np.int16), end=True)
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
