"""At the limit of file descriptors new connections wait, on every driver and loop, and the calls go on."""

import asyncio
import itertools
import re
import socket
import subprocess
import sys
import time

import pytest
from websockets.asyncio.client import connect

from _support.dose import dose
from _support.drivers import DRIVERS
from _support.programs import begin
from _support.served import START, WAIT_S, Served, echo
from voiceband.servers.door import RETRY_S, Door, library_door

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits file descriptors")

LIMIT = 80
LOOPS = ["asyncio", "uvloop"]
SERVER = """
import asyncio, contextlib, logging, resource, socket, sys
from voiceband.servers import relay
relay.HEAD_S = 600.0  # before the drivers read it: none of those that say nothing is cut
from _support.drivers import DRIVERS
from voiceband.session import Audio

class Listening(socket.socket):
    refused = 0

    def accept(self):
        try:
            return super().accept()
        except BlockingIOError:
            raise
        except OSError:
            Listening.refused += 1
            raise

async def agent(call):
    async for event in call:
        if isinstance(event, Audio):
            await call.play(event.samples, 8000)

async def main(driver):
    listening = Listening()
    listening.bind(("127.0.0.1", 0))
    async with await DRIVERS[driver].serve(agent, sock=listening, rejoin_s=0) as server:
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[3]), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        print(f"on ws://127.0.0.1:{server.port}/", flush=True)
        await asyncio.to_thread(sys.stdin.read)
    print("refused", Listening.refused, flush=True)

logging.basicConfig(level=logging.WARNING)
logging.getLogger("asyncio").setLevel(logging.ERROR)  # in development mode it warns of a slow machine
with asyncio.Runner(loop_factory=__import__(sys.argv[2]).new_event_loop) as runner:
    runner.run(main(sys.argv[1]))
"""


async def beside_a_crowd(served):
    """Talk while nobody else can come, and again when all others have gone.

    Return how long that took, and what the server had said before they went.
    """
    url = f"ws://127.0.0.1:{served.port}/ws"
    async with asyncio.timeout(WAIT_S), connect(url) as good:
        await good.send(START)
        await echo(good)
        began = time.monotonic()
        crowd = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(2 * LIMIT)]
        await asyncio.to_thread(served.wait_for, "new connections wait")
        until = time.monotonic() + 3 * RETRY_S
        frames = 0
        while frames < 20 or time.monotonic() < until:
            frames += 1
            await echo(good, frames)
            await asyncio.sleep(0.02)
        said = served.said.splitlines()
        for one in crowd:  # which some libraries log
            one.close()
        async with connect(url) as later:
            await later.send(START.replace('"c"', '"d"'))
            await echo(later)
        await echo(good, frames + 1)
    return time.monotonic() - began, said


@pytest.mark.parametrize(
    ("driver", "loop"), dose([*zip(DRIVERS, 2 * LOOPS, strict=True)], [*itertools.product(DRIVERS, LOOPS)])
)
def test_where_no_descriptor_is_left_connections_wait_and_the_log_has_one_line(driver, loop):
    pytest.importorskip(loop)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with begin("-c", SERVER, driver, loop, LIMIT, **pipes) as process:
        try:
            served = Served(process)
            elapsed_s, said = asyncio.run(beside_a_crowd(served))
            process.stdin.close()
            assert served.end() == 0
        finally:
            process.kill()
    (refused,) = re.search(r"^refused (\d+)$", served.said, re.MULTILINE).groups()
    assert 1 <= int(refused) <= elapsed_s / RETRY_S + 2  # it does not try all the time
    _address, why = said
    assert "Too many open files" in why


def test_a_library_that_makes_its_server_in_another_way_is_named():
    async def make_late():
        await asyncio.sleep(0)

    async def main():
        with socket.create_server(("127.0.0.1", 0)) as listening:
            with pytest.raises(RuntimeError, match=r"make_late makes a server in another way"):
                library_door(Door(listening), make_late())
            assert asyncio.get_running_loop().is_running()

    asyncio.run(main())
