"""The ear for tones, beside tones that numpy makes of the recommendations' figures."""

import pickle
import time

import numpy as np
import pytest

import voiceband
from _support.denoise_signals import voice
from _support.tone_signals import KEYS, RATE, cadence, key, pcm, silence, tone
from voiceband import Denoiser, Tone, ToneDetector

EUROPE, AMERICA, BRITAIN, INDIA = [425], [440, 480], [400, 450], [400]
PROGRESS = {
    "ringback": [
        (EUROPE, (1, 4)),
        (AMERICA, (2, 4)),
        (BRITAIN, (0.4, 0.2, 0.4, 2)),
        (INDIA, (0.4, 0.2, 0.4, 2)),
        ([375, 425], (0.4, 0.2, 0.4, 2)),  # 400 Hz, modulated with 25
    ],
    "busy": [(EUROPE, (0.5, 0.5)), ([480, 620], (0.5, 0.5)), ([400], (0.375, 0.375)), (INDIA, (0.75, 0.75))],
    "congestion": [
        (EUROPE, (0.25, 0.25)),
        ([480, 620], (0.25, 0.25)),
        ([400], (0.4, 0.35, 0.225, 0.525)),
        (INDIA, (0.25, 0.25)),
    ],
    "dial": [(EUROPE, (30, 1)), ([350, 440], (30, 1)), ([375, 425], (30, 1))],
}
CADENCES = [(kind, *made) for kind, list_of in PROGRESS.items() for made in list_of]


def heard(x, rate=RATE):
    """Return what is told of a whole stream."""
    return ToneDetector(rate).process(x)


def begun(x, rate=RATE):
    return [(t.kind, t.name) for t in heard(x, rate) if t.end_ms is None]


def ended(x, rate=RATE):
    return [t for t in heard(x, rate) if t.end_ms is not None]


def ulaw(x):
    return voiceband.ulaw_decode(voiceband.ulaw_encode(x))


# ---- keys


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("seconds", [0.04, 0.1, 1.0])
def test_every_key_with_its_times(rate, seconds):
    for name in KEYS:
        x = pcm(silence(0.2345, rate), key(name, seconds, rate), silence(0.2, rate))
        first, last = heard(x, rate)
        assert (first.kind, first.name, first.end_ms) == ("dtmf", name, None)
        assert (last.kind, last.name, last.start_ms) == ("dtmf", name, first.start_ms)
        assert abs(last.start_ms - 234.5) <= 5
        assert abs(last.end_ms - 234.5 - 1000 * seconds) <= 5


@pytest.mark.parametrize("noise_db", [None, 15])
@pytest.mark.parametrize("twist_db", [-8, 0, 8])
def test_forty_milliseconds_on_and_off_through_mu_law(noise_db, twist_db):
    rng = np.random.default_rng(4)
    names = [KEYS[k] for k in rng.integers(0, 16, 60)]
    parts = [part for name in names for part in (key(name, 0.04, twist_db=twist_db), silence(0.04))]
    x = pcm(silence(0.1), *parts, silence(0.1), noise_db=noise_db)
    assert begun(ulaw(x)) == [("dtmf", name) for name in names]


@pytest.mark.parametrize(("off", "told"), [(-0.015, True), (0.015, True), (-0.035, False), (0.035, False)])
def test_the_tolerance_of_q24(off, told):
    parts = [part for name in KEYS for part in (key(name, 0.08, off=off), silence(0.08))]
    assert begun(pcm(*parts)) == [("dtmf", name) for name in KEYS] * told


def test_what_is_too_short_is_no_key_and_a_short_break_does_not_end_one():
    assert heard(pcm(*[p for name in KEYS for p in (silence(0.101), key(name, 0.023))], silence(0.2))) == []
    (told,) = ended(pcm(silence(0.1), key("5", 0.06), silence(0.01), key("5", 0.06), silence(0.2)))
    assert (told.start_ms, told.end_ms) == (100, 230)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_key_and_its_end_are_told_within_the_latency(rate):
    detector = ToneDetector(rate)
    late = round(detector.latency * rate)
    for lead in range(0, 25, 3):
        detector.reset()
        x = pcm(silence(0.3 + lead / 1000, rate), key("9", 0.09, rate), silence(0.3, rate))
        start = round((0.3 + lead / 1000) * rate)
        first = round(0.04 * rate)
        assert len(detector.process(x[: start + first + late])) == 1
        assert len(detector.process(x[start + first + late : start + round(0.09 * rate) + late])) == 1


# ---- call progress, fax, beeps


