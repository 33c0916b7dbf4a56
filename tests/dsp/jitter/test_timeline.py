import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from _support.dose import dose
from voiceband import Timeline
from voiceband.dsp.jitter import SegmentKind

RATE = 8000
N = 160


def speechlike(n: int, seed: int = 1) -> np.ndarray:
    t = np.arange(n)
    voice = sum(2000 / h * np.sin(2 * np.pi * h * 118 * t / RATE) for h in range(1, 9))
    noise = np.random.default_rng(seed).normal(0, 60, n)
    return np.rint(voice + noise).astype(np.int16)


def frames(count: int, n: int = N) -> list[np.ndarray]:
    x = speechlike(count * n)
    return [x[k * n : (k + 1) * n] for k in range(count)]


def lay(segments: list, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Put segments on a line of samples; where is what."""
    pcm, kind = np.zeros(length, np.int64), np.zeros(length, np.int64)
    end = 0
    for s in segments:
        assert s.start_sample >= end
        end = s.start_sample + len(s.pcm)
        pcm[s.start_sample : end] = s.pcm
        kind[s.start_sample : end] = 1 if s.kind is SegmentKind.AUDIO else 2
    return pcm, kind


@pytest.mark.parametrize(("chunks", "stamps"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("text", [True, False], ids=["text", "numbers"])
@pytest.mark.parametrize("first", [0, 1, 65500, 2**32 - 40])
def test_every_sample_once_and_every_hole_to_its_length(chunks, stamps, text, first):
    modulus = 2**16 if first < 2**16 else 2**32
    rng = np.random.default_rng(first % 97)
    all_frames = frames(300)
    timeline, segments, sent = Timeline(RATE), [], []
    k = 0
    while k < 300:
        if k > 2 and k < 297 and rng.random() < 0.05:
            k += int(rng.integers(1, 9))
            continue
        chunk, stamp = (first + k) % modulus, 1705312200000 + 20 * k
        given_ = (
            (str(chunk) if text else chunk) if chunks else None,
            (str(stamp) if text else stamp) if stamps else None,
        )
        got = timeline.push(*given_, all_frames[k], arrival=0.02 * k)
        assert np.array_equal(got[-1].pcm, all_frames[k])  # at once
        segments += got
        if rng.random() < 0.1:
            assert timeline.push(*given_, all_frames[k], arrival=0.02 * k) == []
        sent.append(k)
        k += 1
    length = (max(sent) + 1) * N
    assert timeline.next_sample == length
    pcm, kind = lay(segments, length)
    for k in range(max(sent) + 1):
        place = slice(k * N, (k + 1) * N)
        if k in sent:
            assert np.array_equal(pcm[place], all_frames[k])
            assert (kind[place] == 1).all()
        else:
            assert (kind[place] == 2).all()
    assert timeline.stats.epochs == 0
    assert timeline.stats.samples == len(sent) * N
    assert timeline.stats.filled_samples == length - len(sent) * N


def test_fills():
    x = frames(12)
    fills = {}
    for fill in ("auto", "silence", None):
        timeline = Timeline(RATE, fill=fill)
        segments = [s for k in (0, 1, 2, 3, 4, 5, 7, 8) for s in timeline.push(k, 20 * k, x[k])]
        made = [s.pcm for s in segments if s.kind is SegmentKind.FILL]
        fills[fill] = made[0] if made else None
        assert segments[-1].start_sample == 8 * N
        assert timeline.stats.gaps == 1
    assert fills[None] is None
    assert not fills["silence"].any()
    error = fills["auto"] - x[6].astype(float)
    assert np.sqrt(np.mean(error**2)) < 0.2 * np.sqrt(np.mean(x[6].astype(float) ** 2))


@pytest.mark.parametrize("message_ms", [5, 8, 10, 20, 60])
def test_a_long_hole_in_noise_is_filled_with_noise_however_short_messages_are(message_ms):
    rng, timeline, n = np.random.default_rng(1), Timeline(RATE), 8 * message_ms
    chunks = [*range(4000 // message_ms), 4400 // message_ms]
    for chunk in chunks:
        segments = timeline.push(chunk, message_ms * chunk, np.rint(300 * rng.standard_normal(n)).astype(np.int16))
    fill = segments[0].pcm.astype(float)
    middle = fill[len(fill) // 2 - 400 : len(fill) // 2 + 400]
    assert 200 < np.sqrt(np.mean(middle**2)) < 450


def test_frames_of_changing_size_are_placed_by_their_timestamps():
    x = speechlike(40000)
    sizes = [80, 160, 240, 800, 320, 80, 160, 480, 160, 800] * 6
    lost = {4, 13, 14, 27, 41, 42, 43}
    timeline, at, segments = Timeline(RATE), 0, []
    for k, n in enumerate(sizes):
        if k not in lost:
            segments += timeline.push(k, at * 1000 / RATE, x[at : at + n])
        at += n
    pcm, kind = lay(segments, at)
    assert timeline.next_sample == at
    assert np.array_equal(pcm[kind == 1], x[:at][kind == 1])
    assert (kind == 2).sum() == sum(sizes[k] for k in lost)


def test_out_of_order_is_dropped_and_counted():
    x = frames(10)
    timeline = Timeline(RATE)
    for k in (0, 1, 3):
        timeline.push(k, 20 * k, x[k])
    assert timeline.push(2, 40, x[2]) == []  # its place was filled
    assert timeline.push(3, 60, x[3]) == []
    assert timeline.push(4, 80, x[4])[0].start_sample == 4 * N
    assert (timeline.stats.late, timeline.stats.duplicates) == (1, 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((900, 18000), (1, 0)),  # both restart
        ((900, 18000), (1, 18020)),  # the counter restarts
        ((900, 18000), (901, 78020)),  # the sender stopped for a minute
        ((900, 18000), (901, 20)),  # the clock restarts
        ((900, 18000), (5000, 500000)),
        ((None, 18000), (None, 60000)),
        ((None, 18000), (None, 0)),
        ((900, None), (1, None)),
        ((900, None), (90000, None)),
    ],
)
def test_restarts_and_jumps_are_new_epochs(before, after):
    x = frames(6)
    timeline = Timeline(RATE)
    timeline.push(*before, x[0], arrival=1.0)
    (segment,) = timeline.push(*after, x[1], arrival=61.0)
    assert segment.start_sample == N
    assert segment.epoch == 1
    assert timeline.stats.epochs == 1
    step = [None if v is None else v + d for v, d in zip(after, (1, 20), strict=True)]
    (segment,) = timeline.push(*step, x[2], arrival=61.02)
    assert (segment.start_sample, segment.epoch) == (2 * N, 1)


def test_empty_and_foreign_buffers():
    timeline = Timeline(RATE)
    assert timeline.push(1, 0, np.zeros(0, np.int16)) == []
    (segment,) = timeline.push(2, 0, b"\x01\x00" * N)
    assert segment.pcm.dtype == np.int16
    assert (segment.pcm == 1).all()
    x = np.ones(N, np.int16)
    assert timeline.push(3, 20, x)[0].pcm is x
    assert len(timeline.push(4, 40, memoryview(x))[0].pcm) == N


def test_stall_and_transport_figures():
    timeline = Timeline(RATE)
    assert timeline.stalled_ms(5.0) == 0.0
    for k in range(200):
        timeline.push(k, 20 * k, np.zeros(N, np.int16), arrival=10 + 0.02 * k + (0.15 if k == 100 else 0.0))
    end = 10 + 0.02 * 200
    assert timeline.stalled_ms(end - 0.01) == 0.0
    assert timeline.stalled_ms(end + 0.3) == pytest.approx(300, abs=0.01)
    assert timeline.stats.transport_max_ms == pytest.approx(150, abs=0.01)
    assert timeline.stats.transport_p50_ms <= 1
    assert timeline.drift_ppm is None
    with pytest.raises(ValueError, match="now"):
        timeline.stalled_ms(float("nan"))
    assert Timeline(RATE).stats.transport_p95_ms == 0.0


def test_bursts_are_counted():
    timeline = Timeline(RATE)
    for k in range(100):
        timeline.push(k, 20 * k, np.zeros(N, np.int16), arrival=max(0.02 * k, 1.0 if 30 <= k <= 50 else 0.0))
    assert timeline.stats.bursts == 1
    assert timeline.stats.longest_burst == 21


@pytest.mark.parametrize("ppm", [-500, -200, 0, 200, 500])
def test_drift(ppm):
    rng = np.random.default_rng(3)
    timeline = Timeline(RATE)
    for k in range(6000):
        timeline.push(
            k, 20 * k, np.zeros(N, np.int16), arrival=1e6 + 0.02 * k * (1 + ppm * 1e-6) + rng.exponential(0.004)
        )
    assert timeline.drift_ppm == pytest.approx(ppm, abs=10)
    assert timeline.stats.drift_ppm == timeline.drift_ppm


def test_pickles_go_on_with_the_same_bits():
    x = frames(60)
    timeline = Timeline(RATE)
    for k in range(30):
        timeline.push(k, 20 * k, x[k], arrival=0.02 * k)
    copy = pickle.loads(pickle.dumps(timeline))
    for k in (32, 33, 36):
        for a, b in zip(
            timeline.push(k, 20 * k, x[k], arrival=1.0), copy.push(k, 20 * k, x[k], arrival=1.0), strict=True
        ):
            assert np.array_equal(a.pcm, b.pcm)
            assert (a.start_sample, a.kind, a.epoch) == (b.start_sample, b.kind, b.epoch)
    assert copy.stats == timeline.stats
    segment = timeline.push(37, 740, x[37])[0]
    assert np.array_equal(pickle.loads(pickle.dumps(segment)).pcm, segment.pcm)


def test_damaged_pickles_are_refused():
    function, (*arguments, saved), _ = Timeline(RATE).__reduce__()
    rng = np.random.default_rng(5)
    for at in rng.integers(0, len(saved), dose(50, 1000)):
        damaged = bytearray(saved)
        damaged[at] ^= 1 + int(rng.integers(0, 255))
        with pytest.raises(ValueError, match="Timeline"):
            function(*arguments, bytes(damaged))
    for damaged in (b"", saved[:-1], saved + b"\0", None, "x"):
        with pytest.raises(ValueError, match="Timeline"):
            function(*arguments, damaged)


def test_reset_is_as_new():
    timeline = Timeline(RATE)
    timeline.push(5, 100, np.ones(N, np.int16), arrival=1.0)
    timeline.reset()
    assert timeline.stats == Timeline(RATE).stats
    assert timeline.push(900, 0, np.ones(N, np.int16))[0].start_sample == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": 44100}, "rate"),
        ({"rate": RATE, "fill": "noise"}, "fill"),
        ({"rate": RATE, "frame_ms": 0}, "frame_ms"),
        ({"rate": RATE, "frame_ms": 10**400}, r"frame_ms must be from 1 to 1000, not 1000+\.\.\.$"),
    ],
)
def test_refused_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Timeline(**arguments)


@pytest.mark.parametrize("arguments", [{"rate": 8000.0}, {"rate": RATE, "fill": 3}, {"rate": RATE, "frame_ms": "20"}])
def test_arguments_of_a_wrong_type(arguments):
    with pytest.raises(TypeError, match=f"{list(arguments)[-1]} must be"):
        Timeline(**arguments)


@pytest.mark.parametrize(
    ("pcm", "arrival", "error"),
    [
        (None, None, TypeError),
        (np.full(N, np.nan), None, ValueError),
        (np.zeros((2, N), np.int16), None, ValueError),
        (b"123", None, ValueError),
        (np.zeros(N, np.int16), float("nan"), ValueError),
        (np.zeros(N, np.int16), "soon", TypeError),
        (np.zeros(61 * RATE, np.int16), None, ValueError),
    ],
)
def test_refused_pushes_leave_the_state(pcm, arrival, error):
    timeline = Timeline(RATE)
    timeline.push(1, 0, np.zeros(N, np.int16), arrival=0.0)
    before = timeline.__reduce__()
    with pytest.raises(error):
        timeline.push(2, 20, pcm, arrival=arrival)
    assert timeline.__reduce__() == before


garbage = st.one_of(
    st.none(),
    st.integers(),
    st.integers(-5, 300),
    st.floats(),
    st.text(max_size=24),
    st.integers(0, 2**33).map(str),
    st.binary(max_size=4),
    st.booleans(),
    st.just(object()),
    st.lists(st.integers(), max_size=2),
)


@settings(max_examples=dose(80, 4000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(garbage, garbage, garbage, st.integers(0, 900), st.floats(-1e6, 1e6)), max_size=40))
def test_garbage_numbers_never_raise_and_the_line_stays_whole(messages):
    timeline = Timeline(RATE)
    end = 0
    for chunk, stamp, seq, n, arrival in messages:
        for segment in timeline.push(chunk, stamp, np.ones(n, np.int16), seq=seq, arrival=arrival):
            assert segment.start_sample == end
            end += len(segment.pcm)
    assert timeline.next_sample == end
    assert end <= len(messages) * 11 * RATE
    s = timeline.stats
    assert s.messages == len(messages)
    assert s.samples + s.filled_samples == end
    assert timeline.stalled_ms(0.0) >= 0.0
