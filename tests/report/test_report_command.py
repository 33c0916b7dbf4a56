"""`voiceband report` as a person runs it: what it refuses, and that it writes a page or nothing."""

import contextlib
import io
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from _support.commands import voiceband
from _support.dose import dose
from _support.good_agents import voice
from _support.programs import ENDINGS
from _support.report_pages import Page, dialogue, short_call, write_wav
from voiceband.emulator.carrier.log import entry_line
from voiceband.report import ReportError, report
from voiceband.report.model import call_report
from voiceband.report.page import call_page
from voiceband.report.stored import open_call

PAGE = Path(__file__).parents[2] / "docs" / "report.md"


def run(*options):
    """Run the command in this process; give its exit code and what it said."""
    ended = voiceband("report", *options)
    return ended.returncode, ended.stderr


# ---- what it refuses


BAD = {
    "nothing": (None, "no such file or folder"),
    "notes.txt": (b"hello", "is neither a folder, a sound file such as call.wav, nor a log"),
    "empty.wav": (b"", "the file is empty"),
    "some.pcm": (b"\0\0\0", ".pcm does not say what it holds: name its format with --format"),
    "wav.ulaw": (b"RIFF\x64\0\0\0WAVEdata", "the file is cut short"),
    "text.wav": (b"this is no sound", "it is not a sound file that can be read"),
    "empty.jsonl": (b"", "holds nothing"),
    "other.jsonl": (b'{"a": 1}\n', "line 1 is no entry of a call's log"),
    "half.jsonl": (b'{"at_s": 1', "holds nothing"),
    "binary.jsonl": (bytes(range(256)) + b"\n", "line 1 is no entry"),
    "list.jsonl": (b"[1, 2]\n", "line 1 is no entry"),
    "order.jsonl": (
        b'{"at_s":2,"way":"event","name":"x"}\n{"at_s":1,"way":"event","name":"y"}\n',
        "line 2 is out of the order of time",
    ),
    "long.jsonl": (b'{"at_s":1e9,"way":"event","name":"x"}\n', "reports go up to 4"),
    "start.jsonl": (b'{"at_s":0,"way":"sent","name":"start","text":"{}"}\n', "makes no sense"),
    "detail.jsonl": (
        b'{"at_s":0,"way":"sent","name":"start","text":"{\\"event\\":\\"start\\",\\"start\\":{}}",'
        b'"detail":{"playout_delay_ms":"soon"}}\n',
        "makes no sense",
    ),
    "code.jsonl": (b'{"at_s":0,"way":"event","name":"closed","detail":{"code":[1]}}\n', "makes no sense"),
    "calls.jsonl": (b'{"time": 1, "way": "call", "call": "poll"}\n', "holds no message of a call"),
    "capture.jsonl": (
        b'{"time": 1, "way": "received", "text": "x"}\n{"time": "later"}\n',
        "line 2 is no line of a capture",
    ),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert run(tmp_path / "pipe.wav", "-o", tmp_path / "out.html")[0] == 2


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_call_is_refused_in_one_line(name, tmp_path):
    content, why = BAD[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, said = run(tmp_path / name, "-o", tmp_path / "out.html")
    assert code == 2
    assert said.startswith("voiceband report: ")
    assert said.count("\n") == 1
    assert why in said
    assert name in said
    assert not (tmp_path / "out.html").exists()


VALUES = (
    None,
    True,
    -1,
    0,
    7,
    2**40,
    1.5,
    -1e300,
    "",
    "x",
    "1",
    "\ud800",
    [],
    [1],
    {},
    {"a": []},
    [[{}]],
    "media",
    "start",
)


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    """Lines of a call with most kinds of entries, without most of its audio."""
    call = dialogue(tmp_path_factory.mktemp("edited") / "talk", 8.0)
    few = [e for i, e in enumerate(call.log) if e.name not in ("media", "playAudio") or i % 12 == 0]
    return [entry_line(entry) for entry in few]


def edit(entry, rng):
    """Put something unexpected into one entry."""
    where = rng.choice(["name", "way", "text", "detail", "a detail", "a field", "a field", "a field"])
    if where == "a detail" and isinstance(entry["detail"], dict):
        for key in entry["detail"]:
            entry["detail"][key] = rng.choice(VALUES)
    elif where == "a field" and isinstance(entry["text"], str) and entry["text"].startswith("{"):
        message = json.loads(entry["text"])
        inner = message.get(message["event"]) if isinstance(message["event"], str) else None
        fields = inner if isinstance(inner, dict) and inner else message
        fields[rng.choice(list(fields))] = rng.choice(VALUES)
        entry["text"] = json.dumps(message)
    elif where == "name":
        entry["name"] = rng.choice(["start", "media", "playAudio", "checkpoint", "clearAudio", "ended", "speech ends"])
    elif where == "way":
        entry["way"] = rng.choice(["sent", "received", "event"])
    elif where in ("text", "detail"):
        entry[where] = rng.choice(VALUES)


def test_a_log_that_was_edited_gives_a_page_or_an_error(entries, tmp_path, dose):
    pages, tries = 0, dose(15, 3000)
    for seed in range(tries):
        rng = random.Random(seed)
        edited = [json.loads(line) for line in entries]
        for _ in range(rng.randint(1, 4)):
            edit(rng.choice(edited), rng)
        (tmp_path / "wire.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in edited))
        with contextlib.suppress(ReportError):
            model = call_report(open_call(tmp_path))
            pages += 1
            if seed % 10 == 0:
                Page(call_page(model))
    assert pages > tries / 4, "most edits do not hide the call"


def test_folders_that_are_no_call(tmp_path):
    code, said = run(tmp_path)
    assert code == 2
    assert "holds no call: there is neither wire.jsonl nor call.wav" in said
    for name in ("1-talker", "2-keys"):
        short_call(tmp_path / name)
    code, said = run(tmp_path)
    assert "holds several calls, name one of them: 1-talker, 2-keys" in said


def test_a_recording_without_samples_is_refused(tmp_path):
    with pytest.raises(ReportError, match="holds no audio"):
        report(write_wav(tmp_path / "none.wav", np.zeros((2, 0), np.int16), 8000))


def test_a_recording_that_is_not_finite_is_refused(tmp_path):
    soundfile.write(tmp_path / "nan.wav", np.full(800, np.nan, np.float32), 8000, subtype="FLOAT")
    with pytest.raises(ReportError, match="must be finite"):
        report(tmp_path / "nan.wav")


def test_what_may_not_be_read_is_named(tmp_path, monkeypatch):
    folder = short_call(tmp_path / "call")

    def denied(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", denied)  # root may read everything
    with pytest.raises(ReportError, match=r"wire\.jsonl cannot be read: Permission denied"):
        report(folder)


# ---- what it writes


def test_the_command_writes_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short_call(tmp_path / "call")
    code, said = run("call")
    assert code == 0
    assert said.startswith("voiceband report: wrote report.html (")
    assert Page(Path("report.html").read_text(encoding="utf-8")).of("audio")
    code, said = run("call", "-o", "other.html")
    assert code == 0
    assert Path("other.html").read_text(encoding="utf-8") == Path("report.html").read_text(encoding="utf-8")


def test_sound_is_read_whatever_its_name_is_and_from_standard_input(tmp_path, monkeypatch):
    write_wav(tmp_path / "a.wav", np.ones((1, 8000), np.int16) * 900, 8000)
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "recording").write_bytes(data)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    for source in (tmp_path / "recording", "-"):
        result = voiceband("report", source, "-o", tmp_path / "page.html")
        assert result.returncode == 0, result.stderr
        assert "<audio" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_commands_that_the_page_of_reports_shows_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short_call(tmp_path / "call")
    write_wav(tmp_path / "greeting.wav", voice(1.0), 8000)
    commands = re.search(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1].splitlines()
    assert commands[0].startswith("voiceband call ")  # has tests of its own
    for command in commands[1:]:
        name, subcommand, *options = shlex.split(command, comments=True)
        assert (name, subcommand) == ("voiceband", "report")
        assert run(*options)[0] == 0
    assert sorted(path.name for path in tmp_path.glob("*.html")) == ["clip.html", "report.html", "why.html"]


@pytest.mark.parametrize(
    ("out", "why"),
    [("call", "it is a folder"), ("no/such/report.html", "there is no folder"), ("call.wav", "must end in .html")],
)
def test_places_that_cannot_be_written_to(out, why, tmp_path):
    folder = short_call(tmp_path / "call")
    code, said = run(folder, "-o", tmp_path / out)
    assert code == 2
    assert why in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["call"]


COMMAND = [sys.executable, "-c", "from voiceband.cli import main; main()", "report"]


@pytest.mark.untraced
@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_full_disk_leaves_the_old_page(tmp_path):
    import resource

    folder, out = short_call(tmp_path / "call"), tmp_path / "report.html"
    out.write_text("the old one")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    result = subprocess.run([*COMMAND, folder, "-o", out], capture_output=True, text=True, preexec_fn=limit)
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("voiceband report: cannot write")
    assert result.stderr.count("\n") == 1
    assert out.read_text() == "the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["call", "report.html"]


BEGINS = (
    "from voiceband.commands import report; make = report.make_report;"
    "report.make_report = lambda *source, **options: (print('begins', flush=True), make(*source, **options))[1];"
)


@pytest.mark.untraced
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("number", "code"),
    dose([ENDINGS["SIGHUP"]], list(ENDINGS.values())),
)
def test_signals_leave_nothing(tmp_path, number, code):
    write_wav(tmp_path / "long.wav", np.tile(voice(4.0), 60), 8000)
    # A file that was being opened is left to the interpreter, which warns of it if it is asked to.
    quiet = ("-W", "ignore::ResourceWarning")
    command = [sys.executable, *quiet, "-c", BEGINS + COMMAND[2], "report", "long.wav"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout.readline() == "begins\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, "")
    assert [path.name for path in tmp_path.iterdir()] == ["long.wav"]


def test_ctrl_c_leaves_nothing(tmp_path, monkeypatch):
    folder = short_call(tmp_path / "call")

    def interrupted(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    code, _ = run(folder, "-o", tmp_path / "report.html")
    assert code == 130
    assert [path.name for path in tmp_path.iterdir()] == ["call"]
