"""Messages whose bounds are not the ticks': a clean path stays clean, and the media's times stay the sender's."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from voiceband import Concealer, JitterBuffer, Timeline
from voiceband.dsp.jitter import RunKind

RATE = 8000
SECONDS = 40


@cache
def talk() -> np.ndarray:
    """A gliding voice in spurts of 1.4 s, over faint noise."""
    t = np.arange(RATE * SECONDS) / RATE
    phase = 2 * np.pi * np.cumsum(120 * (1 + 0.06 * np.sin(2 * np.pi * 1.3 * t))) / RATE
    voice = 2500 * sum(np.sin(phase * h) / h for h in range(1, 20)) * ((t % 2.5) < 1.4)
    return np.rint(voice + np.random.default_rng(0).normal(0, 15, len(t))).astype(np.int16)


def play(sizes_ms, tick_ms, **knobs):
    """Every message as soon as its last sample is spoken."""
    buffer, said = JitterBuffer(RATE, tick_ms=tick_ms, **knobs), talk()
    at, k, arrivals = 0, 0, []
    while at < len(said) - 800:
        n = 8 * sizes_ms[k % len(sizes_ms)]
        arrivals.append(((at + n) / RATE, k, at / 8, said[at : at + n]))
        at, k = at + n, k + 1
    given = iter(arrivals)
    message = next(given)
    for tick in range(int((SECONDS - 1) * 1000 / tick_ms)):
        now = tick * tick_ms / 1000 + 0.003
        while message[0] <= now:
            buffer.push(*message[1:], arrival=message[0])
            message = next(given)
        buffer.pull(now)
    return buffer


@pytest.mark.parametrize("tick_ms", [10, 20, 30])
@pytest.mark.parametrize("sizes_ms", [[20], [30], [10, 60], [10, 100], [60, 20], [10, 20, 30, 40]])
def test_a_clean_path_stalls_no_more_than_once_and_is_not_cut_and_held_for_nothing(sizes_ms, tick_ms):
    buffer = play(sizes_ms, tick_ms)
    stats = buffer.stats
    assert stats.stalls <= 3
    assert stats.conceal_ms <= 110
    assert buffer.target_ms <= max(sizes_ms) - min(sizes_ms) + tick_ms + 5
    if len(sizes_ms) == 1:
        assert stats.fast_ms + stats.slow_ms < 500
        assert stats.wait_ms < 500


@pytest.mark.parametrize("ppm", [-500, 500])
def test_media_times_follow_a_clock_that_drifts(ppm):
    buffer = JitterBuffer(RATE, mode="fixed", delay_ms=60)
    for k in range(4000):
        at = 20 * k * (1 + ppm * 1e-6)
        buffer.push(k, at, np.full(160, k, np.int16), arrival=at / 1000)
        pulled = buffer.pull(at / 1000 + 0.001)
        if k > 20 and len(pulled.runs) == 1 and pulled.runs[0].kind is RunKind.NORMAL:
            assert abs(pulled.runs[0].media_start_ms - 20 * int(pulled.pcm[80]) * (1 + ppm * 1e-6)) <= 30


@pytest.mark.parametrize("scatter", [0.0, 8.0])
def test_media_times_follow_a_jump_of_the_clock(scatter):
    rng = np.random.default_rng(1)
    buffer, errors = JitterBuffer(RATE, mode="fixed", delay_ms=60), []
    for k in range(800):
        jump = 900 if k >= 400 else 0
        stamp = 5000 + 20 * k + jump + rng.uniform(-scatter, scatter)
        buffer.push(k, stamp, np.full(160, k, np.int16), arrival=0.02 * k)
        pulled = buffer.pull(0.02 * k + 0.001)
        if k > 20 and len(pulled.runs) == 1:
            shown = int(pulled.pcm[80])
            errors.append(pulled.runs[0].media_start_ms - (5000 + 20 * shown + (900 if shown >= 400 else 0)))
    assert len(errors) > 700
    assert np.abs(errors).max() <= 10 + scatter


@pytest.mark.parametrize("make", [Timeline, JitterBuffer, Concealer])
def test_rates_are_integers_and_objects_say_what_they_are(make):
    for rate in (8000.0, "8000", True, None, [8000], np.array([8000, 16000])):
        with pytest.raises(TypeError, match="rate must be an integer number of Hz, not"):
            make(rate)
    with pytest.raises(ValueError, match="rate must be 8000 or 16000 Hz, not 44100"):
        make(44100)
    thing = make(np.int64(16000))
    assert thing.rate == 16000
    assert repr(thing).startswith(f"{make.__name__}(16000, ")


@pytest.mark.source_tree
def test_the_replay_names_the_traces_there_are_when_none_is_chosen():
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.jitter.replay", "--only", "nowhere"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert result.returncode == 1
    assert "no trace has 'nowhere' in its name" in result.stderr
    assert "clean" in result.stderr


@pytest.mark.source_tree
def test_the_table_by_noise_has_a_row_for_each_buffer(tmp_path):
    pytest.importorskip("soundfile")
    pytest.importorskip("scipy")
    (tmp_path / "speech").mkdir()
    root = Path(__file__).parents[3]
    (tmp_path / "speech" / "caller.wav").write_bytes((root / "src/voiceband/data/caller.wav").read_bytes())
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.jitter.noise", tmp_path, "--only", "white", "--buffers", "voiceband"],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
    )
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines() if line.startswith("voiceband")]
    assert len(rows) == 2
    assert all(float(row[-1]) < 250 for row in rows)  # j100; where noise counts as speech, above 300
