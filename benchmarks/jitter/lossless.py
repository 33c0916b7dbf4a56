"""Replay arrival traces through the timeline: samples lost, delay added and error of length must be zero.

    python -m benchmarks.jitter.lossless [--traces DIR]

Every trace is replayed as it is, with 1 % of its messages missing in runs of two, with a tenth of its messages twice,
with chunks that wrap at 2^16, and with all of that. Each message carries noise of its own. Lost: samples received but
not given out once, unchanged, at their place. Added: the greatest time from a message's arrival to its samples. Length:
the timeline's end less the sender's.
"""

import argparse
import random
from pathlib import Path

import numpy as np
from benchmarks.jitter import traces

from voiceband import Timeline
from voiceband.dsp.jitter import SegmentKind

N = 160
CASES = ("as it is", "missing", "twice", "wrapped", "all")


def replay(trace: traces.Trace, case: str) -> tuple[int, float, int, int]:
    """Return samples lost, the delay added in ms, the error of the length in samples, and the messages dropped."""
    rng = random.Random(f"{trace.name}/{case}")
    if case in ("missing", "all"):
        trace = traces.variant(trace, drop=(0.01, 2))
    rows = [r for r in sorted(trace.rows, key=lambda r: (r[2], r[0])) for _ in range(1 + (rng.random() < 0.1))]
    if case not in ("twice", "all"):
        rows = sorted(trace.rows, key=lambda r: (r[2], r[0]))
    modulus, shift = (2**16, 2**16 - 700) if case in ("wrapped", "all") else (2**32, 0)
    first, last = min(r[0] for r in trace.rows), max(r[0] for r in trace.rows)
    sent = np.random.default_rng(1).integers(-20000, 20000, (last - first + 1, N)).astype(np.int16)
    timeline, added = Timeline(8000), 0.0
    got = np.zeros(sent.size + 100 * N, np.int16)
    times = np.zeros(len(got), np.int16)
    waiting: dict[int, float] = {}
    for k, s, a in rows:
        waiting.setdefault(k - first, a)
        for segment in timeline.push((k + shift) % modulus, s, sent[k - first], arrival=a / 1000):
            if segment.kind is SegmentKind.AUDIO:
                place = slice(segment.start_sample, segment.start_sample + len(segment.pcm))
                got[place] = segment.pcm
                times[place] += 1
                added = max(added, a - waiting.get(segment.start_sample // N, a))
    received = sorted({k - first for k, _, _ in trace.rows})
    lost = 0
    for k in received:
        place = slice((k - received[0]) * N, (k - received[0] + 1) * N)
        lost += N - int(((times[place] == 1) & (got[place] == sent[k])).sum())
    length = timeline.next_sample - (received[-1] - received[0] + 1) * N
    return lost, added, length, timeline.stats.duplicates + timeline.stats.late


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path)
    options = parser.parse_args()
    print(f"{'samples lost / ms added / samples of length':<44}" + "".join(f"{c:>14}" for c in CASES))
    for trace in traces.load(options.traces or traces.OWN):
        cells = [f"{lost}/{added:g}/{length}" for lost, added, length, _ in (replay(trace, c) for c in CASES)]
        print(f"{trace.name:<44}" + "".join(f"{c:>14}" for c in cells))


if __name__ == "__main__":
    main()
