"""What the driver for picows does itself that others leave to their library: frames, upgrades, shutting down."""

import asyncio
import contextlib
import json
import struct
import sys

import pytest

from _support.drivers import eventually, set_everywhere
from _support.messages import media, start
from _support.peers import Peer, frame
from voiceband import ulaw_decode
from voiceband.servers.picows import serve
from voiceband.session import Started, Stopped


def url_of(server):
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"


def with_peer(scenario, agent=None, **options):
    """Run `scenario(peer, server, events)` with a peer on a server whose agent keeps the events."""
    events, calls = [], []

    async def keep(call):
        calls.append(call)
        async for event in call:
            events.append(event)

    async def main():
        async with asyncio.timeout(20), await serve(agent or keep, **options) as server:
            peer = await Peer(url_of(server)).upgrade()
            try:
                await scenario(peer, server, events)
            finally:
                peer.writer.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return calls

    return asyncio.run(main())


def test_messages_in_any_number_of_frames():
    async def scenario(peer, server, events):
        peer.writer.write(frame(start()))
        for i, size in enumerate((1, 7, 200, 1000)):
            text = media(i, bytes([i]) * 160)
            pieces = [text[k : k + size] for k in range(0, len(text), size)]
            for k, piece in enumerate(pieces):
                last = k == len(pieces) - 1
                peer.writer.write(frame(piece, opcode=0 if k else 1, fin=last))
                if not last:
                    peer.writer.write(frame("", opcode=9))  # control frames may come in between
        await eventually(lambda: len(events) == 5)
        assert isinstance(events[0], Started)
        assert [e.samples.tobytes() for e in events[1:]] == [ulaw_decode(bytes([i]) * 160).tobytes() for i in range(4)]

    with_peer(scenario)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame("{", fin=False) + frame("{}"), 1002),
        (frame("}", opcode=0), 1002),
        (frame("{}", masked=False), 1002),
        (frame("{}", opcode=3), 1002),
        (frame("{}", opcode=0x41), 1002),
        (frame("{}" + 200 * " ", opcode=0x12), 1002),
        (frame(126 * "x", opcode=9), 1002),
        (frame("x" * (2**20 + 1)), 1009),
        (frame("x" * 2**19, fin=False) + frame("x" * 2**19, opcode=0, fin=False) + frame("x", opcode=0), 1009),
        (frame(struct.pack(">H", 4000) + b"bye", opcode=8), 4000),
        (frame("", opcode=8), 1000),
        (frame(b"\3", opcode=8), 1002),
        *(
            (frame(struct.pack(">H", code), opcode=8), 1002)
            for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)
        ),
        *((frame(struct.pack(">H", code), opcode=8), code) for code in (1000, 1001, 1003, 1007, 1014, 3000, 4999)),
        (frame(struct.pack(">H", 1000) + b"\xff", opcode=8), 1007),
    ],
)
def test_what_ends_a_connection(frames, code):
    async def scenario(peer, server, events):
        peer.writer.write(frames)
        assert await peer.until_closed() == code
        await eventually(lambda: events)
        assert [type(e) for e in events] == [Stopped]

    with_peer(scenario)


@pytest.mark.parametrize(("bad", "code"), [(frame(b"x" * 2**20 + b"x")[:100], 1009), (frame("", opcode=3), 1002)])
def test_nothing_is_read_behind_a_frame_that_picows_refuses(bad, code, caplog):
    """It disconnects only 10 ms later."""

    async def scenario(peer, server, events):
        peer.writer.write(bad)
        while (await peer.read())[0] != 8:
            pass
        (transport,) = transports
        reads.append(transport.underlying_transport.is_reading())
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                peer.writer.write(b"x" * 2000)
                await asyncio.sleep(0)  # the server may read between them
        await peer.until_gone()

    async def agent(call):
        transports.append(call.link.transport)
        async for _ in call:
            pass

    transports, reads = [], []
    with_peer(scenario, agent)
    assert reads == [False]
    assert len([record for record in caplog.records if record.name.startswith("picows")]) == 1


