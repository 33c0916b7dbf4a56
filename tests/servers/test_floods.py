"""Peers that send more than any call needs: it is read later, a flood without audio is the end, memory is bounded."""

import asyncio
import contextlib
import os
import socket
import struct
import sysconfig
import threading
import time
from pathlib import Path

import pytest

from _support.dose import dose
from _support.drivers import SERVERS, eventually, set_everywhere
from _support.hostile import FLOODS
from _support.hostile_server import good_call
from _support.messages import SILENCE, media, start
from _support.peers import Peer, frame
from voiceband.servers import flow
from voiceband.session import Audio, Started, Stopped


@pytest.fixture(params=SERVERS)
def server(request):
    return SERVERS[request.param]


@pytest.fixture
def quick(monkeypatch):
    """Let a second last a tenth of one."""
    set_everywhere(monkeypatch, "WINDOW_S", 0.1)


def with_peer(server, scenario, **options):
    """Run `scenario(peer, events)` with a peer that has begun a call; return the events."""
    events = []

    async def agent(call):
        async for event in call:
            events.append(event)
            if isinstance(event, Audio):
                await call.play(event.samples, 8000)

    async def main():
        async with asyncio.timeout(60), server(agent, rejoin_s=0, **options) as url:
            peer = await Peer(url).upgrade()
            peer.writer.write(frame(start()))
            await scenario(peer, events)
            peer.writer.close()

    asyncio.run(main())
    return events


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_without_audio_ends_its_call(server, kind, quick, monkeypatch):
    monkeypatch.setattr(flow, "MAX_OTHERS_PER_S", 40)  # a slow machine does not read 200 in what lasts a second

    async def scenario(peer, events):
        code = asyncio.create_task(peer.until_closed(pong=True))
        i = 0
        while not code.done():
            peer.writer.write(b"".join(frame(FLOODS[kind](i + k)) for k in range(50)))  # 2000 in what lasts a second
            i += 50
            await asyncio.sleep(0.0025)
        assert await code in (1008, None)  # None where the rest of it was on its way, and the connection was reset
        await eventually(lambda: isinstance(events[-1], Stopped))

    events = with_peer(server, scenario)
    assert events[-1].reason == "more than 200 messages a second without audio"


def test_a_thousand_bad_messages_and_a_few_at_all_times_end_nothing(server, quick):
    async def scenario(peer, events):
        peer.writer.write(b"".join(frame("{") for _ in range(1000)))
        for i in range(30):
            peer.writer.write(b"".join(frame(FLOODS[kind](0)) for kind in FLOODS if kind != "start"))
            peer.writer.write(frame(media(i)))
            await asyncio.sleep(0.03)
        await eventually(lambda: sum(isinstance(event, Audio) for event in events) == 30)

    with_peer(server, scenario)


def test_what_comes_at_once_is_read_in_small_bursts():
    """So that no other call of the worker waits for a thousand messages."""
    meter = flow.Flow(lambda: 8000)
    pauses = [meter.take(0.0, 300, 160) for _ in range(51)]
    assert pauses == [0.0] * 50 + [pytest.approx(0.05)]
    assert [meter.take(0.05, 300, 160) for _ in range(50)] == [0.0] * 50


def test_media_at_any_speed_are_read_later_and_none_is_lost(server, quick):
    n = 4000

    async def scenario(peer, events):
        peer.writer.write(b"".join(frame(media(i)) for i in range(n)))
        await eventually(lambda: sum(isinstance(event, Audio) for event in events) >= n, 30)

    events = with_peer(server, scenario, max_queued_ms=1e6)
    assert sum(len(event.samples) for event in events if isinstance(event, Audio)) == n * len(SILENCE)


@pytest.mark.parametrize("begin", [b"", b"GET /ws HTTP/1.1\r\nHost:", b"X" * 20_000])
def test_a_request_that_does_not_come_is_not_waited_for(server, begin, monkeypatch):
    set_everywhere(monkeypatch, "HEAD_S", 0.2)

    async def listen(call):
        async for _ in call:
            pass

    async def main():
        async with asyncio.timeout(60), server(listen) as url:
            peers = [await Peer(url).dial() for _ in range(20)]
            for peer in peers:
                peer.writer.write(begin)
            for peer in peers:
                await peer.until_gone()
            peer = await Peer(url).upgrade()
            await asyncio.sleep(0.5)
            peer.writer.write(frame(b"\x03\xe8", opcode=8))
            assert await peer.until_closed() == 1000

    asyncio.run(main())


@pytest.mark.parametrize("content", ["", "x"])
@pytest.mark.parametrize("cut", [False, True])
def test_a_message_of_very_many_frames_ends_its_call(server, content, cut):
    """They never are a message of 1 MiB; and the first may come with the upgrade, cut within its head."""
    pieces = frame(content, fin=False) + 20_000 * frame(content, opcode=0, fin=False)
    ends, codes = [], []

    async def agent(call):
        async for event in call:
            ends.append(event)

    async def main():
        async with asyncio.timeout(60), server(agent, rejoin_s=0) as url:
            peer = await Peer(url).dial()
            peer.writer.write(peer.request() + pieces[: 1 if cut else 0])
            assert b" 101 " in await peer.reader.readuntil(b"\r\n\r\n")
            peer.writer.write(pieces[1 if cut else 0 :])
            codes.append(await peer.until_closed())
            await eventually(lambda: ends)

    asyncio.run(main())
    if cut and codes == [1002]:
        return  # uvicorn loses what comes with the upgrade
    assert codes[0] in (1009, None)  # None where the rest of it was on its way
    assert ends[-1].reason == "message in more than 1024 frames"


