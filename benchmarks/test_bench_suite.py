"""Every case of `voiceband bench` beside its rivals: they run, do the same work, and make a page and a picture."""

import re
import sys

import pytest
from benchmarks.costs.limits import Limits, Work, real_transform, resampling_work, works
from benchmarks.costs.page import costs, page
from benchmarks.costs.plot import draw
from benchmarks.costs.rivals import raced_cases

from voiceband.bench.passes import PassPlan, every_case, run_pass
from voiceband.bench.results import summarise
from voiceband.bench.sessions import CALLS, GROUP

ONCE = PassPlan(passes=1, rounds=1, round_s=0.0)
PACKAGES = ("audioop", "orjson", "pybase64", "scipy", "soxr", "noisereduce", "speexdsp_ns", "samplerate")


def test_every_case(race):
    for case in raced_cases():
        rivals = {name: rival for name, rival in case.others.items() if rival is not None}
        race(f"{case.group}: {case.name}", {"voiceband": case.ours, **rivals}, frames=case.frames)


def test_rivals_do_the_same_work():
    """A rival that took a thousandth or a million times as long would not do the same."""
    found = run_pass(ONCE, cases=raced_cases)
    installed = {(c.group, c.name): {name: r is not None for name, r in c.others.items()} for c in raced_cases()}
    assert {(one.group, one.name): {n: r is not None for n, r in one.others.items()} for one in found} == installed
    ratios = [(name, ratio) for one in found for name, ratio in one.others.items() if ratio is not None]
    assert {name for name, _ in ratios} >= {"numpy", "numpy table", "base64", "json + base64"}  # always there
    assert all(1e-3 < ratio < 1e6 for _, ratio in ratios)


def test_rivals_that_are_not_installed_are_none(monkeypatch):
    for name in (*PACKAGES, "scipy.signal"):
        monkeypatch.setitem(sys.modules, name, None)
    rivals = [rival for case in raced_cases() for rival in case.others.items()]
    named = {name: [rival for whose, rival in rivals if name.replace("_", "-") in whose] for name in PACKAGES}
    assert all(named.values())
    assert {rival for some in named.values() for rival in some} == {None}


def test_the_limit_is_the_longer_of_moving_and_multiplying():
    limits = Limits(bytes_s=100e9, multiply_adds_s=50e9)
    assert limits.seconds(Work(480)) == pytest.approx(4.8e-9)
    assert limits.seconds(Work(480, 1000)) == pytest.approx(20e-9)


def test_the_work_is_counted_rightly():
    # 20 taps for each of 320 outputs but those on an input, which pass through: half-band, docs/resample.md.
    work = resampling_work(8000, 16000)
    assert work.moved == 2 * (160 + 320)
    assert 160 * 20 <= work.multiply_adds <= 160 * 41
    # A transform by its definition takes N^2 complex products; a fast one is far below, and above one pass over data.
    assert 384 < real_transform(384) < 384**2 / 2
    assert works().keys() < {(case.group, case.name) for case in every_case()}


def test_the_page_and_the_picture_show_everything(tmp_path):
    report = summarise([run_pass(ONCE, cases=raced_cases)] * 2, date="2030-01-01", quick=True)
    found = costs(report, Limits(1e9, 1e12))
    text = page(found)
    assert "`python -m benchmarks.costs --quick --markdown` on 2030-01-01" in text
    assert report.machine.processor in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) >= len(report.rows) + len(report.calls)
    assert all(any(f"| {row.name} |" in line for line in rows) for row in report.rows)
    shown = {name for row in report.rows for name, ratio in row.others.items() if ratio is not None}
    assert {name for name in shown if name not in text} == set()
    tables = [part.splitlines() for part in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)]
    assert all(len({line.count("|") for line in table}) == 1 for table in tables)
    draw(tmp_path / "costs.png", found)
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")
    assert {row.name for row in report.rows if row.group == GROUP} > {name for kind in CALLS.values() for name in kind}
