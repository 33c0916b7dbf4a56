"""`voiceband load` as a person runs it, against servers in this process, and against `voiceband serve`."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from _support.commands import PROGRAM, program, voiceband
from _support.dose import dose
from _support.hostile import HOSTILE
from _support.peers import TOKEN
from _support.programs import ENDINGS, python
from _support.threaded import agents
from voiceband.load.options import LoadOptions
from voiceband.load.processes import run_load
from voiceband.load.results import LoadError
from voiceband.session import Audio, Started

SHORT = ("--calls", "5", "--ramp", "50/s", "--hold", "1s", "--processes", "1")


def load(url, *options):
    return voiceband("load", url, *options)


async def echo(call):
    async for event in call:
        if isinstance(event, Audio):
            await call.play(event.samples, 8000)


def assert_fits(text):
    """A table fits 80 columns, and neither cuts nor colours."""
    assert max(map(len, text.splitlines())) <= 80, text
    assert "..." not in text
    assert text.isascii()


def complaints(text):
    """What a program wrote, without what asyncio says in Python's dev mode where the machine is slow."""
    return [line for line in text.splitlines() if not line.startswith("Executing <")]


def as_json(result, code):
    assert result.returncode == code, result.stderr
    assert complaints(result.stderr) == []
    return json.loads(result.stdout)


def test_an_echo_gives_back_all_and_is_timed(monkeypatch):
    monkeypatch.setenv("LOAD_TOKEN", "secret")
    answered = []

    async def agent(call):
        answered.append(call)
        await echo(call)

    with agents(agent, auth_token="secret") as url:
        options = ("--echo", "--json", "--pid", os.getpid(), "--auth-token-env", "LOAD_TOKEN", "--processes", "2")
        report = as_json(load(url, *SHORT, "--hold", "3s", *options), 0)
    assert len(answered) == 5
    assert report["calls"] == {"wanted": 5, "good": 5, "failed": 0, "lost": 0, "stalled": 0, "silent": 0, "reasons": {}}
    assert report["missing_s"] == 0
    assert report["response_ms"]["n"] >= 5
    assert report["send_lateness_ms"]["n"] >= 5 * 100
    assert report["generator"]["processes"] == 2
    assert report["generator"]["cpu_us_per_frame"] > 0
    assert report["server"]["cpu_percent"] > 0
    assert report["server"]["memory_mb"] > 10
    assert [call["call"] for call in report["per_call"]] == [0, 1, 2, 3, 4]
    for call in report["per_call"]:
        assert call["heard_s"] == call["said_s"] >= 2
        assert call["gaps_ms"]["n"] >= 2
        assert (call["unread"], call["unanswered"]) == (0, 0)


def test_a_hole_in_the_audio_is_a_gap():
    async def stutter(call):
        frames = 0
        async for event in call:
            if isinstance(event, Audio):
                frames += 1
                # 400 ms: beyond a second it would be a stall, and a busy machine adds its own.
                if not 30 <= frames < 50:
                    await call.play(event.samples, 8000)

    with agents(stutter) as url:
        result = load(url, *SHORT, "--hold", "2s", "--echo", "--playout-delay", "20ms")
    said = result.stdout + result.stderr
    late = "the generator itself sent late" in said  # on a busy machine, which may add a stall of its own
    assert result.returncode == 0 or late, said
    assert ("of 5 calls good" if late else "5 of 5 calls good") + ", 0 failed, 0 lost" in result.stdout
    longest = re.search(r"longest gap in a call +([\d.]+)", result.stdout)
    assert float(longest[1]) > 200  # of the 400 ms left out
    missing = re.search(r"audio that did not come back: ([\d.]+) s", result.stdout)
    assert float(missing[1]) == pytest.approx(5 * 20 * 0.02)
    assert re.search(r"call [0-4] +\d+ +\d+ +\d+ +\d+", result.stdout)


