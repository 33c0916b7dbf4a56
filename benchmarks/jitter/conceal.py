"""Score concealment: PESQ (and PLCMOS) of 20 ms mu-law frames lost singly or in bursts of 60 ms on average.

    python -m benchmarks.jitter.conceal --speech DIR [--plcmos]

Needs the packages pesq and, for --plcmos, speechmos; spandsp through the Debian package libspandsp2.
"""

import argparse
import ctypes
from pathlib import Path

import numpy as np
from benchmarks.jitter.payload import RATE, N, clips

from voiceband import Concealer, ulaw_decode, ulaw_encode

Frames = list[np.ndarray | None]


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


def zero(frames: Frames) -> np.ndarray:
    """Silence."""
    return np.concatenate([np.zeros(N, np.int16) if f is None else f for f in frames])


def repeat(frames: Frames) -> np.ndarray:
    """Repeat the last frame."""
    out = [np.zeros(N, np.int16)]
    for f in frames:
        out.append(out[-1] if f is None else f)
    return np.concatenate(out[1:])


def spandsp(frames: Frames) -> np.ndarray:
    """Run libspandsp's plc_rx and plc_fillin."""
    lib = ctypes.CDLL("libspandsp.so.2")
    lib.plc_init.restype = ctypes.c_void_p
    state, out = ctypes.c_void_p(lib.plc_init(None)), []
    for f in frames:
        block = np.zeros(N, np.int16) if f is None else f.copy()
        (lib.plc_fillin if f is None else lib.plc_rx)(state, block.ctypes.data_as(ctypes.c_void_p), N)
        out.append(block)
    lib.plc_free(state)
    return np.concatenate(out)


def causal(frames: Frames) -> np.ndarray:
    """Concealer.lost: nothing is known of what follows."""
    plc = Concealer(RATE)
    return np.concatenate([plc.lost(N) if f is None else plc.good(f) for f in frames])


def bridged(frames: Frames, method: str = "auto") -> np.ndarray:
    """Concealer.bridge: the frame after the hole is in hand."""
    plc, out, hole = Concealer(RATE, method=method), [], 0
    for k, f in enumerate(frames):
        if f is None:
            hole += 1
            continue
        if hole:
            after = frames[k + 1] if k + 1 < len(frames) else None
            out.append(plc.bridge(hole * N, f if after is None else np.concatenate([f, after])))
            hole = 0
        out.append(plc.good(f))
    return np.concatenate([*out, plc.lost(hole * N)])


def pitch(frames: Frames) -> np.ndarray:
    """Use the cheap setting."""
    return bridged(frames, "pitch")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--plcmos", action="store_true")
    options = parser.parse_args()
    from pesq import pesq
    from scipy.signal import resample_poly

    if options.plcmos:
        from speechmos import plcmos
    speech = [ulaw_decode(ulaw_encode(x[: min(len(x), 8 * RATE) // N * N])) for x in clips(options.speech)]
    methods = [zero, repeat, spandsp, causal, pitch, bridged]
    print(f"{len(speech)} clips\n{'':<12}" + "".join(f"{m.__name__:>14}" for m in methods))
    for burst in (1, 3):
        for share in (0.05, 0.1, 0.2):
            cells = []
            for method in methods:
                scores, mos = [], []
                for i, x in enumerate(speech):
                    keep = lose(len(x) // N, share, burst, 100 + i)
                    y = method([f if k else None for f, k in zip(x.reshape(-1, N), keep, strict=True)])
                    scores.append(pesq(RATE, x, y, "nb"))
                    if options.plcmos and i % 3 == 0:
                        z = np.clip(resample_poly(y / 32768, 2, 1), -1, 1)
                        mos.append(plcmos.run(z, sr=16000)["plcmos"])
                cells.append(f"{np.mean(scores):.2f}" + (f"/{np.mean(mos):.2f}" if mos else ""))
            print(
                f"{'burst' if burst > 1 else 'single'} {share:4.0%} " + "".join(f"{c:>14}" for c in cells), flush=True
            )


if __name__ == "__main__":
    main()
