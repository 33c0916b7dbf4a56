"""Pipelines over files: formats, what is bad about a file, full disks, memory, and nothing half-written."""

import errno
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from _support.batches import CLEAN, RATE, SPEECH, bad_files, write
from _support.denoise_signals import voice
from _support.dose import dose
from voiceband import denoise, resample, ulaw_decode, ulaw_encode
from voiceband.batch import Decode, Denoise, DiskFullError, FileError, Mix, Pipeline, Resample, Split, process_file
from voiceband.sound.sink import Sink

soundfile = pytest.importorskip("soundfile")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read(path: Path) -> np.ndarray:
    if path.suffix == ".ulaw":
        return ulaw_decode(path.read_bytes())
    return soundfile.read(path, dtype="int16")[0].T


@pytest.mark.parametrize("name_in", ["in.ulaw", "in.al", "in.sln", "in.wav", "in.flac"])
@pytest.mark.parametrize("name_out", ["out.flac", "out.wav", "out.ulaw"])
def test_a_file_gives_what_its_samples_give(tmp_path, name_in, name_out):
    source = write(tmp_path / name_in)
    decoded = {".ulaw": lambda: Pipeline(Decode("ulaw")), ".al": lambda: Pipeline(Decode("pcma"))}
    x = decoded[source.suffix]()(source.read_bytes()) if source.suffix in decoded else SPEECH
    result = process_file(CLEAN, source, tmp_path / name_out)
    expected = resample(denoise(x, RATE), RATE, 16000)
    if name_out.endswith(".ulaw"):
        expected = ulaw_decode(ulaw_encode(expected))
    np.testing.assert_array_equal(read(tmp_path / name_out), expected)
    assert (result.seconds, result.note, result.paths) == (20, "", [tmp_path / name_out])
    assert names(tmp_path) == sorted([name_in, name_out])


def test_a_mulaw_wav_becomes_linear(tmp_path):
    process_file(CLEAN, write(tmp_path / "in.wav", subtype="ULAW"), tmp_path / "out.wav")
    assert soundfile.info(tmp_path / "out.wav").subtype == "PCM_16"


@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT", "PCM_32"])
def test_finer_samples_stay_fine(tmp_path, subtype):
    x = voice(3, RATE, -70)  # below 16 bits' reach in its quiet parts
    write(tmp_path / "in.wav", x, subtype=subtype)
    process_file(Pipeline(Resample(16000)), tmp_path / "in.wav", tmp_path / "out.flac")
    y = soundfile.read(tmp_path / "out.flac")[0]
    expected = resample(x.astype(np.float32), RATE, 16000)
    assert np.abs(y - expected).max() <= 2**-22  # a step of 24 bits in, and one out
    assert soundfile.info(tmp_path / "out.flac").subtype == "PCM_24"