@pytest.mark.waits
def test_an_agent_that_stands_still_for_two_seconds_is_not_good():
    """One that blocks its loop, and with it every call."""
    speech = (8000 * np.sin(np.arange(80000) * 0.3)).astype(np.int16)
    heard = itertools.count()

    async def stalls(call):
        async for event in call:
            if isinstance(event, Started):
                await call.play(speech, 8000, end=True)
            elif isinstance(event, Audio) and next(heard) == 400:
                time.sleep(2)

    with agents(stalls, lead_ms=100) as url:
        result = load(url, *SHORT, "--hold", "6s", "--playout-delay", "20ms")
    assert result.returncode == 1
    assert "0 of 5 calls good, 0 failed, 0 lost, 5 stalled" in result.stdout
    assert "5 x the agent was silent for more than a second in the middle of what it said" in result.stdout


def test_an_agent_that_answers_turns_gets_its_acknowledgements():
    spoken = []

    async def announcer(call):
        async for event in call:
            if isinstance(event, Started):
                speech = await call.play(np.full(1600, 3000, np.int16), 8000, name="hello", end=True)
                await speech
                spoken.append(speech)
                await call.interrupt()

    with agents(announcer) as url:
        report = as_json(load(url, *SHORT, "--json"), 0)
    assert len(spoken) == 5
    assert "missing_s" not in report
    assert all(call["heard_s"] == pytest.approx(0.2) for call in report["per_call"])


def test_lost_failed_and_silent_calls_are_told_apart():
    numbers = itertools.count()

    async def moody(call):
        number = next(numbers)
        async for event in call:
            if isinstance(event, Started) and number == 0:
                await call.hangup()
            elif isinstance(event, Audio) and number > 1:
                await call.play(event.samples, 8000)

    with agents(moody) as url:
        report = as_json(load(url, *SHORT, "--json"), 1)
        assert report["calls"]["good"] == 4
        assert report["calls"]["lost"] == report["calls"]["silent"] == 1
        assert list(report["calls"]["reasons"]) == ["closed by the agent, code 1000 hung up"]
    result = load(url, *SHORT)
    assert result.returncode == 1
    assert "0 of 5 calls good, 5 failed, 0 lost" in result.stdout
    assert re.search(r"5 x .*[Cc]onnect", result.stdout), result.stdout


def test_a_refused_upgrade_is_said():
    with agents(echo, auth_token="secret") as url:
        result = load(url, *SHORT)
    assert result.returncode == 1
    assert "5 x upgrade refused with 401" in result.stdout


@pytest.mark.prove
def test_the_capacity_of_a_server_that_takes_three_calls():
    running = 0

    async def three(call):
        nonlocal running
        running += 1
        try:
            if running <= 3:
                await echo(call)
            else:
                await call.hangup()
        finally:
            running -= 1

    search = ("--find-capacity", "--max-calls", "50", "--calls", "2", "--hold", "300ms", "--playout-delay", "5s")
    with agents(three) as url:
        found = as_json(load(url, *SHORT, *search, "--echo", "--json"), 0)
        assert (found["capacity"], found["failed_at"], found["limit"]) == (3, 4, "found")
        assert [(step["calls"]["wanted"], step["held"]) for step in found["steps"]] == [
            (2, True),
            (4, False),
            (3, True),
        ]
        result = load(url, *SHORT, *search, "--echo", "--time-limit", "0s", "--pid", os.getpid())
    assert result.returncode == 0
    assert "holds 2 calls (time is up; more were not tried)" in result.stdout
    assert re.search(r"^calls  gaps p99  gaps max  response p99  lateness p99 +CPU +MiB$", result.stdout, re.MULTILINE)
    assert_fits(result.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("number", "code"),
    dose([ENDINGS["SIGINT"]], list(ENDINGS.values())),
)
def test_an_interrupt_shows_what_was_measured(number, code):
    heard = threading.Event()

    async def agent(call):
        async for event in call:
            if isinstance(event, Audio):
                await call.play(event.samples, 8000)
                heard.set()

    with agents(agent) as url:
        command = [*PROGRAM, "load", url, "--calls", "2", "--hold", "10m", "--echo", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert heard.wait(30)
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
        assert process.returncode == code, err
    report = json.loads(out)
    assert report["interrupted"] is True
    assert report["calls"]["good"] >= 1
    assert complaints(err) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["http://127.0.0.1/"], "url must be ws:// or wss://"),
        (["ws://127.0.0.1:1/", "--hold", "soon"], "a duration must be like 60s, 500ms or 2m, not 'soon'"),
        (["ws://127.0.0.1:1/", "--ramp", "0/s"], "a rate must be like 20/s or 300/m, not '0/s'"),
        (["ws://127.0.0.1:1/", "--format", "opus"], "--format must be one of mulaw, l16-8k, l16-16k, not 'opus'"),
        (["ws://127.0.0.1:1/", "--pid", "4000000000"], "pid must be"),
        (["ws://127.0.0.1:1/", "--say", "none.wav"], "none.wav: cannot read"),
        (["ws://127.0.0.1:1/", "--max-calls", "3"], "--max-calls must be at least --calls, 50, not 3"),
        (["ws://127.0.0.1:1/", "--auth-token-env", "NO_SUCH"], "no environment variable NO_SUCH"),
    ],
)
def test_bad_options_end_with_one_line(options, said):
    result = load(*options)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("voiceband load: ")
    assert said in result.stderr


