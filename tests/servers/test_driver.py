"""Every driver on real loopback sockets, in real time, for as short as that goes."""

import asyncio
import contextlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from _support.drivers import SERVERS, eventually, set_everywhere, timers_of_voiceband
from _support.one_connection import call_agent
from _support.peers import Peer, frame
from voiceband.emulator import CarrierStream
from voiceband.formats import PLIVO_L16_16K
from voiceband.protocol import parse
from voiceband.servers import pump
from voiceband.session import Audio, Started, Stopped

PCM = np.random.default_rng(7).integers(-20000, 20000, 16_000 // 5, np.int16)
FORMAT = '"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}'
START = '{"event":"start","start":{"streamId":"s","callId":"c",' + FORMAT + "}}"


@pytest.fixture(params=SERVERS)
def server(request):
    return SERVERS[request.param]


def tasks():
    return {task for task in asyncio.all_tasks() if not task.done()}


def test_a_call_over_a_real_socket(server):
    seen, outcomes = [], []

    async def agent(call):
        async for event in call:
            seen.append(event)
            if isinstance(event, Started):
                outcomes.append(await (await call.play(PCM, 16000, name="words", end=True)))

    async def scenario():
        async with server(agent) as url:
            calling = call_agent(url, PLIVO_L16_16K, say=PCM, seconds=0.5, playout_delay_ms=20)
            return await asyncio.wait_for(calling, 10)

    carrier = asyncio.run(scenario())
    (emulated,) = carrier.streams
    assert isinstance(seen[0], Started)
    assert isinstance(seen[-1], Stopped)
    heard = np.concatenate([e.samples for e in seen if isinstance(e, Audio)])
    np.testing.assert_array_equal(heard[: len(PCM)], PCM)
    played = b"".join(run.data for run in emulated.player.runs)  # one run, but for a machine that stands still
    np.testing.assert_array_equal(np.frombuffer(played, "<i2"), PCM)
    assert emulated.problems == []
    assert [(o.name, o.played, o.reason, o.heard_ms) for o in outcomes] == [("words", True, None, 200.0)]
    assert 20 <= sum(entry.way == "sent" for entry in carrier.log) <= 100  # 20 of the words; silence on slow machines
    assert {entry.name for entry in carrier.log if entry.way == "received"} == {"checkpoint", "playAudio"}


async def agent_returns(_call, _socket, _task):
    return


async def agent_raises(_call, _socket, _task):
    raise ZeroDivisionError("the agent's own")


async def agent_hangs_up(call, _socket, _task):
    assert await call.hangup() == "closed"
    assert isinstance([e async for e in call][-1], Stopped)


async def agent_speaks_on(call, socket, _task):
    await socket.close()
    while True:
        await call.play(np.zeros(160, np.int16), 8000, end=True)
        await asyncio.sleep(0)


async def peer_closes(call, socket, _task):
    await socket.close()
    assert isinstance([e async for e in call][-1], Stopped)


async def peer_vanishes(call, socket, _task):
    speech = await call.play(np.zeros(80_000, np.int16), 8000, end=True)
    drain = asyncio.create_task(call.drain())
    socket.transport.abort()
    assert (await speech).reason == "closed"
    assert await drain is None
    assert isinstance([e async for e in call][-1], Stopped)


async def peer_is_silent(call, _socket, _task):
    assert [e async for e in call][-1] == Stopped("no message for 1 s")


async def carrier_stops(call, socket, _task):
    await socket.send('{"event":"stop","streamId":"s"}')
    async for event in call:
        if isinstance(event, Stopped):
            await call.play(np.zeros(160, np.int16), 8000, end=True)


async def handler_is_cancelled(call, _socket, task):
    asyncio.get_running_loop().call_soon(task.cancel)
    await (await call.play(np.zeros(80_000, np.int16), 8000, end=True))


ENDINGS = {
    agent_returns: 1000,
    agent_raises: 1011,
    agent_hangs_up: 1000,
    agent_speaks_on: 1000,
    peer_closes: 1000,
    peer_vanishes: 1006,
    peer_is_silent: 1001,
    carrier_stops: 1000,
    handler_is_cancelled: 1001,
}


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda e: e.__name__)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_every_ending_leaves_nothing_behind(server, ending, caplog):
    failures = []

    async def scenario():
        peers = []
        over = []

        async def agent(call):
            try:
                if not isinstance(await anext(call), Stopped):
                    await ending(call, peers[0], asyncio.current_task())
            except AssertionError as error:
                failures.append(error)
            finally:
                over.append(call)

        timers = timers_of_voiceband(asyncio.get_running_loop())
        async with server(agent, rejoin_s=0, idle_timeout_s=1 if ending is peer_is_silent else 60) as url:
            async with connect(url):  # so that all that the server needs is there
                connected = tasks()
            await eventually(lambda: over and tasks() < connected)
            before = tasks()
            over.clear()
            async with connect(url, ping_interval=None) as socket:
                peers.append(socket)
                await socket.send(START)
                with contextlib.suppress(ConnectionClosed):
                    while True:
                        await socket.recv()
                assert socket.close_code == ENDINGS[ending]
            await eventually(lambda: over and tasks() <= before)
            (call,) = over
            assert call.ended
            now = asyncio.get_running_loop().time()
            assert timers
            assert all(timer.cancelled() or timer.when() <= now for timer in timers)
        assert tasks() == {asyncio.current_task()}

    asyncio.run(scenario())
    assert failures == []
    assert ("the agent's own" in caplog.text) == (ending is agent_raises)
    if ending is not handler_is_cancelled:  # which some servers report
        assert ("Traceback" in caplog.text) == (ending is agent_raises)