def test_six_channels_are_kept_mixed_or_split(tmp_path):
    x = np.stack([SPEECH[i * 1000 :][:20_000] // (i + 1) for i in range(6)])
    source = write(tmp_path / "in.wav", x.T)
    process_file(CLEAN, source, tmp_path / "all.flac")
    np.testing.assert_array_equal(read(tmp_path / "all.flac"), CLEAN(x, RATE))
    process_file(Pipeline(Mix()), source, tmp_path / "one.wav")
    np.testing.assert_array_equal(read(tmp_path / "one.wav"), Pipeline(Mix())(x, RATE)[0])
    result = process_file(Pipeline(Split(), Denoise()), source, tmp_path / "each.ulaw")
    assert [p.name for p in result.paths] == [f"each.ch{i}.ulaw" for i in range(1, 7)]
    for i, path in enumerate(result.paths):
        np.testing.assert_array_equal(read(path), ulaw_decode(ulaw_encode(denoise(x[i].copy(), RATE))))
    with pytest.raises(FileError, match="one channel, and there are 6"):
        process_file(CLEAN, source, tmp_path / "all.ulaw")


def test_interleaved_raw_bytes_under_any_name(tmp_path):
    x = np.stack([SPEECH, SPEECH[::-1]])
    (tmp_path / "call.dat").write_bytes(ulaw_encode(np.ascontiguousarray(x.T).reshape(-1)))
    process_file(Pipeline(Decode("ulaw", 2), Denoise()), tmp_path / "call.dat", tmp_path / "out.wav")
    expected = np.stack([denoise(ulaw_decode(ulaw_encode(c.copy())), RATE) for c in x])
    np.testing.assert_array_equal(read(tmp_path / "out.wav"), expected)


def test_bad_files_say_why_and_leave_nothing(tmp_path):
    kinds = bad_files(tmp_path)
    (tmp_path / "out").mkdir()
    for name, text in kinds.items():
        with pytest.raises((FileError, ValueError), match=text):
            process_file(CLEAN, tmp_path / name, tmp_path / "out" / "x.flac")
        assert names(tmp_path / "out") == [], name


def test_other_errors_of_files(tmp_path):
    source = write(tmp_path / "in.wav")
    with pytest.raises(FileError, match="No such file"):
        process_file(CLEAN, tmp_path / "none.wav", tmp_path / "out.wav")
    with pytest.raises(FileError, match="cannot write: No such file"):
        process_file(CLEAN, source, tmp_path / "none" / "out.wav")
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(FileError, match="cannot write: Is a directory"):
        process_file(CLEAN, source, tmp_path / "folder.wav")
    (tmp_path / "folder.wav").rmdir()
    with pytest.raises(FileError, match=r"cannot write out.xyz: only .wav"):
        process_file(CLEAN, source, tmp_path / "out.xyz")
    with pytest.raises(FileError, match="it is a folder"):
        process_file(CLEAN, tmp_path, tmp_path / "out.wav")
    assert names(tmp_path) == ["in.wav"]


def test_a_wav_of_unknown_length_is_whole(tmp_path):
    """As written by programs that write to a pipe."""
    data = bytearray(write(tmp_path / "in.wav", SPEECH[:4000]).read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    assert data[36:40] == b"data"
    (tmp_path / "in.wav").write_bytes(data)
    process_file(Pipeline(), tmp_path / "in.wav", tmp_path / "out.wav")
    np.testing.assert_array_equal(read(tmp_path / "out.wav"), SPEECH[:4000])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ulaw"])
def test_a_full_disk_is_told_apart(suffix):
    sink = Sink(Path("/dev/full"), suffix, RATE, 1, "PCM_16")
    with pytest.raises(DiskFullError, match=os.strerror(errno.ENOSPC)):
        sink.write([SPEECH])
    sink.abandon()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_a_disk_that_is_full_at_the_end_is_noticed():
    sink = Sink(Path("/dev/full"), ".ulaw", RATE, 1, "PCM_16")
    sink.write([SPEECH[:10]])  # stays in a buffer
    with pytest.raises(DiskFullError):
        sink.close()
    sink.abandon()


@pytest.mark.untraced
@pytest.mark.parametrize(
    ("suffix", "limit"),
    dose(
        [(".wav", 1), (".flac", 4096), (".ulaw", 100_000)],
        list(product([".wav", ".flac", ".ulaw"], [1, 4096, 100_000])),
    ),
)
def test_a_file_that_may_not_grow_is_no_output(tmp_path, suffix, limit):
    source = write(tmp_path / "in.wav")
    code = (
        "import resource, sys; from voiceband.batch import *\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "try: process_file(Pipeline(Denoise()), sys.argv[1], sys.argv[2])\n"
        "except FileError as error: print(error)"
    )
    target = tmp_path / f"out{suffix}"
    result = subprocess.run([sys.executable, "-c", code, source, target], capture_output=True, text=True)
    assert result.stdout == "cannot write: File too large\n", result.stderr
    assert not result.stderr
    assert names(tmp_path) == ["in.wav"]


def test_silence_and_clipping_are_noted(tmp_path):
    write(tmp_path / "in.wav", np.zeros(9000, np.int16))
    assert process_file(CLEAN, tmp_path / "in.wav", tmp_path / "out.flac").note == "nothing but silence"
    square = np.where(np.arange(4000) // 20 % 2, 32767, -32768).astype(np.int16)
    write(tmp_path / "in.wav", square)
    assert "samples clipped" in process_file(Pipeline(Resample(16000)), tmp_path / "in.wav", tmp_path / "o.wav").note
    loud = np.array([0.5, 1.0, 1.5, -1.5, -1.0] * 100, np.float32)
    write(tmp_path / "in.wav", loud, subtype="FLOAT")
    for name, note in {"o.flac": "200 samples clipped", "o.ulaw": "200 samples clipped", "o.wav": ""}.items():
        assert process_file(Pipeline(), tmp_path / "in.wav", tmp_path / name).note == note


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="getrusage would count pytest's own memory, too")
@pytest.mark.resident_memory
def test_memory_does_not_grow_with_the_file(tmp_path, dose):
    """Silence and noise, each in a process of its own, and the peak of each; a block is 8 seconds."""
    minutes = {"silent": (dose(6, 180), lambda n: b"\xff" * n), "noise": (dose(4, 600), os.urandom)}
    for name, (n_minutes, make) in minutes.items():
        with (tmp_path / f"{name}.ulaw").open("wb") as file:
            for _ in range(n_minutes):
                file.write(make(60 * RATE))
        code = (
            "import sys; from pathlib import Path; from voiceband.batch import *\n"
            "process_file(Pipeline(Conceal(), Denoise(), Normalise(), Resample(16000)), sys.argv[1], sys.argv[2])\n"
            "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
        )
        command = [sys.executable, "-c", code, tmp_path / f"{name}.ulaw", tmp_path / f"{name}.flac"]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        assert int(result.stdout) < 200_000, name  # kB
        assert soundfile.info(tmp_path / f"{name}.flac").duration == 60 * n_minutes
