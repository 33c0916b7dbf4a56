"""How alike two pieces of audio are, whatever the delay between them."""

import numpy as np


def voice(seconds, rate, seed=1):
    """Noise in the telephone band with the loudness of syllables: no two places of it are alike."""
    n = round(seconds * rate)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / rate)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    x = np.fft.irfft(spectrum, n) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * np.arange(n) / rate))
    return (x / np.abs(x).max() * 16000).astype(np.int16)


def finer(x):
    """Interpolate eightfold, by zeros above the spectrum."""
    return np.fft.irfft(np.fft.rfft(x.astype(float)), len(x) * 8) * 8


def likeness(heard, meant):
    """The greatest correlation of `meant` with a place in `heard`, to an eighth of a sample."""
    heard, meant = finer(heard), finer(meant)
    size = 1 << (len(heard) + len(meant)).bit_length()
    places = len(heard) - len(meant) + 1
    dots = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(meant, size)), size)[:places]
    sums = np.concatenate([[0], np.cumsum(heard**2)])
    power = sums[len(meant) :] - sums[: -len(meant)]
    return float((dots / np.sqrt(np.maximum(power, 1) * (meant**2).sum())).max())


def played(call):
    """What a call's carrier has played to the caller, without the holes that a busy machine leaves in an echo."""
    return call.format.decode(b"".join(run.data for run in call.player.runs))
