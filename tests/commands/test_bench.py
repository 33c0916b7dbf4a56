"""`voiceband bench`: what it measures, what it says of it, and how it tells slower from noise."""

import json
import multiprocessing
import re
import sys
import time

import msgspec
import numpy as np
import pytest

from _support.bench_cases import broken_cases, two_cases
from voiceband import Resampler, simd_level
from voiceband.bench import results
from voiceband.bench.cases import Case
from voiceband.bench.compare import compare, find_slower
from voiceband.bench.machine import this_machine
from voiceband.bench.passes import BenchError, PassPlan, Timed, run_pass, run_passes
from voiceband.bench.race import Each, Repeated, race
from voiceband.bench.results import BenchReport, summarise
from voiceband.bench.sessions import CALLS, GROUP
from voiceband.cli import main
from voiceband.commands import bench as command_module
from voiceband.dsp.denoise import Denoiser

ONCE = PassPlan(passes=1, rounds=1, round_s=0.0)


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

    seconds = race({"one": spin, "each": Each(lambda _: spin(), [0] * 5), "ten": Repeated(spin, 10)}, rounds=5)
    one, each, ten = (min(figures) for figures in seconds.values())
    assert 0.5 < each / one < 2
    assert 0.05 < ten / one < 0.2


def test_all_cases_run():
    found = run_pass(ONCE)
    assert len({(one.group, one.name) for one in found}) == len(found) > 40
    assert all(one.seconds > 0 and one.yardstick > 0 for one in found)
    sessions = {one.name for one in found if one.group == GROUP}
    assert sessions > {name for names in CALLS.values() for name in names}


# What a comparison must and must not see.


def noisy_pass(rng, factors, loud):
    """Make what a pass gives, from true costs: noise of all passes, and in one of twenty a case meets a disturbance."""
    timed = []
    for i, factor in enumerate(factors):
        disturbed = rng.uniform(1, 2) if rng.random() < 0.05 else 1.0
        yardstick = 3.0 / factor / disturbed * np.exp(rng.normal(0, loud))
        timed.append(Timed("g", str(i), 1e-6 * factor, yardstick, {}))
    return timed


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
    runs = dose(30, 1000)
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


@pytest.mark.prove  # it times kernels, which a busy machine disturbs
def test_a_kernel_that_is_slowed_is_found_and_the_other_is_not(same_machine):
    """Passes of all kinds take turns: this is about the cost, not about what else goes on for some seconds."""
    plan = PassPlan(passes=9, rounds=15, round_s=0.001)
    frames = list(np.random.default_rng(0).normal(0, 2000, (64, 160)).astype(np.int16))

    def one_pass(n):
        def cases():
            yield Case("g", "suppressor", Each(times(Denoiser(8000).process, n), frames))
            yield Case("g", "resampler", Each(times(Resampler(8000, 44100).process, 1.0), frames))

        return run_pass(plan, cases=cases)

    kinds = zip(*([one_pass(n) for n in (1.0, 1.0, 1.0, 1.3, 1.3)] for _ in range(plan.passes)), strict=True)
    baseline, same, same_again, slow, slow_again = (summarise(some, date="", quick=True) for some in kinds)
    assert slower(baseline, lambda only: same_again if only else same) == set()
    assert slower(baseline, lambda only: slow_again if only else slow) == {"suppressor"}


# Passes in processes of their own.


def test_passes_run_elsewhere_and_say_how_far_they_are():
    said = []
    found = run_passes(PassPlan(2, 2, 0.001), cases=two_cases, on_progress=said.append)
    assert said == [0.25, 0.5, 0.75, 1.0]
    assert [[one.name for one in each] for each in found] == [["a sum", "many sums"]] * 2
    assert found[0][0].others["no one"] is None
    assert found[0][0].others["map"] > 1
    some = run_pass(ONCE, only={("sums", "many sums")}, cases=two_cases)
    assert [one.name for one in some] == ["many sums"]
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


def few_passes():
    """Make passes with all that a table can hold."""
    rows = [
        Timed("codecs", "one", 2e-6, 3.0, {"here": 2.0, "not here": None}),
        Timed("codecs", "two", 1e-9, 3.0, {}),
        *(Timed(GROUP, name, 4e-6, 3.0, {}) for name in {*sum(CALLS.values(), ())}),
    ]
    return [rows] * 3


def test_calls_on_a_core_are_a_second_by_the_cost_of_their_frames():
    report = summarise(few_passes(), date="2030-01-01", quick=False)
    assert {one.kind: one.calls for one in report.calls} == dict.fromkeys(CALLS, 2500)  # 1 s / (50 * 8 us)


def test_a_report_survives_json():
    report = summarise(few_passes(), date="2030-01-01", quick=False)
    assert BenchReport.from_json(report.to_json()) == report
    assert report.rows[0].others == {"here": 2.0, "not here": None}
    for text in ("", "{}", "[]", report.to_json()[:-5]):
        with pytest.raises(ValueError, match="not a report of voiceband bench"):
            BenchReport.from_json(text)


# The command.


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the command on two cases, all of it in this process."""

    def here(plan, only, _cases, on_progress):
        return [run_pass(plan, only, two_cases, on_progress) for _ in range(plan.passes)]

    def run(*arguments):
        monkeypatch.setattr(command_module, "run_passes", here)
        plan = PassPlan(passes=7, rounds=2, round_s=0.0005)
        monkeypatch.setattr(command_module, "PLANS", dict.fromkeys((False, True), plan))
        monkeypatch.setattr(sys, "argv", ["voiceband", "bench", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return run


def test_its_table_fits_a_terminal(command):
    code, out, err = command()
    assert (code, err) == (0, "")
    assert f"SIMD level {simd_level()}" in " ".join(out.split())
    assert re.search(r"^  a sum +[\d.]+ +[\d.]+$", out, re.MULTILINE)
    assert all(len(line) <= 80 and "…" not in line for line in out.splitlines())


def test_its_json_is_a_baseline(command, tmp_path):
    code, out, err = command("--quick", "--json")
    assert (code, err) == (0, "")
    baseline = tmp_path / "baseline.json"
    report = BenchReport.from_json(out)
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
        (("--compare", "none.json"), "none.json: No such file or directory"),
        (("--compare", "broken.json"), "not a report of voiceband bench: "),
    ],
)
def test_bad_options_end_with_one_line(command, monkeypatch, tmp_path, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("voiceband bench: ")
    assert err.count("\n") == 1
    assert said in err
    assert [path.name for path in tmp_path.iterdir()] == ["broken.json"]
