"""Every kind of sound file with every command that reads one: it is read right, or refused in one line.

`call` and `demo` read what their caller says before they dial, so a place where nobody answers is enough for them.
"""

import json
import re
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import soundfile

from _support.commands import voiceband
from _support.dose import dose
from _support.sound_files import KINDS, PCM, made
from voiceband.emulator.caller.sounds import load_sound
from voiceband.load.options import LoadOptions

NOBODY = "ws://127.0.0.1:1/"
ONCE = ("--out", "call", "--timeout", "0.1")
"""A call that is not tried again."""
READ = [name for name, case in KINDS.items() if case.frames]
REFUSED = [name for name, case in KINDS.items() if case.error]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, name):
    (folder / name).write_bytes(KINDS[name].data)
    return name


def changed(command, *options):
    """Return what turns one file into another."""

    def run(name, out="out.wav"):
        return voiceband(command, name, out, *options)

    return run


def called(*options):
    """Return what calls nobody with a file."""
    return lambda name: voiceband("call", NOBODY, *options, name, *ONCE)


def scripted(name):
    """Have a caller say a file by a script."""
    Path("script.yaml").write_text(f"steps: [{{say: {name}}}, {{wait_s: 30}}]\n", encoding="utf-8")
    try:
        return voiceband("call", NOBODY, "--script", "script.yaml", *ONCE)
    finally:
        Path("script.yaml").unlink()


ONE_FILE = {
    "convert": changed("convert", "--rate", "16000"),
    "denoise": changed("denoise"),
    "report": partial(voiceband, "report"),
    "call": called("--say"),
    "call --noise": called("--noise"),
    "call --script": scripted,
    "demo": lambda name: voiceband("demo", "--url", NOBODY, "--say", name, "--out", "call"),
    "load": lambda name: voiceband("load", NOBODY, "--say", name, "--calls", "1", "--hold", "0.1", "--processes", "1"),
}


def some(names, commands):
    """Return every third pair, so that each name and each command has its turns; all under `make prove`."""
    pairs = list(product(names, commands))
    return dose(pairs[::3], pairs)


@pytest.mark.parametrize("command", ["convert", "denoise"])
@pytest.mark.parametrize("name", READ)
def test_what_is_read_becomes_a_file_of_its_length(folder, name, command):
    result = ONE_FILE[command](write(folder, name))
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    wide = 2 if command == "convert" and name != "raw.sln16" else 1
    about = soundfile.info("out.wav")
    assert (about.frames, about.subtype) == (wide * KINDS[name].frames, "PCM_16")


@pytest.mark.parametrize("name", dose(READ[::3], READ))  # it is read as `convert` reads it, which meets all of them
def test_what_is_read_gets_a_page(folder, name):
    result = voiceband("report", write(folder, name), "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"page": "report.html", "bytes": (folder / "report.html").stat().st_size}


@pytest.mark.parametrize(("name", "command"), some(READ, ["call", "call --noise", "call --script", "demo"]))
def test_what_is_read_can_be_said(folder, name, command):
    result = ONE_FILE[command](write(folder, name))
    assert result.returncode == 2
    assert "no agent at ws://127.0.0.1:1/" in result.stderr


@pytest.mark.parametrize("name", READ)
def test_what_is_read_can_be_said_by_many_and_is_a_clip(folder, name):
    options = LoadOptions(url=NOBODY, say=str(folder / write(folder, name)))
    rate = 16000 if name == "raw.sln16" else 8000
    clip = load_sound(folder / name)
    assert (clip.rate, len(clip.pcm)) == (rate, KINDS[name].frames)
    assert len(options.utterance()) == len(clip.at(8000))
    assert "<audio" in clip._repr_html_()


@pytest.mark.parametrize(("name", "command"), some(REFUSED, ONE_FILE))
def test_what_is_refused_is_refused_in_one_line(folder, name, command):
    reason = KINDS[name].error
    write(folder, name)
    result = ONE_FILE[command](name)
    if command == "report" and ("cut short: it holds" in reason or "ends inside a frame" in reason):
        assert result.returncode == 0, result.stderr  # what there is of it is worth a look
        assert reason[:30] in (folder / "report.html").read_text(encoding="utf-8")
        return
    if command.startswith(("call", "demo", "load")):  # they have no --format
        reason = reason.replace("name its format with", "make a WAV of it with voiceband convert").replace(", as", "")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    first = rf"voiceband {command.split()[0]}: (script.yaml: step 1: )?\S*{re.escape(name)}(:| holds no)"
    assert re.match(first, result.stderr), result.stderr
    assert reason in result.stderr
    if "cut short: it holds" in reason and command in ("convert", "denoise"):
        assert result.stderr.endswith("; --allow-cut takes what there is\n")
    assert [path.name for path in folder.iterdir()] == [name]


@pytest.mark.parametrize("command", ["convert", "denoise"])
@pytest.mark.parametrize("name", [name for name in REFUSED if "cut short: it holds" in KINDS[name].error])
def test_what_is_cut_can_be_taken_and_that_is_said(folder, name, command):
    result = changed(command, "--allow-cut")(write(folder, name))
    assert result.returncode == 0
    assert result.stderr.startswith(f"voiceband {command}: {name}: the file is cut short: it holds 0.")
    assert 2000 < soundfile.info("out.wav").frames < 8000


@pytest.mark.parametrize("command", ["convert", "denoise", "call", "call --noise", "call --script", "demo"])
def test_what_has_lost_its_end_is_taken_and_that_is_said(folder, command):
    (folder / "cut.ogg").write_bytes(made("OGG", "VORBIS", pcm=np.tile(PCM, 10))[:-1])
    said = ONE_FILE[command]("cut.ogg").stderr.splitlines()
    note = re.compile(r"voiceband \w+: cut\.ogg: the Ogg file has lost its end: 6\.\d\d s could be decoded")
    assert len(list(filter(note.fullmatch, said))) == 1, said


def test_a_batch_does_what_can_be_read_and_says_why_it_leaves_the_rest(folder):
    (folder / "in").mkdir()
    for name in KINDS:
        write(folder / "in", name)
    result = voiceband(
        "batch", "in", "out", "--rate", "16000", "--workers", "1", "--json", "--list-errors", "errors.tsv"
    )
    assert result.returncode == 1
    report = json.loads(result.stdout)
    files = {one["name"]: one for one in report["files"]}
    left = {one["name"]: one["reason"] for one in report["left_alone"]}
    for name, case in KINDS.items():
        if case.error and name in left:
            assert "--format names it" in left[name]
        elif case.error:
            assert files[name]["state"] == "bad"
            assert case.error in files[name]["reason"]
            assert f"voiceband batch: bad: {name}: " in result.stderr
        else:
            assert files[name]["state"] == "done", files[name]
            wide = 1 if name == "raw.sln16" else 2
            assert soundfile.info(folder / "out" / files[name]["outputs"][0]).frames == wide * case.frames
    errors = dict(line.split("\t", 1) for line in (folder / "errors.tsv").read_text().splitlines())
    assert errors == {name: one["reason"] for name, one in files.items() if one["state"] == "bad"} | left
