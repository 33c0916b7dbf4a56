"""The fixture `plivo_call`, in test files such as a user would write."""

import importlib.util
import subprocess
import sys
import textwrap

import numpy.fft
import numpy.random  # noqa: F401
import pytest

import voiceband.emulator  # noqa: F401  (pytester forgets what is imported within, and compiled modules cannot be twice)

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
            with pytest.raises(RuntimeError, match="no stream was opened.*no-connection"):
                call.first_audio

        def test_signed(plivo_call):
            call = plivo_call("ws://any.test/signed", app=app, clock="virtual", auth_token="secret")
            assert call.connected and {finding.rule for finding in call.findings} == {"unanswered-turn"}

        def test_what_it_raises(plivo_call):
            with pytest.raises(KeyError):
                plivo_call("ws://any.test/raises", app=app, clock="virtual")
        """).assert_outcomes(passed=8)


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
