"""Replay arrival traces with real speech through jitter buffers, print the scores, and draw the frontier.

    python -m benchmarks.jitter.replay [--traces DIR] [--speech DIR] [--only TEXT] [--buffers TEXT]
                                       [--drop SHARE,RUN] [--drift PPM] [--tile N] [--frontier OUT.svg]

Without --traces the project's own are used (data/, made by traces.py); without --speech the project's own clip.
"""

import argparse
from pathlib import Path

from benchmarks.jitter import payload, rivals, score, traces

COLUMNS = ("delay", "dact", "p95", "eot", "late", "conc", "bent", "j100")


def row(name: str, s: score.Score) -> str:
    """Format one line of a table."""
    return f"{name:<20}" + "".join(f"{getattr(s, c):>8.1f}" for c in COLUMNS)


def frontier(chosen: list[traces.Trace], frames: dict[str, list], out: Path) -> None:
    """Sweep each buffer's own knob: mean delay against concealment."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    families = {
        "voiceband (stalls a minute)": [(f"{r:g}", rivals.Ours(stalls_per_min=r)) for r in (40, 20, 10, 6, 4, 2)],
        "NetEq rule (quantile)": [(f"{q:g}", rivals.NetEqRule(q)) for q in (0.5, 0.8, 0.9, 0.95, 0.99)],
        "fixed (ms)": [(f"{d:g}", rivals.Fixed(d)) for d in (40, 60, 100, 160, 200, 300, 400)],
        "queue (ms ahead)": [(f"{d:g}", rivals.Queue(d)) for d in (0, 60, 200)],
    }
    figure, axes = plt.subplots(1, 2, figsize=(11, 5), sharey=True)
    for name, members in families.items():
        points = [(k, score.mean([score.replay(b, t, frames[t.name]) for t in chosen])) for k, b in members]
        for axis, column in zip(axes, ("delay", "dact"), strict=True):
            axis.plot([getattr(s, column) for _, s in points], [s.conc for _, s in points], "o-", label=name)
            for k, s in points:
                axis.annotate(k, (getattr(s, column), s.conc), fontsize=7, xytext=(3, 3), textcoords="offset points")
        print(
            f"{name:<30}" + "  ".join(f"{k}: {s.delay:.0f}({s.dact:.0f})/{s.conc:.0f}" for k, s in points), flush=True
        )
    for axis, label in zip(axes, ("mean delay, ms", "mean delay inside speech, ms"), strict=True):
        axis.set(xlabel=label, xlim=(0, 400), ylim=(0, 800))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("concealed or lost, ms a minute")
    axes[1].legend()
    figure.tight_layout()
    figure.savefig(out)


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--buffers", default="", help="run only those whose name has this in it")
    parser.add_argument("--drop")
    parser.add_argument("--drift", type=float, default=0.0)
    parser.add_argument("--tile", type=int, default=1)
    parser.add_argument("--frontier", type=Path)
    options = parser.parse_args()
    known = traces.load(options.traces or traces.OWN)
    chosen = [t for t in known if options.only in t.name]
    drop = tuple(float(v) for v in options.drop.split(",")) if options.drop else None
    if drop or options.drift or options.tile > 1:
        chosen = [traces.variant(t, ppm=options.drift, drop=drop, tile=options.tile) for t in chosen]
    if not chosen:
        names = ", ".join(t.name for t in known) or "none"
        raise SystemExit(f"no trace has {options.only!r} in its name; {options.traces or traces.OWN} has: {names}")
    sources = payload.clips(options.speech)
    frames = {t.name: payload.frames_of(sources, t.active) for t in chosen}
    if options.frontier:
        frontier(chosen, frames, options.frontier)
        return
    buffers = [b for b in rivals.contenders() if options.buffers in b.name]
    scores: dict[str, list[score.Score]] = {b.name: [] for b in buffers}
    head = f"{'':<20}" + "".join(f"{c:>8}" for c in COLUMNS)
    for trace in chosen:
        print(f"\n{trace.name}: {len(trace.rows)} messages\n{head}")
        for buffer in buffers:
            scores[buffer.name].append(score.replay(buffer, trace, frames[trace.name]))
            print(row(buffer.name, scores[buffer.name][-1]), flush=True)
    print(f"\nmean over {len(chosen)} traces\n{head}")
    for name, many in scores.items():
        print(row(name, score.mean(many)))


if __name__ == "__main__":
    main()
