"""`voiceband serve` as a person and an init system run it: real processes, sockets and signals."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
import time
import urllib.error
import urllib.request

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from _support import dose as doses
from _support.commands import voiceband
from _support.served import AGENT, COMMAND, KEY, SHORTER, START, WAIT_S, echo, one_call, serving
from voiceband.callbacks import sign_v3
from voiceband.servers.serve.find_agent import load_agent
from voiceband.servers.serve.sockets import StartError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals to a process group")


@pytest.fixture
def agent_file(tmp_path):
    (tmp_path / "my_agent.py").write_text(AGENT)
    return tmp_path / "my_agent.py"


def status(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=WAIT_S) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def health(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=WAIT_S) as answer:
        return answer.status, answer.read()


def test_calls_are_spread_over_workers_and_a_dead_one_is_started_again(agent_file, dose):
    code, first_s = dose((SHORTER + COMMAND, 0.05), (COMMAND, 0.5))
    with serving(agent_file, "--workers", "2", code=code) as served:
        port = served.port
        first, second = served.pids(2)
        assert health(port) == (200, b"ok\n")
        asyncio.run(one_call(port))

        async def crash():
            async with connect(f"ws://127.0.0.1:{port}") as websocket:
                await websocket.send(START)
                await websocket.send(KEY)
                await websocket.wait_closed()

        asyncio.run(crash())
        number, code = served.wait_for(rf"worker (\d) has ended with exit code (-\d+); another starts in {first_s:g} s")
        assert int(code) == -signal.SIGABRT
        for _ in range(20):  # the other takes them all meanwhile
            asyncio.run(one_call(port))
        third = served.pids(3)[-1]
        assert third not in (first, second)
        os.kill(third, signal.SIGKILL)
        served.wait_for(rf"worker {number} has ended with exit code -9; another starts in {2 * first_s:g} s")
        served.pids(4)
        asyncio.run(one_call(port))
        served.process.send_signal(signal.SIGTERM)
        assert served.end() == 143
        assert "Traceback" not in served.said


@pytest.mark.parametrize("signum", doses.dose([signal.SIGTERM], [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]))
def test_a_shutdown_lets_running_calls_end_and_answers_others_with_503(agent_file, signum):
    async def scenario(served):
        async with connect(f"ws://127.0.0.1:{served.port}/") as websocket:
            await websocket.send(START)
            await echo(websocket)
            os.killpg(served.process.pid, signum)  # as a terminal or an init system does it
            await asyncio.to_thread(served.wait_for, "no more calls; up to 30 s for 1")
            for _ in range(3):
                with pytest.raises(InvalidStatus, match="503"):
                    await connect(f"ws://127.0.0.1:{served.port}/")
            assert await asyncio.to_thread(status, served.port, "/readyz") == 503
            assert await asyncio.to_thread(status, served.port, "/healthz") == 200
            await echo(websocket, 1)
            assert served.process.poll() is None
        assert await asyncio.to_thread(served.end) == 128 + signum
        with pytest.raises(OSError):
            await connect(f"ws://127.0.0.1:{served.port}/")

    with serving(agent_file, "--workers", "1") as served:
        asyncio.run(scenario(served))


@pytest.mark.parametrize("how", ["again", "grace"])
def test_a_second_signal_and_the_end_of_the_grace_end_running_calls(agent_file, how):
    async def scenario(served):
        async with connect(f"ws://127.0.0.1:{served.port}/") as websocket:
            await websocket.send(START)
            await echo(websocket)
            served.process.send_signal(signal.SIGINT)
            if how == "again":
                await asyncio.to_thread(served.wait_for, "no more calls; up to 30 s for 1")
                served.process.send_signal(signal.SIGINT)
            async with asyncio.timeout(WAIT_S):
                with contextlib.suppress(ConnectionClosed):
                    while True:
                        await websocket.recv()
            assert websocket.close_code == 1001
        assert await asyncio.to_thread(served.end) == 130

    with serving(agent_file, "--workers", "1", *(["--grace", "0.1"] if how == "grace" else [])) as served:
        asyncio.run(scenario(served))


def test_workers_do_not_outlive_a_killed_supervisor(agent_file):
    with serving(agent_file, "--workers", "2") as served:
        pids = served.pids(2)
        served.process.kill()
        assert served.end() == -signal.SIGKILL
        until = time.monotonic() + WAIT_S
        while any(alive(pid) for pid in pids):
            assert time.monotonic() < until
            time.sleep(0.01)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if sys.platform == "linux":
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    return True


def test_signatures_are_checked_against_the_public_address(agent_file):
    async def scenario(port):
        signature = sign_v3("GET", "http://voice.example.com/in", "12345", "secret")
        good = {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": "12345"}
        url = f"ws://127.0.0.1:{port}/in"
        async with connect(url, additional_headers=good) as websocket:
            await websocket.send(START)
            await echo(websocket)
        for headers, status in ((None, 401), ({**good, "X-Plivo-Signature-V3-Nonce": "1"}, 403)):
            with pytest.raises(InvalidStatus) as caught:
                await connect(url, additional_headers=headers)
            assert caught.value.response.status_code == status

    options = ("--workers", "1", "--auth-token-env", "MY_TOKEN", "--url", "https://voice.example.com")
    with serving(agent_file, *options, env={"MY_TOKEN": "secret"}) as served:
        asyncio.run(scenario(served.port))


def test_a_replayed_upgrade_is_refused_by_every_worker(agent_file):
    async def scenario(port):
        signature = sign_v3("GET", "http://voice.example.com/in", "777", "secret")
        signed = {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": "777"}
        statuses = []
        for _ in range(30):  # the system spreads them over the workers
            try:
                async with connect(f"ws://127.0.0.1:{port}/in", additional_headers=signed):
                    statuses.append(101)
            except InvalidStatus as refused:
                statuses.append(refused.response.status_code)
        return statuses

    options = ("--workers", "3", "--auth-token-env", "MY_TOKEN", "--url", "https://voice.example.com")
    with serving(agent_file, *options, env={"MY_TOKEN": "secret"}) as served:
        assert asyncio.run(scenario(served.port)) == [101] + 29 * [403]
        served.process.send_signal(signal.SIGUSR1)  # and by those that take their places
        served.pids(6)
        assert asyncio.run(scenario(served.port)) == 30 * [403]


def test_nothing_that_a_peer_sends_forges_a_line_of_the_log(agent_file):
    forged = "bad\n2026-11-29 00:00:00,000 ERROR worker 1: FORGED \x1b[31mred\r\x00"

    async def scenario(port):
        async with connect(f"ws://127.0.0.1:{port}/") as websocket:
            await websocket.send(json.dumps({"event": "start", "start": {"streamId": forged, "callId": forged}}))
            await websocket.wait_closed()
            assert websocket.close_code == 1011

    with serving(agent_file, "--workers", "1") as served:
        asyncio.run(scenario(served.port))
        served.wait_for("ValueError: bad")
        served.process.send_signal(signal.SIGTERM)
        assert served.end() == 143
    lines = served.said.splitlines()
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if "FORGED" in line]
    assert not any(line.startswith("2026-11-29 00:00:00,000") for line in lines)


BROKEN = {
    "{}": "the agent must be FILE.py:FUNCTION or MODULE:FUNCTION, not '{}'",
    ":agent": "the agent must be FILE.py:FUNCTION or MODULE:FUNCTION, not ':agent'",
    "{}.py:agent": "there is no file {}.py",
    "{}:missing": "{} has no missing",
    "{}:START": "{}:START must be a coroutine function (async def), not str",
    "{}:plain": "{}:plain must be a coroutine function (async def), not function",
    "{}:nothing": "{}:nothing must take one argument, the call, not ()",
    "{}:Shape": "{}:Shape must be a coroutine function (async def), not a class; an instance may have __call__",
    "nosuchmodule:agent": "nosuchmodule cannot be imported: ModuleNotFoundError: No module named 'nosuchmodule'",
}


@pytest.mark.parametrize("where", BROKEN)
def test_what_is_no_agent_is_said_in_one_line(where, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    path = tmp_path / "broken_agent.py"
    path.write_text(
        "START = ''\ndef plain(call): pass\nasync def nothing(): pass\n"
        "class Shape:\n    async def __call__(self, call): pass\n"
    )
    with pytest.raises(StartError) as caught:
        load_agent(where.format(path))
    assert str(caught.value) == BROKEN[where].format(path)


def test_errors_of_the_agents_file_name_the_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    path = tmp_path / "broken_agent.py"
    for source, message in (
        (
            "\n\nimport nosuchmodule\n",
            r"ModuleNotFoundError: No module named 'nosuchmodule' \(broken_agent.py, line 3\)",
        ),
        ("x = 1 / 0\n", r"ZeroDivisionError: division by zero \(broken_agent.py, line 1\)"),
        ("raise SystemExit(3)\n", r"SystemExit: 3 \(broken_agent.py, line 1\)"),
        ("def (:\n", r"SyntaxError: invalid syntax \(broken_agent.py, line 1\)"),
    ):
        path.write_text(source)
        with pytest.raises(StartError, match=rf"^{re.escape(str(path))} cannot be imported: {message}"):
            load_agent(f"{path}:agent")


def test_agents_of_other_shapes(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    (tmp_path / "beside_it.py").write_text("async def answer(call, k): return k\n")
    path = tmp_path / "shapes.py"
    path.write_text(
        "import functools, beside_it\n"
        "class Agent:\n    async def __call__(self, call): return 1\n    async def run(self, call): return 2\n"
        "one = Agent()\nthree = functools.partial(beside_it.answer, k=3)\n"
    )
    for name, result in (("one", 1), ("one.run", 2), ("three", 3)):
        assert asyncio.run(load_agent(f"{path}:{name}")(None)) == result


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--rate", "5"), "--rate must be from 4000 to 192000 Hz, not 5"),
        (("--denoise", "5"), "--denoise must be from 60 to 100, not 5"),
        (("--url", "https://voice.example.com"), "--url is for signatures, which need --auth-token-env NAME too"),
        (("--url", "voice.example.com"), "--url must be like"),
        (("--moderation", "200"), "--moderation must be from 0 to 100 ms, not 200"),
        (("--idle-timeout", "0"), "--idle-timeout must be more than 0 and at most 1e+06 s, not 0"),
        (
            ("--auth-token-env", "NO_SUCH_VARIABLE"),
            "--auth-token-env: there is no environment variable NO_SUCH_VARIABLE",
        ),
        (("--host", "nosuchhost.invalid"), "nosuchhost.invalid:0 cannot be listened on"),
    ],
)
def test_bad_settings_are_said_in_one_line(agent_file, options, message):
    ended = voiceband("serve", f"{agent_file}:agent", "--port", "0", "--workers", "2", *options)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"voiceband serve: {message}")
    assert ended.stderr.count("\n") == 1


def test_a_port_in_use_is_said_in_one_line(agent_file):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = voiceband("serve", f"{agent_file}:agent", "--port", port)
        assert ended.returncode == 2
        assert ended.stderr == f"voiceband serve: 127.0.0.1:{port} cannot be listened on: it is in use already\n"
    with serving(agent_file, "--workers", "1") as first:
        ended = voiceband("serve", f"{agent_file}:agent", "--port", first.port)
        assert ended.returncode == 2
        assert "it is in use already" in ended.stderr


STUBBORN = """
import asyncio, os, sys, time
from voiceband.servers import server

if os.environ.get("SHORTER"):
    server.CANCEL_S = (0.2, 0.2)

async def deaf(call):
    print("runs", file=sys.stderr, flush=True)
    while True:
        try:
            await asyncio.sleep(60)
        except BaseException:
            pass

async def stuck(call):
    print("runs", file=sys.stderr, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize(
    ("agent", "said"), [("deaf", "1 agents go on although they were cancelled"), ("stuck", "they are killed")]
)
def test_an_agent_that_does_not_end_does_not_keep_the_server(tmp_path, agent, said, dose):
    code, env = dose((SHORTER + COMMAND, {"SHORTER": "1"}), (COMMAND, {}))
    file = tmp_path / "stubborn.py"
    file.write_text(STUBBORN)

    async def hold(port):
        async with connect(f"ws://127.0.0.1:{port}/", ping_interval=None, close_timeout=0.1) as websocket:
            await asyncio.to_thread(served.wait_for, "runs")
            served.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(ConnectionClosed):
                await asyncio.wait_for(websocket.recv(), WAIT_S)
            assert await asyncio.to_thread(served.end) == 143

    with serving(file, "--workers", "1", "--grace", "0", agent=agent, code=code, env=env) as served:
        asyncio.run(hold(served.port))
    assert said in served.said
