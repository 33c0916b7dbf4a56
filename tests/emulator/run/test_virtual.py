"""Calls without sockets: who hears what when; and the network in real time."""

import asyncio

import numpy as np
import pytest
from websockets.asyncio.server import serve

from _support.one_stream import OneStream, joined
from voiceband.emulator import (
    PRESETS,
    Carrier,
    HangUp,
    Line,
    Network,
    Preset,
    Press,
    Retries,
    Script,
    Way,
    run_call,
)
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.markup import Stream
from voiceband.protocol import ClearAudio, ClearedAudio, Media, PlayAudio, Start, parse
from voiceband.session import Audio, Session


def test_messages_arrive_when_the_network_says():
    heard = []
    frame = PlayAudio(PLIVO_MULAW_8K.encode(np.full(160, 5000, np.int16)), PLIVO_MULAW_8K).encode()

    def agent(text, now):
        heard.append((now, parse(text)))
        return [frame] if len(heard) == 3 else None

    preset = Preset(to_agent=Way(delay_ms=30), to_carrier=Way(delay_ms=45))
    one = joined(agent, Network(preset), until=1.0, start_s=50.0, playout_delay_ms=100)
    assert isinstance(heard[0][1], Start)
    times = [now for now, event in heard if isinstance(event, Media)]
    np.testing.assert_allclose(times, 50.05 + np.arange(len(times)) * 0.02, atol=1e-6)
    # The second frame left at 40 ms and came at 70; the answer came at 115 and sounds at 215.
    assert [(run.start, len(run.data)) for run in one.stream.player.runs] == [(pytest.approx(50.215), 160)]
    assert (one.now, one.over) == (51.0, False)


def test_the_end_reaches_the_agent():
    events = []
    one = joined(
        lambda text, now: events.append(parse(text)), on_tick=lambda now, c: now >= 1 and c.hang_up(now), send_stop=True
    )
    assert one.over
    assert one.now == pytest.approx(1.025)
    assert type(events[-1]).__name__ == "Stop"


def test_a_stuck_agent_reads_and_says_nothing():
    times = []
    one = OneStream(lambda text, now: times.append(now))
    one.run(0.5)
    one.stalled_until = 0.9
    one.run(1.0)
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
    one = joined(agent, until=0.05)
    assert one.now == 0.05
    assert agent.polls == pytest.approx(5000, rel=0.01)


def test_a_clear_is_answered_at_once():
    got = []

    def agent(text, now):
        got.append((now, parse(text)))
        return [ClearAudio(got[0][1].stream_id).encode()] if len(got) == 2 else None

    joined(agent, until=1.0)
    assert [now for now, event in got if isinstance(event, ClearedAudio)] == [pytest.approx(0.045 + 0.05)]


def test_a_slow_reader_degrades_and_ends_the_stream():
    one = joined(lambda text, now: None, Network("slow-reader"), until=600)
    call = one.stream
    degraded = call.log.named("degraded")
    assert [entry.detail["percent"] for entry in degraded] == [30, 60, 90]
    assert [entry.at_s for entry in degraded] == [pytest.approx(t, abs=1) for t in (60, 120, 180)]
    assert call.end_reason == "slow connection"
    assert call.ended_at == pytest.approx(200, abs=2)
    assert one.over


def test_a_faster_clock_sends_more_than_the_player_plays():
    depths = {}
    for name in ("clean", "skew"):
        session = Session(max_queued_ms=700_000, message_ms=20)
        one = OneStream(session, Network(name))
        call = one.stream
        session.play(b"\x55" * 8000 * 500, format=PLIVO_MULAW_8K, end=True)
        sent = []
        for second in (50, 250):
            one.run(second)
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
        session = Session()
        samples = []

        def keep(events, now, samples=samples):
            samples += [e.samples for e in events if isinstance(e, Audio)]

        session.play(np.full(40_000, 3000, np.int16), 8000, end=True)
        one = OneStream(
            session,
            network,
            on_events=keep,
            source=lambda wire: Line(noise="street", snr_db=20, echo_loss_db=25, seed=9),
            seed=9,
            frame_ms=network.frame_ms(),
        )
        call = one.stream
        call.say(np.random.default_rng(9).normal(0, 2000, 24_000).astype(np.int16))
        one.run(8)
        call.hang_up(one.now)
        one.run(60)
        assert one.over
        assert call.problems == []
        assert call.player.played(one.now) >= 32_000
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
    joined(agent, network, until=30, frame_ms=network.frame_ms())
    assert {ms for ms, _ in sizes} == set(PRESETS["odd-sizes"].frame_ms)
    stamps = [stamp for _, stamp in sizes]
    assert np.diff(stamps).tolist() == [ms for ms, _ in sizes[:-1]]


