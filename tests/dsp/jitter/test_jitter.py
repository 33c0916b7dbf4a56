import numpy as np
import pytest

from _support.dose import dose
from _support.jitter_paths import RATE, N, covered, play, stalls, talk
from voiceband import JitterBuffer
from voiceband.dsp.jitter import Push, RunKind


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("tick", [0.01, 0.02])
def test_a_clean_path_plays_what_came_a_tick_later(rate, tick):
    x, _ = talk(20, rate)
    buffer = JitterBuffer(rate)
    sound, runs = play(buffer, x, 0.05 + 0.02 * np.arange(len(x) // (rate // 50)), tick=tick, rate=rate, tail=0.0)
    first = next(at for at, r in runs if r.kind is RunKind.NORMAL)
    assert first <= 0.04 * rate  # nothing is known of the path yet; given back in the first pause
    until = next(at for at, r in runs if r.kind not in (RunKind.WAIT, RunKind.NORMAL))
    fade = rate // 200  # from the silence before
    assert np.array_equal(sound[first + fade : until], x[fade : until - first])
    assert covered(runs, len(x) * 1000 // rate)[:-100].all()
    assert buffer.stats.conceal_ms == 0
    assert buffer.delay_ms <= 21


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("tick", [0.01, 0.02])
@pytest.mark.parametrize("mode", [{}, {"stretch": 0.15}, {"stretch": False}, {"mode": "fixed", "delay_ms": 100}],
                         ids=["default", "stretch", "no stretch", "fixed"])  # fmt: skip
def test_stalls_lose_no_speech_and_every_run_tells_the_truth(rate, tick, mode):
    x, active = talk(dose(30, 240), rate)
    arrival = stalls(len(active))
    buffer = JitterBuffer(rate, **mode)
    sound, runs = play(buffer, x, arrival, tick=tick, rate=rate)
    # Every ms of speech was rendered, but for the splices: up to a period (15 ms) is left out at once.
    seen = covered(runs, 20 * len(active))
    speech = np.repeat(active, 20)
    inner = speech & np.roll(speech, 30) & np.roll(speech, -30)
    assert seen[inner].all()
    after_made_up = False
    for at, r in runs:
        if r.kind is RunKind.NORMAL:
            begin, n = round((r.media_start_ms - 1000) * rate / 1000), round(r.ms * rate / 1000)
            joined = rate // 200 if after_made_up else 0
            assert np.array_equal(sound[at + joined : at + n], x[begin + joined : begin + n])
        if r.kind in (RunKind.CONCEAL, RunKind.WAIT):
            assert r.media_start_ms is None
            assert r.media_end_ms is None
        elif r.kind is not RunKind.SLOW or r.media_end_ms > r.media_start_ms:
            ratio = (r.media_end_ms - r.media_start_ms) / r.ms
            assert {RunKind.NORMAL: ratio == pytest.approx(1), RunKind.FAST: 1 < ratio <= 3.01,
                    RunKind.SLOW: ratio < 1}[r.kind]  # fmt: skip
        after_made_up = r.kind in (RunKind.CONCEAL, RunKind.WAIT)
    s = buffer.stats
    assert s.late == s.duplicates == s.epochs == s.overflows == 0
    assert s.played_ms == pytest.approx(len(sound) * 1000 / rate)
    assert s.normal_ms + s.fast_ms + s.slow_ms + s.conceal_ms + s.wait_ms == pytest.approx(s.played_ms)
    if mode.get("stretch") is False:
        bent = [r for at, r in runs if r.kind is RunKind.SLOW]
        assert not bent


def test_delay_is_spent_in_speech_and_given_back_in_pauses():
    x, active = talk(120)
    arrival = stalls(len(active), every=4.0)
    delays = {True: [], False: []}
    buffer = JitterBuffer(RATE)
    _, runs = play(buffer, x, arrival)
    for at, r in runs:
        if r.kind is RunKind.NORMAL and at > 20 * RATE:
            k = int((r.media_start_ms - 1000) // 20)
            if (k >= 25 and active[k - 24 : k + 1].all()) or not active[k - 24 : k + 1].any():
                heard = (arrival[0] + 0.001) * 1000 + at * 1000 / RATE
                delays[bool(active[k])].append(heard - (r.media_start_ms - 1000) - 50)
    assert np.mean(delays[True]) > 60  # the path needs it
    assert np.mean(delays[False]) < 0.3 * np.mean(delays[True])


def test_more_stalls_allowed_is_less_delay_and_more_concealment():
    x, active = talk(150)
    arrival = stalls(len(active), every=2.0)
    results = []
    for rate in (60, 10, 2):
        buffer = JitterBuffer(RATE, stalls_per_min=rate)
        play(buffer, x, arrival)
        results.append((buffer.target_ms, buffer.stats.stalls))
    assert results[0][0] < results[1][0] < results[2][0]
    assert results[0][1] > results[1][1] > results[2][1]


def test_steady_tones_are_not_taken_for_pauses():
    t = np.arange(40 * RATE) / RATE
    x = np.rint(6000 * (np.sin(2 * np.pi * 440 * t) + np.sin(2 * np.pi * 480 * t))).astype(np.int16)
    buffer = JitterBuffer(RATE)
    sound, runs = play(buffer, x, stalls(2000))
    cut = max(r.media_end_ms - r.media_start_ms - r.ms for _, r in runs if r.kind is RunKind.FAST)
    assert cut <= 15.01
    level = [np.sqrt(np.mean(sound[i : i + 800].astype(float) ** 2)) for i in range(RATE, len(sound) - 2 * RATE, 800)]
    dips = sum(v < 3000 for v in level)
    assert dips <= 2 * buffer.stats.stalls


def test_missing_messages_are_bridged_once():
    x, active = talk(60)
    rng = np.random.default_rng(8)
    lost = {int(k) + d for k in rng.integers(5, len(active) - 5, 40) for d in (0, 1)}
    buffer = JitterBuffer(RATE)
    arrival = 0.05 + 0.02 * np.arange(len(active)) + rng.uniform(0, 0.0005, len(active))
    _, runs = play(buffer, x, arrival, lost=lost, tail=0.0)
    assert buffer.stats.conceal_ms <= 20 * len(lost) + 400
    assert buffer.stats.conceal_ms >= 0.8 * 20 * sum(active[k - 6 : k + 1].any() for k in lost)
    seen = covered(runs, 20 * len(active))
    received = np.repeat([a and k not in lost for k, a in enumerate(active)], 20)
    assert seen[received].mean() > 0.995


def test_reordered_messages_fill_their_holes_if_there_is_time():
    x, _ = talk(3)
    buffer = JitterBuffer(RATE, mode="fixed", delay_ms=100)
    for k in (0, 2, 3, 1, 4):
        assert buffer.push(k, 20 * k, x[k * N : (k + 1) * N], arrival=0.0) is Push.OK
    assert buffer.push(3, 60, x[:N], arrival=0.0) is Push.DUPLICATE
    sound = np.concatenate([buffer.pull(0.1 + 0.02 * k).pcm for k in range(5)])
    assert np.array_equal(sound, x[: 5 * N])
    assert buffer.push(6, 120, x[:N], arrival=0.2) is Push.OK
    buffer.pull(0.2)
    buffer.pull(0.22)
    assert buffer.push(5, 100, x[:N], arrival=0.23) is Push.LATE
    assert (buffer.stats.late, buffer.stats.duplicates, buffer.stats.gaps) == (1, 1, 2)


@pytest.mark.parametrize("ppm", [-500, -200, 200, 500])
def test_clocks_that_are_off(ppm):
    x, active = talk(120)
    arrival = stalls(len(active)) * (1 + ppm * 1e-6)
    exact, off = JitterBuffer(RATE), JitterBuffer(RATE)
    play(exact, x, stalls(len(active)))
    play(off, x, arrival)
    assert off.drift_ppm == pytest.approx(ppm, abs=30)
    assert off.target_ms < exact.target_ms + 20
    assert off.stats.late == off.stats.overflows == 0
    assert off.stats.conceal_ms < exact.stats.conceal_ms * 1.5 + 200


def test_a_sender_that_stops_for_a_minute():
    x, active = talk(20)
    arrival = stalls(len(active))
    arrival[500:] += 60
    buffer = JitterBuffer(RATE)
    stamps = np.where(np.arange(len(active)) < 500, 0, 60000)
    k, now, pushed = 0, float(arrival[0]), []
    while k < len(active):
        while k < len(active) and arrival[k] <= now:
            pushed.append(buffer.push(k, 20 * k + stamps[k], x[k * N : (k + 1) * N], arrival=float(arrival[k])))
            k += 1
        pulled = buffer.pull(now)
        now += 0.02
    assert pushed.count(Push.EPOCH) == 1
    assert pulled.runs[-1].media_end_ms is None or pulled.runs[-1].media_end_ms > 60000
    assert buffer.delay_ms < 500


@pytest.mark.parametrize("frame_ms", [10, 20, 30, 60, 100])
@pytest.mark.parametrize("tick", [0.01, 0.02])
def test_messages_of_any_size(frame_ms, tick):
    frame = RATE * frame_ms // 1000
    x, _ = talk(30)
    count = len(x) // frame
    arrival = stalls(count, step=frame_ms / 1000)
    buffer = JitterBuffer(RATE)
    _, runs = play(buffer, x, arrival, tick=tick, frame=frame)
    seen = covered(runs, frame_ms * count)
    assert seen.mean() > 0.8  # only pauses are cut
    assert buffer.stats.late == 0
    assert buffer.stats.conceal_ms < 0.2 * buffer.stats.played_ms + 1000


def test_changing_sizes():
    x, _ = talk(60)
    rng = np.random.default_rng(4)
    buffer, at, k, now = JitterBuffer(RATE), 0, 0, 0.0
    while at + 800 < len(x):
        n = int(rng.choice([80, 160, 240, 480, 800]))
        while now < at / RATE:
            assert sum(r.ms for r in buffer.pull(now).runs) == pytest.approx(20)
            now += 0.02
        assert buffer.push(k, at / 8, x[at : at + n], arrival=at / RATE) is Push.OK
        at, k = at + n, k + 1
    assert buffer.stats.epochs == buffer.stats.gaps == buffer.stats.overflows == 0
    assert buffer.stats.conceal_ms < 6000


def test_a_hole_that_is_jumped_over_is_no_audio_that_was():
    buffer = JitterBuffer(RATE)
    x, _ = talk(8)
    for k in range(50):
        buffer.push(k, 20 * k, x[k * N : (k + 1) * N], arrival=0.02 * k)
        buffer.pull(0.02 * k + 0.021)
    for k in range(50, 300):  # five seconds without a message
        buffer.pull(0.02 * k + 0.021)
    assert buffer.push(300, 6000, x[300 * N : 301 * N], arrival=6.0) is Push.OK
    assert (buffer.stats.gaps, buffer.stats.overflows, buffer.stats.jumped_ms) == (1, 0, 0)
    for k in range(301, 330):  # one each 80 ms, all at once: 580 of 2300 ms came
        buffer.push(6 * k - 1500, 20 * (6 * k - 1500), x[k * N : (k + 1) * N], arrival=6.0)
    assert buffer.stats.overflows > 0
    assert buffer.stats.jumped_ms <= 30 * 20


def test_more_than_two_seconds_is_jumped_over_and_told():
    buffer = JitterBuffer(RATE, max_ms=300)
    x, _ = talk(10)
    buffer.push(0, 0, x[:N], arrival=0.0)
    buffer.pull(0.02)
    for k in range(1, 400):
        buffer.push(k, 20 * k, x[k * N : (k + 1) * N], arrival=0.02)
        assert buffer.buffered_ms <= 2000
    s = buffer.stats
    assert s.overflows >= 1
    assert s.jumped_ms == pytest.approx(400 * 20 - 20 - buffer.buffered_ms, abs=21)
    sound = np.concatenate([buffer.pull(8 + 0.02 * k).pcm for k in range(5)])
    at = round((buffer.stats.jumped_ms + 20) * 8)
    assert sound.any()
    assert at > 0
    assert buffer.push(400, 8000, np.zeros(30 * RATE, np.int16), arrival=8.0) is Push.OK
    assert buffer.buffered_ms <= 2000
