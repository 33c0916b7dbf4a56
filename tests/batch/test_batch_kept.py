"""What a batch must not lose: recordings, outputs of others, what others have not finished, and what it found."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from _support.batches import JOURNAL
from _support.commands import voiceband

RATE = 8000


def hum(hertz, channels=1):
    tone = (8000 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)).astype(np.int16)
    return np.stack([tone] * channels, axis=1)


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", hum(440), RATE)
    return tmp_path / "in"


def batch(*options):
    return voiceband("batch", "in", "out", "--workers", "1", "--to", "wav", *options)


def output():
    return np.array_equal(soundfile.read("out/a.wav", dtype="int16")[0], hum(440)[:, 0])


def test_an_output_that_another_file_has_replaced_is_made_again(source, tmp_path):
    """They have the same name, as both inputs have the same stem, and the same size."""
    assert batch().returncode == 0
    assert output()
    (source / "a.wav").rename(tmp_path / "kept.wav")
    soundfile.write(source / "a.flac", hum(900), RATE)
    assert batch().returncode == 0
    assert not output()
    (source / "a.flac").unlink()
    (tmp_path / "kept.wav").rename(source / "a.wav")
    assert "1 done" in batch().stderr
    assert output()
    assert "1 done before" in batch().stderr


def test_an_output_that_has_another_name_now_is_made_again(source):
    assert batch().returncode == 0
    soundfile.write(source / "a.flac", hum(900), RATE)  # both keep their suffix now
    done = json.loads(batch("--json").stdout)["files"]
    assert [(file["name"], file["state"], file["outputs"]) for file in done] == [
        ("a.flac", "done", ["a.flac.wav"]),
        ("a.wav", "done", ["a.wav.wav"]),
    ]


@pytest.mark.parametrize("name", ["in/a.wav", "in/new.ulaw", "in", "-", f"out/{JOURNAL}", "nowhere/list"])
def test_a_list_of_errors_is_no_recording_and_is_refused_before_anything_is_done(source, tmp_path, name):
    (tmp_path / "out").mkdir()
    before = (source / "a.wav").read_bytes()
    refused = batch("--list-errors", name)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"--list-errors {name}: " in refused.stderr
    assert (source / "a.wav").read_bytes() == before
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder where nothing can be made")
def test_what_was_found_is_told_though_the_list_cannot_be_written(source):
    told = batch("--json", "--list-errors", "/proc/self/list")
    assert told.returncode == 2
    assert [file["state"] for file in json.loads(told.stdout)["files"]] == ["done"]
    assert "--list-errors /proc/self/list: cannot write: " in told.stderr
    assert "voiceband-part" not in told.stderr


def test_what_others_have_not_finished_stays(source, tmp_path):
    (tmp_path / "out" / "sub").mkdir(parents=True)
    (tmp_path / "out" / "other").mkdir()
    (tmp_path / "out" / "other" / JOURNAL).touch()  # another batch writes there
    theirs = tmp_path / "out" / "other" / ".b.wav.batch-0123abcd-host-1.voiceband-part"
    theirs.write_bytes(b"half")
    live = tmp_path / "out" / "sub" / ".live.flac.4711.voiceband-part"  # of `voiceband convert`
    live.write_bytes(b"half")
    assert batch().returncode == 0
    assert theirs.exists()
    assert live.exists()


def test_channels_are_all_written_or_none_where_a_folder_has_the_name_of_one(source, tmp_path):
    soundfile.write(source / "a.wav", hum(440, channels=2), RATE)
    (tmp_path / "out" / "a.ch2.wav").mkdir(parents=True)
    assert batch("--split").returncode == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {JOURNAL, "a.ch2.wav"}
