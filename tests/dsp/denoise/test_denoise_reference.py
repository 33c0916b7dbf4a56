"""The suppressor against a textbook one: numpy and scipy in float64, written from the equations of docs/denoise.md
and the constants of csrc/simd/denoise_*.h.

It shares nothing with the C code but the equations. Also here: the transforms against numpy's, and the checked-in
tables against their generator.
"""

import ctypes
import shutil
import subprocess
import sys
import sysconfig
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from _support import dose as doses
from _support.denoise_signals import coloured, gusts, hum, voice, white
from voiceband import Denoiser

ROOT = Path(__file__).parents[3]
FLOORS = ((60.0, 6.5), (70.0, 11.0), (85.0, 22.5), (100.0, 30.0))


def mean_around(x: np.ndarray, reach: int, before: float, after: float) -> np.ndarray:
    padded = np.concatenate([np.full(reach, before), x, np.full(reach, after)])
    return np.convolve(padded, np.ones(2 * reach + 1) / (2 * reach + 1), "valid")


def without_tones(mean: np.ndarray, bias: float) -> np.ndarray:
    """Noise powers from log2 noise powers, none above 8 times the geometric mean of the bins around."""
    around = mean_around(mean, 13, mean[0], mean[-1])
    means = np.convolve(mean, np.ones(27) / 27, "valid")  # of 27 bins from each on
    around[32:-32] = np.minimum(means[2:-36], means[36:-2])  # of the bins k - 30 to k - 4 and k + 4 to k + 30
    return 2 ** np.minimum(mean + bias, around + 3)


def level_around(x: np.ndarray) -> np.ndarray:
    """Means of x over the 27 bins around each, inside the ends."""
    inner = np.convolve(x, np.ones(27) / 27, "valid")
    return np.concatenate([np.full(13, inner[0]), inner, np.full(13, inner[-1])])


def repair_clicks(x: np.ndarray, hop: int) -> None:
    """Bridge, in place, the clicks of the hop that ends 4 ms before the end of x."""
    u = hop // 80
    last = 0
    x = x[-hop - 300 * u :]
    for c in range(len(x) - 32 * u - hop, len(x) - 32 * u):
        if abs(x[c] - 2 * x[c - 1] + x[c - 2]) <= 0.02:
            continue
        rough = np.abs(np.diff(x, 2, prepend=[0, 0]))
        before, after = rough[c - 158 * u : c - 10 * u], rough[c + 10 * u : c + 31 * u + 1]
        bars = 20 * before.mean(), 8 * before.max(), 4 * after.max()
        if c <= last or rough[c] <= max(bars) or rough[c] < rough[c - 6 * u : c + 6 * u + 1].max():
            continue
        a, b = c - 2 * u, c + u
        while a > c - 12 * u and rough[a] > 3 * before.mean() + 0.15 * rough[c]:
            a -= 1
        while b < c + 12 * u and rough[b] > 3 * before.mean() + 0.1 * rough[c]:
            b += 1
        x[a - u : b + 1] = np.linspace(x[a - u], x[b], b - a + u + 1)
        last = b


