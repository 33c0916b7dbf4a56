"""Messages from behind: reordered and repeated ones never move the audio, a restart of the numbers goes on with it."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from _support.dose import dose
from voiceband import JitterBuffer, Timeline
from voiceband.dsp.jitter import Push, SegmentKind

RATE, N = 8000, 160
NUMBERS = {
    "both": lambda k: (k, 20 * k),
    "text": lambda k: (str(k), str(1705312200000 + 20 * k)),
    "chunks": lambda k: (k, None),
    "stamps": lambda k: (None, 5000 + 20 * k),
    "wrap": lambda k: ((65530 + k) % 65536, 20 * k),
    "long wrap": lambda k: ((2**32 - 4 + k) % 2**32, 20 * k),
}
numbers = pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS)
ORDERS = {
    "reordered": ([0, 1, 5, 2, 3, 4, 6, 7], {2, 3, 4}),
    "repeated batch": ([*range(10), *range(6, 12)], set()),
    "late after repeats": ([*range(12), 14, *range(4, 15), 15, 12, 13, 16], {12, 13}),
    "one long batch": ([*range(120), *range(2, 121)], set()),
}


def frame(k: int) -> np.ndarray:
    """No two alike."""
    return np.random.default_rng(k).integers(-3000, 3000, N).astype(np.int16)


def lay(segments):
    """What was received: the message numbers on the line of frames; -1 where it was filled."""
    line = []
    for s in segments:
        assert s.start_sample == N * len(line)
        for at in range(0, len(s.pcm), N):
            line.append(s.pcm[at : at + N] if s.kind is SegmentKind.AUDIO else None)
    return line


@numbers
@pytest.mark.parametrize("order", ORDERS)
def test_a_timeline_stays_in_order(numbers, order):
    sent, late = ORDERS[order]
    timeline = Timeline(RATE)
    line = lay([s for k in sent for s in timeline.push(*numbers(k), frame(k), arrival=0.0)])
    assert len(line) == max(sent) + 1
    for k, got in enumerate(line):
        assert got is None if k in late else np.array_equal(got, frame(k))
    s = timeline.stats
    assert (s.epochs, s.late, s.duplicates) == (0, len(late), len(sent) - len(line))


@numbers
@pytest.mark.parametrize("order", ORDERS)
def test_a_jitter_buffer_puts_everything_in_its_place(numbers, order):
    sent, _ = ORDERS[order]
    buffer = JitterBuffer(RATE, mode="fixed", delay_ms=200)
    count, sound = max(sent) + 1, []
    at, newest = 0.0, -1
    for k in sent:
        newest = max(newest, k)
        at = 0.02 * newest
        assert buffer.push(*numbers(k), frame(k), arrival=at) in (Push.OK, Push.DUPLICATE)
        while len(sound) <= newest:
            sound.append(buffer.pull(0.02 * len(sound)).pcm)
    while len(sound) < count + 10:
        sound.append(buffer.pull(0.02 * len(sound)).pcm)
    assert np.array_equal(np.concatenate(sound[10:]), np.concatenate([frame(k) for k in range(count)]))
    s = buffer.stats
    assert (s.epochs, s.late, s.duplicates) == (0, 0, len(sent) - count)


@st.composite
def deliveries(draw):
    """A stream of which every message comes within k <= 8 places of its own, with repeats of any earlier batch."""
    count, k = draw(st.integers(2, 240)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    order = [i for start in range(0, count, k) for i in start + rng.permutation(min(k, count - start))]
    out, done = [], 0
    for at in sorted(rng.integers(1, count + 1, draw(st.integers(0, 4)))):
        out += order[done:at]
        first = int(rng.integers(0, at))
        out += order[first : int(rng.integers(first, at)) + 1]
        done = int(at)
    return [int(i) for i in out + order[done:]]


@settings(max_examples=dose(60, 3000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deliveries(), st.sampled_from(list(NUMBERS.values())))
def test_no_disorder_moves_or_repeats_audio(sent, numbers):
    timeline = Timeline(RATE)
    line = lay([s for k in sent for s in timeline.push(*numbers(k), frame(k))])
    first, newest, in_time = sent[0], -1, set()
    for k in sent:
        if k > newest:
            newest = k
            in_time.add(k)
    assert len(line) == max(sent) - first + 1
    for k, got in enumerate(line, first):
        assert np.array_equal(got, frame(k)) if k in in_time else got is None
    s = timeline.stats
    assert s.epochs == 0
    assert s.messages == len(in_time) + s.late + s.duplicates


@pytest.mark.parametrize("pushed", [60, 200, 1000])
@pytest.mark.parametrize("clock", ["anew", "going on", "absent"])
def test_a_restart_of_the_counter_after_a_second_loses_nothing(pushed, clock):
    for make in (Timeline, JitterBuffer):
        target = make(RATE)
        for k in range(pushed):
            target.push(1 + k, None if clock == "absent" else 20 * k, frame(k), arrival=0.02 * k)
        for k in range(5):
            stamp = {"anew": 20 * k, "going on": 20 * (pushed + k), "absent": None}[clock]
            got = target.push(1 + k, stamp, frame(5000 + k), arrival=0.02 * (pushed + k))
            if make is Timeline:
                (segment,) = got
                assert (segment.start_sample, segment.epoch) == ((pushed + k) * N, 1)
            else:
                assert got is (Push.OK if k else Push.EPOCH)
        assert (target.stats.epochs, target.stats.late, target.stats.duplicates) == (1, 0, 0)


@pytest.mark.parametrize("stamped", [True, False])
def test_a_close_restart_with_other_audio_loses_two_messages_at_most(stamped):
    timeline = Timeline(RATE)
    for k in range(8):
        timeline.push(1 + k, 20 * k if stamped else None, frame(k))
    got = [len(timeline.push(1 + k, 20 * k if stamped else None, frame(100 + k))) for k in range(6)]
    assert got == [0, 0, 1, 1, 1, 1]
    assert timeline.stats.epochs == 1


def test_a_fresh_timestamp_on_a_counter_that_is_back_is_a_restart_at_once():
    timeline = Timeline(RATE)
    for k in range(10):
        timeline.push(k, 100 + 20 * k, frame(k))
    assert [len(timeline.push(k, 7 + 20 * k, frame(50 + k))) for k in range(3)] == [1, 1, 1]
    assert (timeline.stats.epochs, timeline.next_sample) == (1, 13 * N)


def test_a_restart_that_looks_like_a_repeat_ends_where_it_passes_the_old_head():
    timeline = Timeline(RATE)
    for k in range(6):
        timeline.push(k, None, np.zeros(N, np.int16))
    assert [len(timeline.push(k, None, np.zeros(N, np.int16))) for k in range(8)] == [0] * 6 + [1] * 2
    assert (timeline.stats.duplicates, timeline.stats.epochs, timeline.next_sample) == (6, 0, 8 * N)


@pytest.mark.parametrize("stray", [(600, 12000), (3, 60), (1, 20), (9000, 99), (None, -5000), (1000, -1e9)])
def test_one_stray_message_moves_the_audio_by_no_more_than_itself(stray):
    timeline = Timeline(RATE)
    for k in range(950, 1001):
        timeline.push(k, 20 * k, frame(k))
    before = timeline.next_sample
    given_ = sum(len(s.pcm) for s in timeline.push(*stray, frame(7)))
    assert given_ in (0, N)
    for k in range(1001, 1010):
        (segment,) = timeline.push(k, 20 * k, frame(k))
        assert segment.kind is SegmentKind.AUDIO
    assert timeline.next_sample == before + given_ + 9 * N


def test_timestamps_that_begin_late_are_no_restart():
    timeline = Timeline(RATE)
    for k in range(20):
        timeline.push(k, 20 * k if k > 9 else None, frame(k))
    for k in range(20):
        assert timeline.push(k, 20 * k, frame(k)) == []
    assert (timeline.stats.epochs, timeline.next_sample) == (0, 20 * N)
