"""Quality against cost of the suppressors: a table, and a picture.

    python -m benchmarks.denoise_quality [FOLDER] [--rate 8000] [--snr 5 15] [--out quality.png] [--check-levels]
                                         [--by-noise]

FOLDER holds speech/ and noise/ with WAV or FLAC files of one channel. Without it, the speech is the clip that the
package ships, and the noises are made here. Every noise is mixed with every talker in turn at each SNR, with 2 s of
noise before the speech and 1 s after it. All figures are means over the mixtures, relative to the unprocessed mixture:

    us/20ms  time per 20 ms through Python, the best of the mixtures
    dSNR     gain of the segmental SNR in speech, dB (20 ms, each within -10 .. 35 dB)
    NA       attenuation in the noise before the speech, from its second second on, dB
    SA       attenuation of the speech itself, dB: least-squares gain of the clean speech in the output
    dPESQ    PESQ, narrow-band at 8 kHz, wide-band at 16 kHz; dESTOI in points of 100 (both where pesq and pystoi are
             installed: pip install 'voiceband[bench,quality]')

--check-levels instead runs our levels 60, 61 .. 100 over all mixtures and says whether attenuation ever falls.
"""

import argparse
import importlib.util
import sys
import time
import wave
from importlib import resources
from pathlib import Path

import numpy as np
from benchmarks.costs.rivals.suppressors import RIVALS, ours
from numpy.typing import NDArray

from voiceband import denoise, resample

Array = NDArray[np.float64]
LEVELS = (60, 70, 85, 100)


def read_folder(folder: Path, rate: int) -> dict[str, Array]:
    import soundfile

    sounds = {}
    for path in sorted([*folder.glob("*.flac"), *folder.glob("*.wav")]):
        x, found = soundfile.read(path, dtype="float32", always_2d=True)
        sounds[path.stem] = resample(np.ascontiguousarray(x[:, 0]), found, rate).astype(float)
    if not sounds:
        sys.exit(f"no WAV or FLAC files in {folder}")
    return sounds


def shipped_speech(rate: int) -> dict[str, Array]:
    with (resources.files("voiceband") / "data" / "caller.wav").open("rb") as raw, wave.open(raw) as file:
        x = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
        return {"caller": resample(x, file.getframerate(), rate).astype(float)}


def made_noises(rate: int, seconds: float = 12.0) -> dict[str, Array]:
    """White, pink, hiss with mains hum, and pink noise whose level wanders."""
    rng = np.random.default_rng(1)
    n = round(seconds * rate)
    f = np.maximum(np.fft.rfftfreq(n, 1 / rate), 60)

    def pink() -> Array:
        x = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) / np.sqrt(f), n)
        return x / x.std()

    t = np.arange(n) / rate
    hum = sum(np.sin(2 * np.pi * 50 * k * t + k) / k for k in (1, 3, 5, 7, 9, 11))
    swing = np.interp(t, np.arange(0, seconds + 1, 0.5), rng.uniform(-6, 6, round(2 * seconds) + 2))
    return {
        "white": rng.standard_normal(n),
        "pink": pink(),
        "hum": hum + 0.3 * pink(),
        "gusts": pink() * 10 ** (swing / 20),
    }