class Textbook:
    """One stream; the whole of it is given at once, and delay is removed."""

    def __init__(self, rate: int, level: float) -> None:
        self.hop, self.rate = rate // 100, rate
        self.points = 48 * rate // 1000
        self.floor = 10 ** (-np.interp(level, *zip(*FLOORS, strict=True)) / 20)

    def __call__(self, x: np.ndarray, window_ms: int = 30) -> np.ndarray:
        hop, size = self.hop, window_ms * self.rate // 1000
        n = np.arange(size)
        window = np.sqrt((1 - np.cos(2 * np.pi * n / size)) * hop / size)
        silence = 2 * size  # before the stream, for the clicks' past
        padded = np.concatenate([np.zeros(silence + size - hop), x, np.zeros(size)])
        out = np.zeros(len(padded) + size)
        self.frames, self.loud, self.pause = 0, 0.0, 0
        self.levels, self.run, self.heard = [], 0, 0.0
        self.speech_level = self.noise_level = 0.0
        for k in range(len(x) // hop):
            at = silence + k * hop
            if k >= size // hop:
                repair_clicks(padded[: at + size], hop)
            newest = padded[at + size - hop : at + size]
            loud = np.var(newest)
            self.pause = 2 if loud < 0.1 * self.loud else max(self.pause - 1, 0)
            self.loud = max(loud, 0.7 * self.loud)
            spectrum = np.fft.rfft(padded[at : at + size] * window, self.points)
            # The first frames hold samples from before the stream: they pass.
            gain = self.gain(np.abs(spectrum) ** 2 + 1e-10) if k >= size // hop - 1 else 1.0
            out[at : at + size] += np.fft.irfft(spectrum * gain, self.points)[:size] * window
        return out[silence + size - hop :][: len(x)]

    def gain(self, power: np.ndarray) -> np.ndarray:
        from scipy.special import exp1  # here, for it takes long to import

        self.track(power)
        noise = self.noise + 1e-10
        if self.frames == 1:
            self.speech = 0.016 * self.noise
        posterior = np.minimum(power / noise, 1000)
        ends = 2 * posterior[0] - posterior[1], 2 * posterior[-1] - posterior[-2]
        smooth = np.convolve(np.concatenate([ends[:1], posterior, ends[1:]]), [0.125, 0.75, 0.125], "valid")
        old = self.speech / noise
        weight = 0.14 + 0.85 * (old / (1 + old)) ** 4
        xi = np.maximum(weight * np.maximum(smooth - 1, 0) + (1 - weight) * old, 10**-2.5)
        share = 1 if self.frames == 1 else 1 - 0.7 ** (10 / 16)
        self.prior = xi if self.frames == 1 else self.prior + share * (xi - self.prior)
        z = self.prior
        local = np.convolve(np.pad(z, 2), np.array([1, 3, 4, 3, 1]) / 12, "valid")
        wide = np.convolve(np.convolve(np.pad(z, 17), np.ones(27) / 27), np.ones(9) / 9)[34:-34]

        def mapped(ratio: np.ndarray, span: float) -> np.ndarray:
            return np.clip((10 * np.log10(ratio) + 10) / span, 0, 1)

        expected = mapped(local, 15) * mapped(wide, 15) * mapped(z[8:192].mean(), 12)
        absent = np.minimum(1 - expected, 0.98)
        wiener = xi / (1 + xi)
        v = np.maximum(wiener * posterior, 1e-8)
        present = 1 / (1 + absent / (1 - absent) * (1 + xi) * np.exp(-np.minimum(v, 80)))
        lsa = wiener * np.exp(exp1(v) / 2)
        self.speech = np.minimum(lsa, 10) ** 2 * power
        deep = 0.7 + 0.3 * np.clip((self.snr() - 6) / 6, 0, 1)
        gain = np.minimum(lsa, 1) ** present * self.floor ** (deep * (1 - present))
        certain = min(np.sum(present * self.speech) / np.sum(power) / 0.6, 1.0)
        self.listen(certain)
        own = np.maximum(certain**2, expected)
        return own * gain + (1 - own) * mean_around(gain, 13, gain[0], gain[-1])

    def track(self, power: np.ndarray) -> None:
        self.frames += 1
        if self.frames <= 40:
            logs = np.log2(power)
            if self.frames == 1:
                self.mean = self.recent = logs
            self.mean = self.mean + (logs - self.mean) / self.frames
            self.recent = self.recent + (logs - self.recent) / min(self.frames, 3)
            level = level_around(self.recent)
            self.least = level if self.frames <= 3 else np.minimum(self.least, level)
            doubt = 3.5 * max(1 - self.frames / 23, 0)
            swing = level_around(self.mean) - self.least
            self.noise = without_tones(self.mean - doubt - 2 * np.maximum(swing - 1.4, 0), 0.6)
            self.absence, self.held = np.full(len(power), 0.5), np.zeros(len(power))
            self.low, self.base, self.stood = power[:10], self.noise[:10] / 1.5, np.zeros(10)
            return
        r = 10 + (10**1.5 - 10) * np.clip((self.snr() - 10) / 6, 0, 1)
        if self.pause:
            paused = (self.absence < 0.1) & (power < 4 * self.noise)
            self.noise = np.where(paused, without_tones(np.log2(self.noise), 0), self.noise)
            self.absence = np.where(paused, 0.5, self.absence)
        ratio = power / self.noise
        q = 1 - 1 / (1 + (1 + r) * np.exp(-np.minimum(ratio, 40) * r / (1 + r)))
        self.absence = self.absence + (1 - np.exp(-0.01 / 0.152)) * (q - self.absence)
        self.held = np.where(self.absence < 0.01, self.held + 1, 0)
        waits = (self.held > 8) & (self.held < 180) & (np.arange(len(power)) >= 17)
        q = np.where((self.held > 0) & ~waits, np.maximum(q, 0.01), q)
        self.noise = self.noise + (1 - np.exp(-0.01 / 0.1)) * q * (power - self.noise)
        self.bands(power)
        self.low = self.low + (1 - np.exp(-0.01 / 0.03)) * (power[:10] - self.low)
        self.base = self.base * np.where(self.stood < 400, 1, 1.12)
        self.stood = np.where(self.low < self.base, 0, self.stood + 1)
        self.base = np.minimum(self.base, self.low)
        self.noise[:10] = np.maximum(self.noise[:10], 1.5 * self.base)

    def bands(self, power: np.ndarray) -> None:
        starts = np.arange(8, len(power) - 16, 16)
        width = np.diff([*starts, len(power)])
        total, noise = np.add.reduceat(power, starts), np.add.reduceat(self.noise, starts)
        level = np.add.reduceat(np.log2(power), starts) / width
        hop = len(self.levels)
        self.fallen = (self.fallen + total / noise) / 2 if hop else (1 + total / noise) / 2
        self.levels.append((self.levels[-1] + level) / 2 if hop else level)
        least = np.min(self.levels[max(hop // 10 - 7, 0) * 10 :], axis=0) + 1.2  # the last 0.7 to 0.8 s
        for b, (k, n) in enumerate(zip(starts, width, strict=True)):
            at = slice(k, k + n)
            if hop >= 80 and least[b] > np.log2(noise[b] / n) + 2:
                near = np.minimum(2 ** least[b], 4 * power[at])
                self.noise[at] += 0.2 * np.maximum(near - self.noise[at], 0)
            if self.fallen[b] < 0.3:
                self.noise[at] = np.maximum(0.4 * self.noise[at], np.minimum(self.noise[at], total[b] / n))

    def listen(self, certain: float) -> None:
        if self.frames < 40:
            return
        speech, noise = self.speech[8:].sum(), 1.25 * self.noise[8:].sum()
        self.run = self.run + 1 if certain > 0.5 else 0
        if 0 < self.run < 50:
            share = 1 if self.speech_level == 0 else 0.05 if speech > self.speech_level else 0.01
            self.speech_level += share * (speech - self.speech_level)
            self.heard = min(self.heard + 1, 320)
        else:
            self.heard = max(self.heard - 0.125, 0)
        self.noise_level += (0.02 if self.noise_level else 1) * (noise - self.noise_level)

    def snr(self) -> float:
        return 10 * np.log10(self.speech_level / self.noise_level) if self.heard >= 80 else 40.0


@pytest.mark.parametrize(
    ("rate", "lev", "latency"),
    doses.dose(
        [(8000, 60, "normal"), (16000, 93.5, "low")],
        list(product([8000, 16000], [60, 93.5], ["normal", "low"])),
    ),
)
def test_the_samples_are_those_of_the_equations(rate, lev, latency, dose):
    duration = dose(1, 10)
    noises = (white(duration, rate, -40), coloured(duration, rate, -40, 2, 1.0), gusts(duration, rate, -45, 3))
    clicks = white(duration, rate, -70)  # in digital silence the tracker stops, of which the equations know nothing
    clicks[rate // 3 :: rate // 5] = 0.3
    for seed, noise in enumerate((*noises, hum(duration, rate, 50) + white(duration, rate, -60), clicks)):
        x = (voice(duration, rate, -26, seed + 1) + noise).astype(np.float32)
        d = Denoiser(rate, level=lev, dtype="float32", latency=latency)
        y = d.process(x)[round(d.latency * rate) :]
        expected = Textbook(rate, lev)(x.astype(float), 30 if latency == "normal" else 20)[: len(y)]
        error_db = 10 * np.log10(np.mean((y - expected) ** 2) / np.mean(expected**2))
        assert error_db < -50  # float32, polynomials and feedback against float64


@pytest.mark.source_tree
def test_the_transforms_are_numpys(tmp_path):
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None or sys.platform == "win32":
        pytest.skip("needs a C compiler with -shared")
    library = tmp_path / "fft.so"
    flags = ["-std=c11", "-O2", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, "-o", library, "csrc/vb_fft.c", "csrc/vb_cpu.c"], check=True, cwd=ROOT)
    fft = ctypes.CDLL(str(library))
    array = np.ctypeslib.ndpointer(np.float32, flags="C_CONTIGUOUS")
    fft.vb_fft_forward.argtypes = fft.vb_fft_inverse.argtypes = [ctypes.c_int, array, array, array]
    rng = np.random.default_rng(1)
    results = {}
    for level in range(fft.vb_cpu_best() + 1):
        fft.vb_fft_select(level)
        for points in (384, 768):
            for x in (rng.standard_normal(points), np.eye(points)[5], np.cos(np.arange(points)), np.ones(points)):
                x = x.astype(np.float32)
                re, im = np.empty((2, points // 2 + 1), np.float32)
                back = np.empty(points, np.float32)
                fft.vb_fft_forward(points, x, re, im)
                fft.vb_fft_inverse(points, re, im, back)
                scale = np.sqrt(np.sum(x.astype(float) ** 2) * points)
                assert np.max(np.abs(re + 1j * im - np.fft.rfft(x.astype(float)))) < 1e-6 * scale
                assert np.max(np.abs(back / (points / 2) - x)) < 2e-6 * np.max(np.abs(x)) * np.sqrt(points)
            x = np.sin(np.arange(points) ** 1.3).astype(np.float32)
            fft.vb_fft_forward(points, x, re := np.empty(points // 2 + 1, np.float32), im := np.empty_like(re))
            assert results.setdefault(points, (re.tobytes(), im.tobytes())) == (re.tobytes(), im.tobytes())


@pytest.mark.prove  # test_golden.py notices in `make test` that a table has changed
@pytest.mark.source_tree
def test_the_tables_are_what_the_generator_makes():
    result = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_denoise_tables.py", "--check"], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
