"""Score concealment: PESQ (and PLCMOS) of 20 ms frames lost singly or in bursts of 60 ms on average.

    python -m benchmarks.jitter.conceal [--speech DIR] [--rate 8000|16000] [--plcmos]

Without --speech, the project's own clip is used. At 8 kHz the frames are mu-law and PESQ is narrow-band; at 16 kHz they
are L16 and PESQ is wide-band. Needs the packages pesq and, for --plcmos, speechmos (every third clip is scored by it);
spandsp (8 kHz only) is left out where the Debian package libspandsp2 is not there.
"""

import argparse
import ctypes
from ctypes.util import find_library
from pathlib import Path

import numpy as np
from benchmarks.jitter.payload import clips

from voiceband import Concealer, ulaw_decode, ulaw_encode

Frames = list[np.ndarray | None]
SECONDS = 8


def lose(count: int, share: float, burst: float, seed: int) -> np.ndarray:
    """Which frames arrive: single losses (never two in a row) for burst 1, else a Gilbert channel."""
    rng, keep, bad = np.random.default_rng(seed), np.ones(count, bool), False
    for k in range(5, count):
        if burst == 1:
            bad = not bad and rng.random() < share / (1 - share)
        else:
            bad = rng.random() >= 1 / burst if bad else rng.random() < share / burst / (1 - share)
        keep[k] = not bad
    return keep


def zero(frames: Frames, rate: int) -> np.ndarray:
    """Silence."""
    return np.concatenate([np.zeros(rate // 50, np.int16) if f is None else f for f in frames])


def repeat(frames: Frames, rate: int) -> np.ndarray:
    """Repeat the last frame."""
    out = [np.zeros(rate // 50, np.int16)]
    for f in frames:
        out.append(out[-1] if f is None else f)
    return np.concatenate(out[1:])


def spandsp(frames: Frames, rate: int) -> np.ndarray:
    """Run libspandsp's plc_rx and plc_fillin."""
    lib, n = ctypes.CDLL("libspandsp.so.2"), rate // 50
    lib.plc_init.restype = ctypes.c_void_p
    state, out = ctypes.c_void_p(lib.plc_init(None)), []
    for f in frames:
        block = np.zeros(n, np.int16) if f is None else f.copy()
        (lib.plc_fillin if f is None else lib.plc_rx)(state, block.ctypes.data_as(ctypes.c_void_p), n)
        out.append(block)
    lib.plc_free(state)
    return np.concatenate(out)


def causal(frames: Frames, rate: int) -> np.ndarray:
    """Concealer.lost: nothing is known of what follows."""
    plc = Concealer(rate)
    return np.concatenate([plc.lost(rate // 50) if f is None else plc.good(f) for f in frames])


def bridged(frames: Frames, rate: int, method: str = "auto") -> np.ndarray:
    """Concealer.bridge: the frame after the hole is in hand."""
    plc, out, hole = Concealer(rate, method=method), [], 0
    for k, f in enumerate(frames):
        if f is None:
            hole += rate // 50
            continue
        if hole:
            after = frames[k + 1] if k + 1 < len(frames) else None
            out.append(plc.bridge(hole, f if after is None else np.concatenate([f, after])))
            hole = 0
        out.append(plc.good(f))
    return np.concatenate([*out, plc.lost(hole)])


def pitch(frames: Frames, rate: int) -> np.ndarray:
    """Use the cheap setting."""
    return bridged(frames, rate, "pitch")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--rate", type=int, choices=(8000, 16000), default=8000)
    parser.add_argument("--plcmos", action="store_true")
    options = parser.parse_args()
    from pesq import pesq
    from scipy.signal import resample_poly

    if options.plcmos:
        from speechmos import plcmos
    rate, n = options.rate, options.rate // 50
    speech = [x[: min(len(x), SECONDS * rate) // n * n] for x in clips(options.speech, rate)]
    methods = [zero, repeat, causal, pitch, bridged]
    if rate == 8000:
        speech = [ulaw_decode(ulaw_encode(x)) for x in speech]
        if find_library("spandsp"):
            methods.insert(2, spandsp)
    seeds = [100 + i + 1000 * j for i in range(len(speech)) for j in range(max(1, 8 // len(speech)))]
    print(f"{len(speech)} clips, {len(seeds)} patterns\n{'':<12}" + "".join(f"{m.__name__:>14}" for m in methods))
    for burst in (1, 3):
        for share in (0.05, 0.1, 0.2):
            cells = []
            for method in methods:
                scores, mos = [], []
                for k, seed in enumerate(seeds):
                    x = speech[seed % 1000 - 100]
                    keep = lose(len(x) // n, share, burst, seed)
                    y = method([f if k else None for f, k in zip(x.reshape(-1, n), keep, strict=True)], rate)
                    scores.append(pesq(rate, x, y, "nb" if rate == 8000 else "wb"))
                    if options.plcmos and k % 3 == 0:
                        z = np.clip(resample_poly(y / 32768, 16000 // rate, 1), -1, 1)
                        mos.append(plcmos.run(z, sr=16000)["plcmos"])
                cells.append(f"{np.mean(scores):.2f}" + (f"/{np.mean(mos):.2f}" if mos else ""))
            name = f"{'burst' if burst > 1 else 'single'} {share:4.0%}"
            print(f"{name:<12}" + "".join(f"{c:>14}" for c in cells), flush=True)


if __name__ == "__main__":
    main()
