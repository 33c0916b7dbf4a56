"""The keys that a line dials, against Goertzel's recursion."""

import math

import numpy as np
import pytest

from voiceband.emulator import Line
from voiceband.emulator.caller.key_tones import FREQUENCIES
from voiceband.formats import PLIVO_FORMATS


def goertzel(x, hz, rate):
    """Return the amplitude of one frequency, by Goertzel's recursion."""
    coefficient = 2 * math.cos(2 * math.pi * hz / rate)
    s1 = s2 = 0.0
    for value in x.tolist():
        s1, s2 = value + coefficient * s1 - s2, s1
    return 2 / len(x) * math.sqrt(max(0.0, s1 * s1 + s2 * s2 - coefficient * s1 * s2))


@pytest.mark.parametrize("audio_format", PLIVO_FORMATS)
def test_all_keys_by_goertzel(audio_format):
    rate = audio_format.sample_rate
    line = Line(rate)
    keys = "0123456789*#ABCD"
    line.dial(keys, tone_ms=80, pause_ms=60, low_dbfs=-18, twist_db=3)
    assert line.unsaid_ms == 140 * 16
    wire = audio_format.decode(audio_format.encode(line.read(round(0.14 * 17 * rate)))).astype(float)
    low, high = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
    table = {"1": 0, "2": 1, "3": 2, "A": 3, "4": 4, "5": 5, "6": 6, "B": 7, "7": 8, "8": 9, "9": 10, "C": 11}
    table |= {"*": 12, "0": 13, "#": 14, "D": 15}
    for i, key in enumerate(keys):
        begin = round((0.14 * i) * rate) + line.latency_samples
        tone = wire[begin + rate // 100 : begin + round(0.07 * rate)]
        powers = {hz: goertzel(tone, hz, rate) for hz in low + high}
        a, b = max(low, key=powers.get), max(high, key=powers.get)
        assert (low.index(a), high.index(b)) == divmod(table[key], 4)
        assert 20 * math.log10(powers[b] / powers[a]) == pytest.approx(3, abs=0.7)
        assert 20 * math.log10(powers[a] / math.sqrt(2) / 32768) == pytest.approx(-18, abs=0.7)
        pause = wire[begin + round(0.095 * rate) : begin + round(0.125 * rate)]
        assert np.sqrt(np.mean(np.square(pause))) < 32768 * 10 ** (-55 / 20)
    assert set(FREQUENCIES) == set(keys)


@pytest.mark.parametrize(
    ("digits", "options", "message"),
    [
        ("", {}, r"digits must be a text of 0-9\*#A-D, not ''"),
        ("1x", {}, "not '1x'"),
        (5, {}, "not 5"),
        ("1", {"tone_ms": 5}, "tone_ms must be from 10 to 5000, not 5"),
        ("1", {"pause_ms": math.nan}, "pause_ms must be from 0 to 5000, not nan"),
        ("1", {"low_dbfs": 0}, "low_dbfs must be from -60 to -6, not 0"),
        ("1", {"twist_db": True}, "twist_db must be a number, not True"),
    ],
)
def test_bad_tones(digits, options, message):
    line = Line()
    with pytest.raises((TypeError, ValueError), match=message):
        line.dial(digits, **options)
    assert line.unsaid_ms == 0
