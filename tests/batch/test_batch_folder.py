"""Batches: what is found, done, done again or not; crashes, Ctrl-C, full disks; and the command."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from _support.batches import CLEAN, JOURNAL, OPTIONS, bad_files, many, run, tree
from _support.commands import voiceband
from _support.deadly import Deadly
from _support.denoise_signals import as_int16, voice
from _support.dose import dose
from _support.permissions import permissions_that_count
from voiceband import ulaw_encode
from voiceband._processes import Children
from voiceband.batch import Batch, Decode, Denoise, FileError, Pipeline, Resample, Split, process_file

soundfile = pytest.importorskip("soundfile")

COMMAND = (sys.executable, "-m", "voiceband", "batch")


@pytest.fixture
def source(tmp_path):
    """Five files in three folders."""
    folder = tmp_path / "in"
    for i, name in enumerate(["a.ulaw", "b.wav", "deep/c.ulaw", "deep/er/d.ulaw", "deep/er/e.ulaw"]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ulaw_encode(as_int16(voice(2, 8000, seed=i))))
    wav = folder / "b.wav"
    process_file(Pipeline(Decode("ulaw")), wav, tmp_path / "b.wav")
    (tmp_path / "b.wav").replace(wav)
    return folder


def command(*arguments, **options):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options)


def test_every_file_has_its_output(tmp_path, source):
    states = run(source, tmp_path / "out")
    assert set(states.values()) == {"done"}
    outputs = tree(tmp_path / "out")
    assert sorted(outputs) == ["a.flac", "b.flac", "deep/c.flac", "deep/er/d.flac", "deep/er/e.flac"]
    for name in states:
        process_file(CLEAN, source / name, tmp_path / "one.flac")
        assert (tmp_path / "one.flac").read_bytes() == outputs[Path(name).with_suffix(".flac").as_posix()]


def test_more_processes_give_the_same(tmp_path, source):
    run(source, tmp_path / "one")
    assert set(run(source, tmp_path / "two", workers=2).values()) == {"done"}
    assert tree(tmp_path / "two") == tree(tmp_path / "one")


def test_only_what_has_changed_is_done_again(tmp_path, source):
    target = tmp_path / "out"
    run(source, target)
    first = tree(target)
    assert set(run(source, target).values()) == {"same"}
    os.utime(source / "a.ulaw", (1, 1))  # another time, the same content
    (source / "deep" / "c.ulaw").write_bytes((source / "a.ulaw").read_bytes())
    (target / "deep" / "er" / "d.flac").unlink()
    (target / "deep" / "er" / "e.flac").write_bytes(b"cut")
    states = run(source, target)
    assert states == {
        "a.ulaw": "same",
        "b.wav": "same",
        "deep/c.ulaw": "done",
        "deep/er/d.ulaw": "done",
        "deep/er/e.ulaw": "done",
    }
    assert tree(target) == {**first, "deep/c.flac": first["a.flac"]}
    with (target / JOURNAL).open("ab") as journal:
        journal.write(b'{"name": "a.ula')  # a crash in the middle of a line
    assert set(run(source, target).values()) == {"same"}
    assert set(run(source, target).values()) == {"same"}
    assert set(run(source, target, Pipeline(Denoise(60), Resample(16000))).values()) == {"done"}
    assert tree(target) != first


def test_another_folder_with_the_same_names_sizes_and_times(tmp_path, source):
    other, target = tmp_path / "other", tmp_path / "out"
    shutil.copytree(source, other)
    (other / "a.ulaw").write_bytes((source / "deep" / "c.ulaw").read_bytes())
    for folder in (source, other):
        os.utime(folder / "a.ulaw", (1, 1))
    names = run(source, target)
    first = tree(target)
    assert run(other, target) == {**dict.fromkeys(names, "same"), "a.ulaw": "done"}
    assert tree(target) == {**first, "a.flac": first["deep/c.flac"]}


def test_split_outputs_are_known_again(tmp_path, source):
    pipeline = Pipeline(Split(), Denoise())
    assert set(run(source, tmp_path / "out", pipeline, suffix=".wav").values()) == {"done"}
    assert "deep/c.ch1.wav" in tree(tmp_path / "out")
    assert set(run(source, tmp_path / "out", pipeline, suffix=".wav").values()) == {"same"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="one of them is a pipe")
def test_bad_files_stop_nothing(tmp_path, source):
    kinds = bad_files(source)
    (source / "link.wav").symlink_to("nowhere")
    os.mkfifo(source / "pipe.wav")
    (source / "notes.txt").write_text("no sound")
    result = command(source, tmp_path / "out", *OPTIONS, "--workers", "2")
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    for name, text in {**kinds, "link.wav": "No such file", "pipe.wav": "no regular file"}.items():
        (line,) = [line for line in lines if f"bad: {name}: " in line]
        assert text in line
    assert len(lines) == len(kinds) + 2 + 2
    assert lines[0] == "voiceband batch: left alone: notes.txt: its name is not that of a sound file"
    assert "5 done" in lines[-1]
    assert len(tree(tmp_path / "out")) == 5
    again = voiceband("batch", source, tmp_path / "out", *OPTIONS, "--workers", "1")
    assert (again.returncode, "0 done" in again.stderr, "5 done before" in again.stderr) == (1, True, True)


def test_the_command_says_that_all_is_well(tmp_path, source):
    options = (*OPTIONS, "--normalise", "-23", "--to", "wav", "--workers", "1")
    result = voiceband("batch", source, tmp_path / "out", *options)
    assert (result.returncode, result.stdout) == (0, "")
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tree(tmp_path / "out"))[0] == "a.wav"


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_names_do_not_steer_the_terminal(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "\033]0;a\007\nb.wav").write_bytes(b"")
    result = voiceband("batch", tmp_path / "in", tmp_path / "out", "--denoise", "85", "--workers", "1")
    assert result.returncode == 1
    assert result.stderr.splitlines()[0] == r"voiceband batch: bad: \x1b]0;a\x07\nb.wav: the file is empty"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--denoise", "20"), "--denoise must be from 60 to 100, not 20"),
        (("--rate", "17"), "17"),
        (("--rate", "8000", "--quality", "best"), "best"),
        (("--to", "xyz"), ".xyz"),
        (("--mix", "--split"), "exclude each other"),
        (("--normalise", "3"), "--normalise must be from -60 to -6, not 3"),
    ],
)
def test_refusals(tmp_path, source, options, text):
    result = voiceband("batch", source, tmp_path / "out", *options)
    assert result.returncode == 2
    assert text in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_folders_that_will_not_do(tmp_path, source):
    for arguments, text in [
        ((tmp_path / "none", tmp_path / "out"), "none is not there: it must be a folder"),
        ((source, source), "the same folder"),
        ((source / "deep", source), "must not lie in"),
        ((source, source / "a.ulaw"), "cannot write"),
    ]:
        with pytest.raises(FileError, match=text):
            Batch(*arguments, CLEAN)
    with pytest.raises(ValueError, match="Decode"):
        Batch(source, tmp_path / "out", Pipeline(Decode("ulaw")))
    with pytest.raises(ValueError, match="workers"):
        run(source, tmp_path / "out", workers=0)
    with Batch(source, tmp_path / "out", CLEAN), pytest.raises(FileError, match="another batch"):
        Batch(source, tmp_path / "out", CLEAN)


def test_outputs_below_the_source_are_no_inputs(tmp_path, source):
    assert len(run(source, source / "clean")) == 5
    assert set(run(source, source / "clean").values()) == {"same"}


def test_unreadable_folders_are_listed(tmp_path, source):
    (source / "closed").mkdir()
    for name in ("b.wav", "closed"):
        (source / name).chmod(0)
    try:
        with permissions_that_count(), Batch(source, tmp_path / "out", CLEAN) as batch:
            outcomes = {o.job.name: (o.state, o.reason) for o in batch.run(workers=1)}
    finally:
        (source / "closed").chmod(0o755)  # so that pytest can remove it
    assert outcomes == {
        "closed/": ("bad", "cannot read the folder: Permission denied"),
        "b.wav": ("bad", "cannot read: Permission denied"),
        **dict.fromkeys(("a.ulaw", "deep/c.ulaw", "deep/er/d.ulaw", "deep/er/e.ulaw"), ("done", "")),
    }


def test_a_file_that_kills_its_process_is_bad_and_the_rest_is_done(tmp_path, dose):
    (tmp_path / "in").mkdir()
    deadly = dose({3}, {3, 7})  # each is tried again, in a process of its own
    for i in range(12):
        (tmp_path / "in" / f"{i}.ulaw").write_bytes(b"\x80" if i in deadly else b"\xee\x6e" * 80)
    with Batch(tmp_path / "in", tmp_path / "out", Pipeline(Deadly())) as batch:
        outcomes = {outcome.job.name: outcome for outcome in batch.run(workers=2)}
    bad = {name for name, outcome in outcomes.items() if outcome.state == "bad"}
    assert bad == {f"{i}.ulaw" for i in deadly}
    assert all("was killed" in outcomes[name].reason for name in bad)
    assert len(outcomes) == 12
    assert len(tree(tmp_path / "out")) == 12 - len(deadly)


def test_a_program_without_its_guard_is_told(tmp_path, source):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys; from voiceband.batch import *\n"
        "with Batch(sys.argv[1], sys.argv[2], Pipeline()) as batch:\n"
        "    list(batch.run(workers=2))\n"
    )
    result = subprocess.run(
        [sys.executable, program, source, tmp_path / "out"], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 1
    assert "cannot start processes; a program needs `if __name__" in result.stderr.splitlines()[-1]


def until(condition, process) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def children(process) -> list[int]:
    """Return the ids of its workers: those children that run more than multiprocessing's own helper."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            line = (status.parent / "cmdline").read_text()
        except (OSError, ValueError):
            continue
        if parent == process.pid and "spawn_main" in line:
            found.append(int(status.parent.name))
    return found


