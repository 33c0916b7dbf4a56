"""The fixture `plivo_call`, in test files such as a user would write."""

import asyncio
import importlib.util
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from _support import broken_servers as servers
from _support.drivers import SERVERS
from voiceband.emulator import Retries
from voiceband.emulator.call.testing import Caller
from voiceband.emulator.caller.steps import Pause, Say, WaitFor
from voiceband.session import Audio, Started

pytest_plugins = ["pytester"]
AGENT = """
import numpy as np
import pytest
from voiceband.session import Audio, Started

TONE = (8000 * np.sin(np.arange(8000) * 0.2)).astype(np.int16)

async def greeter(call):
    async for event in call:
        if isinstance(event, Started):
            await call.play(TONE, 8000)
"""


@pytest.fixture
def run(pytester):
    """Run a file of tests with the plugin; no other plugin of this environment has a say."""

    def go(source, *options):
        pytester.makepyfile(AGENT + textwrap.dedent(source))
        return pytester.runpytest_inprocess("-p", "no:benchmark", *options)

    return go


def test_an_agent_on_a_handle_takes_no_time(run):
    result = run("""
        def test_greets(plivo_call):
            call = plivo_call(greeter)
            assert call.first_audio < 0.8
            assert call.gaps == []
            assert {finding.rule for finding in call.findings} == {"unanswered-turn"}  # a greeting is no answer
            assert call.connected and call.end_reason == "caller"
            assert call.duration > 10  # seconds of the call
            first, again, other = (plivo_call(greeter, seed=seed) for seed in (1, 1, 2))
            assert first.transcript == again.transcript != other.transcript
            assert call.carrier.call_id != plivo_call(greeter).carrier.call_id
            assert call.measures == first.measures
            at = int(np.argmax(np.correlate(call.heard.astype(float), TONE.astype(float), "valid")))
            assert at / call.rate == pytest.approx(call.first_audio, abs=0.001)
            assert np.corrcoef(call.heard[at : at + 8000], TONE)[0, 1] > 0.99
        """)
    result.assert_outcomes(passed=1)


def test_an_assertion_that_does_not_hold_fails(run):
    result = run("""
        async def late(call):
            import asyncio
            async for event in call:
                if isinstance(event, Started):
                    await asyncio.sleep(2)
                    await call.play(TONE, 8000)

        async def mute(call):
            async for event in call:
                pass

        def test_late(plivo_call):
            assert plivo_call(late).first_audio < 0.8

        def test_mute(plivo_call):
            assert plivo_call(mute).findings == []

        def test_right(plivo_call):
            assert 2.2 < plivo_call(late).first_audio < 2.4
            assert plivo_call(mute).first_audio == float("inf")
        """)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*silent-agent*"])


