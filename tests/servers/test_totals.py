"""Totals of many calls, as Prometheus reads them, and the port that shows them."""

import asyncio
import contextlib
import errno
import json
import re
import signal
import socket
import sys
import time
import urllib.error
import urllib.request

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from _support.commands import voiceband
from _support.messages import media, start
from _support.served import AGENT, COMMAND, SHORTER, START, WAIT_S, echo, serving
from voiceband.servers.door import RETRY_S
from voiceband.servers.serve.worker_totals import FiguresPort, WorkerTotals
from voiceband.servers.totals import Totals, render, series
from voiceband.session import Session, Warned
from voiceband.session.metrics import METRICS

LINE = re.compile(r'voiceband_\w+(\{\w+="(?:[^"\\\n]|\\.)*"(,\w+="(?:[^"\\\n]|\\.)*")*\})? [-+.e\d]+')


def lines_of(text):
    """Return the values by the names of their lines; every line must be one."""
    values = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            assert LINE.fullmatch(line), line
            name, _, value = line.rpartition(" ")
            assert name not in values
            values[name] = float(value)
    return values


def test_counters_and_histograms_of_several_processes_add_up():
    first, second = Totals(), Totals()
    for totals, late_ms in ((first, 0.5), (first, 30.0), (second, 5000.0)):
        totals.note("send_late_ms", late_ms)
        totals.note("frames_out", 50)
        totals.note("queued_ms", 400)  # a gauge is a call's own
        totals.add("warnings_total", kind="clipped")
    figures = WorkerTotals()
    figures.take("a", 1, first.snapshot())
    figures.take("b", 2, second.snapshot())
    figures.leave("a")  # what was counted stays
    figures.leave("unknown")
    values = lines_of(figures.text(1))
    assert values["voiceband_frames_out_total"] == 150
    assert values['voiceband_warnings_total{kind="clipped"}'] == 3
    assert values["voiceband_send_late_ms_count"] == 3
    assert values["voiceband_send_late_ms_sum"] == 5030.5
    buckets = [values[f'voiceband_send_late_ms_bucket{{le="{le}"}}'] for le in (1, 20, 50, 1000, "+Inf")]
    assert buckets == [1, 1, 2, 2, 3]
    assert values["voiceband_workers_ready"] == 1
    assert values['voiceband_connections{worker="2"}'] == 0
    assert 'voiceband_connections{worker="1"}' not in values
    assert not any("queued" in name for name in values)


def test_each_family_has_its_help_and_type_once():
    totals = Totals()
    for name in METRICS:
        totals.note(name, 1.0)
    figures = WorkerTotals()
    figures.take("a", 1, totals.snapshot())
    text = figures.text(1)
    lines_of(text)
    families = re.findall(r"^# TYPE voiceband_(\w+) (\w+)$", text, re.MULTILINE)
    assert len({name for name, _ in families}) == len(families) == text.count("# HELP")
    assert ("send_late_ms", "histogram") in families
    assert ("frames_out_total", "counter") in families
    assert ("workers_ready", "gauge") in families


def test_whatever_a_session_tells_is_counted():
    totals = Totals()
    session = Session(metrics=totals.note)
    messages = [
        start(),
        '{"event":"muteStream"}',
        '{"event":"incorrectPayload"}',
        '{"event":"playFailed"}',
        '{"event":"dtmf","dtmf":{"digit":"5"}}',
        '{"event":"surprise"}',
        "{",
        *map(media, range(100)),
    ]
    events = [event for i, message in enumerate(messages) for event in session.receive(message, i * 0.02)]
    session.interrupt(3.0)
    events += session.close()
    assert not [event for event in events if isinstance(event, Warned) and event.kind == "metrics"]
    counters, _ = json.loads(totals.snapshot())
    for name in ("started", "held", "refused", "failed", "dtmf", "other", "malformed", "stopped", "interruptions"):
        assert counters[f"voiceband_{name}_total"] == 1, name


def test_a_label_cannot_break_out_of_its_line():
    assert lines_of(render({series("warnings_total", kind='a"} 1\n\\x'): 1})) == {
        'voiceband_warnings_total{kind="a\\"} 1\\n\\\\x"}': 1
    }


def get(port, path, method="GET"):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def asked(port, request):
    """Return the status and the headers of the answer to a request by hand, and the rest."""
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            head, _, body = answer.read().partition(b"\r\n\r\n")
    return int(head.split()[1]), head, body


@pytest.mark.parametrize("n_ready", [0, 1])
def test_probes_of_any_kind_are_answered_as_the_port_of_the_calls_does(n_ready):
    port = FiguresPort("127.0.0.1", 0, WorkerTotals(), lambda: n_ready)
    try:
        for path, status in (
            ("/readyz", 200 if n_ready else 503),
            ("/healthz?x=1", 200),
            ("/", 404),
            ("/metrics", 200),
        ):
            for method in ("GET", "HEAD", "OPTIONS"):
                for version in ("1.0", "1.1"):
                    answer = asked(port.number, f"{method} {path} HTTP/{version}\r\n\r\n".encode())
                    assert answer[0] == status
                    assert b"\r\nAllow: GET, HEAD, OPTIONS\r\n" in answer[1]
                    assert bool(answer[2]) == (method == "GET")
        assert asked(port.number, b"POST /readyz HTTP/1.1\r\n\r\n")[::2] == (405, b"")
    finally:
        port.close()