FILES = dose(16, 40)


@pytest.fixture
def started(tmp_path, dose):
    """Begin a batch of two processes on many files, and wait until one is done."""
    many(tmp_path / "in", FILES, dose(20, 60))
    arguments = [*COMMAND, tmp_path / "in", tmp_path / "out", *OPTIONS, "--workers", "2"]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: any((tmp_path / "out").glob("*.flac")), process)
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers in /proc")
def test_a_worker_that_is_killed_costs_nothing(tmp_path, started):
    workers = children(started)
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    _, text = started.communicate(timeout=120)
    assert started.returncode == 0, text
    assert f"{FILES} done" in text
    run(tmp_path / "in", tmp_path / "one")
    assert tree(tmp_path / "out") == tree(tmp_path / "one")


@pytest.mark.skipif(os.name == "nt", reason="kills by a POSIX signal")
@pytest.mark.parametrize("times", dose([4, 5], [1, 4, 5]))
def test_workers_that_are_killed_before_they_begin_are_replaced(tmp_path, source, monkeypatch, times):
    start = Children.start
    left = [times]

    def start_and_kill(self, *arguments, **options):
        child = start(self, *arguments, **options)
        if left[0]:
            left[0] -= 1
            child.process.kill()
        return child

    monkeypatch.setattr(Children, "start", start_and_kill)
    if times == 5:
        with pytest.raises(FileError, match=r"cannot start processes: 5 in a row were killed"):
            run(source, tmp_path / "out", workers=2)
    else:
        assert set(run(source, tmp_path / "out", workers=2).values()) == {"done"}


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize("kind", dose(["SIGTERM", "SIGKILL"], ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"]))
def test_it_goes_on_where_it_was_stopped(tmp_path, started, kind):
    started.send_signal(getattr(signal, kind))
    _, text = started.communicate(timeout=120)  # returns when the workers, too, have ended and let go of stderr
    if kind == "SIGKILL":
        assert started.returncode == -9
    else:
        assert started.returncode == 128 + getattr(signal, kind)
        assert text.splitlines()[-1].endswith("run it again to go on")
        assert len([line for line in text.splitlines() if " odd: " not in line]) == 2
        assert all(name.endswith(".flac") for name in tree(tmp_path / "out"))
    before = len(list((tmp_path / "out").glob("*.flac")))
    assert 0 < before < FILES
    states = list(run(tmp_path / "in", tmp_path / "out").values())
    assert states.count("same") >= before - 8  # those that were done, but not yet written down
    assert states.count("same") + states.count("done") == FILES
    run(tmp_path / "in", tmp_path / "one")
    assert tree(tmp_path / "out") == tree(tmp_path / "one")


@pytest.mark.untraced
@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_one_process_is_stopped_too(tmp_path, dose):
    """Wherever it is: a Ctrl-C inside a callback of libsndfile would be lost."""
    many(tmp_path / "in", dose(100, 200), 20)
    unwarned = {**os.environ, "PYTHONWARNINGS": "ignore::ResourceWarning"}  # of a file that was just being opened
    for i in range(dose(1, 50)):
        out = tmp_path / f"out{i}"
        arguments = [*COMMAND, tmp_path / "in", out, *OPTIONS, "--workers", "1"]
        with subprocess.Popen(arguments, env=unwarned, stderr=subprocess.PIPE, text=True) as process:
            until(lambda out=out: any(out.glob("*.flac")), process)
            process.send_signal(signal.SIGINT)
            _, text = process.communicate(timeout=60)
        assert process.returncode == 130, text
        assert len([line for line in text.splitlines() if " odd: " not in line]) == 2
        assert all(name.endswith(".flac") for name in tree(out))


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX terminal")
def test_progress_on_a_terminal(tmp_path):
    import pty

    many(tmp_path / "in", 12, 20)
    ours, theirs = pty.openpty()
    arguments = [*COMMAND, tmp_path / "in", tmp_path / "out", *OPTIONS, "--workers", "1"]
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm"}
    with subprocess.Popen(arguments, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 4096)
            except OSError:  # how Linux says that the other end is closed
                break
    os.close(ours)
    assert process.returncode == 0, seen
    assert b"12 of 12 files" in seen
    assert b"h/s" in seen
    assert b"0:00:00" in seen


@pytest.mark.parametrize("workers", dose([2], [1, 2]))
def test_a_full_disk_stops_the_batch(tmp_path, workers):
    many(tmp_path / "in", 30, 5)
    (tmp_path / "disk").mkdir()
    script = 'mount -t tmpfs -o size=900k none "$1" || exit 77; shift; "$@"; code=$?; ls -A "$0"; exit $code'
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs a small disk of its own")
    batch = [*COMMAND, tmp_path / "in", tmp_path / "disk", *OPTIONS, "--workers", workers]
    result = subprocess.run(
        [*(unshare, "-rm", "sh", "-c", script), *(str(a) for a in (tmp_path / "disk", tmp_path / "disk", *batch))],
        capture_output=True,
        text=True,
        timeout=120,
    )
    if result.returncode in (1, 77) and "voiceband" not in result.stderr:
        pytest.skip(f"cannot make a small disk: {result.stderr}")
    assert result.returncode == 2, result.stderr
    assert result.stderr.splitlines()[-1] == (
        "voiceband batch: stopped: cannot write: No space left on device; make room and run it again to go on"
    )
    left = set(result.stdout.split())
    assert left > {JOURNAL}
    assert all(name.endswith(".flac") for name in left - {JOURNAL})
