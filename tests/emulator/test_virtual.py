"""Calls without sockets: who hears what when; and the network in real time."""

import asyncio
import time

import numpy as np
import pytest
from websockets.asyncio.server import serve

from voiceband.emulator import Call
from voiceband.emulator.caller.line import Line
from voiceband.emulator.caller.script import Script
from voiceband.emulator.caller.steps import HangUp, Press
from voiceband.emulator.network.delayed import Delayed
from voiceband.emulator.network.network import WAYS, Network
from voiceband.emulator.network.presets import PRESETS, Preset, Way
from voiceband.emulator.run.driver import place_call
from voiceband.emulator.run.virtual import VirtualCall, run
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.protocol import ClearAudio, ClearedAudio, Media, PlayAudio, Start, parse
from voiceband.session import Audio, Session


def test_messages_arrive_when_the_network_says():
    heard = []
    call = Call(playout_delay_ms=100)
    frame = PlayAudio(PLIVO_MULAW_8K.encode(np.full(160, 5000, np.int16)), PLIVO_MULAW_8K).encode()

    def agent(text, now):
        heard.append((now, parse(text)))
        return [frame] if len(heard) == 3 else None

    preset = Preset(to_agent=Way(delay_ms=30), to_carrier=Way(delay_ms=45))
    joined = run(call, agent, Network(preset), until=1.0, start_s=50.0)
    assert isinstance(heard[0][1], Start)
    times = [now for now, event in heard if isinstance(event, Media)]
    np.testing.assert_allclose(times, 50.05 + np.arange(len(times)) * 0.02, atol=1e-6)
    # The second frame left at 40 ms and came at 70; the answer came at 115 and sounds at 215.
    assert [(run.start, len(run.data)) for run in call.player.runs] == [(pytest.approx(50.215), 160)]
    assert (joined.now, joined.over) == (51.0, False)


def test_the_end_reaches_the_agent():
    events = []
    call = Call(send_stop=True)
    joined = VirtualCall(
        call, lambda text, now: events.append(parse(text)), on_tick=lambda now, c: now >= 1 and c.hang_up(now)
    )
    joined.run(10)
    assert joined.over
    assert joined.now == pytest.approx(1.025)
    assert type(events[-1]).__name__ == "Stop"


def test_a_stuck_agent_reads_and_says_nothing():
    times = []
    joined = VirtualCall(Call(), lambda text, now: times.append(now))
    joined.run(0.5)
    joined.stalled_until = 0.9
    joined.run(1.0)
    assert not [t for t in times if 0.5 < t < 0.9]
    assert sum(t == pytest.approx(0.9, abs=1e-4) for t in times) >= 18
    assert len(times) == 1 + 48


def test_an_agent_that_always_wants_to_be_asked_again_stops_nobody():
    class Restless:
        next_poll = float("-inf")
        polls = 0

        def receive(self, message, now):
            return ()

        def poll(self, now):
            self.polls += 1
            return []

    agent = Restless()
    joined = run(Call(), agent, until=0.05)
    assert joined.now == 0.05
    assert agent.polls == pytest.approx(5000, rel=0.01)


def test_a_clear_is_answered_at_once():
    got = []
    call = Call(stream_id="s")

    def agent(text, now):
        got.append((now, parse(text)))
        return [ClearAudio("s").encode()] if len(got) == 2 else None

    run(call, agent, until=1.0)
    assert [now for now, event in got if isinstance(event, ClearedAudio)] == [pytest.approx(0.045 + 0.05)]


def test_a_slow_reader_degrades_and_ends_the_stream():
    call = Call()
    joined = run(call, lambda text, now: None, Network("slow-reader"), until=600)
    degraded = call.log.named("degraded")
    assert [entry.detail["percent"] for entry in degraded] == [30, 60, 90]
    assert [entry.at_s for entry in degraded] == [pytest.approx(t, abs=1) for t in (60, 120, 180)]
    assert call.end_reason == "slow connection"
    assert call.ended_at == pytest.approx(200, abs=2)
    assert joined.over


