"""What the suppressor does to tones: mains hum goes; DTMF and ringback stay."""

import numpy as np
import pytest

from _support import dose as doses
from _support.denoise_signals import gusts, hum, keys, level, lost_db, power_db, run, seconds, white

RATES = (8000, 16000)
LATENCIES = ("normal", "low")


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("mains", [50, 60])
def test_steady_hum_goes(rate, mains):
    x = hum(6, rate, mains) + white(6, rate, -70)
    assert lost_db(x, run(x, rate), 3, 6, rate) > 18
    late = np.where(seconds(10, rate) > 2, hum(10, rate, mains), 0) + white(10, rate, -70)
    assert lost_db(late, run(late, rate), 8, 10, rate) > 18


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("hz", doses.dose([50, 65, 100], [50, 55, 60, 65, 90, 100, 120]))
def test_a_pure_hum_goes_at_every_phase(rate, latency, hz):
    """Below 130 Hz a tone beats with its image in time with the hops, with minima that depend on the phase."""
    t = seconds(10, rate)
    for phase in np.arange(8) * np.pi / 8:
        x = np.where(t > 2, 0.01 * np.sin(2 * np.pi * hz * t + phase), 0) + white(10, rate, -80)
        assert lost_db(x, run(x, rate, 100, latency), 8, 10, rate) > 18


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("latency", LATENCIES)
def test_a_loud_hum_out_of_near_silence_goes(rate, latency):
    t = seconds(12, rate)
    x = np.where(t > 1, 0.1 * np.sin(2 * np.pi * 60 * t), 0) + white(12, rate, -95)
    assert lost_db(x, run(x, rate, 85, latency), 9, 12, rate) > 16


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("burst_ms", doses.dose([50, 300], [50, 70, 100, 300, 1000]))
def test_dtmf_keeps_its_level(rate, latency, burst_ms, dose):
    for gap_ms in (50, 400):
        for dbfs, snr in dose(
            [(-30, 20), (-10, 200)],
            [(d, s) for d in (-30, -20, -10) for s in (20, 25, 30, 40, 60, 200)],
        ):
            clean, places = keys(burst_ms, gap_ms, rate, dbfs)
            duration = len(clean) / rate
            for noise in (white(duration, rate), gusts(duration, rate, -50, 3)):
                x = clean + level(noise, dbfs - snr)
                for lev in dose((60, 100), (60, 70, 85, 100)):
                    y = run(x, rate, lev, latency)
                    change = [power_db(y[p]) - power_db(x[p]) for p in places]
                    assert max(map(abs, change)) < 1.0, (gap_ms, dbfs, snr, lev)


def one_key(burst_ms, rate, dbfs, low, high):
    t = np.arange(round(burst_ms * rate / 1000)) / rate
    return level(np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t), dbfs)


def presses(pairs, on_ms, off_ms, rate, start):
    """Press ten keys, these in turn, from sample `start` on. Return the signal and where the presses are."""
    bursts = [one_key(on_ms, rate, -20, low, high) for low, high in pairs]
    step = len(bursts[0]) + off_ms * rate // 1000
    x = np.zeros(start + 10 * step)
    places = [slice(at, at + len(bursts[0])) for at in range(start, len(x), step)]
    for k, place in enumerate(places):
        x[place] = bursts[k % len(bursts)]
    return x, places


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("on_ms", doses.dose([50, 400], [50, 150, 400, 1000]))
@pytest.mark.parametrize("off_ms", doses.dose([20, 80], [20, 40, 80, 200]))
def test_keys_again_and_again_keep_their_level(rate, latency, on_ms, off_ms, dose):
    """What one press leaves in the noise must not add up: 20 ms of pause show that it is no standing tone."""
    same = dose(([(697, 1633)],), ([(697, 1209)], [(770, 1336)], [(852, 1477)], [(941, 1633)], [(697, 1633)]))
    for pairs in (*same, [(697, 1209), (770, 1336), (852, 1477), (941, 1633)]):
        for shift in dose((rate // 300,), (0, rate // 300, rate // 150)):  # against the hops
            clean, places = presses(pairs, on_ms, off_ms, rate, rate + shift)
            for offset, snr in ((0.0, 20), (0.0, 40), (0.3, 20)):
                x = clean + white(len(clean) / rate, rate, -20 - snr)
                for lev in dose((100,), (60, 85, 100)):
                    y = run(x + offset, rate, lev, latency)
                    change = [10 * np.log10(np.var(y[place]) / np.var(x[place])) for place in places]
                    most = 1.6 if offset and (on_ms, off_ms) == (1000, 20) else 1.0  # dB; the page says it too
                    assert max(map(abs, change)) < most, (pairs, shift, offset, snr, lev)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("after_ms", doses.dose([0, 10, 25, 60], [0, 5, 10, 15, 20, 25, 30, 40, 60, 100]))
@pytest.mark.parametrize("silence_ms", [0, 1000])
def test_a_key_early_in_the_sound_keeps_its_level(rate, latency, after_ms, silence_ms):
    """The key comes while the noise is being measured for the first time, or before; with no noise too."""
    start, at = silence_ms * rate // 1000, (silence_ms + after_ms) * rate // 1000
    for low, high in ((770, 1336), (941, 1209), (697, 1477), (852, 1336)):
        for burst_ms, snr in ((50, 20), (50, 30), (50, 300), (1000, 20)):
            burst = one_key(burst_ms, rate, -30, low, high)
            place = slice(at, at + len(burst))
            x = np.zeros(at + len(burst) + rate // 4)
            x[start:] = white((len(x) - start) / rate, rate, -30 - snr)
            x[place] += burst
            y = run(x, rate, 100, latency)
            assert abs(power_db(y[place]) - power_db(x[place])) < 1.0


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("noise_dbfs", [-90, -60, -50])
@pytest.mark.parametrize(("pair", "on_s", "every_s"), [((440, 480), 2, 6), ((400, 450), 0.4, 0.6), ((425, 0), 1, 5)])
def test_ringback_passes_every_time(rate, latency, noise_dbfs, pair, on_s, every_s):
    t = seconds(14, rate)
    tone = 0.1 * (np.sin(2 * np.pi * pair[0] * t) + np.sin(2 * np.pi * pair[1] * t))
    x = tone * (t % every_s < on_s) + white(14, rate, noise_dbfs)
    y = run(x, rate, 85, latency)
    for ring in range(int(14 / every_s)):
        for tenth in range(round(10 * on_s)):
            start = ring * every_s + tenth / 10
            assert abs(lost_db(x, y, start, start + 0.1, rate)) < 3
    if every_s == 6 and noise_dbfs == -60:
        assert lost_db(x, y, 3, 6, rate) > 16
