"""The table of the sound guard's network is what its trainer prints."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.source_tree


@pytest.fixture
def trainer(monkeypatch):
    pytest.importorskip("scipy")
    pytest.importorskip("soundfile")
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import train_sound_net

    yield train_sound_net
    for name in ("train_sound_net", "make_sound_tables"):
        sys.modules.pop(name, None)


def form(header):
    """Return a header without its numbers and its layout."""
    declared = re.sub(r"-?\d[\d.]*(?:e[+-]?\d+)?f\b", "0", header)
    return re.sub(r",(?=[})])", "", re.sub(r"\s", "", declared))


def test_the_trainer_prints_a_table_of_the_form_of_the_shipped_one(trainer):
    rng = np.random.default_rng(0)
    inputs = 2 * trainer.BANDS + trainer.LAGS
    net = trainer.Network(inputs, rng)
    made = trainer.printed(net, rng.standard_normal(inputs), np.full(inputs, 2.0))
    assert form(made) == form((ROOT / "csrc" / "vb_sound_net.h").read_text())


def test_a_few_talkers_are_enough_for_a_network(trainer, tmp_path):
    """From files of sound to a table: voices of two pitches, a tune and noise."""
    import soundfile

    rng = np.random.default_rng(1)
    t = np.arange(16000 * 14) / 16000
    for name, hz in (("speech/low", 110), ("speech/high", 210)):
        phase = 2 * np.pi * np.cumsum(hz * (1 + 0.1 * np.sin(5 * t))) / 16000
        voice = sum(np.sin(k * phase) / k for k in range(1, 16)) * (1 + np.sin(20 * t)) / 20
        (tmp_path / name).mkdir(parents=True)
        soundfile.write(tmp_path / name / "x.wav", voice, 16000)
    for name, sound in (("music", 0.1 * np.sin(2 * np.pi * 440 * t)), ("noise", 0.05 * rng.standard_normal(len(t)))):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "x.wav", np.tile(sound, 2), 16000)
    rows = trainer.examples(tmp_path, 7, rng)
    assert {which for _, which, _ in rows} == set(range(len(trainer.RATIOS)))
    assert {name for name, _, _ in rows} == {"low", "high", "music", "noise", "tunes"}
    made = [trainer.printed(*trainer.train(rows, 1, {"noise"}, np.random.default_rng(2))) for _ in range(2)]
    assert made[0] == made[1]
    assert form(made[0]) == form((ROOT / "csrc" / "vb_sound_net.h").read_text())
