"""The filters' promises, measured with swept tones in 20 ms pushes: ripple, rejection, delay, phase, SNR."""

import numpy as np
import pytest

from voiceband import Resampler, resample

RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
PAIRS = [(a, b) for a in RATES for b in RATES if a != b]
# pass edge in units of the lower Nyquist frequency, ripple in dB (largest gain to smallest), rejection in dB
PRESETS = {"voice": (0.85, 0.01, 90.0), "wide": (0.95, 0.01, 100.0), "fast": (0.75, 0.05, 70.0)}
MORE_PAIRS = [
    (8000, 11025),
    (12000, 8000),
    (192000, 4000),
    (4000, 192000),
    (99000, 100000),
    (96000, 16000),
    (60000, 16000),
]
FRAMES = 12


def streamed(x: np.ndarray, rate_in: int, rate_out: int, quality: str = "voice") -> tuple[np.ndarray, int]:
    stream = Resampler(rate_in, rate_out, dtype=x.dtype, quality=quality)
    step = max(1, rate_in // 50)
    return np.concatenate([stream.process(x[i : i + step]) for i in range(0, len(x), step)]), stream.delay


def steady(y: np.ndarray, delay: int) -> slice:
    """Leave out what the stream's beginning touches."""
    return slice(2 * delay + 3, len(y))


def fit(y: np.ndarray, at: np.ndarray, hz: float, rate: int) -> tuple[complex, np.ndarray]:
    """Fit one sine by least squares; return its complex amplitude and what is left."""
    w = 2 * np.pi * hz / rate * at
    basis = np.stack([np.cos(w), np.sin(w)], axis=1)
    (c, s), *_ = np.linalg.lstsq(basis, y, rcond=None)
    return complex(c, -s), y - basis @ [c, s]


def tone(hz: float, rate: int, n: int) -> np.ndarray:
    return (0.5 * np.cos(2 * np.pi * hz / rate * np.arange(n))).astype(np.float32)


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=float))))


def length(rate_in: int, rate_out: int, quality: str) -> int:
    latency = Resampler(rate_in, rate_out, quality=quality).latency
    return rate_in // 50 * max(4, int(FRAMES * latency / 0.0025))


@pytest.mark.parametrize("quality", PRESETS)
@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS + MORE_PAIRS)
def test_passband_ripple_images_delay_and_phase(rate_in, rate_out, quality, dose):
    edge, ripple_db, rejection_db = PRESETS[quality]
    lower = min(rate_in, rate_out) / 2
    n = length(rate_in, rate_out, quality)
    gains, late = [], []
    for part in np.linspace(0.02, 1, dose(7, 101)) * edge:
        hz = part * lower
        y, delay = streamed(tone(hz, rate_in, n), rate_in, rate_out, quality)
        use = steady(y, delay)
        amplitude, rest = fit(y[use], np.arange(len(y))[use] - delay, hz, rate_out)
        gains.append(abs(amplitude) / 0.5)
        late.append(-np.angle(amplitude) / (2 * np.pi * hz / rate_out))
        assert rms(rest) <= 10 ** (-rejection_db / 20) * rms(y[use]), f"images of {hz} Hz"
    assert 20 * np.log10(max(gains) / min(gains)) <= ripple_db
    assert 20 * abs(np.log10(gains[0])) <= ripple_db
    assert np.abs(late).max() <= 0.01  # output samples, against `.delay`


@pytest.mark.parametrize(
    ("quality", "rate_in", "rate_out"),
    [(q, a, b) for q in PRESETS for a, b in PAIRS + MORE_PAIRS if a > (2 - PRESETS[q][0]) * b],
)
def test_what_would_alias_is_rejected(rate_in, rate_out, quality, dose):
    edge, _, rejection_db = PRESETS[quality]
    lower = rate_out / 2
    n = length(rate_in, rate_out, quality)
    for hz in np.linspace((2 - edge) * lower, rate_in / 2, dose(8, 60), endpoint=False):
        x = tone(hz, rate_in, n)
        y, delay = streamed(x, rate_in, rate_out, quality)
        leak = rms(y[steady(y, delay)])
        assert leak <= 10 ** (-rejection_db / 20) * 0.5 / np.sqrt(2), f"{hz} Hz"


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS + MORE_PAIRS)
def test_resample_keeps_the_phase_of_1_khz(rate_in, rate_out):
    x = tone(1000, rate_in, rate_in // 2)
    y = resample(x, rate_in, rate_out)
    middle = slice(len(y) // 4, len(y) // 2)
    amplitude, _ = fit(y[middle], np.arange(len(y))[middle], 1000, rate_out)
    assert abs(np.angle(amplitude)) <= 1e-3


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_snr_of_telephone_tones(rate_in, rate_out):
    for hz in (300, 1000, 2000, 3000, 3400):
        x = tone(hz, rate_in, rate_in // 2)
        y, delay = streamed(x, rate_in, rate_out)
        use = steady(y, delay)
        at = np.arange(len(y))[use]
        _, rest = fit(y[use], at, hz, rate_out)
        assert 20 * np.log10(rms(y[use]) / rms(rest)) >= 90, f"float32, {hz} Hz"
        hz += 1.37  # no period of a few samples: rounding errors would be harmonics instead of noise
        integers = np.rint(tone(hz, rate_in, rate_in // 2) * 32768).astype(np.int16)
        got, _ = streamed(integers, rate_in, rate_out)
        _, rest = fit(got[use].astype(float), at, hz, rate_out)
        # Two roundings of 1 / sqrt(12) LSB each, the input's and the output's, which are not quite independent of each
        # other where a slow tone is interpolated (1 dB), and the images that the float32 limit allows.
        limit = np.hypot(10 ** (1 / 20) * np.sqrt(2 / 12), rms(got[use]) * 10 ** (-90 / 20))
        assert rms(rest) <= limit, f"int16, {hz} Hz"


def test_alias_of_5500_hz_at_24_to_8_khz():
    y, delay = streamed(tone(5500, 24000, 24000), 24000, 8000)
    assert 20 * np.log10(rms(y[2 * delay :]) / (0.5 / np.sqrt(2))) <= -90