def test_a_faster_clock_sends_more_than_the_player_plays():
    depths = {}
    for name in ("clean", "skew"):
        call, session = Call(), Session(max_queued_ms=700_000)
        joined = VirtualCall(call, session, Network(name))
        session.play(b"\x55" * 8000 * 500, format=PLIVO_MULAW_8K)
        sent = []
        for second in (50, 250):
            joined.run(second)
            received = sum(len(run.data) for run in call.player.runs)
            sent.append(received / 8000 - second)
        depths[name] = sent[1] - sent[0]
        assert call.player.gaps == []
    # The agent paces by its own clock: a frame of 20 ms more every 100 s.
    assert depths["clean"] == pytest.approx(0, abs=1e-3)
    assert depths["skew"] == pytest.approx(200 * 200e-6, abs=0.0201)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_carries_a_conversation_and_repeats_it(name):
    logs = []
    for _ in range(2):
        network = Network(name, seed=9)
        call = Call(
            source=Line(noise="street", snr_db=20, echo_loss_db=25, seed=9), seed=9, frame_ms=network.frame_ms()
        )
        session = Session()
        call.say(np.random.default_rng(9).normal(0, 2000, 24_000).astype(np.int16))
        samples = []

        def keep(events, now, samples=samples):
            samples += [e.samples for e in events if isinstance(e, Audio)]

        session.play(np.full(40_000, 3000, np.int16), 8000)
        joined = VirtualCall(call, session, network, on_events=keep)
        joined.run(8)
        call.hang_up(joined.now)
        joined.run(60)
        assert joined.over
        assert call.problems == []
        assert call.player.played(joined.now) >= 32_000
        # Whatever the network did, no sample of the caller's was lost, and none came twice.
        spoken = PLIVO_MULAW_8K.decode(bytes(call.spoken))
        np.testing.assert_array_equal(np.concatenate(samples), spoken)
        logs.append("".join(call.log.lines()))
    assert logs[0] == logs[1]


def test_odd_sizes_are_on_the_wire():
    sizes = []

    def agent(text, now):
        if isinstance(event := parse(text), Media):
            sizes.append((len(event.payload) // 8, event.timestamp_ms))

    network = Network("odd-sizes", seed=2)
    run(Call(frame_ms=network.frame_ms()), agent, network, until=30)
    assert {ms for ms, _ in sizes} == set(PRESETS["odd-sizes"].frame_ms)
    stamps = [stamp for _, stamp in sizes]
    assert np.diff(stamps).tolist() == [ms for ms, _ in sizes[:-1]]


class TestRealTime:
    def test_nothing_is_early_and_nothing_overtakes(self):
        async def main():
            network, twin = Network("jittery", seed=1), Network("jittery", seed=1)
            got = {way: [] for way in WAYS}
            lanes = {way: Delayed(network, way, lambda m, t, way=way: got[way].append((m, t))) for way in WAYS}
            expected = {way: [] for way in WAYS}
            for i in range(20):
                for way in WAYS:
                    now = time.monotonic()
                    lanes[way].put(f"{i}", now)
                    expected[way].append(twin.arrival(now, 1, way))
                await asyncio.sleep(0.002)
            while min(map(len, got.values())) < 20:
                await asyncio.sleep(0.01)
            for way in WAYS:
                assert [m for m, _ in got[way]] == [f"{i}" for i in range(20)]
                assert all(t >= at for (_, t), at in zip(got[way], expected[way], strict=True))

        asyncio.run(main())

    @pytest.mark.parametrize("name", ["clean", "skew"])
    def test_a_call_on_a_socket_goes_through_it(self, name):
        frame = PlayAudio(PLIVO_MULAW_8K.encode(np.full(800, 4000, np.int16)), PLIVO_MULAW_8K).encode()

        async def agent(socket):
            await socket.recv()
            await socket.send(frame)

        async def main():
            slow = Way(delay_ms=150)
            network = Network(Preset(to_agent=slow, to_carrier=slow, skew_ppm=200 if name == "skew" else 0))
            call, log = Call(playout_delay_ms=0), []
            async with serve(agent, "127.0.0.1", 0) as server:
                address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
                ending = await place_call(call, address, on_message=lambda *x: log.append(x), network=network)
            return call, log, ending

        call, log, ending = asyncio.run(main())
        first = next(now for way, _, now in log if way == "received")
        assert first - call.started_at >= 0.3 * (1 - 200e-6)
        assert call.problems == []
        # What was said before the end has come before it, though it was on its way.
        assert ["ignored" in entry.detail for entry in call.log.named("playAudio")] == [False]
        assert (ending.by_agent, ending.code) == (True, 1000)

    def test_what_was_sent_before_the_hang_up_reaches_the_agent(self):
        got = []

        async def agent(socket):
            got.extend([parse(text) async for text in socket])

        async def main():
            network = Network(Preset(to_agent=Way(delay_ms=200), to_carrier=Way(delay_ms=0)))
            call = Call(send_stop=True)
            async with serve(agent, "127.0.0.1", 0) as server:
                address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
                script = Script([Press("7"), HangUp()])
                await place_call(call, address, on_tick=lambda now: script.tick(now, call), network=network)

        asyncio.run(main())
        assert [type(event).__name__ for event in got if not isinstance(event, Media)] == ["Start", "Dtmf", "Stop"]

    def test_closing_drops_what_is_on_its_way(self):
        async def main():
            got = []
            lane = Delayed(Network("clean"), "sent", lambda m, t: got.append(m))
            lane.put("x", time.monotonic())
            lane.close()
            lane.close()
            lane.put("y", time.monotonic())
            while not got:
                await asyncio.sleep(0.01)
            assert got == ["y"]

        asyncio.run(main())