def test_pings_are_answered_and_measure_the_round_trip(monkeypatch):
    set_everywhere(monkeypatch, "PING_S", 0.02)

    async def scenario(peer, server, events):
        peer.writer.write(frame(start()) + frame("hello", opcode=9))
        pings = 0
        while pings < 3:
            opcode, content = await peer.read()
            if opcode == 9:
                pings += 1
                peer.writer.write(frame(content, opcode=10))
            else:
                assert (opcode, content) == (10, b"hello")
        peer.writer.write(frame(json.dumps({"event": "dtmf", "dtmf": {"digit": "1"}})))
        await eventually(lambda: len(events) == 2)

    (call,) = with_peer(scenario)
    assert call.session.stats.round_trip_ms >= 0.0


async def answer_to(server, *lines):
    peer = await Peer(url_of(server)).dial()
    peer.writer.write("\r\n".join((*lines, "", "")).encode("latin-1"))
    answer = (await peer.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    peer.writer.close()
    return answer


UPGRADE = (
    "GET /ws?x=\xe9 HTTP/1.1",
    "Host: h",
    "Upgrade: WebSocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


PROBES = {
    "GET / HTTP/1.1": 200,
    "GET / HTTP/1.0": 200,
    "HEAD /healthz HTTP/1.1": 200,
    "OPTIONS / HTTP/1.0": 200,
    "POST / HTTP/1.1": 405,
    "nonsense": 400,
    "GET / HTTP/2.0": 400,
    "GET /" + "x" * 20_000 + " HTTP/1.1": 431,
}


def test_answers_to_requests():
    async def scenario(peer, server, events):
        assert (await answer_to(server, "GET /health HTTP/1.1", "Host: h")).startswith("HTTP/1.1 200 OK")
        assert (await answer_to(server, *UPGRADE[:-1])).startswith("HTTP/1.1 400 ")
        for line, status in PROBES.items():
            assert (await answer_to(server, line, "Host: h")).startswith(f"HTTP/1.1 {status} "), line
        for offered, echoed in (("audio.drachtio.org, b", "audio.drachtio.org"), ("\xe9", None), (" ,b", None)):
            answer = await answer_to(server, *UPGRADE, f"Sec-WebSocket-Protocol: {offered}")
            assert answer.startswith("HTTP/1.1 101 ")
            assert ("sec-websocket-protocol" in answer.lower()) == (echoed is not None)
            assert echoed is None or f": {echoed}\r\n" in answer

    with_peer(scenario)


@pytest.mark.parametrize("grace_s", [0.0, 10.0])
def test_shutting_down(grace_s):
    async def scenario(peer, server, events):
        peer.writer.write(frame(start()))
        await eventually(lambda: events)
        ending = asyncio.create_task(server.shut_down(grace_s))
        await asyncio.sleep(0)
        with pytest.raises(OSError):
            await Peer(url_of(server)).dial()
        if grace_s:
            peer.writer.write(frame(struct.pack(">H", 1000), opcode=8))
            assert await peer.until_closed() == 1000
            assert isinstance(events[-1], Stopped)
        else:
            assert await peer.until_closed() == 1001
        await ending
        assert not server.calls

    with_peer(scenario)


def test_an_agent_that_exits_ends_its_own_call(caplog):
    async def agent(call):
        async for _ in call:
            sys.exit("no more")

    async def scenario(peer, server, events):
        other = await Peer(url_of(server)).upgrade()
        await eventually(lambda: len(server.calls) == 2)
        peer.writer.write(frame(start()))
        assert await peer.until_closed() == 1011
        await eventually(lambda: len(server.calls) == 1)
        other.writer.write(frame(struct.pack(">H", 1000), opcode=8))
        assert await other.until_closed() == 1000

    with_peer(scenario, agent)
    assert "SystemExit: no more" in caplog.text
