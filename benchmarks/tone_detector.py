"""What the tone detector finds, and what it takes for a tone in speech: the tables of the page about performance.

    python benchmarks/tone_detector.py FOLDER [--n 1000] [--plot FILE.svg]

FOLDER holds WAV or FLAC files of speech, the first channel of each, and of at least 20 s together. Four tables:

    keys       share of random keys that are found, 40 to 100 ms long, with 6 dB of twist and 1.5 % off either way
    talk-off   keys and tones heard in an hour of the speech, after mu-law
    beeps      share of beeps of 400 to 2000 Hz, 100 ms to 4 s, found after speech at 20 dB
    progress   share of ringback and busy tones of four countries that are named right at 20 dB, and nothing else

Rivals for keys: the Goertzel filters of a textbook in numpy; spandsp through libspandsp2, and pydtmf, where they are
installed. pydtmf hears no talk-off: it takes longer than the speech. --plot draws what is found by the noise under it.
"""

from __future__ import annotations

import argparse
import collections
import ctypes
import difflib
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voiceband import ToneDetector, resample, ulaw_decode, ulaw_encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

try:
    from PyDTMF import detect_dtmf
except ImportError:
    detect_dtmf = None
try:
    spandsp = ctypes.CDLL("libspandsp.so.2")
except OSError:
    spandsp = None

Samples = NDArray[np.int16]
Array = NDArray[np.float64]
RATE = 8000
KEYS = "123A456B789C*0#D"
ROWS, COLUMNS = np.array([697, 770, 852, 941]), np.array([1209, 1336, 1477, 1633])
CADENCES = {
    "ringback": {
        "Europe": ([425], (1, 4)),
        "Britain": ([400, 450], (0.4, 0.2, 0.4, 2)),
        "North America": ([440, 480], (2, 4)),
        "India": ([400], (0.4, 0.2, 0.4, 2)),
    },
    "busy": {
        "Europe": ([425], (0.5, 0.5)),
        "Britain": ([400], (0.375, 0.375)),
        "North America": ([480, 620], (0.5, 0.5)),
        "India": ([400], (0.75, 0.75)),
    },
}


def pcm(x: Array) -> Samples:
    return np.clip(np.rint(x), -32768, 32767).astype(np.int16)


def coded(x: Samples) -> Samples:
    return ulaw_decode(ulaw_encode(x))


def read_folder(folder: Path) -> Iterator[Samples]:
    import soundfile

    for path in sorted([*folder.glob("**/*.flac"), *folder.glob("**/*.wav")]):
        x, found = soundfile.read(path, dtype="int16", always_2d=True)
        yield resample(np.ascontiguousarray(x[:, 0]), found, RATE)


def sine(hz: float, seconds: float, rng: np.random.Generator) -> Array:
    return np.asarray(np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE + rng.uniform(0, 6)))


