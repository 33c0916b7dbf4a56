"""Tones of a telephone line, as the recommendations have them: sines of numpy, and nothing of the detector's."""

import numpy as np

RATE = 8000
KEYS = "123A456B789C*0#D"
ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)


def tone(hertz, seconds, rate=RATE, level=6000):
    t = np.arange(round(seconds * rate)) / rate
    return level * np.sum([np.sin(2 * np.pi * hz * t + k) for k, hz in enumerate(np.atleast_1d(hertz))], axis=0)


def silence(seconds, rate=RATE):
    return np.zeros(round(seconds * rate))


def key(name, seconds, rate=RATE, level=6000, twist_db=0.0, off=0.0):
    """A key's two tones; the column's is `twist_db` the louder one, and both are `off` by that share."""
    row, column = divmod(KEYS.index(name), 4)
    gain = 10 ** (twist_db / 40)
    low = tone(ROWS[row] * (1 + off), seconds, rate, level / gain)
    return low + tone(COLUMNS[column] * (1 + off), seconds, rate, level * gain)


def cadence(hertz, lengths, seconds, rate=RATE, level=4000):
    """Seconds on, off, on and so forth, again and again, after 0.1 s of silence."""
    parts, k = [silence(0.1, rate)], 0
    while sum(map(len, parts)) < seconds * rate:
        length = lengths[k % len(lengths)]
        parts.append(silence(length, rate) if k % 2 else tone(hertz, length, rate, level))
        k += 1
    return np.concatenate(parts)


def pcm(*parts, noise_db=None, seed=1):
    """Samples of int16, with white noise so far below the loudest part's power."""
    x = np.concatenate(parts)
    if noise_db is not None:
        loud = max(np.mean(part**2) for part in parts if len(part))
        x = x + np.random.default_rng(seed).normal(0, np.sqrt(loud) * 10 ** (-noise_db / 20), len(x))
    return np.clip(np.rint(x), -32768, 32767).astype(np.int16)