def mixtures(
    speech: dict[str, Array], noise: dict[str, Array], rate: int, snrs: list[float]
) -> list[tuple[Array, Array]]:
    """Pair them up: (clean, noisy), active speech at -26 dBFS, rounded to 16 bits."""
    rng = np.random.default_rng(7)
    talkers = list(speech.values())
    pairs = []
    for i, n in enumerate(noise.values()):
        for j, snr in enumerate(snrs):
            s = talkers[(3 * i + 5 * j) % len(talkers)]
            power = np.mean(np.square(s[: len(s) // 320 * 320].reshape(-1, 320)), axis=1)
            s = s * 10 ** (-26 / 20) / np.sqrt(np.mean(power[power > 1e-3 * power.max()]))
            clean = np.concatenate([np.zeros(2 * rate), s, np.zeros(rate)])
            at = int(rng.integers(len(n)))
            v = np.resize(np.roll(n, -at), len(clean))
            v = v * 10 ** ((-26 - snr) / 20) / np.sqrt(np.mean(v**2))
            pairs.append((clean, np.clip(np.round((clean + v) * 32768), -32768, 32767) / 32768))
    return pairs


def run(make, x: Array, rate: int) -> tuple[Array, float]:
    """Run frames of 20 ms through a fresh stream: the output in time with the input, and seconds per frame."""
    n = rate // 50
    frames = np.pad((x * 32768).astype(np.int16), (0, 10 * n + -len(x) % n)).reshape(-1, n)
    process = make(rate)
    start = time.perf_counter()
    y = np.concatenate([process(frame) for frame in frames]) / 32768.0
    cost = (time.perf_counter() - start) / len(frames)
    spectrum = np.fft.rfft(y, 2 * len(y)) * np.conj(np.fft.rfft(x, 2 * len(y)))
    late = int(np.argmax(np.fft.irfft(spectrum)[: rate // 8]))
    return y[late : late + len(x)], cost


def segmental_snr(clean: Array, y: Array, rate: int) -> float:
    n = rate // 50
    s, e = (v[: len(v) // n * n].reshape(-1, n) for v in (clean, y - clean))
    s, e = np.mean(s**2, axis=1), np.mean(e**2, axis=1)
    active = s > 1e-3 * s.max()
    return float(np.mean(np.clip(10 * np.log10((s[active] + 1e-12) / (e[active] + 1e-12)), -10, 35)))


def perceptual(clean: Array, y: Array, rate: int) -> dict[str, float]:
    if not (importlib.util.find_spec("pesq") and importlib.util.find_spec("pystoi")):
        return {}
    from pesq import pesq
    from pystoi import stoi

    part = slice(int(1.75 * rate), len(clean) - int(0.75 * rate))
    return {
        "dPESQ": pesq(rate, clean[part], y[part], "nb" if rate == 8000 else "wb"),
        "dESTOI": 100 * stoi(clean[part], y[part], rate, extended=True),
    }


def measure(clean: Array, x: Array, y: Array, rate: int) -> dict[str, float]:
    noise = slice(rate, int(1.9 * rate))
    speech = slice(2 * rate, len(clean) - rate)
    loud = np.repeat(np.abs(clean[speech]) > 0.02, 1)
    gain = (clean[speech][loud] @ y[speech][loud]) / (clean[speech][loud] @ clean[speech][loud])
    mixed = (clean[speech][loud] @ x[speech][loud]) / (clean[speech][loud] @ clean[speech][loud])
    return {
        "dSNR": segmental_snr(clean[speech], y[speech], rate),
        "NA": 10 * np.log10((np.mean(x[noise] ** 2) + 1e-12) / (np.mean(y[noise] ** 2) + 1e-12)),
        "SA": -20 * np.log10(max(gain / mixed, 1e-3)),
        **perceptual(clean, y, rate),
    }


def table(pairs: list[tuple[Array, Array]], rate: int) -> dict[str, dict[str, float]]:
    contenders = {f"voiceband {level}": ours(level) for level in LEVELS}
    contenders["voiceband 85, low latency"] = ours(85, "low")
    contenders |= {name: make for name, make in RIVALS.items() if make(rate) is not None}
    before = [measure(clean, x, x, rate) for clean, x in pairs]
    rows = {}
    for name, make in contenders.items():
        results = []
        for (clean, x), base in zip(pairs, before, strict=True):
            y, cost = run(make, x, rate)
            m = measure(clean, x, y, rate)
            results.append({"us/20ms": 1e6 * cost} | {k: v - base[k] * k.startswith("d") for k, v in m.items()})
        rows[name] = {
            k: float(min(v) if k == "us/20ms" else np.mean(v)) for k in results[0] for v in [[r[k] for r in results]]
        }
        print(f"  {name} done", file=sys.stderr)
    return rows


def print_table(rows: dict[str, dict[str, float]]) -> None:
    columns = list(next(iter(rows.values())))
    print("| suppressor | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name, row in rows.items():
        print(
            f"| {name} | " + " | ".join(f"{row[c]:.2f}" if c != "us/20ms" else f"{row[c]:.1f}" for c in columns) + " |"
        )


def print_by_noise(pairs: list[tuple[Array, Array]], noises: list[str], snrs: list[float], rate: int) -> None:
    """Print what level 85 gains in each noise at each SNR."""
    left = iter(pairs)
    print("| noise | " + " | ".join(f"{snr:g} dB" for snr in snrs) + " |")
    print("|---" * (len(snrs) + 1) + "|")
    for noise in noises:
        cells = []
        for _ in snrs:
            clean, x = next(left)
            before, after = measure(clean, x, x, rate), measure(clean, x, run(ours(85), x, rate)[0], rate)
            cells.append(" / ".join(f"{after[k] - before[k]:.2f}" for k in after if k.startswith("d")))
        print(f"| {noise} | " + " | ".join(cells) + " |", flush=True)


def plot(rows: dict[str, dict[str, float]], path: Path, title: str) -> None:
    from matplotlib.figure import Figure

    measure_ = "dPESQ" if "dPESQ" in next(iter(rows.values())) else "dSNR"
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name, row in rows.items():
        mine = name.startswith("voiceband")
        axes.plot(row["us/20ms"], row[measure_], "o", color="tab:blue" if mine else "tab:gray")
        axes.annotate(name, (row["us/20ms"], row[measure_]), xytext=(5, 3), textcoords="offset points", fontsize=8)
    axes.set_xscale("log")
    axes.margins(x=0.25)  # room for the names
    axes.set_xlabel("processor time per 20 ms, us")
    axes.set_ylabel("dPESQ" if measure_ == "dPESQ" else "gain of segmental SNR, dB")
    axes.set_title(title)
    axes.grid(visible=True, alpha=0.3)
    figure.savefig(path, dpi=120)


def check_levels(pairs: list[tuple[Array, Array]], rate: int) -> int:
    """Return 1 when any mixture comes out louder at a level than at the one before."""
    worst = -np.inf
    for _, x in pairs:
        powers = [
            10 * np.log10(np.mean(denoise(x.astype(np.float32), rate, level=level).astype(float) ** 2))
            for level in range(60, 101)
        ]
        worst = max(worst, float(np.max(np.diff(powers))))
    print(
        f"{len(pairs)} mixtures, levels 60, 61 .. 100: most that the output rises from level to level {worst:+.4f} dB"
    )
    return int(worst > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="holds speech/ and noise/")
    parser.add_argument("--rate", type=int, choices=(8000, 16000), default=8000)
    parser.add_argument("--snr", type=float, nargs="+", default=[5, 15])
    parser.add_argument("--out", type=Path, help="picture to write: quality against cost")
    parser.add_argument("--check-levels", action="store_true")
    parser.add_argument(
        "--by-noise", action="store_true", help="level 85 alone: dSNR / dPESQ / dESTOI by noise and SNR"
    )
    arguments = parser.parse_args()
    rate, folder = arguments.rate, arguments.folder
    speech = shipped_speech(rate) if folder is None else read_folder(folder / "speech", rate)
    noise = made_noises(rate) if folder is None else read_folder(folder / "noise", rate) | made_noises(rate)
    pairs = mixtures(speech, noise, rate, arguments.snr)
    if arguments.check_levels:
        return check_levels(pairs, rate)
    snrs = ", ".join(f"{snr:g}" for snr in arguments.snr)
    print(f"{len(pairs)} mixtures at {rate} Hz, SNR {snrs} dB, {len(noise)} noises\n")
    if arguments.by_noise:
        print_by_noise(pairs, list(noise), arguments.snr, rate)
        return 0
    rows = table(pairs, rate)
    print_table(rows)
    if arguments.out is not None:
        plot(rows, arguments.out, f"noise suppression at {rate} Hz, mean of {len(pairs)} mixtures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
