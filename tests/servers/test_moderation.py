"""Moderated wake-ups: when the beat sets in and ends, and that nothing is lost or late but by it."""

import asyncio
import gc
import socket
import sys

import pytest

from _support.drivers import eventually
from _support.messages import media, start
from _support.peers import Peer, frame
from voiceband import ulaw_decode
from voiceband.servers import moderation
from voiceband.servers.moderation import BeatTimer, ModeratedLoop, moderate
from voiceband.session import Audio

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="moderation is for Linux only")


class Pairs:
    """Connected sockets, one end of each read by a moderated loop."""

    def __init__(self, n, moderation_ms=5.0):
        self.loop = moderate(asyncio.get_running_loop(), moderation_ms)
        self.pairs = [socket.socketpair() for _ in range(n)]
        self.read = [b""] * n
        for k, (ours, _) in enumerate(self.pairs):
            ours.setblocking(False)
            self.loop.add_reader(ours.fileno(), lambda k=k: self.take(k))

    def take(self, k):
        self.read[k] += self.pairs[k][0].recv(100)

    def send(self, content=b"x"):
        for _, theirs in self.pairs:
            theirs.send(content)

    async def beat(self):
        """Send until the beat has set in."""
        async with asyncio.timeout(10):
            while not self.loop.beating:
                self.send()
                await asyncio.sleep(0.001)

    def close(self):
        for ours, theirs in self.pairs:
            self.loop.remove_reader(ours.fileno())
            ours.close()
            theirs.close()


def with_pairs(scenario, n=8, **options):
    async def main():
        pairs = Pairs(n, **options)
        try:
            async with asyncio.timeout(20):
                await scenario(pairs)
        finally:
            pairs.close()

    asyncio.run(main())


def test_few_messages_wake_the_loop_one_by_one(monkeypatch):
    monkeypatch.setattr(moderation, "LOOK_S", 0.0)

    async def scenario(pairs):
        for n in (1, 2, 3):
            pairs.send()
            await eventually(lambda n=n: pairs.read == [b"x" * n])  # it has looked
        await asyncio.sleep(0.02)
        assert pairs.read == [b"xxx"]
        assert not pairs.loop.beating

    # One socket, and beats of which each would have to bring four messages.
    with_pairs(scenario, n=1, moderation_ms=1.0)


def test_the_beat_sets_in_with_load_and_ends_with_it(monkeypatch):
    monkeypatch.setattr(moderation, "LOOK_S", 0.02)

    async def scenario(pairs):
        await pairs.beat()
        pairs.send(b"y")
        await eventually(lambda: all(read.endswith(b"y") for read in pairs.read))
        await eventually(lambda: not pairs.loop.beating)
        pairs.send(b"z")
        await eventually(lambda: all(read.endswith(b"z") for read in pairs.read))

    with_pairs(scenario, n=40)


def test_alarms_ring_on_the_beat_in_their_order_and_after_it(monkeypatch):
    monkeypatch.setattr(moderation, "LOOK_S", 0.02)
    rung = []

    async def scenario(pairs):
        await pairs.beat()
        for delay_s in (0.03, 0.001, 0.01):
            pairs.loop.call_later(delay_s, lambda delay_s=delay_s: rung.append(delay_s))
        pairs.loop.call_later(0.002, lambda: rung.append("cancelled")).cancel()
        left = pairs.loop.call_later(0.6, lambda: rung.append("left"))
        cancelled = pairs.loop.call_later(0.6, lambda: rung.append("cancelled later"))
        await eventually(lambda: not pairs.loop.beating)
        cancelled.cancel()
        await eventually(lambda: "left" in rung)
        left.cancel()
        assert rung == [0.001, 0.01, 0.03, "left"]

    with_pairs(scenario, n=40)


def test_alarms_that_were_cancelled_are_not_kept_until_they_would_have_rung():
    rung = []

    async def scenario(pairs):
        await pairs.beat()
        kept = pairs.loop.call_later(0.0, lambda: rung.append("kept"))
        for _ in range(10_000):
            pairs.loop.call_later(60, lambda: rung.append("cancelled")).cancel()
        assert sum(type(thing) is BeatTimer for thing in gc.get_objects()) < 1000
        assert not kept.cancelled()
        await eventually(lambda: rung == ["kept"])

    with_pairs(scenario, n=40)


