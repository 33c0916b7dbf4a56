"""What a new connection of a call does not go on with: a call, or a stream, that has ended."""

import asyncio
import contextlib

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from _support.drivers import SERVERS, eventually
from _support.messages import media, start
from _support.wires import Wire
from voiceband.servers import CallHandle, joining
from voiceband.servers.context import running


@pytest.fixture(params=SERVERS)
def server(request):
    return SERVERS[request.param]


def test_a_call_that_ended_before_its_start_came_takes_no_redial(server, monkeypatch):
    """An agent fails at once, while the start message is on its way; the carrier dials again after that."""
    monkeypatch.setattr(joining, "SILENT_S", 0.1)
    calls = []

    async def agent(call):
        calls.append([])
        if len(calls) == 1:
            raise RuntimeError("not ready yet")
        async for event in call:
            calls[-1].append(type(event).__name__)

    async def scenario():
        async with server(agent) as url:
            async with connect(url, compression=None) as socket:
                with contextlib.suppress(ConnectionClosed):
                    await socket.send(start())
                    await socket.wait_closed()
            await asyncio.sleep(joining.SILENT_S + 0.2)  # from now on its place would be taken for a silent call's
            async with connect(url, compression=None) as socket:
                for message in (start(), media(0), media(1)):
                    await socket.send(message)
                await eventually(lambda: "Audio" in calls[-1] or socket.state is not State.OPEN)
            await eventually(lambda: "Stopped" in calls[-1])

    asyncio.run(scenario())
    assert len(calls) == 2
    assert calls[1][:2] == ["Started", "Audio"]
    assert not joining.places_by_call


def test_a_stream_that_was_stopped_takes_no_connection(monkeypatch):
    """The next stream of the call begins a while after the stop, and the socket of the first is still open."""

    async def scenario():
        first = Wire()
        async with running(CallHandle(first)):
            first.feed(start(stream_id="s"))
            first.feed(media(0, stream_id="s"))
            first.feed('{"event":"stop","streamId":"s"}')
            monkeypatch.setattr(joining, "SILENT_S", 0.0)
            second = Wire()
            async with running(CallHandle(second)) as another:
                second.feed(start(stream_id="t"))
                second.feed(media(0, stream_id="t"))
                assert [type(await anext(another)).__name__ for _ in range(2)] == ["Started", "Audio"]
                assert not another.ended

    asyncio.run(scenario())


def test_checkpoints_are_settled_by_an_interruption_though_the_connection_is_lost():
    async def scenario():
        wire = Wire()
        call = CallHandle(wire, rejoin_s=60)
        wire.feed(start())
        mark = call.checkpoint("so far")
        wire.lost("connection lost")
        assert not call.ended
        await call.interrupt()
        assert (await asyncio.wait_for(mark, 10)).reason == "cleared"
        call.lost("enough")

    asyncio.run(scenario())
