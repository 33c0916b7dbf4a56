"""What the command lists of what it hears in files: tones and echoes."""

import json

import numpy as np
import pytest

from _support.commands import voiceband
from _support.denoise_signals import as_int16, voice
from _support.tone_signals import key, pcm, silence, tone
from voiceband import ulaw_encode

soundfile = pytest.importorskip("soundfile")


def test_the_command_lists_tones(tmp_path):
    (tmp_path / "in").mkdir()
    x = pcm(silence(0.5), tone(1000, 0.5), silence(0.5), key("7", 0.1), silence(0.5))
    (tmp_path / "in" / "a.ulaw").write_bytes(ulaw_encode(x))
    result = voiceband("batch", tmp_path / "in", tmp_path / "out", "--tones", "--workers", 1, "--json")
    assert result.returncode == 0, result.stderr
    assert "tone: a.ulaw: beep 1000, channel 1, 0.50 s to 1.00 s" in result.stderr
    (file,) = json.loads(result.stdout)["files"]
    assert [(t["channel"], t["kind"], t["name"]) for t in file["tones"]] == [(1, "beep", "1000"), (1, "dtmf", "7")]


def test_the_command_lists_echoes(tmp_path):
    (tmp_path / "in").mkdir()
    agent = voice(8, 8000, -20, seed=3)
    near = np.roll(agent, 2400) * 0.1 + np.random.default_rng(1).normal(0, 5e-4, len(agent))
    soundfile.write(tmp_path / "in" / "a.wav", as_int16(np.stack([near, agent], axis=1)), 8000)
    options = ("--echoes", "--channel", 1, "--workers", 1, "--json")
    result = voiceband("batch", tmp_path / "in", tmp_path / "out", *options)
    assert result.returncode == 0, result.stderr
    assert "echo: a.wav: channel 2 comes back in channel 1, " in result.stderr
    (file,) = json.loads(result.stdout)["files"]
    assert abs(file["echoes"][-1]["lag_ms"] - 300) <= 20
    assert file["echoes"][-1]["end_ms"] > 6000
