"""Write csrc/vb_fft_tables.h and csrc/vb_denoise_tables.h: every constant of the suppressor that needs arithmetic.

Run from the checkout: `python tools/make_denoise_tables.py`; with `--check` it only says whether the files are current.
Needs numpy. Values are printed as hexadecimal floats, so that what is compiled is exactly what was computed here.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np

CSRC = Path(__file__).parent.parent / "csrc"
EULER_GAMMA = 0.57721566490153286


def hex_float(value: float) -> str:
    """Print one float32 as a C literal."""
    mantissa, _, exponent = float(np.float32(value)).hex().partition("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}p{exponent}f"


def array(name: str, values: np.ndarray, comment: str) -> str:
    """Print one table as a C definition."""
    text = [hex_float(v) for v in np.asarray(values, float)]
    lines = [", ".join(text[i : i + 6]) for i in range(0, len(text), 6)]
    return f"/* {comment} */\nstatic const float {name}[{len(text)}] = {{\n    " + ",\n    ".join(lines) + "};\n"


def header(guard: str, subject: str, parts: list[str]) -> str:
    """Put the parts into a header file."""
    return (
        f"/* {subject} Made by tools/make_denoise_tables.py; change that, not this. */\n"
        f"/* clang-format off */\n#ifndef {guard}\n#define {guard}\n\n"
        + "\n".join(parts)
        + "\n/* clang-format on */\n#endif\n"
    )


# ---------------------------------------------------------------------------------------------------------- transforms


def stage_twiddles(length: int) -> np.ndarray:
    """Twiddles of all stages: per stage of n points and radix r w^p .. w^(r-1)p, p < n/r, cosines before sines."""
    rows = []
    n = length
    for radix in (4, 4, 4, 2):
        if n > 3:
            p = np.arange(n // radix)
            for k in range(1, radix):
                rows += [np.cos(2 * np.pi * k * p / n), -np.sin(2 * np.pi * k * p / n)]
            n //= radix
    return np.concatenate(rows)


def real_twiddles(points: int) -> np.ndarray:
    """Twiddles that join the two half spectra of a real transform: cos and -sin of 2 pi k / points, k <= points/4."""
    k = np.arange(points // 4 + 1)
    return np.concatenate([np.cos(2 * np.pi * k / points), -np.sin(2 * np.pi * k / points)])


def fft_tables() -> str:
    """Make vb_fft_tables.h."""
    parts = []
    for points in (384, 768):
        parts.append(
            array(f"vb_fft_stage_{points}", stage_twiddles(points // 2), f"stages of {points // 2} complex points")
        )
        parts.append(array(f"vb_fft_real_{points}", real_twiddles(points), f"joins the halves of {points} real points"))
    return header("VB_FFT_TABLES_H", "Twiddle factors of vb_fft.c.", parts)


# ------------------------------------------------------------------------------------------------------------ windows


def hann(length: int) -> np.ndarray:
    """Make a periodic Hann window."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def window(length: int, hop: int) -> np.ndarray:
    """Make the root-Hann window, scaled so that the squares of its shifts by hop sum to one."""
    return np.sqrt(hann(length) * 2 * hop / length)


# --------------------------------------------------------------------------------------------------------- polynomials


def fit(function, low: float, high: float, degree: int, weight=None) -> np.ndarray:
    """Fit a polynomial with nearly equal ripple: least squares reweighted by the error (Lawson)."""
    x = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (np.arange(4000) + 0.5) / 4000)
    y = np.array([function(v) for v in x])
    scale = np.ones_like(x) if weight is None else np.array([weight(v) for v in x])
    basis = np.vander(x, degree + 1, increasing=True)
    w = np.ones_like(x)
    for _ in range(60):
        root = np.sqrt(w) * scale
        c = np.linalg.lstsq(basis * root[:, None], y * root, rcond=None)[0]
        w *= np.abs((basis @ c - y) * scale)
        w /= w.mean()
    return c


def exp1(x: float) -> float:
    """Exponential integral E1 (Abramowitz and Stegun 5.1.11 and 5.1.22), good to 1e-15 for x > 0."""
    if x <= 1.0:
        total, term = 0.0, -1.0
        for n in range(1, 40):
            term *= -x / n
            total += term / n
        return -EULER_GAMMA - math.log(x) + total
    fraction = x + 1.0
    value = 0.0
    for n in range(400, 0, -1):  # E1 = e^-x / (x + 1 - 1/(x + 3 - 4/(x + 5 - ...)))
        value = n * n / (x + 2 * n + 1 - value)
    return math.exp(-x) / (fraction - value)


def polynomials() -> list[str]:
    """Fit the functions of csrc/simd/fastmath.h."""
    exp2 = fit(lambda f: 2.0**f, -0.5, 0.5, 4, lambda f: 2.0**-f)
    root = math.sqrt(0.5)
    log2 = fit(lambda t: math.log2(1 + t) / t if abs(t) > 1e-9 else 1 / math.log(2), root - 1, 2 * root - 1, 6)
    # The two sides of E1 meet at 1. Below: E1(v) + ln v is smooth. Above: v e^v E1(v) is smooth in 1 / (v + 1).
    small = fit(lambda v: (exp1(v) + math.log(v)) if v > 0 else -EULER_GAMMA, 0.0, 1.0, 4)
    large = fit(lambda t: (lambda v: v * math.exp(v) * exp1(v))(1 / t - 1), 1 / 201, 0.5, 5)
    return [
        array("vb_poly_exp2", exp2, "2^f, |f| <= 1/2, rising powers; relative error below 4e-6"),
        array("vb_poly_log2", log2, "log2(1 + t) / t for 1 + t in [sqrt(1/2), sqrt(2)]; absolute error below 1e-6"),
        array("vb_poly_e1_small", small, "E1(v) + ln v, 0 < v <= 1; absolute error below 1e-6"),
        array("vb_poly_e1_large", large, "v e^v E1(v) in powers of 1 / (v + 1), v >= 1; relative error below 1e-4"),
    ]


def denoise_tables() -> str:
    """Make vb_denoise_tables.h."""
    parts = []
    for rate in (8000, 16000):
        hop = rate // 100
        for form, ms in (("normal", 30), ("low", 20)):
            name = f"vb_denoise_window_{form}_{rate // 1000}k"
            parts.append(array(name, window(ms * rate // 1000, hop), f"root-Hann, {ms} ms at {rate} Hz"))
    parts += polynomials()
    return header("VB_DENOISE_TABLES_H", "Windows and polynomials of vb_denoise.c.", parts)


def main() -> int:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a file is not current")
    check = parser.parse_args().check
    stale = 0
    for name, text in (("vb_fft_tables.h", fft_tables()), ("vb_denoise_tables.h", denoise_tables())):
        path = CSRC / name
        if check:
            if not path.exists() or path.read_text() != text:
                print(f"{path} is not current")
                stale = 1
        else:
            path.write_text(text)
    return stale


if __name__ == "__main__":
    sys.exit(main())