def test_pings_at_any_speed_end_their_call_and_nobody_elses(server, quick):
    async def scenario(peer, events):
        code = asyncio.create_task(peer.until_closed())
        while not code.done():
            peer.writer.write(100 * frame(b"p" * 125, opcode=9))
            await asyncio.sleep(0.0025)
        assert await code in (1008, None)
        await eventually(lambda: isinstance(events[-1], Stopped))

    events = with_peer(server, scenario)
    assert events[-1].reason == "more than 200 messages a second without audio"


STATM = Path("/proc/self/statm")


def rss_mb():
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.skipif(not STATM.exists(), reason="reads its memory in /proc")
@pytest.mark.resident_memory
def test_answers_to_pings_that_nobody_reads_take_bounded_memory(server, monkeypatch):
    set_everywhere(monkeypatch, "MAX_BYTES_PER_S", 2**40)
    monkeypatch.setattr(flow, "MAX_OTHERS_PER_S", 2**40)
    pings = frame(b"p" * 125, opcode=9) * 5000
    over = threading.Event()

    def send(url):
        """Send 40 MB, or until nothing more is taken for a while."""
        peer = Peer(url)
        with socket.socket() as raw, contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**12)
            raw.settimeout(0.5)
            raw.connect((peer.host, int(peer.port)))
            raw.sendall(peer.request())
            raw.recv(2**12)
            sent = 0
            while sent < 40 * 2**20 and not over.is_set():
                sent += raw.send(pings)

    async def agent(call):
        async for _ in call:
            pass

    async def main():
        async with asyncio.timeout(60), server(agent) as url:
            before = grown = rss_mb()
            sending = asyncio.create_task(asyncio.to_thread(send, url))
            while not sending.done():
                grown = max(grown, rss_mb())
                if grown - before > 32:
                    over.set()
                await asyncio.sleep(0.02)
            return grown - before

    assert asyncio.run(main()) < 16


@pytest.mark.skipif(not STATM.exists(), reason="reads its memory in /proc")
@pytest.mark.resident_memory
def test_short_floods_whose_peers_reset_them_take_bounded_memory(server):
    """16 at a time, one after another: what each has left in its socket is nobody's, and its call ends."""
    n_rows, unknown = dose(1, 20), frame(FLOODS["unknown"](0)) * 300_000  # 8 MB, and several times that as objects
    begun, ended = set(), []

    async def agent(call):
        async for event in call:
            if isinstance(event, Started):
                begun.add(event.stream_id)
            elif isinstance(event, Audio):
                await call.play(event.samples, 8000)
            elif isinstance(event, Stopped):
                ended.append(event)

    def flood(url, k):
        peer = Peer(url)
        with socket.socket() as raw, contextlib.suppress(TimeoutError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # to close it is to reset it
            raw.connect((peer.host, int(peer.port)))
            raw.sendall(peer.request())
            raw.recv(2**12)
            raw.settimeout(1)
            raw.sendall(frame(start(stream_id=f"flood-{k}", call_id=f"flood-{k}")))
            for _ in range(5000):
                if f"flood-{k}" in begun:
                    break
                time.sleep(0.001)
            raw.sendall(unknown)

    def floods(url):
        for i in range(n_rows):
            threads = [threading.Thread(target=flood, args=(url, 16 * i + k)) for k in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    async def main():
        async with asyncio.timeout(120), server(agent, auth_token="secret", rejoin_s=0) as url:
            await good_call(url, 1, 5)  # what a server needs once is there then
            before, grown = rss_mb(), []
            flooding = asyncio.create_task(asyncio.to_thread(floods, url))
            good = asyncio.create_task(good_call(url, 2, 25))
            while not flooding.done() or len(ended) < 16 * n_rows + 1 + good.done():
                grown.append(rss_mb() - before)
                await asyncio.sleep(0.02)
            await flooding
            said, heard, _ = await good
        assert heard == said
        return max(grown)

    assert asyncio.run(main()) < (32 if sysconfig.get_config_var("Py_GIL_DISABLED") else 16)  # a heap for each thread


@pytest.mark.skipif(not STATM.exists(), reason="reads its memory in /proc")
@pytest.mark.resident_memory
def test_holes_that_an_agent_does_not_hear_take_bounded_memory(server):
    """Each of these messages is made up for by 10 s of audio: 1.4 GB at this rate."""
    over = asyncio.Event()

    async def deaf(call):
        await over.wait()

    async def main():
        async with asyncio.timeout(60), server(deaf, rejoin_s=0, rate=48000) as url:
            peer = await Peer(url).upgrade()
            peer.writer.write(frame(start()))
            before, grown = rss_mb(), []
            for i in range(0, 1500, 50):
                holes = (media(499 * k, b"\x00" * 3) for k in range(i, i + 50))
                peer.writer.write(b"".join(map(frame, holes)))
                await asyncio.sleep(0.02)
                grown.append(rss_mb() - before)
            await asyncio.sleep(1.2)  # another second's worth is read
            grown.append(rss_mb() - before)
            over.set()
            peer.writer.close()
        return max(grown)

    assert asyncio.run(main()) < 48
