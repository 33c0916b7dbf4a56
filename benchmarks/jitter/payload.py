"""What the messages of a trace carry: real speech laid on its talk spurts, and the clips' own pauses on its pauses.

Speech is taken only where the clean clip's energy, per 20 ms, is above a tenth of its active level; it is what the
labels of the scores stand for. Pauses are noise of the level of the clips' quietest frames.
"""

from pathlib import Path

import numpy as np

RATE, N = 8000, 160


def clips(folder: Path | None) -> list[np.ndarray]:
    """Every WAV or FLAC file of a folder at 8 kHz; without a folder, a synthetic voice that needs no files."""
    if folder is None:
        return [synthetic_voice(20.0)]
    import soundfile
    from scipy.signal import resample_poly

    found = []
    for path in sorted(p for e in ("wav", "flac") for p in folder.rglob(f"*.{e}")):
        x, rate = soundfile.read(path, dtype="int16", always_2d=True)
        x = x[:, 0]
        if rate != RATE:
            gcd = np.gcd(rate, RATE)
            x = np.clip(np.rint(resample_poly(x.astype(float), RATE // gcd, rate // gcd)), -32768, 32767)
        found.append(x.astype(np.int16))
    if not found:
        raise SystemExit(f"{folder} holds no WAV or FLAC files")
    return found


def synthetic_voice(seconds: float, seed: int = 1) -> np.ndarray:
    """Return a gliding voiced sound with formants and syllables, in place of speech where there are no clips."""
    rng, n = np.random.default_rng(seed), int(seconds * RATE)
    t = np.arange(n) / RATE
    f0 = 130 * 2 ** (0.25 * np.sin(2 * np.pi * 0.7 * t) + 0.1 * np.sin(2 * np.pi * 2.9 * t))
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    formant = 500 + 250 * np.sin(2 * np.pi * 1.7 * t)
    x = np.zeros(n)
    for h in range(1, 20):
        x += np.exp(-(((h * f0 - formant) / 500) ** 2)) * np.sin(h * phase + rng.uniform(0, 6)) + 0.1 / h * np.sin(
            h * phase
        )
    syllable = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)
    return np.rint(4000 * x * syllable / np.abs(x).max() * 2).astype(np.int16)


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