def test_a_reader_that_another_one_has_removed_is_not_called():
    called = []

    async def scenario(pairs):
        first, second = (ours.fileno() for ours, _ in pairs.pairs)

        def remove(one, other):
            called.append(one)
            pairs.loop.remove_reader(other)
            pairs.loop.remove_reader(one)

        pairs.loop.add_reader(first, lambda: remove(first, second))
        pairs.loop.add_reader(second, lambda: remove(second, first))
        pairs.send()
        await eventually(lambda: called)
        await asyncio.sleep(0.02)
        assert len(called) == 1
        assert not pairs.loop.remove_reader(first)

    with_pairs(scenario, n=2)


def test_a_number_that_a_closed_socket_had_is_read_again():
    async def scenario(pairs):
        ours, theirs = pairs.pairs[0]
        fd = ours.fileno()
        ours.close()  # without a word to the loop
        theirs.close()
        pairs.pairs[0] = socket.socketpair()
        if pairs.pairs[0][0].fileno() != fd:
            pairs.pairs[0] = pairs.pairs[0][::-1]
        assert pairs.pairs[0][0].fileno() == fd
        pairs.loop.add_reader(fd, lambda: pairs.take(0))
        pairs.send(b"again")
        await eventually(lambda: pairs.read == [b"again"])

    with_pairs(scenario, n=1)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("moderation_ms", [0, 1, 20.0])
def test_calls_are_the_same_on_any_beat(moderation_ms, loop, monkeypatch):
    new_loop = asyncio.new_event_loop if loop == "asyncio" else pytest.importorskip("uvloop").new_event_loop
    picows = pytest.importorskip("voiceband.servers.picows")
    monkeypatch.setattr(moderation, "LOADED", 1e-9)  # the beat sets in with the first message
    monkeypatch.setattr(moderation, "LOOK_S", 0.0)
    n_calls, n_messages = 5, 20
    beats, heard = [], {}
    beating = property(lambda loop: bool(beats and beats[-1]), lambda loop, value: beats.append(value))
    monkeypatch.setattr(ModeratedLoop, "beating", beating, raising=False)

    async def agent(call):
        samples = []
        async for event in call:
            if isinstance(event, Audio):
                samples.append(event.samples.tobytes())
                await call.play(event.samples, 8000)
        heard[call.session.stream_id] = samples

    async def talk(url, k):
        peer = await Peer(url).upgrade()
        peer.writer.write(frame(start(stream_id=f"s{k}")))
        said = [bytes([k, i] * 80) for i in range(n_messages)]
        came = 0
        for i, content in enumerate(said):
            peer.writer.write(frame(media(i, content)))
            await asyncio.sleep(0.001)
        while came < n_messages:
            opcode, content = await peer.read()
            came += opcode == 1 and b"playAudio" in content
            if opcode == 1 and b"checkpoint" in content:
                break
        peer.writer.close()
        return [ulaw_decode(content).tobytes() for content in said]

    async def main():
        async with asyncio.timeout(30), await picows.serve(agent, moderation_ms=moderation_ms, rejoin_s=0) as server:
            url = f"ws://127.0.0.1:{server.port}/ws"
            said = await asyncio.gather(*(talk(url, k) for k in range(n_calls)))
            await eventually(lambda: len(heard) == n_calls)
        assert heard == {f"s{k}": said[k] for k in range(n_calls)}
        assert (True in beats) == bool(moderation_ms)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())


def test_bad_beats_are_refused():
    picows = pytest.importorskip("voiceband.servers.picows")

    async def listen(call):
        async for _ in call:
            pass

    for bad, error in [(-1, ValueError), (101, ValueError), ("5", TypeError), (True, TypeError)]:
        with pytest.raises(error, match="moderation_ms must be"):
            asyncio.run(picows.serve(listen, moderation_ms=bad))
