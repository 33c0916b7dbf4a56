"""Names of a batch's files: outputs, partial files, what is left alone, and what would be done."""

import json
import os

import numpy as np
import pytest
import soundfile

from _support.batches import JOURNAL, OPTIONS, many, tree
from _support.commands import voiceband
from voiceband import ulaw_encode
from voiceband.batch import Batch, Pipeline, Resample

TONE = (8000 * np.sin(np.arange(1600) * 0.3)).astype(np.int16)


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def write(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ulaw_encode(TONE)) if path.suffix != ".wav" else soundfile.write(path, TONE, 8000)


def batch(*options):
    return voiceband("batch", "in", "out", "--workers", "1", *options)


def test_inputs_that_differ_by_their_suffix_keep_it(source, tmp_path):
    write(source, "a.wav", "a.ulaw", "b.wav", "deep/a.wav")
    assert batch().returncode == 0
    assert sorted(tree(tmp_path / "out")) == ["a.ulaw.flac", "a.wav.flac", "b.flac", "deep/a.flac"]


def test_inputs_with_one_output_are_bad(source, tmp_path):
    write(source, "a.wav", "a.ulaw", "a.wav.ulaw")
    result = batch()
    assert result.returncode == 1
    assert "bad: a.wav: 2 files would have the output a.wav.flac: rename one" in result.stderr
    assert sorted(tree(tmp_path / "out")) == ["a.ulaw.flac"]


def test_names_may_be_as_long_as_names_can_be(source, tmp_path):
    write(source, f"{'n' * 250}.wav", f"{'m' * 251}.wav")
    result = batch()
    assert result.returncode == 1
    assert "the name of its output would have 256 bytes, and names have 255: rename it" in result.stderr
    assert list(tree(tmp_path / "out")) == [f"{'n' * 250}.flac"]


def test_what_killed_runs_have_left_is_removed(source, tmp_path):
    write(source, "a.wav", "deep/b.wav")
    assert batch().returncode == 0
    first = tree(tmp_path / "out")
    for name in (".a.flac.batch-0123abcd-host-1.voiceband-part", "deep/.b.flac.batch-0123abcd-host-2.voiceband-part"):
        (tmp_path / "out" / name).write_bytes(b"half")
    assert batch().returncode == 0  # though there is nothing to do in these folders
    assert tree(tmp_path / "out") == first


def test_what_a_batch_has_written_is_no_input_of_another(source, tmp_path):
    write(source, "a.wav")
    assert voiceband("batch", "in", "in/clean", *OPTIONS).returncode == 0
    result = batch("--json")
    report = json.loads(result.stdout)
    assert [one["name"] for one in report["files"]] == ["a.wav"]
    assert report["left_alone"] == [{"name": "clean/", "reason": "it is the output folder of a batch"}]
    assert "left alone: clean/: it is the output folder of a batch" in result.stderr


def test_what_is_hidden_or_a_link_is_named(source):
    write(source, "a.wav", ".b.wav", ".cache/c.wav", "deep/d.wav")
    (source / "link").symlink_to(source / "deep")
    report = json.loads(batch("--json").stdout)
    assert [one["name"] for one in report["files"]] == ["a.wav", "deep/d.wav"]
    assert report["left_alone"] == [
        {"name": ".cache/", "reason": "it is hidden"},
        {"name": "link/", "reason": "it is a link to a folder"},
        {"name": ".b.wav", "reason": "it is hidden"},
    ]


def test_files_that_do_not_say_what_they_hold_are_done_when_the_command_says_it(source, tmp_path):
    write(source, "a.raw", "b.pcm", "notes.txt")
    refused = batch()
    assert refused.returncode == 2
    for name in ("a.raw", "b.pcm"):
        assert f"left alone: {name}: {name[1:]} does not say what it holds; --format names it" in refused.stderr
    assert "left alone: notes.txt: its name is not that of a sound file" in refused.stderr
    assert batch("--format", "audio/x-mulaw;rate=16000").returncode == 0
    about = soundfile.info(tmp_path / "out" / "a.flac")
    assert (about.samplerate, about.frames) == (16000, 1600)


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(source, tmp_path):
    write(source, "a.wav", "b.ulaw", "notes.txt")
    (source / "c.wav").mkdir()
    result = batch("--dry-run")
    assert (result.returncode, result.stdout) == (0, "a.wav -> a.flac\nb.ulaw -> b.flac\n")
    assert result.stderr.splitlines()[-1].endswith("2 to do, 0 done before, 0 bad; nothing was written")
    assert not (tmp_path / "out").exists()
    assert batch().returncode == 0
    write(source, "d.wav")
    report = json.loads(batch("--dry-run", "--json").stdout)
    assert {one["name"]: one["state"] for one in report["files"]} == {
        "a.wav": "same",
        "b.ulaw": "same",
        "d.wav": "planned",
    }
    with (
        Batch(source, tmp_path / "out", Pipeline(), dry_run=True) as planned,
        pytest.raises(RuntimeError, match="dry_run"),
    ):
        list(planned.run())


def test_a_rate_that_cannot_be_had_is_refused_before_the_first_file(source, tmp_path):
    write(source, "a.wav")
    with pytest.raises(ValueError, match="rate 15999 Hz cannot be made of any usual one"):
        Batch(source, tmp_path / "out", Pipeline(Resample(15999)))
    assert not (tmp_path / "out").exists()


def test_channels_count_from_1_in_options_and_messages(source):
    soundfile.write(source / "a.wav", np.stack([TONE, TONE], 1), 8000)
    assert "bad: a.wav: there is no channel 3: the sound has 2, counted from 1" in batch("--channel", "3").stderr
    assert batch("--channel", "2").returncode == 0


@pytest.mark.untraced
@pytest.mark.skipif(os.name == "nt", reason="another way of removing files that are open")
def test_a_full_disk_leaves_whole_files_and_a_good_journal(source, tmp_path, monkeypatch):
    many(source / "more", 6, 2)
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000));"
        "from voiceband.cli import main; main()"
    )
    from _support.programs import python

    result = python("-c", code, "batch", "in", "out", "--workers", "1", "--to", "wav", cwd=tmp_path)
    assert result.returncode in (1, 2)
    assert "cannot write: File too large" in result.stderr
    assert set(tree(tmp_path / "out")) == set()
    assert batch("--to", "wav").returncode == 0
    assert len(tree(tmp_path / "out")) == 6
    assert (tmp_path / "out" / JOURNAL).read_bytes().count(b"\n") == 6