def test_where_no_descriptor_is_left_it_does_not_try_all_the_time(monkeypatch):
    attempts = []

    def accept(_listening):
        attempts.append(time.monotonic())
        raise OSError(errno.EMFILE, "Too many open files")

    port = FiguresPort("127.0.0.1", 0, WorkerTotals(), lambda: 1)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(socket.socket, "accept", accept)
            with socket.create_connection(("127.0.0.1", port.number)):
                until = time.monotonic() + WAIT_S
                while len(attempts) < 4:
                    assert time.monotonic() < until, attempts
                    time.sleep(0.01)
        assert attempts[-1] - attempts[0] >= 3 * RETRY_S
        assert asked(port.number, b"GET /healthz HTTP/1.1\r\n\r\n")[0] == 200
    finally:
        port.close()


def test_every_family_is_explained_in_a_sentence():
    totals = Totals()
    for name in METRICS:
        totals.note(name, 1.0)
    for name in ("calls_total", "connections_total", "warnings_total", "upgrades_refused_total"):
        totals.add(name)
    figures = WorkerTotals()
    figures.take("a", 1, totals.snapshot())
    helps = re.findall(r"^# HELP voiceband_\w+ (.*)$", figures.text(1), re.MULTILINE)
    assert len(set(helps)) == len(helps) > 40
    for text in helps:
        assert re.fullmatch(r"[A-Z].* .*\.", text), text


def eventually_shown(port, at_least=(), **wanted):
    """Wait until the figures are there, and others are as great as that: workers tell them every second."""
    until = time.monotonic() + WAIT_S
    while True:
        values = lines_of(get(port, "/metrics")[1])
        enough = all(values.get(f"voiceband_{name}", 0) >= least for name, least in dict(at_least).items())
        if enough and all(values.get(f"voiceband_{name}") == value for name, value in wanted.items()):
            return values
        assert time.monotonic() < until, values
        time.sleep(0.1)


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a process group")
def test_serve_shows_what_all_its_workers_have_counted(tmp_path):
    agent_file = tmp_path / "my_agent.py"
    agent_file.write_text(AGENT)

    async def in_call(port, figures_port, served):
        async with connect(f"ws://127.0.0.1:{port}/ws") as websocket:
            await websocket.send(START)
            await echo(websocket)
            assert (await asyncio.to_thread(get, figures_port, "/readyz")) == (200, "ready\n")
            assert (await asyncio.to_thread(get, port, "/readyz"))[0] == 200
            served.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(WAIT_S):
                while (await asyncio.to_thread(get, figures_port, "/readyz"))[0] != 503:
                    await asyncio.sleep(0.05)
            assert (await asyncio.to_thread(get, figures_port, "/healthz")) == (200, "ok\n")
            await echo(websocket, 1)  # the call goes on

    async def refused(port):
        with pytest.raises(InvalidStatus):
            await connect(f"ws://127.0.0.1:{port}/other")

    options = ("--workers", "2", "--metrics-port", "0", "--path", "/ws")
    refusals = 'upgrades_refused_total{reason="no such path"}'
    with serving(agent_file, *options, code=SHORTER + COMMAND) as served:
        figures_port = int(served.wait_for(r"metrics: http://127\.0\.0\.1:(\d+)/metrics")[0])
        port = served.port
        assert get(figures_port, "/")[0] == 404
        assert get(figures_port, "/metrics", "HEAD") == (200, "")

        async def calls():
            for _ in range(6):
                async with connect(f"ws://127.0.0.1:{port}/ws") as websocket:
                    await websocket.send(START)
                    await echo(websocket)
            await refused(port)

        asyncio.run(calls())
        with socket.create_connection(("127.0.0.1", figures_port)):  # one that says nothing keeps nobody waiting
            least = {"messages_in_total": 12, "frames_out_total": 6, "send_late_ms_count": 1}
            values = eventually_shown(figures_port, least, calls_total=6, workers_ready=2, **{refusals: 1})
        assert values[f"voiceband_{refusals}"] == 1
        if sys.platform == "linux":
            assert values['voiceband_memory_bytes{worker="1"}'] > 2**20
        served.process.send_signal(signal.SIGUSR1)  # those that go leave what they have counted
        served.pids(4)
        eventually_shown(figures_port, calls_total=6, workers_ready=2)
        asyncio.run(in_call(port, figures_port, served))
        assert served.end() == 143
        assert "Traceback" not in served.said


def test_a_port_that_is_taken_is_named(tmp_path):
    agent_file = tmp_path / "my_agent.py"
    agent_file.write_text(AGENT)
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        result = voiceband("serve", f"{agent_file}:agent", "--port", "0", "--metrics-port", str(port))
    assert result.returncode == 2
    assert f"127.0.0.1:{port} cannot be listened on" in result.stderr
