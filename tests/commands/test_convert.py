"""`voiceband convert`: WAV, FLAC and raw mu-law, channels, lengths, alignment, errors."""

import errno
import json
import os
import subprocess
from functools import partial

import numpy as np
import pytest
import soundfile

from _support.commands import PROGRAM, voiceband
from voiceband import resample, ulaw_decode, ulaw_encode

convert_file = partial(voiceband, "convert")


def tone(n: int, rate: int, hz: float = 440.0) -> np.ndarray:
    return (12000 * np.sin(2 * np.pi * hz * np.arange(n) / rate)).astype(np.int16)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize(("rate_in", "rate_out"), [(8000, 16000), (44100, 8000), (16000, 16000)])
def test_each_channel_is_resampled_and_aligned(tmp_path, suffix, rate_in, rate_out):
    x = np.stack([tone(150_001, rate_in), tone(150_001, rate_in, 700)], axis=1)  # several blocks
    soundfile.write(tmp_path / "in.wav", x, rate_in)
    result = convert_file(tmp_path / "in.wav", tmp_path / f"out{suffix}", "--rate", rate_out)
    assert result.returncode == 0, result.stderr
    y, rate = soundfile.read(tmp_path / f"out{suffix}", dtype="int16")
    assert rate == rate_out
    assert y.shape == (-(-150_001 * rate_out // rate_in), 2)
    for channel in (0, 1):
        np.testing.assert_array_equal(y[:, channel], resample(x[:, channel].copy(), rate_in, rate_out))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted({"in.wav", f"out{suffix}"})


def test_float_is_written_where_it_is_asked_for(tmp_path):
    x = (tone(5000, 48000) / 32768).astype(np.float32)
    soundfile.write(tmp_path / "in.wav", x, 48000, "FLOAT")
    options = ("--rate", 16000, "--quality", "wide", "--encoding", "float")
    assert convert_file(tmp_path / "in.wav", tmp_path / "out.wav", *options).returncode == 0
    y, _ = soundfile.read(tmp_path / "out.wav", dtype="float32")
    np.testing.assert_array_equal(y, resample(x, 48000, 16000, quality="wide"))
    assert soundfile.info(tmp_path / "out.wav").subtype == "FLOAT"


def test_raw_mulaw_both_ways(tmp_path):
    x = tone(4000, 8000)
    (tmp_path / "in.ulaw").write_bytes(ulaw_encode(x))
    assert convert_file(tmp_path / "in.ulaw", tmp_path / "out.wav", "--rate", 16000).returncode == 0
    y, rate = soundfile.read(tmp_path / "out.wav", dtype="int16")
    assert rate == 16000
    np.testing.assert_array_equal(y, resample(ulaw_decode(ulaw_encode(x)), 8000, 16000))
    assert convert_file(tmp_path / "out.wav", tmp_path / "back.ul", "--rate", 8000).returncode == 0
    assert (tmp_path / "back.ul").read_bytes() == ulaw_encode(resample(y, 16000, 8000))
    assert convert_file(tmp_path / "back.ul", tmp_path / "w.wav", "--rate", 8000, "--from-rate", 16000).returncode == 0
    assert soundfile.info(tmp_path / "w.wav").frames == 2000


def test_tiny_files(tmp_path):
    for n in (1, 5):
        soundfile.write(tmp_path / "in.wav", tone(n, 8000), 8000)
        assert convert_file(tmp_path / "in.wav", tmp_path / "out.wav", "--rate", 48000).returncode == 0
        assert soundfile.info(tmp_path / "out.wav").frames == 6 * n


def test_refusals_say_why_and_leave_nothing(tmp_path):
    soundfile.write(tmp_path / "in.wav", np.zeros((100, 2), np.int16), 8000)
    (tmp_path / "text.wav").write_text("not a sound")
    for arguments, text in [
        (("in.wav", "out.xyz", "--rate", 16000), ".xyz cannot be written; choose one of .wav, .flac"),
        (("none.wav", "out.wav", "--rate", 16000), "cannot read: No such file"),
        (("text.wav", "out.wav", "--rate", 16000), "it is not a sound file that can be read"),
        (("in.wav", "out.wav", "--rate", 17), "rate must be from 4000 to 192000 Hz, not 17"),
        (("in.wav", "out.wav", "--rate", 16000, "--quality", "best"), "--quality must be one of voice, wide, fast"),
        (("in.wav", "in.wav", "--rate", 16000), "is INPUT itself; name another file"),
        (("in.wav", "out.ulaw", "--rate", 16000), "one channel"),
        (("in.wav", "no/out.wav", "--rate", 16000), "there is no folder"),
    ]:
        source, target, *rest = arguments
        result = convert_file(tmp_path / source, tmp_path / target, *rest)
        assert result.returncode == 2, result.stderr
        assert text in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.wav", "text.wav"]


@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT", "PCM_16"])
def test_any_subtype_becomes_mulaw(tmp_path, subtype):
    soundfile.write(tmp_path / "in.wav", tone(16_000, 16_000) / 32768, 16_000, subtype)
    result = convert_file(tmp_path / "in.wav", tmp_path / "out.ulaw", "--rate", 8000)
    assert result.returncode == 0, result.stderr
    assert len((tmp_path / "out.ulaw").read_bytes()) == 8000


def test_what_breaks_on_the_way_is_one_line(tmp_path):
    soundfile.write(tmp_path / "nan.wav", np.full(1000, np.nan, np.float32), 16_000, "FLOAT")
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "whole.flac", rng.integers(-9000, 9000, 60_000, np.int16), 16_000)
    (tmp_path / "cut.flac").write_bytes((tmp_path / "whole.flac").read_bytes()[:40_000])
    (tmp_path / "folder.wav").mkdir()
    for source, target, complaint in (
        ("nan.wav", "out.wav", "samples must be finite, but sample 1 of channel 1 is nan"),
        ("cut.flac", "out.wav", "s; --allow-cut takes what there is"),
        ("whole.flac", "folder.wav", "is a folder; name a file"),
        ("folder.wav", "out.wav", "it is a folder"),
    ):
        result = convert_file(tmp_path / source, tmp_path / target, "--rate", 8000)
        assert result.returncode == 2, (source, result.stderr)
        assert complaint in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
        assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize(("suffix", "kind"), [("mp3", "MP3"), ("ogg", "OGG"), ("opus", "OGG"), ("flac", "FLAC")])
def test_the_container_follows_the_name(tmp_path, suffix, kind):
    soundfile.write(tmp_path / "in.wav", tone(16_000, 16_000), 16_000)
    assert convert_file(tmp_path / "in.wav", tmp_path / f"out.{suffix}").returncode == 0
    about = soundfile.info(tmp_path / f"out.{suffix}")
    assert (about.format, about.samplerate) == (kind, 16_000)
    assert abs(about.frames - 16_000) < 2400
    assert convert_file(tmp_path / f"out.{suffix}", tmp_path / "back.wav").returncode == 0
    back, _ = soundfile.read(tmp_path / "back.wav", dtype="int16")
    spectrum = np.abs(np.fft.rfft(back[2000:14_000] * np.hanning(12_000)))
    assert abs(np.argmax(spectrum) * 16_000 / 12_000 - 440) < 3


@pytest.mark.parametrize(
    ("encoding", "subtype"),
    [("pcm16", "PCM_16"), ("pcm24", "PCM_24"), ("float", "FLOAT"), ("ulaw", "ULAW"), ("alaw", "ALAW")],
)
def test_the_encoding_is_what_was_asked_for(tmp_path, encoding, subtype):
    x = tone(4000, 8000)
    soundfile.write(tmp_path / "in.wav", x / 32768, 8000, "DOUBLE")
    assert convert_file(tmp_path / "in.wav", tmp_path / "out.wav", "--encoding", encoding).returncode == 0
    y, _ = soundfile.read(tmp_path / "out.wav", dtype="float64")
    assert soundfile.info(tmp_path / "out.wav").subtype == subtype
    np.testing.assert_allclose(y * 32768, x, rtol=0.04 if subtype in ("ULAW", "ALAW") else 0, atol=16)


def test_pipes_are_read_and_written(tmp_path):
    x = tone(4000, 8000)
    command = [*PROGRAM, "convert", "-", "-", "--format", "audio/x-mulaw;rate=8000", "--encoding", "pcm24"]
    done = subprocess.run(command, input=ulaw_encode(x), capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    (tmp_path / "out.wav").write_bytes(done.stdout)
    y, rate = soundfile.read(tmp_path / "out.wav", dtype="int16")
    assert (rate, soundfile.info(tmp_path / "out.wav").subtype) == (8000, "PCM_24")
    np.testing.assert_array_equal(y, ulaw_decode(ulaw_encode(x)))
    refused = subprocess.run([*PROGRAM, "convert", "-", "-"], input=b"", capture_output=True, timeout=60)
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert refused.stderr == b"voiceband convert: -: the file is empty\n"


def test_what_was_done_is_told_as_json(tmp_path):
    soundfile.write(tmp_path / "in.wav", np.stack([tone(4000, 8000)] * 2, 1), 8000, "PCM_24")
    result = convert_file(tmp_path / "in.wav", tmp_path / "out.flac", "--rate", 16_000, "--json")
    done = json.loads(result.stdout)
    assert (done["frames"], done["rate"], done["channels"], done["clipped"], done["notes"]) == (8000, 16_000, 2, 0, [])
    assert done["was"] == {"kind": "WAV", "encoding": "PCM_24", "rate": 8000, "frames": 4000}


def test_raw_audio_has_the_rate_that_its_name_says(tmp_path):
    soundfile.write(tmp_path / "in.wav", tone(16_000, 16_000), 16_000)
    for suffix, size in (("ulaw", 8000), ("sln", 16_000), ("sln16", 32_000)):
        assert convert_file(tmp_path / "in.wav", tmp_path / f"out.{suffix}").returncode == 0
        assert (tmp_path / f"out.{suffix}").stat().st_size == size


@pytest.mark.parametrize("name", ["out.wav", "out.flac", "out.ulaw"])
def test_a_full_disk_is_one_line_that_names_the_output(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    soundfile.write("in.wav", np.zeros(8000, np.int16), 8000)

    def full(self, data):
        self.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return 0

    monkeypatch.setattr("voiceband.sound.sink._Disk.write", full)
    result = convert_file("in.wav", name)
    line = f"voiceband convert: {name}: cannot write: No space left on device; make room and run it again\n"
    assert (result.returncode, result.stderr) == (2, line)
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]
