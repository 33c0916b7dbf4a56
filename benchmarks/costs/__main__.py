"""What 20 ms of audio cost, beside what else does the same work: a table, a page and a picture.

    python -m benchmarks.costs [--quick] [--markdown docs/performance.md] [--plot costs.svg]

The rivals that are installed take turns with voiceband: pip install -e '.[bench]' brings most of them, pinned.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.costs.limits import measure_limits
from benchmarks.costs.page import BY_HAND, costs, page
from benchmarks.costs.rivals import raced_cases

from voiceband.bench.passes import PassPlan, run_passes
from voiceband.bench.results import summarise

PLANS = {
    False: PassPlan(passes=9, rounds=20, round_s=0.005),
    True: PassPlan(passes=9, rounds=6, round_s=0.002),
}


def main() -> None:
    """Measure, print the page, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less than a minute; the spread is larger")
    parser.add_argument("--markdown", type=Path, help="write the page to this file")
    parser.add_argument("--plot", type=Path, help="draw it too (.png, .svg, .pdf)")
    arguments = parser.parse_args()
    plan = PLANS[arguments.quick]
    passes = run_passes(
        plan, cases=raced_cases, on_progress=lambda share: print(f"\r{share:.0%}", end="", file=sys.stderr)
    )
    print(file=sys.stderr)
    report = summarise(passes, date=datetime.now(UTC).date().isoformat(), quick=arguments.quick)
    found = costs(report, measure_limits(100, 0.005))
    text = page(found)
    if arguments.markdown is not None:
        older = arguments.markdown.read_text(encoding="utf-8") if arguments.markdown.exists() else ""
        kept = older[older.index(BY_HAND) :] if BY_HAND in older else ""
        arguments.markdown.write_text(f"{text.rstrip()}\n\n{kept}" if kept else text, encoding="utf-8")
    else:
        print(text)
    if arguments.plot is not None:
        from benchmarks.costs.plot import draw

        draw(arguments.plot, found)


if __name__ == "__main__":
    main()
