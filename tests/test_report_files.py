"""What `voiceband report` reads and writes: files of all kinds, in all states, and the captures of sessions."""

import contextlib
import json
import os
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from broken_agents import voice
from report_pages import Page, dialogue, store, write_wav
from test_measures import Desk
from voiceband.cli import main
from voiceband.emulator import Call
from voiceband.emulator.log import entry_line
from voiceband.emulator.network import Network
from voiceband.emulator.virtual import VirtualCall
from voiceband.report import ReportError, report
from voiceband.report.model import call_report
from voiceband.report.page import call_page
from voiceband.report.stored import open_call
from voiceband.session import Capture, Dtmf, Recorder, Session, Started

PAGE = Path(__file__).parent.parent / "docs" / "report.md"


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports") / "talk"
    dialogue(folder, 15.0)
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in this process; give its exit code and what it printed."""

    def command(*options):
        monkeypatch.setattr(sys, "argv", ["voiceband", "report", *map(str, options)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, capsys.readouterr().err

    return command


def short_call(folder):
    desk = Desk()
    desk.say(100, 500)
    desk.play(900, 500)
    desk.end(2000)
    return store(folder, desk.call.log)


# ---- what it reads


def test_a_folder_its_log_and_its_recording_give_the_same_page(talk):
    pages = [Page(report(path)) for path in (talk, talk / "wire.jsonl", talk / "call.wav")]
    assert len({len(page.elements) for page in pages}) == 1
    assert [page.of("audio")[0]["src"] for page in pages[1:]] == [pages[0].of("audio")[0]["src"]] * 2


def test_a_recording_alone_is_a_call_by_its_two_sides(tmp_path):
    left, right = np.zeros((2, 40_000), np.int16)
    left[8000:16000] = voice(1.0)
    right[15000:23000] = voice(1.0)
    right[30000:31000] = voice(1.0)[:1000]
    path = write_wav(tmp_path / "anything.wav", np.stack([left, right]), 8000)
    model = call_report(open_call(path))
    assert not model.logged
    assert [(turn.start_ms, turn.answer_ms) for turn in model.turns] == [
        (pytest.approx(1000, abs=2), pytest.approx(-125, abs=2))
    ]
    assert model.talk_over_s == pytest.approx(0.125, abs=0.003)
    page = Page(report(path))
    assert "There is no log beside the recording" in page.text
    assert "What is wrong" not in page.text


@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT", "ULAW", "PCM_U8"])
def test_recordings_of_other_subtypes(tmp_path, subtype):
    pcm = np.stack([voice(1.0), voice(1.0)[::-1]])
    soundfile.write(tmp_path / "call.wav", pcm.T / 32768, 8000, subtype=subtype)
    model = call_report(open_call(tmp_path / "call.wav"))
    assert np.abs(model.caller.astype(int) - pcm[0]).max() <= {"ULAW": 130, "PCM_U8": 256}.get(subtype, 1)


@pytest.mark.parametrize(("rate", "channels", "heard"), [(44100, 1, 16000), (48000, 6, 16000), (4000, 1, 8000)])
def test_other_rates_and_channels_are_clips_at_a_telephones_rate(tmp_path, rate, channels, heard):
    pcm = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.int16)
    page = Page(report(write_wav(tmp_path / "clip.wav", np.stack([pcm] * channels), rate)))
    assert f"at {heard} Hz" in page.text
    assert f"{rate} Hz, {channels} channel" in page.text
    assert len(page.of("audio")) == 5
    assert ("mixed into one" in page.text) == (channels > 2)


def test_hours_of_silence(tmp_path):
    path = tmp_path / "silence.flac"
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(180):
            file.write(np.zeros(8000 * 60, np.int16))
    page = report(path)
    assert len(page) < 3_000_000
    assert "nothing but digital silence" in page
    assert "first 10 minutes" in page


def test_a_log_that_was_cut_off_in_a_line_is_read_up_to_there(talk, tmp_path):
    text = (talk / "wire.jsonl").read_bytes()
    (tmp_path / "wire.jsonl").write_bytes(text[: len(text) // 2])
    assert "breaks off in the middle of its last line" in Page(report(tmp_path)).text


def test_a_recording_that_cannot_be_used_does_not_hide_the_log(talk, tmp_path):
    for content in (
        b"",
        b"RIFF",
        b"no sound at all" * 100,
        write_wav(tmp_path / "mono.wav", voice(1.0), 8000).read_bytes(),
    ):
        folder = short_call(tmp_path / "call")
        (folder / "call.wav").write_bytes(content)
        text = Page(report(folder)).text
        assert "The recording was not used" in text
        assert "What is wrong" in text


def test_a_recording_that_ends_too_soon_is_noted(talk, tmp_path):
    shutil.copytree(talk, tmp_path / "call")
    data = (talk / "call.wav").read_bytes()
    (tmp_path / "call" / "call.wav").write_bytes(data[: len(data) // 2])
    model = call_report(open_call(tmp_path / "call"))
    assert any("The recording ends at 7." in note for note in model.notes)
    assert model.duration_s == pytest.approx(15.0, abs=0.1)


def test_a_call_that_never_came_about(tmp_path):
    lines = [{"at_s": 0.0, "way": "event", "name": "phone call"}]
    lines += [{"at_s": 1.0, "way": "event", "name": "refused", "detail": {"reason": "status 403"}}]
    lines += [{"at_s": 1.5, "way": "event", "name": "call over", "detail": {"reason": "no stream"}}]
    (tmp_path / "wire.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = Page(report(tmp_path)).text
    assert "no-connection: the agent was not reached: status 403" in text
    assert "No stream came about" in text


# ---- captures of sessions


@pytest.fixture(scope="module")
def captured(tmp_path_factory):
    """A call that was recorded at the agent's end, and the call as the carrier knows it."""
    folder = tmp_path_factory.mktemp("captures")
    with Recorder(folder / "call.wav") as recorder, Capture(folder / "wire.jsonl", redact=False) as capture:
        session = Session(recorder=recorder, capture=capture)

        def on_events(events, now):
            for event in events:
                if isinstance(event, Started):
                    session.play(voice(2.0), 8000, name="greeting")
                elif isinstance(event, Dtmf):
                    session.interrupt(now)
                    session.play(voice(0.5), 8000, name="pardon")

        call = Call(seed=1)
        joined = VirtualCall(call, session, Network("jittery", seed=2), on_events=on_events, start_s=1000.0)
        call.say(np.concatenate([np.zeros(16000, np.int16), voice(1.0)]))
        joined.run(1001.0)
        call.press("5", joined.now)
        joined.run(1005.0)
        call.hang_up(joined.now)
        joined.run(1006.0)
        session.close()
    return folder, call