def keys(n: int, seed: int, snr_db: float, *, ms: tuple[float, float] = (40, 100)) -> tuple[Samples, str]:
    """Return random keys at -39 to -11 dBFS, noise under them, and their names."""
    rng = np.random.default_rng(seed)
    parts, names = [np.zeros(RATE // 10)], rng.choice(list(KEYS), n)
    for name in names:
        row, column = divmod(KEYS.index(name), 4)
        level, twist = np.exp(rng.uniform(np.log(300), np.log(8000))), 10 ** (rng.uniform(-6, 6) / 40)
        off, seconds = 1 + rng.uniform(-0.015, 0.015), rng.uniform(*ms) / 1000
        x = sine(ROWS[row] * off, seconds, rng) / twist + sine(COLUMNS[column] * off, seconds, rng) * twist
        x = np.concatenate([level * x, np.zeros(round(rng.uniform(*ms) * RATE / 1000))])
        parts.append(x + rng.normal(0, level * 10 ** (-snr_db / 20), len(x)))
    return pcm(np.concatenate([*parts, np.zeros(RATE // 5)])), "".join(names)


def by_voiceband(x: Samples) -> str:
    return "".join(t.name for t in ToneDetector(RATE).process(x) if t.kind == "dtmf" and t.end_ms is None)


def by_goertzel(x: Samples) -> str:
    """Find keys as textbooks do: blocks of 205 samples, both filters loud, most of the power, twice in a row."""
    n = 205
    blocks = x[: len(x) // n * n].reshape(-1, n).astype(float)
    hz = np.concatenate([ROWS, COLUMNS])
    filters = np.exp(-2j * np.pi * np.outer(np.arange(n), hz) / RATE)
    power = np.abs(blocks @ filters) ** 2 * (2 / n)
    low, high = power[:, :4], power[:, 4:]
    pair = low.max(1) + high.max(1)
    twist = 10 * np.log10((high.max(1) + 1) / (low.max(1) + 1))
    sure = (pair > 0.5 * np.sum(blocks**2, axis=1)) & (pair > 4e6) & (np.abs(twist) < 8)
    names = np.where(sure, low.argmax(1) * 4 + high.argmax(1), -1)
    found, last, told = [], -1, -1
    for name in names:
        if name != told and name == last:
            told = name
            if name >= 0:
                found.append(KEYS[name])
        last = name
    return "".join(found)


def by_spandsp(x: Samples) -> str:
    spandsp.dtmf_rx_init.restype = ctypes.c_void_p
    state = ctypes.c_void_p(spandsp.dtmf_rx_init(None, None, None))
    found, text = [], ctypes.create_string_buffer(129)
    for at in range(0, len(x), 800):
        part = np.ascontiguousarray(x[at : at + 800])
        spandsp.dtmf_rx(state, part.ctypes.data_as(ctypes.c_void_p), len(part))
        n = spandsp.dtmf_rx_get(state, text, 128)
        found.append(text.raw[:n].decode())
    spandsp.dtmf_rx_free(state)
    return "".join(found)


def by_pydtmf(x: Samples) -> str:
    return str(detect_dtmf(x.tolist(), RATE))


RIVALS: dict[str, Callable[[Samples], str]] = {"voiceband": by_voiceband, "numpy, Goertzel": by_goertzel}
if spandsp is not None:
    RIVALS["spandsp"] = by_spandsp
if detect_dtmf is not None:
    RIVALS["pydtmf"] = by_pydtmf
SLOW = {"pydtmf"}


def recall(found: str, want: str) -> float:
    blocks = difflib.SequenceMatcher(None, want, found, autojunk=False).get_matching_blocks()
    return 100 * sum(block.size for block in blocks) / len(want)


def key_table(n: int) -> None:
    clean, noisy = keys(n, 1, 60), keys(n, 2, 15)
    lines = {
        "clean": clean,
        "mu-law": (coded(clean[0]), clean[1]),
        "SNR 15 dB, mu-law": (coded(noisy[0]), noisy[1]),
    }
    short = keys(n, 3, 20, ms=(40, 41))
    lines["40 ms, SNR 20 dB, mu-law"] = coded(short[0]), short[1]
    print(f"| keys found, % | {' | '.join(RIVALS)} |\n|---|{'---|' * len(RIVALS)}")
    for name, (x, want) in lines.items():
        figures = [f"{recall(find(x), want):.1f}" for find in RIVALS.values()]
        print(f"| {name} | {' | '.join(figures)} |", flush=True)


def talk_table(speech: Iterator[Samples]) -> list[Samples]:
    """Print what is heard in speech; return the beginning of it, a minute or more if there is as much."""
    counts: collections.Counter[str] = collections.Counter()
    hours, kept = 0.0, []
    for x in map(coded, speech):
        hours += len(x) / RATE / 3600
        if sum(map(len, kept)) < 60 * RATE:
            kept.append(x)
        for name, find in RIVALS.items():
            counts[name] += 0 if name in SLOW else len(find(x))
        counts.update(t.kind for t in ToneDetector(RATE).process(x) if t.end_ms is None and t.kind != "dtmf")
    if sum(map(len, kept)) < 20 * RATE:
        sys.exit("the folder must hold at least 20 s of speech in WAV or FLAC files")
    print(f"\n| in {hours:.2f} h of speech | heard | an hour |\n|---|---|---|")
    for name in RIVALS:
        if name not in SLOW:
            print(f"| keys, {name} | {counts[name]} | {counts[name] / hours:.2f} |")
    for kind in ("beep", "dial", "ringback", "busy", "congestion", "sit", "fax"):
        print(f"| {kind}, voiceband | {counts[kind]} | {counts[kind] / hours:.2f} |")
    return kept


def noisy(x: Array, level: float, rng: np.random.Generator, snr_db: float = 20) -> Samples:
    """Put noise so far below a tone of amplitude `level` under all of it, and code it."""
    return coded(pcm(x + rng.normal(0, level * np.sqrt(0.5) * 10 ** (-snr_db / 20), len(x))))


def beep_recall(
    speech: Samples, n: int, rng: np.random.Generator, *, both: bool, talk: bool, snr_db: float = 20
) -> float:
    """Return the share of n beeps that are found, in percent."""
    hits = 0
    for _ in range(n):
        seconds, level = np.exp(rng.uniform(np.log([0.1, 700]), np.log([4, 9000])))
        beep = level * sine(rng.uniform(400, 2000), seconds, rng)
        if both:
            beep = 0.6 * (beep + level * 10 ** (rng.uniform(-6, 6) / 20) * sine(rng.uniform(400, 2000), seconds, rng))
        at = rng.integers(len(speech) - 3 * RATE)
        gap = np.zeros(round(rng.uniform(0, 1) * RATE))
        before = np.concatenate([speech[at : at + 3 * RATE] * float(talk), gap])
        x = noisy(np.concatenate([before, beep, np.zeros(3 * RATE)]), level, rng, snr_db)
        start = len(before) / 8
        hits += any(
            t.kind == "beep" and abs(t.start_ms - start) < 120 and abs(t.end_ms - start - 1000 * seconds) < 120
            for t in ToneDetector(RATE).process(x)
            if t.end_ms is not None
        )
    return 100 * hits / n


def beep_table(speech: Samples, n: int) -> None:
    rng = np.random.default_rng(4)
    print("\n| beeps at 20 dB | found, % |\n|---|---|")
    for name, both, talk in (
        ("one tone after speech", False, True),
        ("two tones after speech", True, True),
        ("one tone alone", False, False),
    ):
        print(f"| {name} | {beep_recall(speech, n, rng, both=both, talk=talk):.1f} |", flush=True)


def progress_recall(kind: str, country: str, n: int, rng: np.random.Generator, snr_db: float = 20) -> float:
    """Return the share of n calls whose tones are named as they are, and nothing else, in percent."""
    hertz, lengths = CADENCES[kind][country]
    right = 0
    for _ in range(n):
        level, parts = np.exp(rng.uniform(np.log(700), np.log(6000))), [np.zeros(rng.integers(RATE // 3))]
        while sum(map(len, parts)) < max(7, 1.3 * sum(lengths)) * RATE:
            on = len(parts) % 2 == 1
            sound = level * sum(sine(hz, lengths[(len(parts) - 1) % len(lengths)], rng) for hz in hertz)
            parts.append(sound if on else np.zeros_like(sound))
        told = ToneDetector(RATE).process(noisy(np.concatenate(parts), level, rng, snr_db))
        right += {t.kind for t in told} == {kind}
    return 100 * right / n


def progress_table(n: int) -> None:
    rng = np.random.default_rng(5)
    print("\n| named right at 20 dB, % | " + " | ".join(CADENCES["busy"]) + " |\n|---|---|---|---|---|")
    for kind, countries in CADENCES.items():
        figures = [f"{progress_recall(kind, country, n, rng):.1f}" for country in countries]
        print(f"| {kind} | {' | '.join(figures)} |", flush=True)


def plot(speech: Samples, n: int, path: Path) -> None:
    """Draw what is found, by the noise under it."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "voiceband", "font.size": 9})
    import matplotlib.pyplot as plt

    snrs = (0, 3, 6, 8, 10, 12, 15, 20, 25, 30)
    figure, (keyed, other) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
    made = {snr_db: keys(n, 2, snr_db) for snr_db in snrs}
    for name, find in RIVALS.items():
        keyed.plot(snrs, [recall(find(coded(x)), want) for x, want in made.values()], "o-", ms=3, label=name)
    for name, both in (("beeps of one tone", False), ("beeps of two", True)):
        shares = [
            beep_recall(speech, n, np.random.default_rng(4), both=both, talk=True, snr_db=snr_db) for snr_db in snrs
        ]
        other.plot(snrs, shares, "o-", ms=3, label=name)
    for kind, countries in CADENCES.items():
        shares = [
            float(
                np.mean(
                    [progress_recall(kind, c, max(n // 20, 1), np.random.default_rng(5), snr_db) for c in countries]
                )
            )
            for snr_db in snrs
        ]
        other.plot(snrs, shares, "o-", ms=3, label=kind)
    keyed.set(title="keys, 40 to 100 ms, after mu-law", ylabel="found, %", ylim=(0, 102))
    other.set(title="beeps after speech, and call progress")
    for axes in (keyed, other):
        axes.set(xlabel="SNR, dB")
        axes.grid(color="0.9", lw=0.8)
        axes.legend(frameon=False, loc="lower right")
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=1000, help="keys and beeps of a kind; a tenth of it of each cadence")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw curves by SNR instead of the tables")
    options = parser.parse_args()
    if options.plot:
        plot(
            np.concatenate([coded(x) for x in itertools.islice(read_folder(options.folder), 10)]),
            options.n,
            options.plot,
        )
        return
    key_table(options.n)
    kept = talk_table(read_folder(options.folder))
    beep_table(np.concatenate(kept), options.n)
    progress_table(max(options.n // 10, 1))


if __name__ == "__main__":
    main()
