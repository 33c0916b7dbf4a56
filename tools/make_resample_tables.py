"""Make csrc/vb_resample_tables.c: the equiripple Kth-band prototypes of the resampler.

A Kth-band filter has a middle tap of 1 and zeros at every Kth tap beside it, so for a symmetric filter of gain K only
the largest stopband error is left to be minimised over the other taps: a linear programme, solved here by scipy. The
passband follows: where the stopband's images are below the limit, the passband's error is their sum.

Usage: python tools/make_resample_tables.py > csrc/vb_resample_tables.c
"""

import sys

import numpy as np
from scipy.optimize import linprog

BANDS = (2, 3, 4, 6)
# Quality, pass edge in units of the lower Nyquist frequency, stopband in dB. The limit is tightened by 10 log10(K - 1)
# because up to K - 1 images of one tone add up.
QUALITIES = (("VOICE", 0.85, 92.5), ("WIDE", 0.95, 101.5), ("FAST", 0.75, 72.5))
GRID = 10  # frequencies a tap in the linear programme
FFT = 1 << 17


def design(band: int, half: int, edge: float) -> np.ndarray:
    """Return taps 1..half with the least stopband error, as float32."""
    index = np.array([n for n in range(1, half + 1) if n % band])
    f = np.append(np.arange((1 - edge / 2) / band, 0.5, 0.5 / (GRID * half)), 0.5)
    response = 2 * np.cos(2 * np.pi * np.outer(f, index)) / band
    worst = np.ones((len(f), 1))
    a = np.block([[response, -worst], [-response, -worst]])
    b = np.concatenate([np.full(len(f), -1 / band), np.full(len(f), 1 / band)])
    bounds = [(None, None)] * len(index) + [(0, None)]
    found = linprog(np.append(np.zeros(len(index)), 1), A_ub=a, b_ub=b, bounds=bounds, method="highs-ipm")
    assert found.success, found.message
    taps = np.zeros(half)
    taps[index - 1] = found.x[:-1]
    return taps.astype(np.float32)


def stopband_db(taps: np.ndarray, band: int, edge: float) -> float:
    """Return the largest stopband magnitude of the prototype, in dB below its passband."""
    whole = np.concatenate([taps[::-1], [1], taps]).astype(float)
    magnitude = np.abs(np.fft.rfft(whole, FFT)) / band
    f = np.arange(len(magnitude)) / FFT
    return float(20 * np.log10(magnitude[f >= (1 - edge / 2) / band].max()))


def shortest(band: int, edge: float, limit_db: float) -> tuple[np.ndarray, float]:
    """Return the shortest design that reaches the limit, and its stopband."""
    # Kaiser's formula for the same stopband; an equiripple design needs some 7 % less.
    half = int(0.93 * (limit_db - 8) / (4.57 * 2 * np.pi * (1 - edge) / band))
    while True:
        half += max(1, band // 3)
        if half % band == 0:
            half += 1  # the outermost tap would be zero
        taps = design(band, half, edge)
        reached = stopband_db(taps, band, edge)
        if reached <= -limit_db:
            return taps, reached


def main() -> None:
    """Write the C source to standard output."""
    print("/* Made by tools/make_resample_tables.py; do not edit. */")
    print('#include "vb_resample_tables.h"\n\n#include "vb_resample_design.h"\n')
    rows = []
    for name, edge, limit_db in QUALITIES:
        for band in BANDS:
            taps, reached = shortest(band, edge, limit_db + 10 * np.log10(band - 1))
            print(f"{name.lower()} K={band}: {len(taps)} taps a side, stopband {reached:.1f} dB", file=sys.stderr)
            array = f"{name.lower()}_{band}"
            print(f"/* Pass edge {edge}, stopband {reached:.1f} dB. */\n// clang-format off")
            print(f"static const float {array}[{len(taps)}] = {{")
            texts = [f"{float(t).hex()}f" for t in taps]
            for i in range(0, len(texts), 4):
                print("    " + ", ".join(texts[i : i + 4]) + ",")
            print("};\n// clang-format on\n")
            rows.append(f"    {{{band}, VB_RESAMPLE_{name}, {len(taps)}, {array}}},")
    print("const vb_resample_table vb_resample_tables[] = {")
    print("\n".join(rows))
    print("};\n\nconst size_t vb_resample_n_tables = sizeof vb_resample_tables / sizeof vb_resample_tables[0];")


if __name__ == "__main__":
    main()
