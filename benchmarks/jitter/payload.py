"""What the messages of a trace carry: real speech laid on its talk spurts, and the clips' own pauses on its pauses.

Speech is taken only where the clean clip's energy, per 20 ms, is above a tenth of its active level; it is what the
labels of the scores stand for. Pauses are noise of the level of the clips' quietest frames.
"""

from importlib.resources import files
from pathlib import Path

import numpy as np

RATE, N = 8000, 160


def clips(folder: Path | None, rate_hz: int = RATE) -> list[np.ndarray]:
    """Read every WAV or FLAC file of a folder, or one file, at 8 kHz or another rate; None: the project's own clip."""
    import soundfile
    from scipy.signal import resample_poly

    folder = folder or Path(str(files("voiceband") / "data" / "caller.wav"))
    paths = [folder] if folder.is_file() else sorted(p for e in ("wav", "flac") for p in folder.rglob(f"*.{e}"))
    found = []
    for path in paths:
        x, rate = soundfile.read(path, dtype="int16", always_2d=True)
        x = x[:, 0]
        if rate != rate_hz:
            gcd = np.gcd(rate, rate_hz)
            x = np.clip(np.rint(resample_poly(x.astype(float), rate_hz // gcd, rate // gcd)), -32768, 32767)
        found.append(x.astype(np.int16))
    if not found:
        raise SystemExit(f"{folder} holds no WAV or FLAC files")
    return found


def frames_of(sources: list[np.ndarray], active: list[bool]) -> list[np.ndarray]:
    """One frame of samples for every message of a talk pattern."""
    speech, faint = [], []
    for x in sources:
        blocks = x[: len(x) // N * N].reshape(-1, N)
        energy = (blocks.astype(float) ** 2).mean(1)
        level = energy[energy > energy.max() / 1000].mean()
        loud = energy > 0.1 * level
        # Whole spurts: a frame between two loud ones (a stop, a breath) belongs to them.
        loud[1:-1] |= loud[:-2] & loud[2:]
        speech.append(blocks[loud])
        faint.append(np.sqrt(np.quantile(energy, 0.05)))
    voice = np.concatenate(speech)
    noise = np.random.default_rng(1).normal(0, min(30.0, max(4.0, float(np.median(faint)))), (64, N))
    pause = np.rint(noise).astype(np.int16)
    frames, at = [], 0
    for k, on in enumerate(active):
        frames.append(np.ascontiguousarray(voice[at % len(voice)]) if on else pause[k % 64])
        at += on
    return frames