def test_a_server_that_shuts_down_ends_its_calls(server, caplog):
    ends = []

    async def scenario():
        running = asyncio.Event()

        async def agent(call):
            try:
                async for event in call:
                    running.set()
                    ends.append(event)
            except asyncio.CancelledError:
                ends.append("cancelled")
                raise

        async with server(agent) as url:
            socket = await connect(url)
            await socket.send(START)
            await running.wait()
        await socket.wait_closed()
        await eventually(lambda: tasks() == {asyncio.current_task()})

    asyncio.run(scenario())
    assert isinstance(ends[-1], Stopped) or ends[-1] == "cancelled"
    assert "Traceback" not in caplog.text


def test_a_server_that_shuts_down_closes_a_socket_whose_close_is_not_answered(server):
    """The agent has returned, and its task waits for the peer when it is cancelled."""

    async def agent(call):
        await anext(aiter(call))

    async def main():
        async with server(agent, rejoin_s=0) as url:
            peer = await Peer(url).upgrade()
            peer.writer.write(frame(START))
            assert (await peer.read())[0] == 8
        async with asyncio.timeout(8):  # less than any library waits for the answer
            assert await peer.reader.read() == b""  # the end; it is not a reset, for all was read

    asyncio.run(main())


def test_a_peer_that_answers_no_ping_is_given_up(server, monkeypatch):
    events = []
    set_everywhere(monkeypatch, "PING_S", 0.05)

    async def agent(call):
        async for event in call:
            events.append(event)

    async def scenario():
        async with server(agent, idle_timeout_s=None) as url, asyncio.timeout(20):
            peer = await Peer(url).upgrade()
            await peer.until_closed()
            await eventually(lambda: events)

    asyncio.run(scenario())
    assert [type(e) for e in events] == [Stopped]


def test_an_exception_of_the_agent_ends_its_call_only(server, caplog):
    async def agent(call):
        async for event in call:
            if isinstance(event, Started) and event.stream_id == "bad":
                raise ZeroDivisionError("the agent's own")
            if isinstance(event, Started):
                await call.play(np.zeros(160, np.int16), 8000, end=True)

    async def scenario():
        async with server(agent) as url, connect(url) as good, connect(url) as bad:
            await bad.send(
                '{"event":"start","start":{"streamId":"bad","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}}}'
            )
            with pytest.raises(ConnectionClosed):
                await bad.recv()
            assert bad.close_code == 1011
            await good.send(
                '{"event":"start","start":{"streamId":"good","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}}}'
            )
            assert json.loads(await good.recv())["event"] == "playAudio"

    asyncio.run(scenario())
    assert "the agent's own" in caplog.text


@pytest.mark.parametrize("address", ["ws://127.0.0.1:1/", "ws://nosuchhost.invalid/"])
def test_no_agent_is_said_in_one_line(address):
    (refused,) = asyncio.run(call_agent(address)).log.named("refused")
    assert re.fullmatch(rf"no agent at {address}: [^\n]+", refused.detail["reason"])


def test_a_server_that_is_no_websocket():
    async def scenario():
        server = await asyncio.start_server(
            lambda _r, w: (w.write(b"HTTP/1.1 404 Not Found\r\n\r\n"), w.close()), "127.0.0.1", 0
        )
        async with server:
            carrier = await call_agent(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        (refused,) = carrier.log.named("refused")
        assert "HTTP 404" in refused.detail["reason"]

    asyncio.run(scenario())


def test_every_text_of_an_emulated_call_can_be_parsed():
    call = CarrierStream(extra_headers='a=1;b="')
    call.start(0.0)
    call.press("#", 0.1)
    assert [type(parse(t)).__name__ for t in call.poll(0.05)][:2] == ["Start", "Dtmf"]


FILES = Path("/proc/self/fd")


def open_files():
    return sum(1 for _ in FILES.iterdir())


@pytest.mark.skipif(not FILES.is_dir(), reason="counts open sockets")
def test_a_peer_that_never_reads_is_cut_off(server, monkeypatch):
    monkeypatch.setattr(pump, "STALL_TIMEOUT_S", 0.1)
    set_everywhere(monkeypatch, "CLOSE_TIMEOUT_S", 0.1)
    ends = []

    async def agent(call):
        async for event in call:
            while isinstance(event, Started) and call.link.backlog() < 2**18:
                await call.send_dtmf("1" * 5000)
                await asyncio.sleep(0)
            ends.append(event)

    async def scenario():
        async with server(agent) as url:
            async with connect(url):
                connected = tasks()
            await eventually(lambda: ends and tasks() < connected)
            before, sockets = tasks(), open_files()
            peer = await Peer(url).upgrade()
            peer.writer.transport.pause_reading()
            peer.writer.write(frame(START))
            await eventually(lambda: len(ends) == 3 and tasks() <= before)
            # The peer's own is the one that is left, and what another test has left behind may go meanwhile.
            await eventually(lambda: open_files() <= sockets + 1)
            peer.writer.transport.abort()

    asyncio.run(scenario())
    assert ends[-1].reason.startswith("the peer has taken nothing")
