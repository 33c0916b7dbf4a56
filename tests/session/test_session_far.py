"""What sounds at the caller's ear, against what the emulated carrier's player really has played."""

import gc
import random
import tracemalloc

import numpy as np
import pytest

from _support.joined import Joined, Path
from _support.session_calls import open_session, tone
from voiceband import ulaw_decode, ulaw_encode
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.session import Session
from voiceband.session.outbound.far import FarEnd

FRAME = 160


def ramp(n, first=1):
    """Return samples that say where in the speech they are."""
    return np.arange(first, first + n).astype(np.int16)


def heard_at(far):
    """Return the place in the speech that sounds last, or None in silence."""
    return int(far.samples[-1]) or None


@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_the_player_plays_within_the_bound(seed):
    rng = random.Random(seed)
    paths = [Path(rng, rng.uniform(0.01, 0.08), 0.02) for _ in range(2)]
    session = Session(guard=False, far=True)
    joined = Joined(session, *paths, wire=PLIVO_L16_8K, playout_delay_ms=rng.choice([100, 200, 300]), seed=seed)
    joined.run(0.5)
    session.play(ramp(28_000), 8000, end=True)
    checked = []
    while joined.now < 4.5:
        joined.run(joined.now + 0.02)
        far = session.far(joined.now)
        truth = joined.truth_ms() * 8  # samples played
        assert (len(far.samples), far.rate) == (FRAME, 8000)
        assert far.start_ms == pytest.approx(joined.now * 1000 - 20)
        if heard_at(far) is not None:
            assert abs(heard_at(far) - truth) <= far.bound_ms * 8 + 2
            checked.append(far.bound_ms)
        else:  # before it begins, or behind its end
            assert truth <= far.bound_ms * 8 + 2 or truth >= 28_000 - far.bound_ms * 8 - FRAME
    assert len(checked) > 150
    # Behind the first utterance a round trip is measured, and the next one is known better.
    session.play(ramp(8000), 8000, end=True)
    joined.run(joined.now + 0.7)
    assert 0 < session.far(joined.now).bound_ms < checked[-1]


def test_longer_pieces_are_the_same_samples():
    session = Session(guard=False, far=True)
    joined = Joined(session, *(Path(random.Random(1), 0.02) for _ in range(2)), wire=PLIVO_L16_8K)
    joined.run(0.5)
    session.play(ramp(12_000), 8000, end=True)
    joined.run(2.2)
    whole = session.far(joined.now, 1000)
    parts = [session.far(joined.now - (49 - k) * 0.02).samples for k in range(50)]
    assert np.array_equal(np.concatenate(parts), whole.samples)
    steps = np.diff(whole.samples.astype(int))
    assert set(steps[whole.samples[1:] != 0]) <= {1, whole.samples[whole.samples != 0][0]}


def test_what_is_cleared_does_not_sound_and_what_comes_next_does():
    session = Session(guard=False, far=True)
    joined = Joined(session, *(Path(random.Random(1), 0.02) for _ in range(2)), wire=PLIVO_L16_8K)
    joined.run(0.5)
    session.play(ramp(20_000), 8000, end=True)
    joined.run(1.5)
    before = session.far(joined.now)
    assert heard_at(before) is not None
    cleared_at = joined.now
    session.interrupt(cleared_at)
    joined.flush()
    session.play(-ramp(8000), 8000, end=True)
    joined.run(cleared_at + 0.1)
    assert not session.far(joined.now).samples.any()
    last = session.far(cleared_at + 0.05, 100).samples
    assert last[last != 0].max() <= heard_at(before) + 8 * 40  # what was on the way there when it was cleared
    joined.run(cleared_at + 0.8)
    after = session.far(joined.now, 20)
    assert (after.samples < 0).all()
    # What had sounded before the clear is still known, for two seconds.
    assert np.array_equal(session.far(cleared_at).samples, before.samples)
    joined.run(cleared_at + 2.5)
    session.far(joined.now)
    assert not session.far(cleared_at).samples.any()


def test_two_seconds_are_kept_however_long_the_call_is():
    session = open_session(PLIVO_MULAW_8K, guard=False, lead_ms=200, far=True)
    tracemalloc.start()
    try:
        for k in range(3000):
            if k == 1500:
                half = tracemalloc.get_traced_memory()[0]
            if k % 50 == 0:
                session.play(tone(8000, 1), 8000)
            session.poll(k * 0.02)
            if k % 400 == 399:
                session.interrupt(k * 0.02)
        grown = tracemalloc.get_traced_memory()[0] - half
    finally:
        tracemalloc.stop()
    assert grown < 60_000  # of the 240 kB that were sent meanwhile
    far = session.far(3000 * 0.02, 2000)
    assert len(far.samples) == 16_000
    assert far.samples.any()


@pytest.mark.parametrize("wire", [PLIVO_MULAW_8K, PLIVO_L16_16K])
def test_it_is_the_wires_samples(wire):
    rate = wire.sample_rate
    session = open_session(wire, guard=False, far=True)
    x = tone(rate, 1)
    session.play(x, rate, end=True)
    for k in range(100):
        session.poll(k * 0.02)
    found = session.far(2.0, 2000).samples
    sounding = found[np.flatnonzero(found)[0] :][: rate // 2]
    expected = ulaw_decode(ulaw_encode(x)) if wire is PLIVO_MULAW_8K else x
    first = np.flatnonzero(expected)[0]
    assert np.array_equal(sounding, expected[first : first + rate // 2])


def test_before_anything_is_said_it_is_silence():
    session = Session(far=True)
    far = session.far(1.0, 40)
    assert (len(far.samples), far.start_ms, far.bound_ms, far.rate) == (320, 960.0, 0.0, 8000)
    assert not far.samples.any()
    session = open_session(PLIVO_L16_16K, far=True)
    assert (len(session.far(1.0).samples), session.far(1.0).rate) == (320, 16000)
    for ms in (0, 2001, float("nan")):
        with pytest.raises(ValueError, match="ms must be"):
            session.far(1.0, ms)
    with pytest.raises(ValueError, match="now"):
        session.far(float("nan"))


def test_barge_in_keeps_it_too():
    session = open_session(PLIVO_MULAW_8K, guard=False, barge_in=True)
    session.play(tone(8000, 1), 8000, end=True)
    for k in range(50):
        session.poll(k * 0.02)
    assert session.far(1.0, 500).samples.any()


def far_ends():
    gc.collect()
    return sum(isinstance(one, FarEnd) for one in gc.get_objects())


def test_nothing_is_kept_for_those_that_do_not_want_it():
    session = Session(guard=False)
    with pytest.raises(RuntimeError, match="far=True"):
        session.far(0.0)
    kept = far_ends()
    session = open_session(PLIVO_MULAW_8K, guard=False)
    session.play(tone(8000, 1), 8000)
    session.poll(0.0)
    with pytest.raises(RuntimeError, match="far=True"):
        session.far(0.1)
    assert far_ends() == kept
    session.interrupt(0.2)
    with pytest.raises(TypeError, match="far must be"):
        Session(far=1)