@pytest.mark.parametrize(("kind", "hertz", "lengths"), CADENCES)
def test_call_progress_of_four_networks(kind, hertz, lengths):
    x = cadence(hertz, lengths, max(6.0, 2.3 * sum(lengths[:4])) if kind != "dial" else 6.0)
    for made in (pcm(x), ulaw(pcm(x, noise_db=23))):
        assert begun(made) == [(kind, "")]


@pytest.mark.parametrize(("kind", "hertz", "lengths"), CADENCES)
def test_a_cadence_is_one_tone_from_its_first_burst_to_its_last(kind, hertz, lengths):
    on, total = lengths[0], sum(lengths)
    if kind == "dial":
        (told,) = ended(pcm(silence(0.5), tone(hertz, 5, level=4000), silence(1)))
        assert abs(told.start_ms - 500) <= 15
        assert abs(told.end_ms - 5500) <= 15
        return
    x = np.concatenate([cadence(hertz, lengths, 3 * total), silence(8)])
    (told,) = ended(pcm(x))
    sounding = np.nonzero(x)[0]
    assert told.kind == kind
    assert abs(told.start_ms - 100) <= 15
    assert abs(told.end_ms - sounding[-1] / 8) <= 15
    assert on < told.end_ms


@pytest.mark.parametrize("hertz", [(913.8, 1370.6, 1776.7), (985.2, 1428.5, 1776.7), (950, 1400, 1800)])
@pytest.mark.parametrize("gap", [0, 0.03])
def test_special_information_tones(hertz, gap):
    parts = [part for hz in hertz for part in (tone(hz, 0.33), silence(gap))]
    x = pcm(silence(0.5), *parts, silence(0.5), noise_db=25)
    (told,) = ended(x)
    assert told.kind == "sit"
    assert abs(told.start_ms - 500) <= 15
    assert abs(told.end_ms - 500 - 990 - 2000 * gap) <= 15


