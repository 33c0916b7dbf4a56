"""Both drivers on real loopback sockets, in real time, for as short as that goes."""

import asyncio
import contextlib
import json

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from voiceband.emulator import Call
from voiceband.emulator.driver import NoCallError, place_call
from voiceband.formats import PLIVO_L16_16K
from voiceband.integrations.websockets import serve
from voiceband.protocol import parse
from voiceband.session import Audio, Malformed, Started, Stopped

PCM = np.random.default_rng(7).integers(-20000, 20000, 16_000 // 5, np.int16)


def url(server):
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def test_a_call_over_a_real_socket():
    seen = []

    async def agent(call):
        async for event in call:
            seen.append(event)
            if isinstance(event, Started):
                await call.play(PCM, 16000)

    async def scenario():
        emulated = Call(PLIVO_L16_16K, playout_delay_ms=20)
        emulated.say(PCM)
        log = []

        def tick(now):
            if now - emulated.started_at > 0.5:
                emulated.hang_up(now)

        async with await serve(agent) as server:
            await asyncio.wait_for(
                place_call(emulated, url(server), on_message=lambda *m: log.append(m), on_tick=tick), 10
            )
        return emulated, log

    emulated, log = asyncio.run(scenario())
    assert isinstance(seen[0], Started)
    assert isinstance(seen[-1], Stopped)
    heard = np.concatenate([e.samples for e in seen if isinstance(e, Audio)])
    np.testing.assert_array_equal(heard[: len(PCM)], PCM)
    (run,) = emulated.player.runs
    np.testing.assert_array_equal(np.frombuffer(run.data, "<i2"), PCM)
    assert emulated.problems == []
    ways = [way for way, _, _ in log]
    assert 20 <= ways.count("sent") <= 30
    assert sorted({json.loads(text)["event"] for way, text, _ in log if way == "received"}) == [
        "checkpoint",
        "playAudio",
    ]


def test_an_agent_that_hangs_up_ends_the_call():
    async def agent(call):
        async for event in call:
            if isinstance(event, Audio):
                await call.hangup()

    async def scenario():
        emulated = Call()
        async with await serve(agent) as server:
            ending = await asyncio.wait_for(place_call(emulated, url(server)), 10)
        assert (ending.by_agent, ending.code) == (True, 1000)
        return emulated

    assert asyncio.run(scenario()).ended_at < float("inf")


def test_a_connection_that_breaks_off_is_a_stopped_call():
    events = []
    after = []

    async def agent(call):
        async for event in call:
            events.append(event)
        after.append("the agent's own end")

    async def scenario():
        async with await serve(agent) as server:
            socket = await connect(url(server))
            await socket.send('{"event":"start","start":{"streamId":"s"}}')
            await asyncio.sleep(0.05)
            socket.transport.abort()
            await asyncio.sleep(0.1)

    asyncio.run(scenario())
    assert [type(e) for e in events] == [Started, Stopped]
    assert after == ["the agent's own end"]


def test_bad_session_options_are_refused_when_the_server_starts():
    async def agent(call):
        pass

    for options in ({"rate": 5}, {"nonsense": 5}):
        with pytest.raises((ValueError, TypeError), match=next(iter(options))):
            asyncio.run(serve(agent, **options))


def test_compression_is_refused_and_a_bad_frame_does_not_end_a_call():
    events = []

    async def agent(call):
        async for event in call:
            events.append(event)

    async def scenario():
        async with await serve(agent) as server, connect(url(server), compression="deflate") as socket:
            assert socket.protocol.extensions == []
            await socket.send("rubbish")
            await socket.send(b"\xff\x00")
            await socket.send('{"event":"start","start":{"streamId":"s"}}')
            await socket.close()
            await asyncio.sleep(0.05)

    asyncio.run(scenario())
    assert [type(e) for e in events] == [Malformed, Malformed, Started, Stopped]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_of_the_agent_ends_its_call_only(caplog):
    async def agent(call):
        async for event in call:
            if isinstance(event, Started) and event.stream_id == "bad":
                raise ZeroDivisionError("the agent's own")
            if isinstance(event, Started):
                await call.play(np.zeros(160, np.int16), 8000)

    async def scenario():
        async with await serve(agent) as server, connect(url(server)) as good, connect(url(server)) as bad:
            await bad.send('{"event":"start","start":{"streamId":"bad"}}')
            with contextlib.suppress(ConnectionClosed):
                await bad.recv()
            await good.send('{"event":"start","start":{"streamId":"good"}}')
            assert json.loads(await good.recv())["event"] == "playAudio"
        assert not [t for t in asyncio.all_tasks() if t is not asyncio.current_task() and not t.done()]

    asyncio.run(scenario())
    assert "the agent's own" in caplog.text


@pytest.mark.parametrize("address", ["ws://127.0.0.1:1/", "ws://nosuchhost.invalid/", "http://127.0.0.1/", "nonsense"])
def test_no_agent_is_said_in_one_line(address):
    with pytest.raises(NoCallError, match=rf"^no agent at {address}: [^\n]+$"):
        asyncio.run(place_call(Call(), address))


def test_a_server_that_is_no_websocket():
    async def scenario():
        server = await asyncio.start_server(
            lambda _r, w: (w.write(b"HTTP/1.1 404 Not Found\r\n\r\n"), w.close()), "127.0.0.1", 0
        )
        async with server:
            with pytest.raises(NoCallError, match="no agent at"):
                await place_call(Call(), url(server))

    asyncio.run(scenario())


def test_every_text_of_an_emulated_call_can_be_parsed():
    call = Call(extra_headers='a=1;b="')
    call.start(0.0)
    call.press("#", 0.1)
    assert [type(parse(t)).__name__ for t in call.poll(0.05)][:2] == ["Start", "Dtmf"]
