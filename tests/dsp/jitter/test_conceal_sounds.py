"""Sounds of the network and of machines come back through a bridge within a bound each: error in dB of the sound."""

import numpy as np
import pytest

from voiceband import Concealer

SECONDS = 3
FLOOR_DB = -38.0  # the error that mu-law leaves in any sound: nobody hears less of it


def sounds(rate: int) -> dict[str, np.ndarray]:
    t = np.arange(rate * SECONDS) / rate
    rng = np.random.default_rng(7)

    def sine(hertz: float) -> np.ndarray:
        return np.sin(2 * np.pi * hertz * t)

    made = {f"tone {f}": 20000 * sine(f) for f in (200, 440, 1004, 1700, 2100, 3000)}
    made |= {f"square {f}": 6000 * np.where(t * f % 1 < 0.5, 1, -1) for f in (100, 200, 203, 440, 640)}
    made |= {f"dtmf {a}": 6000 * (sine(a) + sine(b)) for a, b in ((697, 1209), (941, 1633))}
    made["ringback"] = 4000 * (sine(440) + sine(480))
    made["busy"] = 4000 * (sine(480) + sine(620))
    made["keyed"] = 8000 * sine(1400) * (t % 0.2 < 0.1)
    made["glide"] = 8000 * np.sin(2 * np.pi * (300 * t + 100 * t * t))
    made |= {f"clipped {f}": np.clip(90000 * sine(f), -32000, 32000) for f in (200, 440)}
    made["tone in noise"] = 6000 * sine(500) + rng.normal(0, 300, len(t))
    made["noise"] = rng.normal(0, 1000, len(t))
    return {name: np.rint(x).astype(np.int16) for name, x in made.items()}


def error_db(x: np.ndarray, rate: int, hole_ms: int) -> float:
    n, step = rate * hole_ms // 1000, rate * 137 // 1000
    error = power = 0.0
    for at in range(rate // 2, len(x) - 2 * n - rate // 20, step):
        plc = Concealer(rate)
        plc.good(x[at - rate // 10 : at])
        made = plc.bridge(n, x[at + n : at + n + rate // 50])
        error += float(np.sum((made - x[at : at + n].astype(float)) ** 2))
        power += float(np.sum(x[at : at + n].astype(float) ** 2))
    return max(10 * np.log10(error / power + 1e-12), FLOOR_DB)


# For holes of 20 and 60 ms, the worse of both rates: what the predictors made before the two sides taught each other;
# in ringback, keyed tones and a clipped sine in long holes, what they make now.
BOUNDS = {
    "tone 200": (-37.9, -29.7),
    "tone 440": (-37.9, -14.0),
    "tone 1004": (-37.9, -30.2),
    "tone 1700": (-37.9, -17.9),
    "tone 2100": (-37.9, -25.0),
    "tone 3000": (-27.3, -1.3),
    "square 100": (-16.7, -7.9),
    "square 200": (-12.1, -6.0),
    "square 203": (-15.7, -6.5),
    "square 440": (-12.5, -5.5),
    "square 640": (-2.4, -0.4),
    "dtmf 697": (-37.9, -24.1),
    "dtmf 941": (-37.9, -13.9),
    "ringback": (-28.0, -9.8),
    "busy": (-32.8, -17.3),
    "keyed": (-7.5, -3.2),
    "glide": (-35.8, -7.9),
    "clipped 200": (-37.7, -23.1),
    "clipped 440": (-31.5, -19.0),
    "tone in noise": (-20.3, -20.3),
    "noise": (3.1, 2.9),
}


@pytest.mark.parametrize("rate", [8000, 16000])
def test_sounds_come_back_within_their_bounds(rate):
    for name, x in sounds(rate).items():
        for hole_ms, bound in zip((20, 60), BOUNDS[name], strict=True):
            assert error_db(x, rate, hole_ms) < bound, (name, hole_ms)
