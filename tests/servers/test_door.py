"""Errors of accepting: those of one connection cost that one at most, those of the listening socket close the door."""

import asyncio
import errno
import os
import socket
import sys

import pytest

from _support.drivers import eventually
from voiceband.servers.door import RETRY_S, WSAEMFILE, Door

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its event loop accepts by itself")


class Failing(socket.socket):
    """Listens; each of `errors` is what one attempt to accept fails with."""

    def __init__(self, errors):
        super().__init__()
        self.bind(("127.0.0.1", 0))
        self.errors = [*errors]

    def accept(self):
        if self.errors:
            code = self.errors.pop()
            raise OSError(code, os.strerror(code))
        return super().accept()


def behind_door(scenario, *errors):
    """Run `scenario(door, greeted)`: a client that connects, and awaits to be greeted."""

    class Greets(asyncio.Protocol):
        def connection_made(self, transport):
            transport.write(b"hello")
            transport.close()

    async def main():
        door = Door(Failing(errors))
        door.make_protocol = Greets
        await door.open()
        port = door.sockets[0].getsockname()[1]

        async def greeted():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            said = await reader.read()
            writer.close()
            return said

        try:
            async with asyncio.timeout(10):
                await scenario(door, greeted)
        finally:
            door.close()

    asyncio.run(main())


@pytest.mark.parametrize("name", ["ECONNABORTED", "EINTR", "ENETDOWN", "EPROTO", "EHOSTUNREACH", "EOPNOTSUPP", "EPERM"])
def test_an_error_of_one_connection_keeps_no_other_from_coming(name, caplog):
    async def scenario(door, greeted):
        assert [await greeted() for _ in range(2)] == [b"hello"] * 2
        assert not door.closed

    behind_door(scenario, *[getattr(errno, name)] * 3)
    assert caplog.text == ""


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENOBUFS, WSAEMFILE])
def test_where_there_is_no_room_the_connection_waits(code, caplog):
    async def scenario(_door, greeted):
        began = asyncio.get_running_loop().time()
        assert await greeted() == b"hello"
        assert asyncio.get_running_loop().time() - began >= 2 * RETRY_S - 0.1

    behind_door(scenario, code, code)
    assert caplog.text.count("new connections wait") == 1


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EBADF, errno.ENOTSOCK])
def test_a_listening_socket_that_is_shut_closes_the_door_and_the_log_says_so(code, caplog):
    async def scenario(door, greeted):
        with pytest.raises(ConnectionResetError):
            await greeted()
        await eventually(lambda: door.closed)
        with pytest.raises(ConnectionRefusedError):
            await greeted()

    behind_door(scenario, code)
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.message == f"no more connections are accepted, for the listening socket is shut: {os.strerror(code)}"