def url(server):
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


class TestRealTime:
    @pytest.mark.parametrize("name", ["clean", "skew"])
    def test_a_call_on_a_socket_goes_through_it(self, name):
        frame = PlayAudio(PLIVO_MULAW_8K.encode(np.full(800, 4000, np.int16)), PLIVO_MULAW_8K).encode()

        async def agent(socket):
            await socket.recv()
            await socket.send(frame)

        async def main():
            slow = Way(delay_ms=150)
            preset = Preset(to_agent=slow, to_carrier=slow, skew_ppm=200 if name == "skew" else 0)
            async with serve(agent, "127.0.0.1", 0) as server:
                stream = Stream(url(server), bidirectional=True, keep_call_alive=True, content_type=PLIVO_MULAW_8K)
                carrier = Carrier(stream, playout_delay_ms=0)
                await run_call(carrier, network=lambda: Network(preset))
            return carrier

        carrier = asyncio.run(main())
        (start,), (played,) = carrier.log.named("start"), carrier.log.named("playAudio")
        assert played.at_s - start.at_s >= 0.3 * (1 - 200e-6)
        assert carrier.streams[0].problems == []
        # What was said before the end has come before it, though it was on its way.
        assert "ignored" not in played.detail
        (closed,) = carrier.log.named("closed")
        assert (closed.detail["proper"], closed.detail["code"]) == (True, 1000)
        assert closed.at_s >= played.at_s

    def test_nothing_overtakes(self):
        async def agent(socket):
            await socket.recv()
            for i in range(30):
                await socket.send(str(i))
                await asyncio.sleep(0.002)
            await socket.send("end")
            async for _ in socket:
                pass

        async def main():
            async with serve(agent, "127.0.0.1", 0) as server:
                carrier = Carrier(Stream(url(server), bidirectional=True, keep_call_alive=True))

                def on_tick(now, carrier):
                    if len(carrier.log.named("invalid")) == 31:
                        carrier.hang_up(now)

                await run_call(carrier, network=lambda: Network("jittery", seed=1), on_tick=on_tick)
            return carrier

        got = asyncio.run(main()).log.named("invalid")
        assert [entry.text for entry in got] == [*map(str, range(30)), "end"]

    def test_what_was_sent_before_the_hang_up_reaches_the_agent(self):
        got = []

        async def agent(socket):
            got.extend([parse(text) async for text in socket])

        async def main():
            network = Network(Preset(to_agent=Way(delay_ms=200), to_carrier=Way(delay_ms=0)))
            script = Script([Press("7"), HangUp()])
            async with serve(agent, "127.0.0.1", 0) as server:
                carrier = Carrier(Stream(url(server), keep_call_alive=True), send_stop=True)
                await run_call(
                    carrier,
                    network=lambda: network,
                    on_tick=script.tick,
                )

        asyncio.run(main())
        assert [type(event).__name__ for event in got if not isinstance(event, Media)] == ["Start", "Dtmf", "Stop"]

    def test_a_slow_agent_s_backlog_is_told_and_ends_nothing_before_its_time(self):
        async def agent(socket):
            async for _ in socket:
                pass

        async def main():
            async with serve(agent, "127.0.0.1", 0) as server:
                stream = Stream(url(server), keep_call_alive=True, stream_timeout=1)
                carrier = Carrier(stream, max_backlog_s=0.3, retries=Retries(most=0))
                slow = Preset(to_agent=Way(delay_ms=0, read_ms=40), to_carrier=Way(delay_ms=0))
                await run_call(carrier, network=lambda: Network(slow))
            return carrier

        carrier = asyncio.run(main())
        assert [entry.detail["percent"] for entry in carrier.log.named("degraded")] == [30, 60, 90]
        assert carrier.streams[0].end_reason == "slow connection"
