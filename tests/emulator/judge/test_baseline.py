"""Baselines: equal agents give no alarm, slower ones do, and unlike runs are not compared."""

import itertools
import statistics

import numpy as np
import pytest

from _support.dose import PROVE
from voiceband.emulator import Caller
from voiceband.emulator.caller.steps import Say
from voiceband.emulator.judge.baseline import (
    Baseline,
    CallFigures,
    compare,
    figures_of,
    fingerprint,
    load_baseline,
    worse_p,
)

SPREADS = {
    "normal": lambda rng, n: rng.normal(700, 40, n),
    "skewed": lambda rng, n: 620 + rng.gamma(2.0, 25.0, n),
    "with a slow call now and then": lambda rng, n: rng.normal(700, 30, n) + 2000 * (rng.random(n) < 0.05),
}


def run(answers, conditions=None, silences=None):
    silences = silences or [None] * len(answers)
    calls = [CallFigures(answer, silence, 0.0) for answer, silence in zip(answers, silences, strict=True)]
    return Baseline(conditions or {"script": "a"}, calls)


def test_the_test_is_exact():
    rng = np.random.default_rng(1)
    for n, m in ((3, 4), (5, 5), (2, 6)):
        values = rng.permutation(2 * (n + m))[: n + m].astype(float)
        spread = np.median(np.abs(values - np.median(values))) * 1.4826 + 1
        values = np.clip(values, np.median(values) - spread, np.median(values) + spread)
        values = values.min() + np.rint((values - values.min()) / np.ptp(values) * 300) * np.ptp(values) / 300
        sums = [values[list(chosen)].sum() + 1e-9 for chosen in itertools.combinations(range(n + m), m)]
        expected = statistics.mean(float(total >= values[n:].sum()) for total in sums)
        assert worse_p(values[:n], values[n:]) == pytest.approx(expected)


@pytest.mark.parametrize("name", SPREADS)
def test_equal_agents_give_no_alarm(name):
    rng = np.random.default_rng(2)
    for _ in range(1000 if PROVE else 60):
        assert worse_p(SPREADS[name](rng, 20), SPREADS[name](rng, 20)) >= 1e-5


@pytest.mark.parametrize("name", SPREADS)
def test_an_agent_that_is_100_ms_slower_is_found(name):
    """Of calls whose median answers are spread by 30 to 40 ms, 20 against 20."""
    rng = np.random.default_rng(3)
    found = sum(worse_p(SPREADS[name](rng, 20), 100 + SPREADS[name](rng, 20)) < 1e-5 for _ in range(100))
    assert found >= 95


def test_faster_is_not_worse():
    rng = np.random.default_rng(4)
    assert worse_p(rng.normal(700, 40, 20), rng.normal(500, 40, 20)) > 0.99


def test_what_is_all_alike_is_not_worse():
    assert worse_p([0.0] * 20, [0.0] * 20) == 1.0


def test_answers_that_do_not_come_any_more_are_worse():
    answers = [700.0 + i for i in range(20)]
    got = {one.name: one for one in compare(run(answers), run([None] * 20))}
    assert got["answer_ms"].worse
    assert not got["gap_ms"].worse
    assert (got["answer_ms"].before_ms, got["answer_ms"].now_ms) == (709.5, None)
    assert str(got["answer_ms"]).startswith("answer time: worse, 710 ms before and none now")


def test_unlike_runs_are_not_compared():
    with pytest.raises(ValueError, match="the runs are unlike: network was clean, and is mobile"):
        compare(run([1.0] * 20, {"network": "clean"}), run([1.0] * 20, {"network": "mobile"}))
    with pytest.raises(ValueError, match="this run has 9 calls, and a comparison needs 10"):
        compare(run([1.0] * 20), run([1.0] * 9))


def test_a_file_that_is_no_baseline_is_named(tmp_path):
    path = tmp_path / "base.json"
    with pytest.raises(ValueError, match=r"base\.json cannot be read: No such file"):
        load_baseline(path)
    for text in ("{", "[]", '{"conditions": {}, "calls": [{}]}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"is no baseline: .*; --save-baseline makes one"):
            load_baseline(path)


def test_a_script_is_known_by_what_it_says():
    steps = [Say(np.arange(100, dtype=np.int16))]
    assert fingerprint(steps) == fingerprint([Say(np.arange(100, dtype=np.int16))])
    assert fingerprint(steps) != fingerprint([Say(np.arange(1, 101, dtype=np.int16))])


def test_the_figures_of_a_call():
    async def mute(call):
        async for _ in call:
            pass

    assert figures_of(Caller()(mute).measures) == CallFigures(None, None, 0.0)
