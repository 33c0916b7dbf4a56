"""Draw the plots of docs/resample.md, denoise.md and jitter.md, from the kernels as they are.

That of docs/performance.md is drawn from the tables of the page.

Needs voiceband[plot].
"""

import argparse
import re
import wave
from pathlib import Path

import matplotlib as mpl
import numpy as np

import voiceband
from measure_resample_filters import prototype

mpl.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).parent.parent
# Texts stay texts, and the same figure gives the same file.
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "voiceband", "axes.grid": True, "grid.alpha": 0.3, "font.size": 9}


def clip():
    """Return the package's clip: 8 kHz, one voice."""
    with wave.open(str(ROOT / "src" / "voiceband" / "data" / "caller.wav")) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def levels(pcm):
    """Return dBFS of each 20 ms."""
    rows = voiceband.to_float(pcm[: len(pcm) // 160 * 160]).reshape(-1, 160).astype(float)
    return 10 * np.log10(np.mean(rows**2, axis=1) + 1e-9)


def companding(axes):
    """Draw the SNR of mu-law and A-law, beside eight bits in even steps, for a sine of every level."""
    dbfs = np.arange(-80, 0.1, 0.5)
    sines = [32767 * 10 ** (db / 20) * np.sin(np.arange(8000) * 0.7123) for db in dbfs]
    for name, encode, decode in (
        ("mu-law", voiceband.ulaw_encode, voiceband.ulaw_decode),
        ("A-law", voiceband.alaw_encode, voiceband.alaw_decode),
    ):
        errors = [np.mean((decode(encode(np.round(x).astype(np.int16))) - x) ** 2) for x in sines]
        axes.plot(dbfs, [10 * np.log10(np.mean(x**2) / e) for x, e in zip(sines, errors, strict=True)], label=name)
    uniform = [10 * np.log10(np.mean(x**2) / (256**2 / 12)) for x in sines]
    axes.plot(dbfs, uniform, "--", color="grey", label="8 bits, uniform")
    axes.set(xlabel="peak of the sine, dBFS", ylabel="SNR, dB", ylim=(0, 45))
    axes.legend()


def responses(axes):
    """Draw the resampler's filters from 8 to 16 kHz."""
    for quality in ("fast", "voice", "wide"):
        taps = prototype(8000, 16000, quality)
        magnitude = np.abs(np.fft.rfft(taps, 1 << 14))
        hz = np.linspace(0, 8000, len(magnitude))
        axes.plot(hz, 20 * np.log10(magnitude + 1e-8), label=quality, linewidth=1)
    axes.set(xlabel="Hz", ylabel="dB", ylim=(-120, 5), xlim=(2500, 6500))
    axes.axvline(4000, color="grey", linestyle=":")
    axes.legend()


def suppression(axes):
    """Draw the level of a noisy call over time, at four levels of suppression."""
    clean = clip()
    noise = np.random.default_rng(1).normal(0, 250, len(clean) + 8000)
    noisy = np.clip(np.concatenate([np.zeros(8000), clean]) + noise, -32768, 32767).astype(np.int16)
    seconds = np.arange(len(noisy) // 160) * 0.02
    axes.plot(seconds, levels(noisy), color="black", linewidth=0.8, label="as it came")
    for level in (60, 70, 85, 100):
        axes.plot(seconds, levels(voiceband.denoise(noisy, 8000, level=level)), linewidth=0.8, label=f"level {level}")
    axes.set(xlabel="s", ylabel="dBFS of 20 ms", ylim=(-80, 0))
    axes.legend(ncols=5, fontsize=7)


def concealment(axes):
    """Draw a hole of 20 ms in a vowel, and what fills it."""
    x = clip()
    at = (int(np.argmax(levels(x)[20:-20])) + 23) * 160  # within the loudest vowel
    gone, span = slice(at, at + 160), slice(at - 240, at + 400)
    ms = (np.arange(len(x))[span] - at) / 8
    axes.plot(ms, x[span], color="black", linewidth=0.8, label="what was said")
    for name, fill in (
        ("bridge", lambda plc: plc.bridge(160, x[at + 160 :])),
        ("lost", lambda plc: plc.lost(160)),
    ):
        plc = voiceband.Concealer(8000)
        plc.good(x[:at])
        axes.plot(np.arange(160) / 8, fill(plc), linewidth=1, label=name)
    axes.axvspan(0, (gone.stop - gone.start) / 8, color="grey", alpha=0.15)
    axes.set(xlabel="ms", ylabel="sample")
    axes.legend()


def ratios():
    """Yield each case of the measured page, with how many times as long the others take."""
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    measured = text[text.index("## Codecs, a frame") : text.index("## The limit")]
    for title, table in re.findall(r"^## (.*, (?:a|of) .*|Messages)\n\n((?:\|.*\n)+)", measured, re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines())
        for case, _, _, _, *cells in rows:
            found = dict(
                re.findall(r"(?:^|, )(.*?) ([\d.]+)x", cells[0])
                if head[4:] == ["the others"]
                else [(name, cell.rstrip("x")) for name, cell in zip(head[4:], cells, strict=True)]
            )
            if found:
                yield f"{title.split(',')[0]}: {case}", {name: float(times) for name, times in found.items()}


def costs(axes):
    """Draw how many times as long the others take, a line for each case of one frame."""
    cases = dict(ratios())
    names = list(dict.fromkeys(name for others in cases.values() for name in others))
    for k, name in enumerate(names):
        points = [(others[name], y) for y, others in enumerate(cases.values()) if name in others]
        style = {"marker": "osD^v<>pP*"[k % 10], "color": f"C{1 + k % 9}", "s": 16}
        axes.scatter([times for times, _ in points], [y for _, y in points], label=name, **style)
    axes.axvline(1, color="C0", linewidth=2, label="voiceband")
    axes.set_xscale("log")
    axes.set_yticks(range(len(cases)), cases, fontsize=7)
    axes.set_ylim(len(cases), -1)
    axes.set_xlabel("times as long as voiceband")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1))
    axes.figure.set_size_inches(9, 0.8 + 0.2 * len(cases))


PLOTS = {
    "costs": costs,
    "companding": companding,
    "resampling": responses,
    "suppression": suppression,
    "concealment": concealment,
}


def main():
    """Draw them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "plots", help="folder (%(default)s)")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, draw in PLOTS.items():
            figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
            draw(axes)
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
            plt.close(figure)


if __name__ == "__main__":
    main()
