"""Score stretched speech: PLCMOS of speech that the jitter buffer plays at 1.08 and 0.94 of its pace, beside itself.

    python -m benchmarks.jitter.stretch [--speech DIR] [--rate 8000|16000]

The listener's clock runs faster or slower than the sender's, so the buffer must leave out or repeat pitch periods all
the time to keep its delay: what is scored is the whole clip as it is heard. Prints the pace inside speech (media over
time heard, where the clip is above a tenth of its level), PLCMOS of the clip and of what was heard, and the time that a
pull takes with a stretch in it and without. Without --speech the project's own clip is used. Needs the package
speechmos.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from benchmarks.jitter.payload import clips

from voiceband import JitterBuffer
from voiceband.dsp.jitter import Run, RunKind

AHEAD_MS = 600.0


def listen(x: np.ndarray, rate: int, pace: float) -> tuple[np.ndarray, list[tuple[tuple[Run, ...], float]]]:
    """Play a clip at a pace; what was heard, and every tick's runs with the seconds it took."""
    n = rate // 50
    buffer = JitterBuffer(rate, mode="fixed", delay_ms=AHEAD_MS, stretch=0.15)
    heard, ticks, k, now = [], [], 0, 0.0
    while now * 1000 < len(x) * 1000 / rate + AHEAD_MS:
        while k < len(x) // n and 0.02 * k <= now:
            buffer.push(k, 20 * k, x[k * n : (k + 1) * n], arrival=0.02 * k)
            k += 1
        out = np.empty(n, np.int16)
        start = time.perf_counter()
        runs = buffer.pull_into(out, now)
        ticks.append((runs, time.perf_counter() - start))
        if any(r.media_start_ms is not None for r in runs):
            heard.append(out)
        now += 0.02 * pace
    return np.concatenate(heard), ticks


def pace_in_speech(x: np.ndarray, rate: int, ticks: list[tuple[tuple[Run, ...], float]]) -> float:
    """Media over time heard, of the runs that begin in speech."""
    n = rate // 50
    energy = (x[: len(x) // n * n].reshape(-1, n).astype(float) ** 2).mean(1)
    loud = energy > 0.1 * energy[energy > energy.max() / 1000].mean()
    media = heard = 0.0
    for runs, _ in ticks:
        for r in runs:
            if r.media_start_ms is not None and loud[min(len(loud) - 1, int(r.media_start_ms / 20))]:
                media += r.media_end_ms - r.media_start_ms
                heard += r.ms
    return media / heard


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--rate", type=int, choices=(8000, 16000), default=8000)
    options = parser.parse_args()
    from scipy.signal import resample_poly
    from speechmos import plcmos

    def mos(x: np.ndarray) -> float:
        return plcmos.run(np.clip(resample_poly(x / 32768, 16000 // options.rate, 1), -1, 1), sr=16000)["plcmos"]

    speech = [x[: 8 * options.rate] for x in clips(options.speech, options.rate)]
    plain = [mos(x) for x in speech]
    print(f"{len(speech)} clips\n{'pace':<8}{'in speech':>10}{'stretched':>12}{'unstretched':>12}{'worse by':>10}")
    took: dict[bool, list[float]] = {True: [], False: []}
    for pace in (1.08, 0.94):
        paces, scores = [], []
        for x in speech:
            heard, ticks = listen(x, options.rate, pace)
            paces.append(pace_in_speech(x, options.rate, ticks))
            scores.append(mos(heard))
            for runs, seconds in ticks:
                kinds = {r.kind for r in runs}
                if kinds <= {RunKind.NORMAL, RunKind.FAST, RunKind.SLOW}:
                    took[kinds != {RunKind.NORMAL}].append(1e6 * seconds)
        a, b = statistics.fmean(plain), statistics.fmean(scores)
        print(f"{pace:<8}{statistics.fmean(paces):>10.3f}{b:>12.2f}{a:>12.2f}{a - b:>10.2f}", flush=True)
    for stretched, name in ((True, "with a stretch in it"), (False, "without")):
        low, middle, high = statistics.quantiles(took[stretched], n=20)[::9]
        print(f"pull {name}: {middle:.2f} us (5 to 95 %: {low:.2f} to {high:.2f}), {len(took[stretched])} ticks")


if __name__ == "__main__":
    main()
