"""What a socket has brought: it is counted before a library takes it, and one object pauses and resumes the reading."""

import asyncio
import gc
import socket
import struct
import sys
import weakref
from types import SimpleNamespace

import pytest

from _support.drivers import SERVERS, eventually
from _support.messages import media, start
from _support.peers import Peer, frame
from voiceband.servers import read_meter
from voiceband.servers.flow import CALL, MAX_IN_BURST
from voiceband.servers.read_meter import LIBRARY, MeteredProtocol, MeteredTransport, Reading, ReadMeter
from voiceband.session import Audio

READ_BYTES = 256 * 1024
"""What the event loops read at most at once."""
SMALL = frame("{}")


class FakeTransport:
    """A socket that keeps what it is asked to do."""

    def __init__(self):
        self.reading = True
        self.closing = False
        self.unsent = 0
        self.asked = []

    def is_reading(self):
        return self.reading

    def is_closing(self):
        return self.closing

    def pause_reading(self):
        self.reading = False
        self.asked.append("pause")

    def resume_reading(self):
        self.reading = True
        self.asked.append("resume")

    def get_write_buffer_size(self):
        return self.unsent

    def get_extra_info(self, name):
        return None


def metered(scenario):
    """Run `scenario(meter, transport, taken)`; the stream begins behind an upgrade."""

    async def main():
        transport, taken = FakeTransport(), bytearray()
        await scenario(ReadMeter(transport, taken.extend, before=b""), transport, taken)

    asyncio.run(main())


@pytest.mark.parametrize("who", [LIBRARY, CALL])
def test_a_pause_that_is_over_before_more_comes_does_not_touch_the_socket(who):
    async def scenario(meter, transport, taken):
        for _ in range(10):
            meter.data_received(SMALL)
            meter.pause(who)
            meter.resume(who)
        assert taken == 10 * SMALL
        assert transport.asked == []

    metered(scenario)


@pytest.mark.parametrize("who", [LIBRARY, CALL])
def test_what_comes_during_a_pause_is_one_read_and_waits(who):
    async def scenario(meter, transport, taken):
        meter.pause(who)
        meter.data_received(SMALL)
        assert transport.asked == ["pause"]
        assert not taken
        meter.resume(who)
        assert not taken, "whoever resumes is in the middle of something"
        await asyncio.sleep(0)
        assert taken == SMALL
        assert transport.asked == ["pause", "resume"]

    metered(scenario)


def test_the_socket_is_read_only_while_nobody_wants_it_left_alone():
    async def scenario(meter, transport, taken):
        meter.pause(LIBRARY)
        meter.pause(CALL)
        meter.data_received(SMALL)
        for one, other in [(LIBRARY, CALL), (CALL, LIBRARY)]:
            meter.resume(one)
            await asyncio.sleep(0)
            assert not taken
            assert not transport.reading
            meter.pause(one)
            meter.resume(other)
            await asyncio.sleep(0)
            assert not taken
            meter.pause(other)
        meter.resume(LIBRARY)
        meter.resume(CALL)
        meter.pause(CALL)  # before what waits could be taken
        await asyncio.sleep(0)
        assert not taken
        meter.resume(CALL)
        await asyncio.sleep(0)
        assert taken == SMALL
        assert transport.reading

    metered(scenario)


@pytest.mark.parametrize("size", [0, 2, 30])
def test_no_more_than_one_read_is_held_back_and_a_burst_is_all_that_a_library_gets(size, monkeypatch):
    """However often the library resumes the reading: it does so with each message that is taken from it."""
    monkeypatch.setattr(read_meter, "WINDOW_S", 0.2)
    one = frame(b"x" * size)
    n = READ_BYTES // len(one)

    async def main():
        transport, taken, most, n_reads = FakeTransport(), [], 0, 0
        meter = ReadMeter(transport, taken.append, before=b"")
        for _ in range(200):
            if transport.reading:  # a socket that always has more
                meter.data_received(n * one)
                n_reads += 1
            meter.resume(LIBRARY)
            await asyncio.sleep(0.001)
            most = max(most, len(meter.held))
        assert max(map(len, taken)) <= (MAX_IN_BURST + 1) * len(one)
        assert 0 < most <= READ_BYTES
        assert (n_reads * n * one).startswith(b"".join(taken))
        assert len(taken) > 3

    asyncio.run(main())


def test_a_peer_that_does_not_read_is_read_again_when_it_has():
    async def scenario(meter, transport, taken):
        transport.unsent = 2**24
        meter.data_received(SMALL)
        meter.data_received(SMALL)
        assert taken == SMALL
        await asyncio.sleep(0.2)
        assert not transport.reading
        transport.unsent = 0
        await eventually(lambda: transport.reading)
        assert taken == 2 * SMALL

    metered(scenario)


@pytest.mark.parametrize("end_comes", ["before the library resumes", "before the meter does"])
def test_what_waits_when_a_call_ends_is_read_and_dropped_and_the_socket_closed(end_comes, monkeypatch):
    """A library that nobody asks for messages any more would leave the socket unread until its limit of closing."""
    monkeypatch.setattr(read_meter, "WINDOW_S", 0.1)

    async def scenario(meter, transport, taken):
        transport.close = lambda: setattr(transport, "closing", True)
        link = SimpleNamespace(owner=SimpleNamespace(ended=False), paused=False)
        meter.link = link
        if end_comes == "before the meter does":
            meter.data_received(1000 * SMALL)
            link.owner.ended = True
        else:
            meter.pause(LIBRARY)
            meter.data_received(SMALL)
            link.owner.ended = True
            meter.resume(LIBRARY)
        await eventually(lambda: transport.reading)
        had = len(taken)
        for _ in range(10):
            meter.data_received(1000 * SMALL)
            meter.pause(LIBRARY)
            meter.resume(LIBRARY)
            assert transport.reading
            assert not meter.held
        await eventually(lambda: transport.closing)
        assert len(taken) == had

    metered(scenario)