def test_what_an_agent_raises_is_raised(run):
    result = run("""
        async def broken(call):
            raise KeyError("no such prompt")

        def test_it(plivo_call):
            plivo_call(broken)
        """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*KeyError: 'no such prompt'*"])


def test_a_function_on_a_session(run):
    run("""
        def act(session, event, now):
            if isinstance(event, Started):
                session.play(TONE, 8000)
                session.drain(hangup_after_drain=True)

        def test_it(plivo_call):
            call = plivo_call(act, stream="contentType=audio/x-l16;rate=16000")
            assert call.findings == [] and call.rate == 16000
            assert 1.2 < call.duration < 2

        def test_options(plivo_call):
            with pytest.raises(ValueError, match="clock must be virtual"):
                plivo_call(act, clock="real")
        """).assert_outcomes(passed=2)


def test_applications_without_sockets(run):
    pytest.importorskip("fastapi")
    run("""
        from fastapi import FastAPI, Request, Response, WebSocket
        from voiceband.servers.fastapi import accept
        from voiceband.markup import Hangup, Stream, Response as Answer

        app = FastAPI()
        told = []

        @app.post("/answer")
        async def answer():
            stream = Stream("wss://any.test/ws?room=7", bidirectional=True, keep_call_alive=True,
                            content_type="audio/x-l16;rate=16000", status_callback_url="https://any.test/status")
            return Response(Answer(stream, Hangup()).to_xml(), media_type="application/xml")

        @app.post("/status")
        async def status(request: Request):
            told.append((await request.body()).decode())

        @app.websocket("/ws")
        async def ws(socket: WebSocket):
            assert socket.query_params.get("room", "7") == "7"
            async with accept(socket) as call:
                await greeter(call)

        @app.websocket("/plain")
        async def plain(socket: WebSocket):
            await socket.accept()
            start = await socket.receive_json()
            await socket.send_json({"event": "media", "media": {"payload": "////"}})
            await socket.close(1011, "tired")

        @app.websocket("/signed")
        async def signed(socket: WebSocket):
            async with accept(socket, auth_token="secret") as call:
                await greeter(call)

        @app.websocket("/raises")
        async def raises(socket: WebSocket):
            await socket.accept()
            raise KeyError("prompt")

        def test_virtual(plivo_call):
            call = plivo_call("https://any.test/answer", app=app, clock="virtual")
            assert "unanswered-turn" in {finding.rule for finding in call.findings}  # it greets, and no more
            assert call.gaps == [] and call.rate == 16000
            assert call.first_audio < 0.8
            assert "Event=StartStream" in told[0]

        def test_real(plivo_call):
            from voiceband.emulator.caller.steps import WaitFor
            call = plivo_call("ws://any.test/ws", app=app, script=[WaitFor("stop", silence_ms=100)])
            assert call.findings == []

        def test_a_network(plivo_call):
            near = plivo_call("ws://any.test/ws", app=app, clock="virtual")
            far = plivo_call("ws://any.test/ws", app=app, clock="virtual", network="clean")
            assert far.first_audio - near.first_audio == pytest.approx(0.05, abs=0.005)

        def test_what_it_does_wrong(plivo_call):
            call = plivo_call("ws://any.test/plain", app=app, clock="virtual")
            assert {finding.rule for finding in call.findings} == {"media-event", "agent-error"}

        @pytest.mark.parametrize("path", ["signed", "absent"])
        def test_refused(plivo_call, path):
            call = plivo_call(f"ws://any.test/{path}", app=app, clock="virtual")
            assert [finding.rule for finding in call.findings] == ["no-connection"] and not call.connected
            with pytest.raises(RuntimeError, match="no stream came about.*no-connection"):
                call.first_audio

        def test_signed(plivo_call):
            call = plivo_call("ws://any.test/signed", app=app, clock="virtual", auth_token="secret")
            assert call.connected and {finding.rule for finding in call.findings} == {"unanswered-turn"}

        def test_what_it_raises(plivo_call):
            with pytest.raises(KeyError):
                plivo_call("ws://any.test/raises", app=app, clock="virtual")
        """).assert_outcomes(passed=8)


def test_real_sockets():
    with servers.served(servers.speaks_media) as url:
        call = Caller()(url, script=[Pause(0.3)])
    assert [finding.rule for finding in call.findings] == ["media-event"]


def test_an_application_that_does_not_read_is_dropped():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.sleep(3600)

    call = Caller()("ws://a.test/", app=app, clock="virtual", script=[Pause(100)], timeout_s=120)
    assert "slow-reader" in {finding.rule for finding in call.findings}
    assert call.stream.end_reason == "slow connection"


def test_said_and_heard_of_a_parrot():
    async def parrot(call):
        async for event in call:
            if isinstance(event, Audio):
                await call.play(event.samples, 8000)

    rng = np.random.default_rng(1)
    call = Caller()(parrot, say=rng.normal(0, 2000, 8000).astype(np.int16))
    said, heard = call.said.astype(float), call.heard.astype(float)
    assert len(said) == len(heard)
    begin = int(np.argmax(np.abs(said) > 500))  # nobody has greeted, so the caller speaks first
    assert begin / 8000 == pytest.approx(2.0, abs=0.1)
    sentence = said[begin : begin + 8000]
    at = int(np.argmax(np.correlate(heard, sentence, "valid")))
    assert np.corrcoef(heard[at : at + 8000], sentence)[0, 1] > 0.99
    assert call.answers == []  # what speaks at once with the caller does not answer


@pytest.mark.parametrize(
    ("agent", "options", "error", "match"),
    [
        (7, {}, TypeError, "agent must be an address"),
        ("ftp://a", {}, ValueError, "must begin with ws://"),
        ("ws://a/", {"clock": "virtual"}, ValueError, "clock must be real"),
        ("ws://a/", {"clock": "sun"}, ValueError, "clock must be one of real, virtual, not 'sun'"),
        ("ws://a/", {"timeout_s": -1}, ValueError, "timeout_s must be from 0.1 to 86400, not -1"),
        ("ws://a/", {"timeout_s": float("nan")}, ValueError, "timeout_s must be"),
        ("ws://a/", {"session": {}}, ValueError, "session must not be given"),
        ("ws://a/", {"say": "@caller", "script": "x.yaml"}, ValueError, "exclude each other"),
        ("ws://a/", {"network": "none"}, ValueError, "network must be one of"),
        ("ws://a/", {"spam": 1}, TypeError, "spam"),
    ],
)
def test_wrong_arguments(agent, options, error, match):
    with pytest.raises(error, match=match):
        Caller()(agent, **options)


def test_a_coroutine_is_told_that_it_cannot_call():
    async def scenario():
        Caller()("ws://127.0.0.1:1/")

    with pytest.raises(RuntimeError, match=r"write `await plivo_call.aio"):
        asyncio.run(scenario())


def test_a_loop_that_runs_already_is_no_error_for_an_agent_that_is_here():
    """As in a notebook's cell."""

    async def mute(call):
        async for _ in call:
            pass

    async def cell():
        return [
            Caller()(mute, timeout_s=1.0),
            Caller()(mute, timeout_s=0.2, clock="real"),
            Caller()(lambda session, event, now: None, timeout_s=1.0),
        ]

    calls = asyncio.run(cell())
    assert [call.connected for call in calls] == [True] * 3
    for html in (calls[0]._repr_html_(), calls[2]._repr_html_()):
        assert "<audio" in html
        assert "<img" in html


def test_a_notebook_may_call_addresses_too(monkeypatch):
    monkeypatch.setattr("builtins.get_ipython", object, raising=False)

    async def cell():
        return Caller()("ws://127.0.0.1:1/", timeout_s=1.0, retries=Retries(most=0))

    assert not asyncio.run(cell()).connected


def test_a_call_says_what_it_was():
    async def mute(call):
        async for _ in call:
            pass

    assert repr(Caller()(mute, script=[Pause(8)])) == "<PlacedCall: 8.0 s, ended by 'caller', silent-agent>"


def test_a_run_without_the_fixture_imports_nothing(pytester):
    pytester.makepyfile("""
        import sys

        def test_nothing():
            assert not [name for name in sys.modules if name.partition(".")[0] in ("voiceband", "numpy", "httpx")]
        """)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
    ]  # pytest-randomly imports numpy
    result = subprocess.run(command, capture_output=True, text=True, cwd=pytester.path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_without_the_extra_only_those_who_ask_are_told(pytester):
    pytester.makeconftest("import sys\nsys.modules['httpx'] = None\n")
    pytester.makepyfile("def test_one(): pass\n\ndef test_two(plivo_call): pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=pytester.path)
    assert "1 passed, 1 error" in result.stdout
    assert "pip install 'voiceband[emulator]'" in result.stdout


async def echo(call):
    async for event in call:
        if isinstance(event, Audio):
            await call.play(event.samples, 8000)


async def returns(_call):
    pass


def test_an_agent_that_had_more_to_read_before_the_stop_is_not_accused():
    call = Caller()(echo, network="slow-reader", script=[Say("@caller"), Pause(8)])
    assert call.findings == []
    late = [entry.at_s - call.log.named("ended")[0].at_s for entry in call.log if "ignored" in entry.detail]
    assert max(late) > 1, "it did not hear of the end at once"


def parrot(session, event, _now):
    if isinstance(event, Audio):
        # Each piece brings an answer that must be read too, so it reads half as fast.
        session.play(event.samples, end=True)


def test_nor_one_that_was_far_behind():
    call = Caller()(parrot, network="slow-reader", script=[Say("@caller", sentence=1), Pause(20)], timeout_s=90)
    (ended,) = call.log.named("ended")
    late_s = [entry.at_s - ended.at_s for entry in call.log if "ignored" in entry.detail]
    assert max(late_s) > 1.5 * ended.detail["behind_s"]
    assert call.findings == []


def test_an_agent_that_returns_closes_its_end():
    call = Caller()(returns, script=[Pause(60)])
    assert (call.end_reason, [finding.rule for finding in call.findings]) == ("end of XML", ["silent-agent"])
    assert call.duration < 1


def test_an_endpoint_that_returns_breaks_off_and_one_that_is_hung_up_on_has_done_nothing_wrong():
    fastapi = pytest.importorskip("fastapi")
    app = fastapi.FastAPI()

    async def leave(socket):
        await socket.accept()

    async def listen(socket):
        await socket.accept()
        while True:
            await socket.receive_text()  # raises WebSocketDisconnect at the end

    app.router.add_websocket_route("/leave", leave)
    app.router.add_websocket_route("/listen", listen)
    left = Caller()("ws://any.test/leave", app=app, clock="virtual", script=[Pause(6)])
    assert {finding.rule for finding in left.findings} == {"broken-off"}, left.transcript
    heard = Caller()("ws://any.test/listen", app=app, clock="virtual", script=[Pause(4)])
    assert (heard.end_reason, heard.findings) == ("caller", [])


def test_a_failure_shows_what_to_do_and_keeps_its_calls(run, tmp_path):
    result = run(
        """
        def mute(session, event, now):
            pass

        def test_fails(plivo_call):
            assert plivo_call(mute).errors == []

        def test_fails_twice(plivo_call):
            plivo_call(greeter)
            assert not plivo_call(mute).errors

        def test_passes(plivo_call):
            plivo_call(greeter)
        """,
        "--plivo-save",
        str(tmp_path / "kept"),
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        ["*- plivo_call -*", "1 error", "error: *silent-agent: *", "    what to do: send playAudio*"]
    )
    folders = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert len(folders) == 3  # one call, and two
    for name in folders:
        files = {path.name for path in (tmp_path / "kept" / name).iterdir()}
        assert files >= {"call.wav", "wire.jsonl", "summary.json"}
        assert ("report.html" in files) == (importlib.util.find_spec("jinja2") is not None)


async def greets(call):
    async for event in call:
        if isinstance(event, Started):
            await call.play(np.full(4000, 8000, np.int16), 8000, end=True)


def test_a_coroutine_awaits_a_call():
    """On virtual time, and in real time beside a server in the same event loop."""

    async def both():
        virtual = await Caller().aio(greets, script=[WaitFor("stop")])
        async with SERVERS["websockets"](greets) as url:
            real = await Caller().aio(url, script=[WaitFor("stop")])
        return virtual, real

    for call in asyncio.run(both()):
        assert call.errors == []
        assert call.first_audio < 0.8
