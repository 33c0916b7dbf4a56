"""The proof: a session and the emulated carrier joined on virtual time, over networks that stall and bunch.

The carrier's player is the truth; each random call plays, interrupts and presses keys.
"""

import random
import statistics

import numpy as np
import pytest

from _support.joined import Joined, Path, random_call
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.session import Cleared, Played, Session


def test_what_was_heard_is_within_its_bound(dose):
    readings, finals = [], []
    for seed in range(dose(15, 2000)):
        r, f = random_call(seed)
        readings += r
        finals += f
    assert len(readings) > dose(150, 20_000)
    assert len(finals) > dose(15, 2000)
    # A sample of rounding on both sides.
    within = [error <= bound + 0.25 for error, bound in readings]
    assert sum(within) / len(within) >= 0.99
    within = [error <= bound + 0.25 for error, bound in finals]
    assert sum(within) / len(within) >= 0.99


def test_on_a_clean_path_the_bound_is_tight(dose):
    bounds = []
    late_tails = [56, 65, 82]  # checkpoints behind what has been played long ago say when that was at the latest only
    for seed in sorted({*range(dose(5, 200)), *late_tails}):
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
        session = Session()
        joined = Joined(session, *(Path(rng, way, jitter) for way in ways), playout_delay_ms=rng.choice(delays))
        joined.run(1.0)
        session.play(np.full(rng.randrange(4000, 32000), 3000, np.int16), 8000, end=True)
        while joined.now < 9:
            joined.run(joined.now + 0.05)
            heard = session.heard(joined.now)
            within.append(abs(heard.heard_ms - joined.truth_ms()) <= heard.heard_error_ms + 0.25)
            if session.stats.round_trip_ms is None and session.stats.playout_delay_ms is not None:
                early.append(heard.heard_error_ms)
            if rng.random() < 0.02 and session.queued_ms < 2000:
                session.play(np.full(rng.randrange(800, 16000), 3000, np.int16), 8000, end=True)
        # An interruption before any round trip is known is settled as well.
        session = Session()
        joined = Joined(session, *(Path(rng, way, jitter) for way in ways), playout_delay_ms=200)
        joined.run(1.0)
        session.play(np.full(32000, 3000, np.int16), 8000, end=True)
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
        session = Session()
        joined = Joined(session, Path(rng, 0.025, 0.01), Path(rng, 0.025, 0.01))
        call = joined.stream
        session.play(np.full(240_000, 5000, np.int16), 8000, end=True)
        joined.run(0.1)
        while joined.now < 30:
            joined.stalled_until = joined.now + rng.uniform(0.0, 0.35)
            joined.run(joined.stalled_until + rng.choice([0.0, 0.001, 0.1]))
        joined.run(32.0)
        assert call.player.gaps == []
        assert [len(run.data) for run in call.player.runs] == [240_000]


def test_minutes_drift_by_less_than_a_frame(dose):
    length_s = 60 * dose(2, 10)
    rng = random.Random(1)
    session = Session(max_queued_ms=700_000)
    joined = Joined(session, Path(rng, 0.025, 0.02), Path(rng, 0.025, 0.02))
    call = joined.stream
    session.play(b"\x55" * (8000 * length_s), format=PLIVO_MULAW_8K, name="long", end=True)
    depths = []
    while joined.now < length_s - 2:
        joined.run(joined.now + 1.0)
        depths.append(call.player.queued_s(joined.now))
    assert call.player.gaps == []
    assert len(call.player.runs) == 1
    assert max(depths[1:]) - min(depths[1:]) <= 0.02 + 0.02 + 0.02  # a frame, and the path's jitter both ways
    assert abs(statistics.mean(depths[5:50]) - statistics.mean(depths[-50:])) <= 0.02
    joined.run(length_s + 2)
    assert [e for _, e in joined.events if isinstance(e, Played)] == [Played("long", True)]