def test_a_capture_tells_the_call_as_the_carrier_knows_it(captured):
    folder, call = captured
    model = call_report(open_call(folder))
    assert model.captured
    kinds = [mark.kind for mark in model.marks if mark.kind != "connection"]
    assert kinds.count("dtmf") == kinds.count("clear") == 1
    assert model.turns[0].start_ms == pytest.approx(2000, abs=60)
    assert [t.name for t in model.talks][-1] == "pardon"
    dropped_ms = sum(cut.n_bytes for cut in call.player.cuts) / 8
    assert sum(t.cleared_ms for t in model.talks) == pytest.approx(dropped_ms, abs=120)
    assert sum(t.heard_ms for t in model.talks) == pytest.approx(call.player.played(1006.0) / 8, abs=120)
    assert max(late for _, late in model.lateness) > 5, "the network's jitter is seen"
    assert any("agent's end" in note for note in model.notes)
    # The recording is in time with the marks.
    loud = np.flatnonzero(np.abs(model.caller.astype(int)) > 1000)[0] / model.rate
    assert loud == pytest.approx(model.turns[0].start_ms / 1000, abs=0.1)


def test_a_capture_that_is_redacted_still_makes_a_page(captured, tmp_path):
    lines = (captured[0] / "wire.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "wire.jsonl").write_text(
        "".join(lines[:100]) + '{"time": 1002.0, "way": "received", "text": "[redacted]"}\n'
    )
    assert "reckoned" in Page(report(tmp_path)).text


# ---- what it refuses


BAD = {
    "nothing": (None, "no such file or folder"),
    "notes.txt": (b"hello", "is none of a folder, a sound file such as call.wav, or a log"),
    "empty.wav": (b"", "cannot read"),
    "text.wav": (b"this is no sound", "cannot read"),
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
    "capture.jsonl": (
        b'{"time": 1, "way": "received", "text": "x"}\n{"time": "later"}\n',
        "line 2 is no line of a capture",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_call_is_refused_in_one_line(name, run, tmp_path):
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
    pages = 0
    for seed in range(dose(80, 3000)):
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
    assert pages > 20, "most edits do not hide the call"


def test_folders_that_are_no_call(run, tmp_path):
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


def test_the_command_writes_the_page(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short_call(tmp_path / "call")
    code, said = run("call")
    assert code == 0
    assert said.startswith("report.html (")
    assert Page(Path("report.html").read_text(encoding="utf-8")).of("audio")
    code, said = run("call", "-o", "other.html")
    assert code == 0
    assert Path("other.html").read_text(encoding="utf-8") == Path("report.html").read_text(encoding="utf-8")


def test_the_commands_that_the_page_of_reports_shows_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short_call(tmp_path / "call")
    write_wav(tmp_path / "greeting.wav", voice(1.0), 8000)
    commands = re.search(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1].splitlines()
    for command in commands:
        name, subcommand, *options = shlex.split(command, comments=True)
        assert (name, subcommand) == ("voiceband", "report")
        assert run(*options)[0] == 0
    assert sorted(path.name for path in tmp_path.glob("*.html")) == ["clip.html", "report.html", "why.html"]


@pytest.mark.parametrize(
    ("out", "why"),
    [("call", "it is a folder"), ("no/such/report.html", "there is no folder"), ("call.wav", "must end in .html")],
)
def test_places_that_cannot_be_written_to(out, why, run, tmp_path):
    folder = short_call(tmp_path / "call")
    code, said = run(folder, "-o", tmp_path / out)
    assert code == 2
    assert why in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["call"]


COMMAND = [sys.executable, "-c", "from voiceband.cli import main; main()", "report"]


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_full_disk_leaves_the_old_page(tmp_path):
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


def test_ctrl_c_leaves_nothing(tmp_path, run, monkeypatch):
    folder = short_call(tmp_path / "call")

    def interrupted(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    code, _ = run(folder, "-o", tmp_path / "report.html")
    assert code == 130
    assert [path.name for path in tmp_path.iterdir()] == ["call"]
