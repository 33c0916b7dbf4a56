"""The carrier loses its connection and dials again: the call goes on where it was, on every driver."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve as websockets_serve

from _support.drivers import DRIVERS, SERVERS, eventually
from _support.messages import media, start
from _support.wires import Wire
from voiceband.api import AsyncPlivoClient
from voiceband.servers import CallHandle, joining
from voiceband.servers.context import running
from voiceband.servers.websockets import accept, settings
from voiceband.session import Audio, Cleared, Session, Started, Stopped

SPEECH_MS = 1000


@pytest.fixture(params=SERVERS)
def server(request):
    return SERVERS[request.param]


class Agent:
    """Keeps its calls and their events, and speaks once the first has started."""

    def __init__(self):
        self.calls = []
        self.events = []

    async def __call__(self, call):
        events = []
        self.calls.append(call)
        self.events.append(events)
        async for event in call:
            events.append(event)
            if isinstance(event, Started) and not event.again:
                await call.play(np.full(SPEECH_MS * 8, 500, np.int16), 8000, end=True)

    def kinds(self, k):
        return [type(event).__name__ for event in self.events[k] if not isinstance(event, Audio)]

    def heard_ms(self, k):
        return sum(len(event.samples) for event in self.events[k] if isinstance(event, Audio)) / 8


async def spoken(socket):
    """Read until some speech has come."""
    async with asyncio.timeout(10):
        while json.loads(await socket.recv())["event"] != "playAudio":
            pass


@asynccontextmanager
async def dialled(url, stream_id, first=0, n=5, **options):
    """Dial, as the carrier does for call "c", and bring some audio."""
    async with connect(url, compression=None, **options) as socket:
        await socket.send(start(stream_id=stream_id))
        for i in range(first, first + n):
            await socket.send(media(i, stream_id=stream_id))
        yield socket


@pytest.mark.parametrize("stream_id", ["s", "another"])
def test_a_call_goes_on_with_the_next_connection(server, stream_id, caplog):
    agent = Agent()

    async def scenario():
        async with server(agent, lead_ms=100) as url:
            before = asyncio.all_tasks()
            async with dialled(url, "s") as socket:
                await spoken(socket)
                await eventually(lambda: agent.heard_ms(0) == 100)
                socket.transport.abort()
            await eventually(lambda: "waits 10 s for another" in caplog.text)
            async with dialled(url, stream_id) as socket:
                await spoken(socket)
                await eventually(lambda: agent.heard_ms(0) == 200)
                assert not agent.calls[0].ended
            await eventually(lambda: agent.calls[0].ended and asyncio.all_tasks() <= before)

    with caplog.at_level(logging.INFO, "voiceband.calls"):
        asyncio.run(scenario())
    assert agent.kinds(0) == ["Started", "Started", "Stopped"]
    assert [event.again for event in agent.events[0] if isinstance(event, Started)] == [False, True]
    assert agent.kinds(1) == ["Stopped"]
    assert len(agent.calls) == 2
    assert "Traceback" not in caplog.text


def test_a_session_that_is_handed_on_is_neither_deaf_nor_mute():
    """Each connection is accepted with the session of the first: by hand, what the drivers do by themselves."""
    seen = []
    session = Session(lead_ms=100)

    async def handle(connection):
        events = []
        seen.append(events)
        async with accept(connection, session=session) as call:
            async for event in call:
                events.append(event)
                if isinstance(event, Started):
                    await call.play(np.full(4000, 500, np.int16), 8000, end=True)

    async def scenario():
        async with await websockets_serve(handle, "127.0.0.1", 0, **settings()) as running_server:
            url = f"ws://127.0.0.1:{running_server.sockets[0].getsockname()[1]}/"
            for _ in range(2):
                async with dialled(url, "s") as socket:
                    await spoken(socket)
                    await eventually(lambda: sum(isinstance(e, Audio) for e in seen[0]) % 5 == 0)
                    socket.transport.abort()
            async with dialled(url, "s") as socket:
                await spoken(socket)
            await eventually(lambda: isinstance(seen[0][-1], Stopped))

    asyncio.run(scenario())
    assert [type(event).__name__ for event in seen[0] if not isinstance(event, Audio)].count("Started") == 3
    assert [[type(event) for event in events] for events in seen[1:]] == [[Stopped]] * 2


def test_a_session_whose_call_has_ended_hears_and_speaks_on_the_next_connection():
    session = Session()
    heard = []

    async def agent(call):
        async for event in call:
            heard.append(event)
            if isinstance(event, Started):
                await call.play(np.full(160, 500, np.int16), 8000, end=True)

    async def one(stream_id):
        wire = Wire()
        call = CallHandle(wire, session, rejoin_s=0)
        async with running(call), asyncio.TaskGroup() as group:
            group.create_task(agent(call))
            wire.feed(start(stream_id=stream_id))
            wire.feed(media(0, stream_id=stream_id))
            await eventually(lambda: heard and isinstance(heard[-1], Audio))
            wire.lost("gone")
        return wire.names

    async def scenario():
        return [await one("first"), await one("second")]

    for names in asyncio.run(scenario()):
        assert "playAudio" in names


def waiting_call(scenario, *, status=204, **options):
    """Run `scenario(call, wire, requests)` in a call whose connection has just been lost."""
    requests = []
    transport = httpx.MockTransport(lambda request: requests.append(request) or httpx.Response(status, json={}))

    async def main():
        async with asyncio.timeout(20), httpx.AsyncClient(transport=transport) as http:
            wire = Wire()
            call = CallHandle(wire, api=AsyncPlivoClient("MA", "t", client=http), **options)
            async with running(call):
                wire.feed(start())
                wire.lost("connection lost")
                await scenario(call, wire, requests)
        assert joining.places_by_call == {}
        return [request.method for request in requests]

    return asyncio.run(main())


@pytest.mark.parametrize("status", [204, 404, 500])
def test_a_call_whose_carrier_does_not_come_back_is_hung_up(status, caplog):
    async def scenario(call, wire, requests):
        assert not call.ended
        assert [type(event) async for event in call] == [Started, Stopped]

    with caplog.at_level(logging.INFO, "voiceband.calls"):
        assert "DELETE" in waiting_call(scenario, status=status, rejoin_s=0.05)
    assert ("could not be hung up" in caplog.text) == (status == 500)


def test_a_call_that_has_another_stream_is_not_hung_up():
    async def main():
        first, second = Wire(), Wire()
        requests = []
        transport = httpx.MockTransport(lambda request: requests.append(request) or httpx.Response(204))
        async with httpx.AsyncClient(transport=transport) as http:
            api = AsyncPlivoClient("MA", "t", client=http)
            one, two = CallHandle(first, api=api, rejoin_s=0.05), CallHandle(second, api=api)
            async with running(one), running(two):
                first.feed(start(stream_id="one"))
                second.feed(start(stream_id="two"))  # a second stream of a call that is alive
                first.lost("connection lost")
                await eventually(lambda: one.ended)
                assert not two.ended
        return requests

    assert asyncio.run(main()) == []


def test_a_connection_that_is_closed_properly_ends_its_call_at_once(server):
    agent = Agent()

    async def scenario():
        async with server(agent) as url:
            async with dialled(url, "s") as socket:
                await spoken(socket)
            await eventually(lambda: agent.kinds(0)[-1:] == ["Stopped"])

    asyncio.run(scenario())


def test_what_an_agent_does_meanwhile_is_done_when_the_carrier_is_there_again():
    async def main():
        first, second = Wire(), Wire()
        call = CallHandle(first)
        async with running(call):
            first.feed(start())
            first.lost("connection lost")
            speech = await call.play(np.full(1600, 500, np.int16), 8000, name="meanwhile", end=True)
            await asyncio.sleep(0.05)
            assert first.names == []
            new = CallHandle(second)
            async with running(new):
                second.feed(start(stream_id="two"))
                assert new.ended
                assert call.link is second
                await eventually(lambda: "playAudio" in second.names)
                heard = await call.interrupt()
                assert heard["meanwhile"].queued_ms == 200
                assert (await speech).reason == "cleared"
                await eventually(lambda: "clearAudio" in second.names)
                second.feed('{"event":"clearedAudio","streamId":"two"}')
                call.end()
                second.lost("closed")
        kinds = [type(event) async for event in call]
        assert kinds == [Started, Started, Cleared, Stopped]
        assert second.closed

    asyncio.run(main())


@pytest.mark.parametrize("silent", [True, False])
def test_another_connection_takes_the_place_of_a_silent_one_only(silent, monkeypatch):
    if silent:
        monkeypatch.setattr(joining, "SILENT_S", 0.0)

    async def main():
        first, second = Wire(), Wire()
        one, two = CallHandle(first), CallHandle(second)
        async with running(one), running(two):
            first.feed(start())
            second.feed(start(stream_id="two"))
            assert two.ended == silent
            assert (first.closed is not None) == silent
            assert one.link is (second if silent else first)
            one.end()
            two.end()
            second.lost("closed")

    asyncio.run(main())


def test_a_loss_that_is_told_twice_ends_no_call_that_goes_on(caplog):
    async def main():
        first, second = Wire(), Wire()
        call = CallHandle(first, rejoin_s=0.2)
        async with running(call):
            first.feed(start())
            first.lost("nothing can be sent")
            first.lost("connection lost")
            new = CallHandle(second)
            async with running(new):
                second.feed(start(stream_id="two"))
                await asyncio.sleep(0.4)
                ended = call.ended
                call.end()
                second.lost("closed")
        return ended

    with caplog.at_level(logging.INFO, "voiceband.calls"):
        assert not asyncio.run(asyncio.wait_for(main(), 20))
    assert caplog.text.count("waits 0.2 s for another") == 1


def test_calls_that_came_to_different_paths_are_different_calls():
    async def main():
        first, second = Wire(), Wire()
        first.path, second.path = "/sales", "/support"
        one, two = CallHandle(first), CallHandle(second)
        async with running(one), running(two):
            first.feed(start())
            first.lost("connection lost")
            second.feed(start())
            assert not two.ended
            assert one.link is first

    asyncio.run(main())


@pytest.mark.parametrize("how", ["hangup", "return", "cancel"])
def test_an_agent_can_end_while_its_connection_is_lost(how):
    async def main():
        wire = Wire()
        call = CallHandle(wire)

        async def agent():
            async with running(call):
                wire.feed(start())
                wire.lost("connection lost")
                if how == "hangup":
                    assert await call.hangup() == "closed"
                elif how == "cancel":
                    await asyncio.sleep(10)

        task = asyncio.create_task(agent())
        await asyncio.sleep(0.01)
        if how == "cancel":
            task.cancel()
        await asyncio.wait({task})
        assert call.ended
        assert joining.places_by_call == {}
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_of_more_calls_than_may_wait_the_one_that_lasted_least_is_given_up(server, monkeypatch):
    """A peer that begins calls and drops them does not fill the memory, and the others still come back."""
    monkeypatch.setattr(joining, "MAX_WAITING", 5)
    over = []

    async def agent(call):
        call_id = None
        try:
            async for event in call:
                if isinstance(event, Started):
                    call_id = event.call_id
        finally:
            over.append(call_id)

    async def scenario():
        async with asyncio.timeout(30), server(agent, rejoin_s=60) as url:
            async with connect(url) as longer:
                await longer.send(start(stream_id="long", call_id="long"))
                await asyncio.sleep(0.5)
                longer.transport.abort()
            for k in range(12):
                async with connect(url) as brief:
                    await brief.send(start(stream_id=f"s-{k}", call_id=f"c-{k}"))
                    await asyncio.sleep(0.02)
                    brief.transport.abort()
            await eventually(lambda: len(over) == 8)
            assert "long" not in over
            return len(joining.waiting_places)

    assert asyncio.run(scenario()) == 5
    assert not joining.waiting_places


@pytest.mark.parametrize("first", ["lost", "draining"])
@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_nobody_waits_for_a_connection_that_a_draining_server_would_refuse(driver, first, caplog):
    agent = Agent()

    async def scenario():
        async with await driver.serve(agent, rejoin_s=600) as server, asyncio.timeout(30):
            url = f"ws://127.0.0.1:{server.port}/ws"
            async with dialled(url, "s") as socket, dialled(url, "t") as other:
                await eventually(lambda: sum(map(bool, agent.events)) == 2)
                if first == "draining":
                    server.refuse(answer=True)
                socket.transport.abort()
                if first == "lost":
                    await eventually(lambda: "waits 600 s for another" in caplog.text)
                    server.refuse()
                await eventually(lambda: agent.calls[0].ended)
                assert not agent.calls[1].ended
                await other.send('{"event":"stop"}')

    with caplog.at_level(logging.INFO, "voiceband.calls"):
        asyncio.run(scenario())
    assert agent.kinds(0) == ["Started", "Stopped"]
    assert ("waits" in caplog.text) == (first == "lost")
    assert not joining.waiting_places
