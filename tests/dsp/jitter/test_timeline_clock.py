"""Timestamps that scatter, jump, wrap or contradict the chunks: no audio is lost, and the place follows the sender."""

import numpy as np
import pytest

from voiceband import JitterBuffer, Timeline
from voiceband.dsp.jitter import Push, SegmentKind

RATE, N = 8000, 160
STUCK = 9


def audio(n: int = N, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([n, seed]).integers(-9000, 9000, n).astype(np.int16)


def shape(messages, rate: int = RATE) -> str:
    """A for every message that is handed on, the ms of every fill, - for what is dropped."""
    timeline, out = Timeline(rate), []
    for k, (chunk, stamp, *n) in enumerate(messages):
        got = timeline.push(chunk, stamp, audio(*n, seed=k) if n else audio(seed=k))
        out.append("".join("A" if s.kind is SegmentKind.AUDIO else f"{len(s.pcm) * 1000 // rate}+" for s in got) or "-")
    assert timeline.stats.epochs == 0
    return " ".join(out)


def stream(timeline, count, size_ms, lost, *, seed=0, scatter=0.0, chunks=True, ppm=0.0):
    """How far every message is from its true place, in ms."""
    rng, errors, at = np.random.default_rng(seed), [], 0
    for k in range(count):
        n = 8 * size_ms(k)
        if not (k and lost(k, rng)):
            stamp = 1.7e12 + at / 8 * (1 + ppm * 1e-6) + rng.uniform(-scatter, scatter)
            segments = timeline.push(k if chunks else None, stamp, audio(n, seed=k))
            assert len(segments[-1].pcm) == n
            errors.append((segments[-1].start_sample - at) / 8)
        at += n
    return np.array(errors)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("missing", [20, 30, 40, 100])
def test_a_hole_shorter_than_half_a_message_is_seen_by_timestamps_alone(rate, missing):
    n = 100 * rate // 1000
    assert shape([(None, 0, n), (None, 100 + missing, n)], rate) == f"A {missing}+A"


def test_holes_of_10_ms_are_seen_once_the_timestamps_are_known_to_be_exact():
    stamps = [60 * k for k in range(12)]
    stamps += [stamps[-1] + 70 + 60 * k for k in range(3)]
    assert shape([(None, t, 480) for t in stamps]) == "A " * 12 + "10+A A A"


@pytest.mark.parametrize("chunks", [True, False])
def test_missing_short_messages_among_long_ones_add_up_to_nothing(chunks):
    errors = stream(Timeline(RATE), 1000, lambda k: 20 if k % 2 else 60, lambda k, _: k % 10 == 1, chunks=chunks)
    assert not errors.any()


@pytest.mark.parametrize("seed", range(4))
def test_scattered_timestamps_move_nothing_where_chunks_count(seed):
    errors = stream(Timeline(RATE), 3000, lambda _: 20, lambda _, rng: rng.random() < 0.05, seed=seed, scatter=8.0)
    assert not errors.any()


@pytest.mark.parametrize("seed", range(4))
def test_messages_of_changing_size_with_scattered_timestamps_stay_near_their_place(seed):
    size = np.random.default_rng(seed).choice([10, 20, 30, 60], 3000)
    errors = stream(Timeline(RATE), 3000, lambda k: size[k], lambda _, r: r.random() < 0.05, seed=seed, scatter=8.0)
    assert np.abs(errors).max() <= 40


@pytest.mark.parametrize("seed", range(4))
def test_scattered_timestamps_alone_keep_the_place_within_a_message_or_two(seed):
    timeline = Timeline(RATE)
    lost = np.random.default_rng(seed).random(3000) < 0.05
    errors = stream(timeline, 3000, lambda _: 20, lambda k, _: lost[k], seed=seed, scatter=8.0, chunks=False)
    assert np.abs(errors).max() <= 40
    assert np.abs(errors[1500:]).mean() <= 5
    assert timeline.stats.late == 0


@pytest.mark.parametrize("ppm", [-500, 0, 500])
@pytest.mark.parametrize("scatter", [0, 8])
def test_a_clock_that_drifts_or_scatters_is_no_hole(ppm, scatter):
    timeline = Timeline(RATE)
    stream(timeline, 3000, lambda _: 20, lambda *_: False, scatter=scatter, chunks=False, ppm=ppm)
    assert timeline.stats.filled_samples <= N


@pytest.mark.parametrize("stamp", [34, 46, 40])
def test_the_count_of_missing_messages_decides_where_timestamps_nearly_agree(stamp):
    assert shape([(1, 0), (3, stamp), (4, 60)]) == "A 20+A A"


@pytest.mark.parametrize(
    "messages",
    [
        [(None, t) for t in (0, 20, 24, 60)],
        [(c, t) for c, t in ((2000, 0), (2001, 20), (2000, 40), (2001, 60), (2002, 80))],
        [(c, 20 * k) for k, c in enumerate((0, 1, 4, 3, 4, 5))],
        [(1, 0)] * STUCK,
        [(1, None)] * STUCK,
        [(None, 0)] * STUCK,
        [(k, 1000) for k in range(STUCK)],
        [(1, 20 * k) for k in range(STUCK)],
    ],
    ids=["ahead", "counted back", "counted too far", "both stuck", "chunk", "timestamp", "clock stuck", "count stuck"],
)
def test_audio_that_is_no_repeat_and_not_behind_is_kept(messages):
    assert shape(messages) == " ".join("A" * len(messages))


def test_a_burst_of_wall_clock_timestamps_loses_nothing():
    assert shape([(None, t) for t in (0, 20, 40, 200, 200, 201, 201, 202)]) == "A A A 140+A A A A A"


@pytest.mark.parametrize("chunked", [True, False])
def test_a_repeat_of_what_was_kept_is_dropped(chunked):
    timeline = Timeline(RATE)
    for k in range(STUCK):
        numbers = (1 if chunked else None, 0)
        assert len(timeline.push(*numbers, audio(seed=k))) == 1
        assert timeline.push(*numbers, audio(seed=k)) == []
    assert (timeline.stats.duplicates, timeline.stats.epochs) == (STUCK, 0)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_timestamp_that_wraps_goes_on_and_its_holes_are_filled(chunked):
    messages = [(7, 2**32 - 30), (8, 2**32 - 10), (10, 30), (11, 50)]
    assert shape([(c if chunked else None, t) for c, t in messages]) == "A A 20+A A"


def test_a_jitter_buffer_bridges_short_holes_by_timestamps_alone():
    buffer = JitterBuffer(RATE, mode="fixed", delay_ms=200)
    at = 0
    for k in range(100):
        n = 20 if k % 2 else 60
        if k % 10 != 1:
            assert buffer.push(None, at, audio(8 * n), arrival=at / 1000) is Push.OK
        at += n
        while buffer.stats.played_ms < at:
            buffer.pull(buffer.stats.played_ms / 1000)
    assert buffer.stats.gaps == 10
    assert buffer.stats.conceal_ms == pytest.approx(180, abs=20)
