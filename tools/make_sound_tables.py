"""Write csrc/vb_sound_tables.h: the bands, the pitch lags, the decimation filters and the window of the sound guard.

python tools/make_sound_tables.py > csrc/vb_sound_tables.h
"""

from itertools import pairwise

import numpy as np

POINTS, RATE = 384, 8000
BANDS, LAGS = 24, 24
LOW_HZ, HIGH_HZ = 60.0, 3900.0
TAPS_A_STEP = 8
FIRST_GRAIN = 4  # the first band of at least four bins


def mel(hz):
    """Return the mel scale of O'Shaughnessy."""
    return 2595 * np.log10(1 + np.asarray(hz) / 700)


def band_edges():
    """Return the edges of the bands in bins, equally spaced in mel."""
    m = np.linspace(mel(LOW_HZ), mel(HIGH_HZ), BANDS + 1)
    return 700 * (10 ** (m / 2595) - 1) * POINTS / RATE


def band_table():
    """Return each band's first bin and the weights of its bins: rectangles that share the bins at their edges."""
    edges = band_edges()
    first, weights = [], []
    for low, high in pairwise(edges):
        bins = np.arange(int(np.floor(low + 0.5)), int(np.floor(high + 0.5)) + 1)
        overlap = np.minimum(bins + 0.5, high) - np.maximum(bins - 0.5, low)
        first.append(int(bins[0]))
        weights.append(np.maximum(overlap, 0) / (high - low))
    width = max(len(w) for w in weights)
    return first, [np.pad(w, (0, width - len(w))) for w in weights]


def lag_edges():
    """Return the edges of the lags in samples: 800 Hz down to 45 Hz, equally spaced in log."""
    return np.round(RATE / (800 * 2 ** (-np.arange(LAGS + 1) * 4.17 / LAGS))).astype(int)


def decimator(step):
    """Return the taps of a low-pass below 4000 Hz for one output in `step` samples."""
    n = TAPS_A_STEP * step
    t = np.arange(n) - (n - 1) / 2
    taps = np.sinc(t / step * 0.94) * np.kaiser(n, 4.0)
    return taps / taps.sum()


def rows(values, form):
    """Return C initialisers, some a line."""
    text = [form(v) for v in values]
    return ",\n    ".join(", ".join(text[i : i + 8]) for i in range(0, len(text), 8))


def number(v):
    """Return a float32 as C writes it."""
    text = f"{float(np.float32(v)):.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def main():
    """Print the header."""
    first, weights = band_table()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(POINTS) / POINTS)
    print("/* Made by tools/make_sound_tables.py. */")
    print("#ifndef VB_SOUND_TABLES_H\n#define VB_SOUND_TABLES_H\n\n#include <stdint.h>\n")
    print(f"static const float vb_sound_hann[{POINTS}] = {{\n    {rows(window, number)},\n}};\n")
    print(f"enum {{ VB_SOUND_BAND_WIDTH = {len(weights[0])} }};\n")
    print(f"static const uint8_t vb_sound_band_first[{BANDS}] = {{\n    {rows(first, str)},\n}};\n")
    widths = [int(np.flatnonzero(w).max()) + 1 for w in weights]
    print(f"static const uint8_t vb_sound_band_bins[{BANDS}] = {{\n    {rows(widths, str)},\n}};\n")
    grains = sum(len(range(1, n - 2, 2)) * 2 for n in widths[FIRST_GRAIN:])
    print(f"enum {{ VB_SOUND_FIRST_GRAIN = {FIRST_GRAIN}, VB_SOUND_GRAINS = {grains} }};\n")
    print(f"static const float vb_sound_band_weight[{BANDS}][VB_SOUND_BAND_WIDTH] = {{")
    for w in weights:
        print(f"    {{{', '.join(number(v) for v in w)}}},")
    print("};\n")
    print(f"static const uint8_t vb_sound_lag_edge[{LAGS + 1}] = {{\n    {rows(lag_edges(), str)},\n}};\n")
    for step in range(2, 7):
        taps = rows(decimator(step), number)
        print(f"static const float vb_sound_decimate_{step}[{TAPS_A_STEP * step}] = {{\n    {taps},\n}};\n")
    print("#endif")


if __name__ == "__main__":
    main()
