"""What stands before picows: the accepting of connections, and requests that are no upgrades."""

import asyncio
import contextlib
import functools
import logging
import re
import socket

import pytest

from _support.drivers import eventually
from _support.messages import start
from _support.peers import Peer, frame
from voiceband.servers.picows import front, serve


async def listen(call):
    async for _ in call:
        pass


def with_server(scenario, agent=listen, **options):
    """Run `scenario(server, url)`; nothing may stay open."""

    async def main():
        async with asyncio.timeout(30), await serve(agent, **options) as server:
            result = await scenario(server, f"ws://127.0.0.1:{server.port}/ws")
        await eventually(lambda: asyncio.all_tasks() == {asyncio.current_task()})
        return result

    return asyncio.run(main())


async def answer(peer, request=b""):
    peer.writer.write(request)
    with contextlib.suppress(ConnectionError):
        return await peer.reader.read()
    return b""


def test_an_upgrade_may_come_in_any_pieces_and_frames_behind_it_at_once():
    streams = []

    async def agent(call):
        async for event in call:
            streams.append(getattr(event, "stream_id", None))

    async def scenario(server, url):
        for size in (1, 7, 10_000):
            peer = await Peer(url).dial()
            sent = peer.request() + frame(start(stream_id=f"size-{size}"))
            for k in range(0, len(sent), size):
                peer.writer.write(sent[k : k + size])
                if size < 10:
                    await asyncio.sleep(0)
            await eventually(lambda size=size: f"size-{size}" in streams)
            peer.writer.close()

    with_server(scenario, agent, rejoin_s=0)


def test_a_request_that_does_not_come_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(front, "HEAD_S", 0.2)

    async def scenario(server, url):
        silent = await Peer(url).dial()
        slow = await Peer(url).dial()
        endings = [asyncio.create_task(peer.reader.read()) for peer in (silent, slow)]
        with contextlib.suppress(ConnectionError):
            while not all(ending.done() for ending in endings):
                slow.writer.write(b"G")
                await asyncio.sleep(0.01)
        for ending in await asyncio.gather(*endings, return_exceptions=True):
            assert ending == b"" or isinstance(ending, ConnectionError)

    with_server(scenario)


def test_a_server_that_drains_is_not_ready_and_loses_no_connection_that_it_has_accepted():
    async def scenario(server, url):
        probing, living, calling = [await Peer(url).dial() for _ in range(3)]
        assert (await answer(await Peer(url).dial(), b"GET /readyz HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        server.refuse()
        assert (await answer(probing, b"GET /readyz HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 503 ")
        assert (await answer(living, b"GET /healthz?from=pod HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        ending = asyncio.create_task(server.shut_down(10.0))
        await asyncio.sleep(0)
        calling.writer.write(calling.request())
        assert (await calling.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert not ending.done()
        calling.writer.write(frame(b"", opcode=8))
        await ending

    with_server(scenario)


def test_the_log_names_the_peer_whose_upgrade_is_refused(caplog):
    async def scenario(server, url):
        peer = await Peer(url).dial()
        assert (await answer(peer, peer.request("guessed"))).startswith(b"HTTP/1.1 403 ")

    with caplog.at_level(logging.INFO, "voiceband.calls"):
        with_server(scenario, auth_token="secret")
    assert re.search(r"/ws from \('127\.0\.0\.1', \d+\) refused with 403", caplog.text)


def test_a_server_that_drains_with_an_answer_turns_upgrades_away_until_its_last_call_ends():
    async def scenario(server, url):
        port = server.port
        calling = await Peer(url).upgrade()
        waiting = await Peer(url).dial()
        ending = asyncio.create_task(server.shut_down(10.0, answer=True))
        await asyncio.sleep(0)
        late = await Peer(url).dial()  # and sends nothing
        for peer in (waiting, await Peer(url).dial()):
            assert (await answer(peer, peer.request())).startswith(b"HTTP/1.1 503 ")
        assert (await answer(await Peer(url).dial(), b"GET /readyz HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 503 ")
        assert (await answer(await Peer(url).dial(), b"GET /healthz HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert not ending.done()
        calling.writer.write(frame(b"", opcode=8))
        await ending
        assert await answer(late) == b""
        with socket.socket() as late, pytest.raises(ConnectionRefusedError):
            late.connect(("127.0.0.1", port))

    with_server(scenario)


def test_a_callback_without_a_name_is_called_later():
    async def main():
        called = asyncio.Event()
        front.EndsReading(None).call_later(0, functools.partial(called.set))
        await asyncio.wait_for(called.wait(), 10)

    asyncio.run(main())
