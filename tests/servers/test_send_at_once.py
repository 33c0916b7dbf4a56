"""A small message leaves at once: an answer that waits for the peer's next message comes 20 ms late."""

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import pytest

from _support.drivers import SERVERS, eventually
from _support.messages import start
from _support.peers import Peer, frame
from voiceband.session import Started

FILES = Path("/proc/self/fd")


def accepted_from(port):
    """Return this process's connections whose other end has that port."""
    found = []
    for entry in FILES.iterdir():
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(entry.name))) as sock:
            if sock.family == socket.AF_INET and sock.getpeername()[1] == port:
                found.append(sock.dup())
    return found


@pytest.mark.skipif(not FILES.is_dir(), reason="finds the server's socket in /proc")
@pytest.mark.parametrize("driver", SERVERS)
def test_no_message_waits_for_an_acknowledgement(driver):
    events = []

    async def agent(call):
        async for event in call:
            events.append(event)

    async def main():
        async with asyncio.timeout(60), SERVERS[driver](agent, auth_token="secret") as url:
            peer = await Peer(url).upgrade()
            peer.writer.write(frame(start()))
            await eventually(lambda: isinstance(events and events[0], Started))
            [sock] = accepted_from(peer.writer.get_extra_info("sockname")[1])
            with sock:
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            peer.writer.close()

    asyncio.run(main())
