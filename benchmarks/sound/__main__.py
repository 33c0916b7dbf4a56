"""The sound guard's confusion matrix, and its false alarms.

    python -m benchmarks.sound faults FOLDER [--only TEXT] [--csv FILE]
    python -m benchmarks.sound right FOLDER... [--seconds 12] [--every 1]

`faults` reads FOLDER/speech and FOLDER/noise (WAV, FLAC or what else soundfile reads; one channel, several seconds
each, played twice), makes every fault of every talker at -3 to -40 dBov, alone and in noise of 5 dB SNR, and prints
how often each is named within four seconds of sound, and within ten. A-law is expected from -26 dBov up. `right` plays
every sound file below the FOLDERs, at its own level and at others, as mu-law, A-law and L16, and tones that are made
here; all that is found is a false alarm. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import collections
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile
from benchmarks.sound.faults import FAULTS, Fault, at_level, at_rate, coded, resampled, speaking

import voiceband
from voiceband import SoundGuard

LEVELS = (-3, -10, -18, -26, -33, -40)
SNR_DB = 5
ALAW_FROM = -26
SILENT = 1e-8
AUDIBLE = 10737  # -50 dBov, in squares of samples
SOON_S = 4.0


def sounds(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Read the files below a folder, as floats at 16 kHz; channels are mixed."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        try:
            x, rate = soundfile.read(path, always_2d=True)
        except (soundfile.LibsndfileError, TypeError):
            continue
        if len(x) and rate >= 8000:
            yield str(path.relative_to(folder)), resampled(x.mean(axis=1), 16000 / rate)


def samples(data: bytes, taken: str) -> np.ndarray:
    """Return the int16 samples that data are taken for."""
    if taken == "float32":
        return np.clip(np.frombuffer(data, np.float32) * 32768.0, -32768, 32767).astype(np.int16)
    if taken == "l16":
        return np.frombuffer(data[: len(data) // 2 * 2], "<i2")
    return (voiceband.ulaw_decode if taken == "mulaw" else voiceband.alaw_decode)(data)


def found(data: bytes, taken: str, rate: int) -> dict[str, float]:
    """Return the kinds that a guard names in its first window, and after how many seconds of sound."""
    guard, size, kinds = SoundGuard(taken, rate), 4 * (rate // 50), {}
    x = samples(data, taken)
    frames = x[: len(x) // (rate // 50) * (rate // 50)].reshape(-1, rate // 50).astype(np.int64)
    coarse = np.where(np.abs(frames).max(axis=1, keepdims=True) >= 2048, 4, 0)  # as the guard squares loud ones
    energy = np.square((frames >> coarse) << coarse).mean(axis=1) - np.square(frames.mean(axis=1))
    sounding = energy >= AUDIBLE
    for at in range(0, len(data) - size + 1, size):
        piece = np.frombuffer(data[at : at + size], np.float32) if taken == "float32" else data[at : at + size]
        kinds |= {f.kind: 0.02 * float(sounding[: round(f.at_ms / 20)].sum()) for f in guard.process(piece)}
        if guard.done:
            break
    return kinds


def cases(fault: Fault, name: str, talkers: list[np.ndarray], noises: list[np.ndarray], snr: float | None):
    """Make the streams of a fault: those of every talker at every other level, or at the fault's own."""
    rng = np.random.default_rng(11)
    for i, x in enumerate(talkers):
        for level in (-26,) if fault.own_level else LEVELS[i % 2 :: 2]:
            if "alaw" in name and level < ALAW_FROM:
                continue
            y = at_level(np.tile(x, 3) if fault.slower < 1 else x, level)
            if snr is not None:
                z = noises[rng.integers(len(noises))]
                z = np.tile(z, 1 + len(y) // len(z))[: len(y)]
                y = y + z * speaking(y) / np.sqrt(np.square(z).mean()) * 10 ** (-snr / 20)
            yield fault.make(y, rng, (8000, 16000)[rng.integers(2)])


def matrix(folder: Path, only: str) -> Iterator[tuple[str, str, str, float, float, int, dict[str, float]]]:
    """Return a row for each fault, alone and in noise: the shares named in 4 s and in 10 s, and what else is."""
    talkers = [np.tile(x, 2) for _, x in sounds(folder / "speech")]
    noises = [x for _, x in sounds(folder / "noise")]
    if not talkers or not noises:
        raise SystemExit(f"{folder} must hold speech/ and noise/ with sound files")
    for name, fault in FAULTS.items():
        if only not in name and only != fault.kind:
            continue
        for snr in (None, SNR_DB):
            soon, hits, n, others = 0, 0, 0, collections.Counter[str]()
            for data, taken, rate in cases(fault, name, talkers, noises, snr):
                kinds = found(data, taken, rate)
                n += 1
                hits += fault.kind in kinds
                soon += kinds.get(fault.kind, np.inf) <= SOON_S
                others.update(kind for kind in set(kinds) if kind != fault.kind)
            row = {kind: 100 * count / n for kind, count in others.most_common()}
            yield name, fault.kind, "alone" if snr is None else f"{snr} dB", 100 * soon / n, 100 * hits / n, n, row


def print_matrix(folder: Path, only: str, csv: Path | None) -> None:
    """Print the matrix as a table of Markdown, and write it as CSV."""
    lines = ["fault,kind,noise,in_4_s_percent,in_10_s_percent,streams,others"]
    print("| what is wrong | kind | noise | in 4 s | in 10 s | others |\n|---|---|---|---|---|---|")
    for name, kind, noise, soon, named, n, others in matrix(folder, only):
        also = ", ".join(f"{other} {share:.0f} %" for other, share in others.items() if share >= 0.5)
        print(f"| {name} | `{kind}` | {noise} | {soon:.0f} % | {named:.0f} % | {also} |", flush=True)
        lines.append(
            f"{name},{kind},{noise},{soon:.2f},{named:.2f},{n},{'; '.join(f'{k} {v:.2f}' for k, v in others.items())}"
        )
    if csv is not None:
        csv.write_text("\n".join(lines).replace(", ", " ") + "\n", encoding="utf-8")


def tones() -> Iterator[tuple[str, np.ndarray]]:
    """Make what telephones make: tones, keys, music of sines, silence, comfort noise."""
    t = np.arange(16000 * 12) / 16000
    rng = np.random.default_rng(5)

    def sines(*hz):
        return 0.2 * sum(np.sin(2 * np.pi * f * t) for f in hz)

    for hz in (50, 100, 200, 350, 440, 697, 1000, 1400, 2100, 3000, 3400, 3700):
        yield f"tone of {hz} Hz", sines(hz)
    for name, hz, on, off in (
        ("dial", (350, 440), 1, 0), ("ringback", (440, 480), 2, 4), ("European ringback", (425,), 1, 4),
        ("busy", (480, 620), 0.5, 0.5), ("congestion", (480, 620), 0.25, 0.25), ("fax", (1100,), 0.5, 3),
    ):  # fmt: skip
        yield f"{name} tone", sines(*hz) * (t % (on + off) < on)
    for a in (697, 770, 852, 941):
        for b in (1209, 1336, 1477, 1633):
            yield f"keys {a} + {b}", sines(a, b) * (t % 0.16 < 0.08)
    yield "silence", 0 * t
    yield "comfort noise", 10 ** (-62 / 20) * rng.standard_normal(len(t))
    for root in (110, 147, 220, 330):
        steps = 2 ** (rng.integers(0, 25, 64) / 12)
        yield (
            f"a tune on {root} Hz",
            sines(1) * 0
            + 0.3
            * np.sin(2 * np.pi * np.cumsum(root * steps[(t * 5).astype(int) % 64]) / 16000)
            * np.exp(-3 * (t * 5 % 1)),
        )


def right(folders: list[Path], seconds: float, every: int) -> int:
    """Play what is right; print and count what is found."""
    rng = np.random.default_rng(3)
    heard_s, alarms = 0.0, collections.Counter[str]()

    def sources() -> Iterable[tuple[str, np.ndarray]]:
        yield from tones()
        for folder in folders:
            yield from ((f"{folder}/{name}", x) for i, (name, x) in enumerate(sounds(folder)) if i % every == 0)

    for name, x in sources():
        n = round(seconds * 16000)
        for at in range(0, max(len(x) - 16000 * 2, 1), n):
            part = x[at : at + n]
            if np.square(part).mean() < SILENT and name != "silence":
                continue
            own = rng.random() < 0.4 or name == "comfort noise"
            if not own:  # no louder than it can be without clipping
                most = 20 * np.log10(speaking(part) / np.abs(part).max()) if part.any() else 0
                part = at_level(part, min(rng.uniform(-40, -14), most - 0.1)) if part.any() else part
            taken = ("mulaw", "alaw", "l16")[rng.integers(3)]
            rate = 8000 if taken != "l16" else (8000, 16000)[rng.integers(2)]
            kinds = found(coded(at_rate(part, rate), taken), taken, rate)
            heard_s += len(part) / 16000
            alarms.update(kinds)
            if kinds:
                print(f"{name} at {at / 16000:.0f} s as {taken} at {rate} Hz: {', '.join(kinds)}", flush=True)
    print(f"{heard_s / 3600:.2f} h of right sound, {sum(alarms.values())} findings: {dict(alarms)}")
    return 1 if alarms else 0


def main() -> int:
    """Run one of the two."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sound", description="The sound guard, judged.")
    commands = parser.add_subparsers(dest="command", required=True)
    faults = commands.add_parser("faults", help="the confusion matrix over FOLDER/speech and FOLDER/noise")
    faults.add_argument("folder", type=Path, metavar="FOLDER")
    faults.add_argument("--only", default="", metavar="TEXT", help="faults whose name holds TEXT, or of that kind")
    faults.add_argument("--csv", type=Path, metavar="FILE", help="write the matrix there too")
    quiet = commands.add_parser("right", help="false alarms over right sound")
    quiet.add_argument("folders", type=Path, nargs="*", metavar="FOLDER")
    quiet.add_argument("--seconds", type=float, default=12.0, help="length of a stream (12)")
    quiet.add_argument("--every", type=int, default=1, help="play each N-th file (1)")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    if asked.command == "right":
        return right(asked.folders, asked.seconds, asked.every)
    print_matrix(asked.folder, asked.only, asked.csv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
