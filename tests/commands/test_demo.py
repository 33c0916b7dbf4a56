"""`voiceband demo` as a person runs it."""

import errno
import json
import os
import re
import subprocess
import sys
import time
import wave
from functools import partial

import numpy as np
import pytest

from _support import broken_servers as servers
from _support.commands import PROGRAM, voiceband
from _support.dose import dose
from _support.programs import ENDINGS

demo = partial(voiceband, "demo")


async def closes(ws):
    await ws.recv()
    await ws.close(1011, "out of order")


def write_wav(path, pcm, rate=8000, channels=1):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.astype("<i2").tobytes())


def read_wav(path):
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


@pytest.mark.waits
def test_the_shipped_clip_is_answered(tmp_path):
    result = demo("--out", tmp_path / "call")
    assert result.returncode == 0, result.stderr
    for line in (
        r"to the agent +\d{3} messages, \d{6} bytes",
        r"from the agent +\d+ messages, \d+ bytes",
        r"replies +\d{3,4} ms, \d{3,4} ms after the caller's speech",
        r"gaps heard +0",
        r"agent CPU +\d+ us per 20 ms frame",
    ):
        assert re.search(line, result.stderr), result.stderr
    summary = json.loads((tmp_path / "call" / "summary.json").read_text())
    assert summary["replies"] == summary["caller_turns"] == 2
    assert summary["findings"] == summary["measures"]["gaps"] == []
    measures = summary["measures"]
    assert len(measures["turns"]) == 2
    assert measures["agent"]["speech_ms"] > 1000 < measures["caller"]["speech_ms"]
    assert 600 < summary["reply_median_ms"] < 3000
    entries = [json.loads(line) for line in (tmp_path / "call" / "wire.jsonl").read_text().splitlines()]
    lines = [entry for entry in entries if entry["way"] != "event"]
    assert len(lines) == summary["to_agent"]["messages"] + summary["from_agent"]["messages"]
    assert sum(len(x["text"]) for x in lines) == summary["to_agent"]["bytes"] + summary["from_agent"]["bytes"]
    assert json.loads(lines[0]["text"])["event"] == "start"
    stereo = read_wav(tmp_path / "call" / "call.wav").astype(float)
    assert len(stereo) / 8000 == pytest.approx(summary["duration_s"], abs=0.1)
    from scipy.signal import correlate

    # The parrot says what it heard: the right channel holds the left one's first sentence, later.
    left, right = stereo.T
    begin = int(np.argmax(np.abs(left) > 500))
    sentence = left[begin : begin + 2 * 8000]
    at = int(np.argmax(correlate(right, sentence, "valid", method="fft")))
    echo = right[at : at + len(sentence)]
    assert np.corrcoef(echo, sentence)[0, 1] > 0.99
    assert at / 8000 > 2


def test_another_clip(tmp_path):
    rng = np.random.default_rng(0)
    write_wav(tmp_path / "hello.wav", np.concatenate([rng.normal(0, 3000, 11_025), np.zeros(2000)]), rate=22_050)
    result = demo("--say", tmp_path / "hello.wav", "--out", tmp_path / "call")
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "call" / "summary.json").read_text())["replies"] == 1


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda p: None, "x.wav: cannot read: No such file or directory"),
        (lambda p: p.write_bytes(b"not a wave file at all"), "it is not a sound file that can be read"),
        (lambda p: p.write_bytes(b""), "the file is empty"),
        (lambda p: write_wav(p, np.ones(100), rate=7001), "7001"),
        (lambda p: write_wav(p, np.ones(100), channels=2), "holds no speech above -45 dBFS"),
        (lambda p: write_wav(p, np.zeros(61 * 8000)), "must not be longer than 60 s, not 61 s"),
        (lambda p: write_wav(p, np.zeros(8000)), "holds no speech above -45 dBFS"),
    ],
)
def test_clips_that_cannot_be_said(tmp_path, make, complaint):
    make(tmp_path / "x.wav")
    result = demo("--say", tmp_path / "x.wav", "--out", tmp_path / "call")
    assert result.returncode == 2
    assert complaint in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_absent_agent_gives_one_line(tmp_path):
    result = demo("--url", "ws://127.0.0.1:1/", "--out", tmp_path / "call")
    assert result.returncode == 2
    assert result.stderr == (
        "voiceband demo: no agent at ws://127.0.0.1:1/: connection refused: nothing listens there\n"
    )


@pytest.mark.waits
@pytest.mark.parametrize(
    ("behaviour", "complaint"),
    [
        (closes, "closed the call before it had answered (code 1011: out of order)"),
        (servers.breaks_off, "closed the call before it had answered (code 1006)"),
        (servers.crashes, "closed the call before it had answered (code 1011"),
        (servers.silent, "the agent did not answer"),
    ],
)
def test_a_dead_agent_gives_one_line_and_exit_code_1(tmp_path, behaviour, complaint):
    write_wav(tmp_path / "hello.wav", np.random.default_rng(0).normal(0, 3000, 2000))
    with servers.served(behaviour) as url:
        result = demo("--url", url, "--say", tmp_path / "hello.wav", "--out", tmp_path / "call")
    assert result.returncode == 1
    assert [line for line in result.stderr.splitlines() if line.startswith("voiceband demo:")] == [
        next(line for line in result.stderr.splitlines() if complaint in line)
    ]
    assert json.loads((tmp_path / "call" / "summary.json").read_text())["replies"] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("number", "code"),
    dose([ENDINGS["SIGTERM"]], list(ENDINGS.values())),
)
def test_signals_leave_whole_files(tmp_path, number, code):
    command = [*PROGRAM, "demo", "--json", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if (tmp_path / "wire.jsonl").exists() and len((tmp_path / "wire.jsonl").read_text().splitlines()) > 50:
            break
        time.sleep(0.05)
    process.send_signal(number)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert len(read_wav(tmp_path / "call.wav")) > 2000
    assert all(json.loads(line) for line in (tmp_path / "wire.jsonl").read_text().splitlines())
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["to_agent"]["messages"] > 30
    told = json.loads(output)
    assert told == {"exit_code": code, "calls": [{"caller": "", "folder": str(tmp_path), **summary}]}


def test_a_full_disk_is_one_line_and_leaves_no_half_file(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(wave.Wave_write, "writeframes", full)
    with servers.served(closes) as url:
        result = demo("--url", url, "--out", tmp_path / "call")
    assert result.returncode == 2
    complaints = [line for line in result.stderr.splitlines() if line.startswith("voiceband demo:")]
    assert complaints == [f"voiceband demo: {tmp_path / 'call'}: No space left on device; make room and run it again"]
    assert [path.name for path in (tmp_path / "call").iterdir()] == ["wire.jsonl"]


@pytest.mark.untraced
@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize("room", [0, 20_000])
def test_a_disk_that_fills_up_during_the_call_is_one_line(tmp_path, room):
    import resource

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    async def chatters(ws):
        await ws.recv()
        for number in range(2000):
            await ws.send(json.dumps({"event": "checkpoint", "streamId": "s", "name": str(number)}))
        await servers.silent(ws)

    with servers.served(chatters) as url:
        command = [*PROGRAM, "demo", "--url", url, "--out", "call"]
        result = subprocess.run(command, cwd=tmp_path, preexec_fn=limited, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == "voiceband demo: call: File too large"
    assert result.stderr.count("voiceband demo:") == 1
    assert "Traceback" not in result.stderr
    wire = tmp_path / "call" / "wire.jsonl"
    assert all(json.loads(line) for line in wire.read_text().splitlines())
