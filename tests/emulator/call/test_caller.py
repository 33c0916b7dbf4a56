"""`plivo_call` without pytest around it: what it takes, whom it calls, and what it says of the call."""

import asyncio

import numpy as np
import pytest

from _support import broken_servers as servers
from _support.drivers import SERVERS
from voiceband.emulator import Retries
from voiceband.emulator.call.testing import Caller
from voiceband.emulator.caller.steps import Pause, Say, WaitFor
from voiceband.session import Audio, Started


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
        ("ws://a/", {"stream": {"audioTrack": "both"}}, TypeError, "stream must be a text of the attributes"),
        ("ws://a/", {"say": [1, 2]}, TypeError, "must be a sound file or an array"),
        ("ws://a/", {"script": 3}, TypeError, "script must be a ready script's name"),
        ("ws://a/", {"seed": "x"}, TypeError, "seed must be an integer"),
    ],
)
def test_wrong_arguments(agent, options, error, match):
    with pytest.raises(error, match=match):
        Caller()(agent, **options)


def test_a_script_is_in_a_file_that_any_path_names():
    class Named:
        def __fspath__(self):
            return "missing.yaml"

    with pytest.raises(ValueError, match=r"missing\.yaml: it cannot be read"):
        Caller()("ws://a/", script=Named())


def test_options_that_are_none_are_not_given():
    async def mute(call):
        async for _ in call:
            pass

    call = Caller()(mute, stream=None, say=None, script=None, network=None, noise=None, seed=None, timeout_s=0.5)
    assert call.connected


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
