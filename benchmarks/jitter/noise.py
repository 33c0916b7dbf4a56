"""Replay arrival traces with whole phrases over background noise, and print how the buffer does by noise.

    python -m benchmarks.jitter.noise FOLDER [--traces DIR] [--level -50] [--only TEXT] [--buffers TEXT]

FOLDER holds speech/ and noise/ with WAV or FLAC files. Each talk spurt of a trace is filled with a phrase from its
onset on, weak sounds included, at -26 dBFS; the noise, at `--level` dBFS, runs through speech and pauses. A frame
counts as speech where the clean talker is within 30 dB of the loudest frame, gaps below 120 ms closed. j100 is the
delay plus 100 ms for each 1 % of the time that was made up.
"""

import argparse
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from benchmarks.jitter import payload, replay, rivals, score, traces

N = payload.N
ACTIVE, WEAK = 10 ** (-26 / 10), 10 ** (-30 / 10)  # power of speech; of its weakest frames, relative to the loudest
GAP = 6  # frames of 20 ms

Phrase = tuple[np.ndarray, np.ndarray]  # samples of full scale 1, and by frame whether it is speech


def phrases(clips: list[np.ndarray]) -> list[Phrase]:
    """Take the first phrases of each clip, from an onset on."""
    found = []
    for clip in clips:
        blocks = clip[: len(clip) // N * N].reshape(-1, N) / 32768
        power = (blocks**2).mean(1)
        speech = power > WEAK * power.max()
        blocks *= np.sqrt(ACTIVE / power[speech].mean())
        at = np.flatnonzero(speech)
        for a, b in pairwise(at):
            speech[a : b if b - a <= GAP else a] = True
        onsets = np.flatnonzero(speech & ~np.concatenate([[False], speech[:-1]]))
        found += [(blocks[k:], speech[k:]) for k in onsets[:6] if len(blocks) - k > 40]
    return found


def lay(
    trace: traces.Trace, spoken: list[Phrase], noise: np.ndarray | None, level: float
) -> tuple[traces.Trace, list[np.ndarray]]:
    """Lay phrases on the talk spurts of a trace: the trace with its new labels, and its frames."""
    count = len(trace.active)
    sound, speech = np.zeros((count, N)), np.zeros(count, bool)
    rng = np.random.default_rng(5)
    edges = [0, *(np.flatnonzero(np.diff(np.array(trace.active, int))) + 1), count]
    for k, (a, b) in enumerate(e for e in pairwise(edges) if trace.active[e[0]]):
        blocks, label = spoken[k % len(spoken)]
        n = min(b - a, len(blocks))
        sound[a : a + n], speech[a : a + n] = blocks[:n], label[:n]
    behind = rng.standard_normal(count * N) * 10 ** (-75 / 20)
    if noise is not None:
        behind = np.resize(np.roll(noise, -rng.integers(len(noise))), count * N).astype(float)
        behind *= 10 ** (level / 20) / np.sqrt(np.mean(behind**2))
    mixed = np.clip(np.rint((sound + behind.reshape(-1, N)) * 32768), -32768, 32767).astype(np.int16)
    return replace(trace, active=speech.tolist()), list(mixed)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--traces", type=Path, default=traces.OWN)
    parser.add_argument("--level", type=float, default=-50.0)
    parser.add_argument("--only", default="", help="run only the noises whose name has this in it; none is silence")
    parser.add_argument("--buffers", default="voiceband", help="run only those whose name has this in it")
    options = parser.parse_args()
    spoken = phrases(payload.clips(options.folder / "speech"))
    files = sorted(p for p in (options.folder / "noise").glob("*.*") if p.suffix in (".wav", ".flac"))
    names = [name for name in ("none", "white", *(p.stem for p in files)) if options.only in name]
    if not names:
        raise SystemExit(f"no noise of {options.folder} has {options.only!r} in its name")
    made = {"none": None, "white": np.random.default_rng(1).standard_normal(8 * payload.RATE)}
    buffers = [b for b in rivals.contenders() if options.buffers in b.name]
    chosen = traces.load(options.traces)
    for name in names:
        noise = made[name] if name in made else payload.clips(next(p for p in files if p.stem == name))[0]
        laid = [lay(trace, spoken, noise, options.level) for trace in chosen]
        print(f"\n{name}\n{'':<20}" + "".join(f"{c:>8}" for c in replay.COLUMNS))
        for buffer in buffers:
            print(replay.row(buffer.name, score.mean([score.replay(buffer, *one) for one in laid])), flush=True)


if __name__ == "__main__":
    main()
