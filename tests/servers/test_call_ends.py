"""How a call ends, and what its agent learns of that."""

import asyncio

import httpx
import pytest

from _support.drivers import eventually
from _support.messages import media
from _support.wires import START, Wire, in_call, silence
from voiceband.api import ApiError, AsyncPlivoClient
from voiceband.servers import CallEndedError, CallHandle
from voiceband.servers import call as call_module
from voiceband.servers.context import running
from voiceband.session import Capture, Session, Started, Stopped


def client(status):
    answer = httpx.MockTransport(lambda request: requests.append(request) or httpx.Response(status, json={}))
    requests = []
    return AsyncPlivoClient("MA", "secret", client=httpx.AsyncClient(transport=answer)), requests


@pytest.mark.parametrize(("status", "how"), [(204, "ended"), (404, "over")])
def test_hangup_ends_the_call_by_the_api(status, how):
    api, requests = client(status)

    async def scenario(call, wire):
        assert await call.hangup() == how
        assert [(r.method, r.url.path.rstrip("/").rsplit("/", 1)[1]) for r in requests] == [("DELETE", "c-1")]

    in_call(scenario, api=api)


def test_an_api_that_refuses_surfaces_and_the_socket_is_closed():
    async def scenario(call, wire):
        with pytest.raises(ApiError):
            await call.hangup()
        assert wire.closed == (1000, "hung up")
        assert isinstance([e async for e in call][-1], Stopped)

    in_call(scenario, api=client(500)[0])


def test_hangup_without_credentials_says_what_it_means(caplog):
    async def scenario(call, wire):
        assert await call.hangup() == "closed"
        assert call.ended

    with caplog.at_level("INFO", "voiceband.calls"):
        in_call(scenario)
    assert "c-1" in caplog.text
    assert "keepCallAlive" in caplog.text


def test_an_ended_call_is_the_agents_end_and_no_error():
    async def scenario(call, wire):
        call.lost()
        await call.play(silence(20), 8000, end=True)

    async def main():
        wire = Wire()
        other = CallHandle(Wire())
        other.lost()
        call = CallHandle(wire)
        async with running(call):
            await scenario(call, wire)
        assert wire.closed == (1000, "")
        call = CallHandle(wire := Wire())
        with pytest.raises(CallEndedError):
            async with running(call):
                await scenario(other, wire)
        assert wire.closed == (1011, "internal error")

    asyncio.run(main())


@pytest.mark.parametrize("while_", ["receiving", "sending", "closing"])
def test_an_error_of_the_users_code_in_the_session_ends_the_call_and_surfaces(while_):
    class Broken(Session):
        """Stands for one with code of the user's own in it."""

        __slots__ = ()

        def receive(self, message, now):
            if while_ == "receiving" and "media" in message:
                raise OSError("disk full")
            return super().receive(message, now)

        def poll(self, now):
            texts = super().poll(now)
            if while_ == "sending" and texts:
                raise OSError("disk full")
            return texts

        def close(self, reason=None):
            events = super().close(reason)
            if while_ == "closing":
                raise OSError("disk full")
            return events

    async def scenario(call, wire):
        if while_ == "receiving":
            call.feed(media(0))
        if while_ == "sending":
            await call.play(silence(20), 8000, end=True)
        if while_ == "closing":
            call.lost()
        assert call.ended
        assert call.session.stopped
        async for _ in call:
            pass

    wire = Wire()

    async def main():
        call = CallHandle(wire, Broken())
        async with running(call):
            call.feed(START)
            await scenario(call, wire)

    with pytest.raises(OSError, match="disk full"):
        asyncio.run(main())
    assert wire.closed


@pytest.mark.parametrize("method", ["received", "sent"])
def test_a_capture_that_fails_is_told_and_the_call_goes_on(method, tmp_path):
    class Full(Capture):
        """Stands for a capture whose disk is full."""

    def fail(self, *args):
        raise OSError("disk full")

    setattr(Full, method, fail)

    async def main(capture):
        call = CallHandle(wire := Wire(), Session(capture=capture))
        async with running(call):
            call.feed(START)
            await call.play(silence(20), 8000, end=True)
            call.feed(media(0))
            call.feed(media(1))
            call.lost()
            kinds = [getattr(event, "kind", type(event).__name__) async for event in call]
        return kinds, wire.names

    with Full(tmp_path / "wire.jsonl") as capture:
        kinds, names = asyncio.run(main(capture))
    assert kinds.count("capture") == 1
    assert kinds.count("Audio") == 2
    assert "playAudio" in names


def test_a_silent_peer_is_given_up_and_a_paused_one_is_not_silent():
    async def scenario(call, wire):
        wire.pause()
        await asyncio.sleep(0.08)
        assert not call.ended
        wire.resume()
        await eventually(lambda: call.ended)
        assert wire.closed == (1001, "no message for 0.02 s")

    in_call(scenario, idle_timeout_s=0.02)


@pytest.mark.parametrize("bad", [0, -1, True, "5", float("nan"), float("inf")])
def test_idle_timeouts_that_are_none(bad):
    with pytest.raises(TypeError if bad in (True, "5") else ValueError, match="idle_timeout_s must be"):
        in_call(lambda call, wire: asyncio.sleep(0), idle_timeout_s=bad)


def test_a_session_is_given_whole_or_by_its_options():
    with pytest.raises(ValueError, match="rate must be given to session"):
        in_call(lambda call, wire: asyncio.sleep(0), session=Session(), rate=8000)


def test_a_reason_is_cut_to_what_a_close_frame_holds():
    async def scenario(call, wire):
        call.end(1000, "é" * 100)
        assert wire.closed == (1000, "é" * 61)

    in_call(scenario)


def test_after_the_stop_nothing_more_comes_and_the_socket_is_closed(monkeypatch):
    monkeypatch.setattr(call_module, "AFTER_STOP_S", 0.05)

    async def scenario(call, wire):
        call.feed('{"event":"stop","streamId":"s"}')
        call.feed(media(0))
        call.feed(START)
        assert [type(e) async for e in call] == [Started, Stopped]
        assert wire.closed == (1000, "the stream has stopped")

    in_call(scenario, idle_timeout_s=None)


@pytest.mark.parametrize("other", [None, ZeroDivisionError("the agent's own")])
def test_the_end_of_a_call_in_several_tasks_is_one_end(other):
    async def scenario():
        wire = Wire()
        call = CallHandle(wire)

        async def speak():
            while True:
                await call.play(silence(20), 8000, end=True)
                await asyncio.sleep(0)

        async def end():
            call.lost()
            if other is not None:
                raise other

        async with running(call):
            call.feed(START)
            async with asyncio.TaskGroup() as group:
                for work in (speak, speak, end):
                    group.create_task(work())
        return wire

    if other is None:
        assert asyncio.run(scenario()).closed == (1000, "")
    else:
        with pytest.raises(ExceptionGroup) as caught:
            asyncio.run(scenario())
        assert other in caught.value.exceptions


def test_a_cancellation_that_nobody_asked_for_is_the_agents_error():
    async def scenario():
        wire = Wire()

        async def call():
            async with running(CallHandle(wire)):
                child = asyncio.create_task(asyncio.sleep(10))
                child.cancel()
                await child

        with pytest.raises(RuntimeError, match="nobody has cancelled it"):
            await call()
        assert wire.closed[0] == 1011

    asyncio.run(scenario())