@pytest.mark.parametrize("missing", ["picows", "psutil"])
def test_a_missing_extra_is_named(missing):
    code = f"import sys; sys.modules[{missing!r}] = None; from voiceband.cli import main; main()"
    result = python("-c", code, "load", "ws://127.0.0.1:1/")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert f"{missing}; pip install 'voiceband[load]' brings it" in result.stderr


def test_a_process_that_cannot_work_is_an_error(monkeypatch):
    monkeypatch.setattr(LoadOptions, "utterance", lambda _self: None)  # in this process, not in its child
    with pytest.raises(LoadError, match=r"clip\.wav: cannot read"):
        run_load(LoadOptions(url="ws://127.0.0.1:1/", calls=1, say="/nonexistent/clip.wav"))


AGENT = """
from voiceband.servers import link
from voiceband.servers import pump
from voiceband.session import Audio, Started

pump.STALL_TIMEOUT_S = link.CLOSE_TIMEOUT_S = 1.0

async def agent(call):
    async for event in call:
        if isinstance(event, Audio):
            await call.play(event.samples, 8000)
"""


@contextlib.contextmanager
def serving(path, *options):
    """Run `voiceband serve` with an echo agent; give its URL."""
    path.write_text(AGENT)
    command = [*PROGRAM, "serve", f"{path}:agent", "--port", "0", *options]
    environment = {**os.environ, "LOAD_TOKEN": TOKEN}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        try:
            yield re.search(r"ws://[\d.]+:\d+/", process.stdout.readline())[0]
        finally:
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_good_calls_beside_hostile_ones_lose_nothing(tmp_path, dose):
    n = dose(10, 50)
    hostile = list(itertools.islice(itertools.cycle(HOSTILE), n))
    report, stopped = None, threading.Event()

    async def one(peer, url):
        with contextlib.suppress(ConnectionError, EOFError):  # how it ends for them is not what is asked here
            await peer(url)

    async def attack(url):
        attacks = 0
        while not stopped.is_set():
            await asyncio.gather(*(one(peer, url) for peer in hostile))
            attacks += len(hostile)
        return attacks

    def measure(url):
        nonlocal report
        try:
            options = ("--calls", n, "--ramp", "100/s", "--hold", f"{dose(2, 20)}s", "--echo", "--json")
            report = program("load", url, *options, "--auth-token-env", "LOAD_TOKEN", env={"LOAD_TOKEN": TOKEN})
        finally:
            stopped.set()

    with serving(
        tmp_path / "agent.py", "--workers", "1", "--idle-timeout", "2.5", "--auth-token-env", "LOAD_TOKEN"
    ) as url:
        measuring = threading.Thread(target=measure, args=(url,))
        measuring.start()
        try:
            assert asyncio.run(asyncio.wait_for(attack(url), 300)) >= n
        finally:
            measuring.join(120)
    said = as_json(report, 0)
    assert said["calls"]["good"] == n
    assert said["missing_s"] == 0
    for call in said["per_call"]:
        assert call["heard_s"] == call["said_s"] > 1