@pytest.mark.parametrize("closed", ["by the library", "by the peer"])
def test_nothing_is_kept_of_a_connection_that_is_gone(closed):
    async def scenario(meter, transport, taken):
        meter.data_received(1000 * SMALL)
        assert meter.held
        transport.closing = True
        if closed == "by the peer":
            meter.close()
            assert not meter.held
        had = len(taken)
        meter.resume(LIBRARY)
        await eventually(lambda: not meter.held)
        await asyncio.sleep(0.1)
        assert len(taken) == had

    metered(scenario)


def test_a_library_that_had_paused_the_socket_before_resumes_it():
    async def main():
        transport = FakeTransport()
        transport.pause_reading()
        meter = ReadMeter(transport, print, before=b"")
        shown = MeteredTransport(transport, meter)
        shown.resume_reading()
        assert transport.reading
        shown.pause_reading()
        assert transport.reading, "nothing has come yet"
        assert shown.get_write_buffer_size() == 0
        assert shown.closing is False
        transport.closing = True
        assert shown.closing is True, "what is not called is not kept"

    asyncio.run(main())


class Plain(asyncio.Protocol):
    """A library that pauses the reading, and asks for no more."""

    lost = False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.pause_reading()

    def connection_lost(self, error):
        self.lost = True


class Metered(MeteredProtocol, Plain):
    pass


LOOPS = ["asyncio", *(["uvloop"] if sys.platform != "win32" else [])]


@pytest.mark.skipif(sys.platform == "win32", reason="the ping finds out there, 20 s later")
@pytest.mark.parametrize("loop", LOOPS)
def test_a_reset_is_noticed_although_the_socket_is_left_unread_and_nothing_is_left(loop):
    new_loop = pytest.importorskip(loop).new_event_loop if loop != "asyncio" else asyncio.SelectorEventLoop

    async def main():
        made = []

        def make():
            made.append(Metered())
            return made[-1]

        server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
        async with server:
            with socket.socket() as peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.connect(server.sockets[0].getsockname())
                await eventually(lambda: made and hasattr(made[0], "meter") and not made[0].meter.paused_by)
                peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
                await eventually(lambda: made[0].meter.paused_by)
                peer.sendall(1000 * SMALL)
                await eventually(lambda: made[0].meter.held)
            await eventually(lambda: made[0].lost)
            assert not made[0].meter.held
            kept = weakref.ref(made.pop())
            await eventually(lambda: kept() is None, 2)

    gc.disable()  # nothing of it is a circle
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())
    finally:
        gc.enable()


def test_a_socket_that_cannot_be_asked_is_waited_for(monkeypatch):
    class Broken:
        def getsockopt(self, level, name):
            raise OSError("too many open files")

    async def main():
        transport, aborted = FakeTransport(), []
        transport.abort = lambda: aborted.append(True)
        sock = Broken()
        transport.get_extra_info = lambda name: sock
        monkeypatch.setattr(read_meter, "RESET_S", 0.01)
        reading = Reading(transport)
        reading.stop()
        await asyncio.sleep(0.1)
        assert not aborted
        monkeypatch.setattr(Broken, "getsockopt", lambda *_: 104)
        await eventually(lambda: aborted)

    asyncio.run(main())


@pytest.mark.parametrize("driver", SERVERS)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_call_is_heard_on_either_event_loop(driver, loop):
    new_loop = pytest.importorskip(loop).new_event_loop if loop != "asyncio" else asyncio.SelectorEventLoop
    heard = []

    async def agent(call):
        async for event in call:
            if isinstance(event, Audio):
                heard.append(event)

    async def main():
        async with asyncio.timeout(20), SERVERS[driver](agent) as url:
            peer = await Peer(url).upgrade()
            peer.writer.write(frame(start()) + b"".join(frame(media(i)) for i in range(20)))
            await eventually(lambda: len(heard) == 20)
            peer.writer.write(frame(struct.pack(">H", 1000), opcode=8))
            assert await peer.until_closed() == 1000

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())


def test_a_connection_whose_first_upgrade_was_refused_is_left_unread_too():
    """aiohttp keeps it open, and what the next upgrade brings is not to be held by a meter that nobody stops."""

    async def agent(call):
        async for _event in call:
            await asyncio.sleep(3600)

    async def main():
        async with asyncio.timeout(60), SERVERS["aiohttp"](agent, auth_token="secret") as url:
            peer = await Peer(url).dial()
            peer.writer.write(peer.request().replace(b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 12"))
            assert b" 400 " in await peer.reader.readuntil(b"\r\n")
            await asyncio.sleep(0.1)
            peer.reader._buffer.clear()  # its body, which ends with the connection only
            peer.writer.write(peer.request())
            assert b" 101 " in await peer.reader.readuntil(b"\r\n")
            peer.writer.write(frame(start()) + 40_000 * frame(media(0)))  # 12 MB
            await asyncio.sleep(1)
            assert peer.writer.transport.get_write_buffer_size() > 2 * 2**20
            peer.writer.transport.abort()

    asyncio.run(main())
