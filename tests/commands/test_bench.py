"""`voiceband bench`: what it measures, what it says of it, and how it tells slower from noise."""

import asyncio
import contextlib
import json
import multiprocessing
import os
import re
import sys
import time

import msgspec
import numpy as np
import pytest

from voiceband import Resampler, simd_level
from voiceband.bench import passes, results
from voiceband.bench.cases import Case, Work, real_transform
from voiceband.bench.compare import compare, find_slower
from voiceband.bench.limits import Limits
from voiceband.bench.machine import this_machine
from voiceband.bench.page import page
from voiceband.bench.passes import BenchError, Pass, Plan, Timed, every_case, run_pass, run_passes
from voiceband.bench.race import Batch, Each, race
from voiceband.bench.resamplers import work_of
from voiceband.bench.results import Report, summarise
from voiceband.bench.sessions import CALLS, GROUP
from voiceband.cli import main
from voiceband.commands import bench as command_module
from voiceband.dsp.denoise import Denoiser

ONCE = Plan(passes=1, rounds=1, round_s=0.0)


def test_contenders_take_turns():
    turns = []
    seconds = race({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, rounds=3, round_s=0.0)
    assert turns == ["a", "b"] * 3
    assert [len(figures) for figures in seconds.values()] == [3, 3]


def test_items_and_batches_count_as_so_many_times():
    seen = []
    race({"each": Each(seen.append, [1, 2, 3])}, rounds=2, round_s=0.0)
    assert seen == [1, 2, 3] * 2

    def spin():
        end = time.process_time() + 0.002
        while time.process_time() < end:
            pass

    seconds = race({"one": spin, "each": Each(lambda _: spin(), [0] * 5), "ten": Batch(spin, 10)}, rounds=5)
    one, each, ten = (min(figures) for figures in seconds.values())
    assert 0.5 < each / one < 2
    assert 0.05 < ten / one < 0.2


def test_all_cases_run_and_rivals_do_the_same_work():
    """A rival that took a thousandth or a million times as long would not do the same."""
    found = run_passes(ONCE)[0].timed
    assert len({(one.group, one.name) for one in found}) == len(found) > 40
    assert all(one.seconds > 0 and one.yardstick > 0 for one in found)
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        installed = {(c.group, c.name): {name: r is not None for name, r in c.rivals.items()} for c in every_case(loop)}
    assert {(one.group, one.name): {n: r is not None for n, r in one.rivals.items()} for one in found} == installed
    ratios = [(name, ratio) for one in found for name, ratio in one.rivals.items() if ratio is not None]
    assert {name for name, _ in ratios} >= {"numpy", "numpy table", "base64", "json + base64"}  # always there
    assert all(1e-3 < ratio < 1e6 for _, ratio in ratios)
    sessions = {one.name for one in found if one.group == GROUP}
    assert sessions > {name for names in CALLS.values() for name in names}


def test_rivals_that_are_not_installed_are_none(monkeypatch):
    packages = ("audioop", "orjson", "pybase64", "scipy", "soxr", "noisereduce", "speexdsp_ns", "samplerate")
    for name in (*packages, "scipy.signal"):
        monkeypatch.setitem(sys.modules, name, None)
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        rivals = [rival for case in every_case(loop) for rival in case.rivals.items()]
    named = {name: [rival for whose, rival in rivals if name.replace("_", "-") in whose] for name in packages}
    assert all(named.values())
    assert {rival for some in named.values() for rival in some} == {None}


def test_the_limit_is_the_longer_of_moving_and_multiplying():
    limits = Limits(bytes_s=100e9, multiply_adds_s=50e9)
    assert limits.seconds(Work(480)) == pytest.approx(4.8e-9)
    assert limits.bound(Work(480)) == "bytes"
    assert limits.seconds(Work(480, 1000)) == pytest.approx(20e-9)
    assert limits.bound(Work(480, 1000)) == "multiply-adds"


def test_the_work_is_counted_rightly():
    # 20 taps for each of 320 outputs but those on an input, which pass through: half-band, docs/resample.md.
    work = work_of(8000, 16000)
    assert work.moved == 2 * (160 + 320)
    assert 160 * 20 <= work.multiply_adds <= 160 * 41
    # A transform by its definition takes N^2 complex products; a fast one is far below, and above one pass over data.
    assert 384 < real_transform(384) < 384**2 / 2


# What a comparison must and must not see.


def noisy_pass(rng, factors, loud):
    """Make what a pass gives, from true costs: noise of all passes, and in one of twenty a case meets a disturbance."""
    timed = []
    for i, factor in enumerate(factors):
        disturbed = rng.uniform(1, 2) if rng.random() < 0.05 else 1.0
        yardstick = 3.0 / factor / disturbed * np.exp(rng.normal(0, loud))
        timed.append(Timed("g", str(i), 1e-6 * factor, {}, yardstick, None))
    return Pass(timed, Limits(1.0, 1.0))


def noisy_report(rng, factors, loud, n=9):
    return summarise([noisy_pass(rng, factors, loud) for _ in range(n)], date="", quick=True)


def slower(baseline, measure):
    return {change.name for change in find_slower(baseline, measure) if change.slower}


@pytest.fixture
def same_machine(monkeypatch):
    """Finding it out takes longer than all the rest."""
    machine = this_machine()
    monkeypatch.setattr(results, "this_machine", lambda: machine)


@pytest.mark.parametrize(("loud", "missing"), [(0.02, 0.02), (0.05, 0.02), (0.1, 0.1)])
def test_noise_is_not_slower_and_slower_is_not_noise(dose, same_machine, loud, missing):
    slow = {"3", "17", "31"}
    same = np.ones(40)
    worse = np.array([1.3 if str(i) in slow else 1.0 for i in range(40)])
    runs = dose(100, 1000)
    wrong, missed = 0, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        baseline = noisy_report(rng, same, loud)
        found = slower(baseline, lambda _, rng=rng: noisy_report(rng, worse, loud))
        wrong += len(found - slow)
        missed += len(slow - found)
    assert wrong <= (0.001 if loud == 0.1 else 0) * runs * (len(same) - len(slow)), wrong
    assert missed <= missing * runs * len(slow), missed


def test_what_seems_slower_once_is_not_slower(same_machine):
    rng = np.random.default_rng(0)
    baseline = noisy_report(rng, np.ones(3), 0.01)
    asked = []

    def measure(only):
        asked.append(only)
        return noisy_report(rng, np.array([1.0, 1.0 if only else 1.5, 1.5]), 0.01)

    changes = find_slower(baseline, measure)
    assert asked == [(), {("g", "1"), ("g", "2")}]
    assert [change.slower for change in changes] == [False, False, True]
    assert changes[2].factor == pytest.approx(1.5, rel=0.05)


def test_faster_and_a_little_slower_are_not_said(same_machine):
    rng = np.random.default_rng(1)
    changes = compare(noisy_report(rng, np.ones(2), 0.01), noisy_report(rng, np.array([0.5, 1.1]), 0.01))
    assert not any(change.slower for change in changes)
    assert changes[0].factor == pytest.approx(0.5, rel=0.05)
    assert changes[1].factor == pytest.approx(1.1, rel=0.05)


def test_what_cannot_be_compared_is_said(same_machine):
    rng = np.random.default_rng(2)
    baseline = noisy_report(rng, np.ones(2), 0.01)
    other = msgspec.structs.replace(baseline, machine=msgspec.structs.replace(baseline.machine, simd="tiny"))
    with pytest.raises(ValueError, match=f"of another machine: here it is simd '{simd_level()}', not 'tiny'"):
        compare(other, baseline)
    newer = msgspec.structs.replace(baseline, machine=msgspec.structs.replace(baseline.machine, voiceband="99"))
    assert len(compare(newer, baseline)) == 2
    with pytest.raises(ValueError, match="the baseline has 3 passes: a comparison needs at least 7"):
        compare(noisy_report(rng, np.ones(2), 0.01, n=3), baseline)
    with pytest.raises(ValueError, match="the baseline has none of the cases"):
        compare(msgspec.structs.replace(baseline, rows=[]), baseline)


def times(function, n):
    """Return `function` done n times on average, n >= 1: what a slower kernel is to its caller."""
    owed = [0.0]

    def slowed(x):
        owed[0] += n - 1
        while owed[0] >= 1:
            function(x)
            owed[0] -= 1
        return function(x)

    return slowed


def test_a_kernel_that_is_slowed_is_found_and_the_other_is_not(same_machine, monkeypatch):
    """Passes of all kinds take turns: this is about the cost, not about what else goes on for some seconds."""
    monkeypatch.setattr(passes, "measure_limits", lambda _rounds, _round_s: Limits(1.0, 1.0))
    plan = Plan(passes=9, rounds=15, round_s=0.001, rivals=False)
    frames = list(np.random.default_rng(0).normal(0, 2000, (64, 160)).astype(np.int16))

    def one_pass(n):
        def cases(_loop):
            yield Case("g", "suppressor", Each(times(Denoiser(8000).process, n), frames))
            yield Case("g", "resampler", Each(times(Resampler(8000, 44100).process, 1.0), frames))

        return run_pass(plan, cases=cases)

    kinds = zip(*([one_pass(n) for n in (1.0, 1.0, 1.0, 1.3, 1.3)] for _ in range(plan.passes)), strict=True)
    baseline, same, same_again, slow, slow_again = (summarise(some, date="", quick=True) for some in kinds)
    assert slower(baseline, lambda only: same_again if only else same) == set()
    assert slower(baseline, lambda only: slow_again if only else slow) == {"suppressor"}


# Passes in processes of their own.


def two_cases(_loop):
    yield Case("sums", "a sum", lambda: sum(range(100)), {"no one": None, "map": lambda: sum(map(int, range(100)))})
    yield Case("sums", "many sums", lambda: sum(range(1000)), frames=10, work=Work(8000))


def broken_cases(_loop):
    yield Case("g", "a", lambda: 1 / 0)


def test_passes_run_elsewhere_and_say_how_far_they_are():
    said = []
    found = run_passes(Plan(2, 2, 0.001), cases=two_cases, on_progress=said.append)
    assert said == [0.25, 0.5, 0.75, 1.0]
    assert [[one.name for one in each.timed] for each in found] == [["a sum", "many sums"]] * 2
    assert found[0].timed[0].rivals["no one"] is None
    assert found[0].timed[0].rivals["map"] > 1
    some = run_pass(ONCE, only={("sums", "many sums")}, cases=two_cases)
    assert [one.name for one in some.timed] == ["many sums"]
    assert multiprocessing.active_children() == []


def test_a_pass_that_fails_is_an_error(capfd):
    with pytest.raises(BenchError, match="ended before it was done"):
        run_passes(ONCE, cases=broken_cases)
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_an_interrupt_leaves_no_process():
    def interrupt(_share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_passes(ONCE, cases=two_cases, on_progress=interrupt)
    assert multiprocessing.active_children() == []


# What comes out.


def few_passes(rivals=None):
    """Make passes with all that a table can hold."""
    rows = [
        Timed("codecs", "one", 2e-6, {"here": 2.0, "not here": None}, 3.0, Work(100)),
        Timed("codecs", "two", 1e-9, {}, 3.0, Work(1, 1)),
        *(Timed(GROUP, name, 4e-6, rivals or {"hand-made": 2.5}, 3.0, None) for name in {*sum(CALLS.values(), ())}),
    ]
    return [Pass(rows, Limits(1e9, 1e12)) for _ in range(3)]


def test_calls_on_a_core_are_a_second_by_the_cost_of_their_frames():
    report = summarise(few_passes(), date="2030-01-01", quick=False)
    assert {one.kind: one.calls for one in report.calls} == dict.fromkeys(CALLS, 2500)  # 1 s / (50 * 8 us)
    assert {one.rivals["hand-made"] for one in report.calls} == {1000}
    report = summarise(few_passes({"hand-made": None}), date="2030-01-01", quick=False)
    assert {len(one.rivals) for one in report.calls} == {0}


def test_a_report_survives_json():
    report = summarise(few_passes(), date="2030-01-01", quick=False)
    assert Report.from_json(report.to_json()) == report
    assert report.rows[0].share == pytest.approx(0.05)
    assert report.rows[0].bound == "bytes"
    for text in ("", "{}", "[]", report.to_json()[:-5]):
        with pytest.raises(ValueError, match="not a report of voiceband bench"):
            Report.from_json(text)


def test_the_page_says_everything():
    report = summarise(few_passes(), date="2030-01-01", quick=True)
    text = page(report)
    assert "`voiceband bench --quick --markdown` on 2030-01-01" in text
    assert f"SIMD level {simd_level()}" in text
    assert report.machine.processor in text
    assert "| one | 2.00 | 0.000 | 5% | here 2.00x, not here – |" in text
    assert "| two | 0.001 | 0.000 | 100% |  |" in text
    assert "2,500 | hand-made 1,000 |" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 2  # calls have fewer columns


# The command.


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the command on two cases, all of it in this process."""

    def here(plan, only, _cases, on_progress):
        return [run_pass(plan, only, two_cases, on_progress) for _ in range(plan.passes)]

    def run(*arguments):
        monkeypatch.setattr(command_module, "run_passes", here)
        plan = Plan(passes=7, rounds=2, round_s=0.0005)
        monkeypatch.setattr(command_module, "PLANS", dict.fromkeys((False, True), plan))
        monkeypatch.setattr(command_module, "COMPARING", dict.fromkeys((False, True), plan))
        monkeypatch.setattr(sys, "argv", ["voiceband", "bench", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return run


def test_it_prints_a_table_a_page_and_a_picture(command, tmp_path):
    picture, written = tmp_path / "costs.png", tmp_path / "performance.md"
    code, out, err = command("--plot", picture, "--markdown", written)
    assert (code, err) == (0, "")
    assert f"SIMD level {simd_level()}" in out
    assert re.search(r"a sum +[\d.]+ +[\d.]+ +– +no one –, map [\d.]+x", out)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "## Sums" in written.read_text(encoding="utf-8")


def test_its_json_is_a_baseline(command, tmp_path):
    code, out, err = command("--quick", "--json")
    assert (code, err) == (0, "")
    baseline = tmp_path / "baseline.json"
    report = Report.from_json(out)
    assert report.quick
    # As if all had been ten times as fast, and then as slow as it is.
    rows = [msgspec.structs.replace(row, yardstick=[10 * y for y in row.yardstick]) for row in report.rows]
    baseline.write_text(msgspec.structs.replace(report, rows=rows).to_json())
    code, out, _ = command("--compare", baseline)
    assert code == 1
    assert "2 of 2 cases are more than 15 % slower than they were" in out
    rows = [msgspec.structs.replace(row, yardstick=[0.1 * y for y in row.yardstick]) for row in report.rows]
    baseline.write_text(msgspec.structs.replace(report, rows=rows).to_json())
    code, out, _ = command("--compare", baseline, "--json")
    assert code == 0
    assert [change["slower"] for change in json.loads(out)] == [False, False]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--plot", "costs.txt"), "cannot write costs.txt: .png, .svg, .pdf only"),
        (("--plot", "none/costs.png"), "cannot write none/costs.png: no such folder"),
        (("--markdown", "none/page.md"), "cannot write none/page.md: no such folder"),
        (("--compare", "none.json"), "No such file or directory: 'none.json'"),
        (("--compare", "broken.json"), "not a report of voiceband bench: "),
        (("--compare", "broken.json", "--plot", "costs.png"), "--compare writes no picture and no page"),
    ],
)
def test_bad_options_end_with_one_line(command, monkeypatch, tmp_path, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("voiceband bench: ")
    assert err.count("\n") == 1
    assert said.replace("/", os.sep) in err
    assert [path.name for path in tmp_path.iterdir()] == ["broken.json"]


def test_a_picture_needs_matplotlib(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, _, err = command("--plot", "costs.png")
    assert code == 2
    assert "--plot needs matplotlib; pip install 'voiceband[plot]' brings it" in err