def test_fax_tones():
    calls = [part for _ in range(3) for part in (tone(1100, 0.5), silence(3))]
    assert begun(pcm(silence(1), *calls, noise_db=20)) == [("fax", "cng")]
    answers = tone(2100, 3)
    assert begun(pcm(silence(1), answers, silence(1), noise_db=20)) == [("fax", "ced")]
    reversals = np.where(np.arange(len(answers)) // 3600 % 2, -1, 1)  # each 450 ms, as V.25 has it
    assert begun(pcm(silence(1), answers * reversals, silence(1))) == [("fax", "ced")]


@pytest.mark.parametrize("seconds", [0.1, 0.5, 1.0, 3.9])
@pytest.mark.parametrize("hertz", [(410,), (800,), (1000,), (1397,), (2000,), (480, 770), (1000, 1400), (900, 950)])
def test_beeps_after_a_greeting(hertz, seconds):
    greeting = 20000 * voice(3, RATE)
    for gap in (0.3, 1.2):
        x = pcm(greeting, silence(gap), tone(hertz, seconds), silence(2), noise_db=20)
        (told,) = [t for t in ended(ulaw(x)) if t.start_ms > 3000]
        assert told.kind == "beep"
        assert [abs(int(a) - b) <= 3 for a, b in zip(told.name.split("+"), hertz, strict=True)]
        assert abs(told.start_ms - 3000 - 1000 * gap) <= 15
        assert abs(told.end_ms - told.start_ms - 1000 * seconds) <= 20


def test_a_long_beep_is_told_while_it_lasts():
    told = ToneDetector(RATE).process(pcm(silence(0.5), tone(1000, 0.25)))
    assert told == [Tone("beep", "1000", 500.0, None)]


def test_voices_noise_and_silence_are_no_tones():
    rng = np.random.default_rng(8)
    for x in (silence(5), rng.normal(0, 4000, 5 * RATE), 20000 * voice(20, RATE)):
        assert heard(pcm(x)) == []


def test_the_suppressor_before_it_changes_nothing():
    parts = [part for name in KEYS for part in (key(name, 0.06), silence(0.06))]
    ring = cadence(AMERICA, (2, 4), 14)
    x = pcm(silence(0.5), *parts, silence(1), ring, silence(7), noise_db=20)
    told = begun(x)
    assert told == [*(("dtmf", name) for name in KEYS), ("ringback", "")]
    assert begun(Denoiser(RATE, level=85).process(x)) == told


# ---- the rules of all kernels


def everything(rate):
    """A stream with something of every kind."""
    rng = np.random.default_rng(3)
    parts = [20000 * voice(1, rate), silence(0.3, rate), tone(1000, 0.4, rate), silence(1, rate)]
    parts += [part for name in "19#D" for part in (key(name, 0.05, rate), silence(0.05, rate))]
    parts += [silence(4, rate), cadence(EUROPE, (0.5, 0.5), 3, rate), tone(2100, 1, rate), silence(1, rate)]
    parts += [tone(950, 0.33, rate), tone(1400, 0.33, rate), tone(1800, 0.33, rate), silence(2, rate)]
    x = np.concatenate(parts)
    return pcm(x + rng.normal(0, 30, len(x)))


@pytest.mark.parametrize("rate", [8000, 16000])
def test_any_split_tells_the_same_and_a_pickle_goes_on(rate):
    x = everything(rate)
    whole = heard(x, rate)
    assert {t.kind for t in whole} == {"beep", "dtmf", "busy", "fax", "sit"}
    rng = np.random.default_rng(2)
    for most in (1, 7, 160, 1000, 50_000):
        part, detector, told, at = x[: 9000 if most == 1 else None], ToneDetector(rate), [], 0
        while at < len(part):
            n = int(rng.integers(0, most + 1))
            told += detector.process(part[at : at + n])
            at += n
            if rng.random() < 0.02:
                detector = pickle.loads(pickle.dumps(detector))
        assert told == heard(part, rate)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_samples_of_every_type(rate):
    x = everything(rate)
    expected = heard(x, rate)
    floats = x.astype(np.float32) / 32768
    for made in (floats, floats.astype(float), x.astype(np.int64), x.reshape(-1, 1), np.repeat(x, 2)[::2], x.tobytes()):
        assert heard(made, rate) == expected


def test_bad_input():
    detector = ToneDetector(RATE)
    x = np.zeros(100, np.float32)
    for bad in (np.nan, np.inf):
        x[7] = bad
        with pytest.raises(ValueError, match=r"x must be finite, but x\[7\] is (nan|inf)"):
            detector.process(x)
    with pytest.raises(TypeError, match="x must be an array or a buffer, not list"):
        detector.process([1, 2])
    with pytest.raises(ValueError, match="x must be one channel"):
        detector.process(np.zeros((5, 2), np.int16))
    for rate in (7999, 44100):
        with pytest.raises(ValueError, match=f"rate must be 8000 or 16000 Hz, not {rate}"):
            ToneDetector(rate)
    with pytest.raises(TypeError, match="rate must be an integer"):
        ToneDetector("8000")
    assert detector.process(x[:0]) == []


def test_reset_is_as_new():
    detector = ToneDetector(RATE)
    detector.process(pcm(silence(0.2), key("4", 0.1)))
    detector.reset()
    x = pcm(silence(0.2), key("7", 0.1), silence(0.2))
    assert detector.process(x) == heard(x)


def test_a_damaged_pickle_is_refused():
    restore, (*arguments, rate, saved), _ = ToneDetector(RATE).__reduce__()
    with pytest.raises(ValueError, match="the pickled state of this ToneDetector is damaged"):
        restore(*arguments, rate, saved[:-1] + bytes([saved[-1] ^ 1]))
    with pytest.raises(ValueError, match="the pickled state of this ToneDetector is damaged"):
        restore(*arguments, 16000, saved)


def test_the_largest_floats_do_no_harm():
    x = np.full(4000, np.finfo(np.float32).max, np.float32) * np.where(np.arange(4000) % 3, 1, -1).astype(np.float32)
    detector = ToneDetector(RATE)
    detector.process(x)
    twin = pickle.loads(pickle.dumps(detector))
    y = pcm(silence(0.2), key("7", 0.1), silence(0.2))
    assert detector.process(y) == twin.process(y)
    assert ("dtmf", "7") in [(t.kind, t.name) for t in twin.process(pcm(silence(1), key("7", 0.1), silence(0.2)))]


def test_what_is_never_told_costs_no_more_the_longer_it_goes_on():
    """Pulses of a key, too short to be one, seen in every window: the search for their beginning has an end."""
    t = np.arange(RATE // 40) / RATE
    pulse = np.where(t < 0.021, 0.5 - 0.5 * np.cos(2 * np.pi * t / 0.021), 0)
    second, detector = pcm(np.tile(pulse, 40) * key("5", 1.0)), ToneDetector(RATE)

    def cost(seconds):
        times = []
        for _ in range(seconds):
            before = time.process_time()
            assert detector.process(second) == []
            times.append(time.process_time() - before)
        return min(times)

    first = cost(20)
    cost(600)
    assert cost(20) < 10 * first
