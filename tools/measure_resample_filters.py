"""Print the filter table of docs/resample.md: delay, ripple, rejection and length, from impulse responses.

Usage: python tools/measure_resample_filters.py
"""

from math import gcd

import numpy as np

from voiceband import Resampler, resample

PASS_EDGE = {"voice": 0.85, "wide": 0.95, "fast": 0.75}  # in units of the lower Nyquist frequency
PAIRS = ((8000, 16000), (16000, 8000), (24000, 8000), (24000, 16000), (48000, 8000), (8000, 48000), (44100, 8000),
         (8000, 44100), (44100, 48000))  # fmt: skip


def prototype(rate_in: int, rate_out: int, quality: str) -> np.ndarray:
    """Put the filter together from the responses to one impulse at each phase of the input."""
    common = gcd(rate_in, rate_out)
    up, down = rate_out // common, rate_in // common
    start = (6000 // down + 1) * down
    taps = {}
    for phase in range(down):
        x = np.zeros(2 * start, np.float32)
        x[start + phase] = 1
        y = resample(x, rate_in, rate_out, quality=quality)
        taps.update({int(k) * down - (start + phase) * up: float(y[k]) for k in np.flatnonzero(y)})
    half = max(map(abs, taps))
    return np.array([taps.get(n, 0.0) for n in range(-half, half + 1)]) / up


def main() -> None:
    """Measure every pair at every quality."""
    print("| quality | pair | delay, samples | delay, ms | ripple, dB | rejection, dB | taps an output |")
    print("|---|---|---|---|---|---|---|")
    for quality, edge in PASS_EDGE.items():
        for rate_in, rate_out in PAIRS:
            taps = prototype(rate_in, rate_out, quality)
            size = 1 << int(np.ceil(np.log2(len(taps) * 16)))
            magnitude = np.abs(np.fft.rfft(taps, size))
            common = gcd(rate_in, rate_out)
            f = np.arange(len(magnitude)) / size * max(rate_in, rate_out) / common * 2
            inside, outside = magnitude[f <= edge], magnitude[f >= 2 - edge]
            stream = Resampler(rate_in, rate_out, quality=quality)
            print(
                f"| {quality} | {rate_in} -> {rate_out} | {stream.delay} | {stream.latency * 1e3:.2f} "
                f"| {20 * np.log10(inside.max() / inside.min()):.4f} | {-20 * np.log10(outside.max()):.1f} "
                f"| {np.count_nonzero(taps) / (rate_out // common):.0f} |"
            )


if __name__ == "__main__":
    main()
