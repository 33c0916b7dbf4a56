"""`voiceband denoise`: WAV and FLAC, rates, channels, alignment, the picture, errors."""

import contextlib
from functools import partial

import numpy as np
import pytest
import soundfile

from _support.commands import voiceband
from _support.denoise_signals import as_int16, voice, white
from voiceband import denoise
from voiceband.commands.denoise import gain

denoise_file = partial(voiceband, "denoise")


def noisy(n: int, rate: int, seed: int = 1) -> np.ndarray:
    duration = n / rate + 0.1
    return (voice(duration, rate, -26, seed) + white(duration, rate, -45, seed))[:n]


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_each_channel_is_denoised_and_aligned(tmp_path, suffix, rate):
    x = as_int16(np.stack([noisy(150_001, rate, 1), noisy(150_001, rate, 2)], axis=1))  # several blocks
    soundfile.write(tmp_path / "in.wav", x, rate)
    result = denoise_file(tmp_path / "in.wav", tmp_path / f"out{suffix}", "--level", 92)
    assert result.returncode == 0, result.stderr
    y, got = soundfile.read(tmp_path / f"out{suffix}", dtype="int16")
    assert (got, y.shape) == (rate, x.shape)
    for channel in (0, 1):
        np.testing.assert_array_equal(y[:, channel], denoise(x[:, channel].copy(), rate, level=92))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted({"in.wav", f"out{suffix}"})


@pytest.mark.parametrize("rate", [11025, 22050, 24000, 44100, 48000])
@pytest.mark.parametrize("n", [1, 1000, 70_000, 131_072])
def test_other_rates_go_there_and_back_in_time(tmp_path, rate, n):
    x = noisy(n, rate).astype(np.float32)
    soundfile.write(tmp_path / "in.wav", x, rate, "FLOAT")
    result = denoise_file(tmp_path / "in.wav", tmp_path / "out.wav", "--encoding", "float")
    assert result.returncode == 0, result.stderr
    y, got = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert (got, len(y)) == (rate, n)
    assert soundfile.info(tmp_path / "out.wav").subtype == "FLOAT"
    if n >= 70_000:
        lags = range(-6, 7)
        inner = slice(1000, n - 1000)
        assert max(lags, key=lambda lag: float(x[inner] @ np.roll(y, -lag)[inner])) == 0
        voiced = np.abs(x) > 0.05
        assert np.mean((x - y)[voiced] ** 2) < 0.05 * np.mean(x[voiced] ** 2)


@pytest.mark.parametrize("rate", [8000, 44100])
def test_the_picture(tmp_path, rate):
    pytest.importorskip("matplotlib")
    soundfile.write(tmp_path / "in.wav", as_int16(noisy(rate, rate)), rate)
    result = denoise_file(tmp_path / "in.wav", tmp_path / "out.wav", "--plot", tmp_path / "out.png")
    assert result.returncode == 0, result.stderr
    picture = (tmp_path / "out.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000


def test_int16_of_another_rate_is_rounded_once(tmp_path):
    x = as_int16(noisy(70_000, 44100) * 0.02)
    soundfile.write(tmp_path / "in.wav", x, 44100)
    soundfile.write(tmp_path / "float.wav", x / np.float32(32768), 44100, "FLOAT")
    for name in ("in", "float"):
        kind = {"in": "pcm16", "float": "float"}[name]
        result = denoise_file(tmp_path / f"{name}.wav", tmp_path / f"{name}_out.wav", "--encoding", kind)
        assert result.returncode == 0
    y = soundfile.read(tmp_path / "in_out.wav", dtype="int16")[0]
    exact = soundfile.read(tmp_path / "float_out.wav", dtype="float64")[0] * 32768
    assert np.abs(y - exact).max() <= 0.501


def test_24_bits_are_written_where_they_are_asked_for(tmp_path):
    soundfile.write(tmp_path / "in.wav", noisy(4000, 8000), 8000, "FLOAT")
    assert denoise_file(tmp_path / "in.wav", tmp_path / "out.flac", "--encoding", "pcm24").returncode == 0
    assert soundfile.info(tmp_path / "out.flac").subtype == "PCM_24"


@pytest.mark.parametrize(
    ("name_in", "name_out", "options", "message"),
    [
        ("none.wav", "out.wav", (), "cannot read: No such file"),
        ("in.wav", "in.wav", (), "is INPUT itself; name another file"),
        ("in.wav", "out.xyz", (), ".xyz cannot be written"),
        ("in.wav", "missing/out.wav", (), "there is no folder"),
        ("text.wav", "out.wav", (), "it is not a sound file that can be read"),
        ("nan.wav", "out.wav", (), "sample 70001 of channel 1 is nan"),
        ("odd.wav", "out.wav", (), "1000"),
        ("in.wav", "out.wav", ("--level", "50"), "60"),
        ("in.wav", "out.wav", ("--plot", "missing/out.png"), "there is no folder"),
        ("in.wav", "out.wav", ("--plot", "p8"), "choose one of .png, .svg, .pdf"),
    ],
)
def test_errors_say_what_is_wrong_and_leave_nothing(tmp_path, name_in, name_out, options, message):
    if "--plot" in options:
        pytest.importorskip("matplotlib")
    soundfile.write(tmp_path / "in.wav", as_int16(noisy(800, 8000)), 8000)
    soundfile.write(tmp_path / "odd.wav", np.zeros(100, np.int16), 1000)
    soundfile.write(tmp_path / "nan.wav", np.where(np.arange(70_800) < 70_000, 0, np.nan), 8000, "FLOAT")
    (tmp_path / "text.wav").write_text("no sound")
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    paths = [o if o.startswith("--") or "/" not in o else tmp_path / o for o in options]
    result = denoise_file(tmp_path / name_in, tmp_path / name_out, *paths)
    assert result.returncode == 2
    assert message in " ".join(result.stderr.split())
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_the_command_is_registered():
    import subprocess
    import sys

    code = "import sys; sys.argv = ['voiceband', 'denoise', '--help']; from voiceband.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0
    assert "--level" in result.stdout
    assert "--plot" in result.stdout


def test_where_there_was_silence_the_picture_has_no_gain():
    x = np.concatenate([np.zeros(8000), noisy(8000, 8000), np.full(8000, 1e-6)])
    _, gain_db = gain(x, x + 1e-4, 8000)  # as if silence had been amplified
    columns = len(gain_db) // 3
    assert np.isnan(gain_db[: columns - 2]).all()
    assert np.isnan(gain_db[-columns + 2 :]).all()
    assert np.nanmax(gain_db) < 1


def test_a_picture_has_one_colour_bar_and_a_gap_where_there_was_silence(tmp_path, monkeypatch):
    figures = []
    pytest.importorskip("matplotlib.figure")
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, part, **_: figures.append(figure))
    monkeypatch.setattr("voiceband.commands.denoise.replacing", contextlib.nullcontext)
    soundfile.write(tmp_path / "in.wav", as_int16(np.concatenate([np.zeros(8000), noisy(8000, 8000)])), 8000)
    assert denoise_file(tmp_path / "in.wav", tmp_path / "out.wav", "--plot", tmp_path / "x.png").returncode == 0
    (figure,) = figures
    assert [axes.get_ylabel() for axes in figure.axes] == ["before, kHz", "after, kHz", "gain, dB", "dBFS"]
    (line,) = figure.axes[2].lines
    at_s, gain_db = line.get_data()
    assert np.isnan(gain_db[at_s < 0.9]).all()
    assert np.isfinite(gain_db[(at_s > 1.1) & (at_s < 1.9)]).all()
    assert np.nanmax(gain_db) < 3
