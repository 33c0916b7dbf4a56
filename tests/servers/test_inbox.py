"""What a call receives, and what waits for an agent that does not read."""

import asyncio
import json

import pytest

from _support.drivers import eventually
from _support.messages import media, played
from _support.wires import in_call, silence
from voiceband.servers import flow
from voiceband.servers.inbox import MAX_UNREAD, MAX_UNREAD_BYTES, MAX_UNREAD_S
from voiceband.servers.totals import TOTALS
from voiceband.session import Audio, Dtmf, Started, Stopped, Warned


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch):
    """Let a peer send as much as it likes at once; test_floods.py has what becomes of it otherwise."""
    monkeypatch.setattr(flow, "MAX_IN_BURST", 2**40)
    monkeypatch.setattr(flow, "MAX_BYTES_PER_S", 2**40)
    monkeypatch.setattr(flow, "MAX_AUDIO_S", 2**40)


def test_events_come_in_order_and_end_with_the_call():
    async def scenario(call, wire):
        for i in range(3):
            call.feed(media(i))
        call.feed('{"event":"dtmf","streamId":"s","dtmf":{"track":"inbound","digit":"5","timestamp":"0"}}')
        call.lost("gone")
        call.feed(media(4))
        assert call.ended
        return [e async for e in call]

    events = in_call(scenario)
    assert [type(e) for e in events] == [Started, Audio, Audio, Audio, Dtmf, Stopped]
    assert events[-1].reason == "gone"


def test_a_waiting_iteration_is_woken_by_one_message_and_can_be_cancelled():
    async def scenario(call, wire):
        assert isinstance(await anext(call), Started)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(call), 0.01)
        waiting = asyncio.create_task(anext(call))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one task"):
            await anext(call)
        call.feed(media(0))
        call.feed(media(1))
        assert [type(e) for e in (await waiting, await anext(call))] == [Audio, Audio]

    in_call(scenario)


def test_an_agent_that_does_not_read_pauses_the_socket_and_loses_nothing():
    async def scenario(call, wire):
        n = 0
        while not wire.paused:
            call.feed(media(n))
            n += 1
        assert MAX_UNREAD - 10 < n <= MAX_UNREAD + 1
        heard = 0
        while heard < n:
            heard += isinstance(await anext(call), Audio)
        assert wire.paused
        waiting = asyncio.create_task(anext(call))
        await asyncio.sleep(0)
        assert not wire.paused
        call.feed(media(n))
        assert isinstance(await waiting, Audio)

    in_call(scenario)


def test_large_messages_count_by_their_bytes():
    async def scenario(call, wire):
        n = 0
        while not wire.paused:
            call.feed(media(n, bytes(160_000)))
            n += 1
        assert n * 160_000 * 4 / 3 < MAX_UNREAD_BYTES + 2**20

    in_call(scenario)


def hole(i):
    """Return a short message behind 9 s of which nothing came."""
    return media(450 * i, bytes(160))


@pytest.mark.parametrize("rate", [None, 16000])
def test_holes_that_are_made_up_for_count_by_their_seconds(rate):
    async def scenario(call, wire):
        await anext(call)
        n = 0
        while n == 0 or aiter(call).unread_samples <= MAX_UNREAD_S * (rate or 8000):
            wire.paused = False
            call.feed(hole(n))
            n += 1
        assert n == 8
        assert wire.paused
        heard_s = 0.0
        while aiter(call).events:
            heard_s += len((await anext(call)).samples) / (rate or 8000)
        assert heard_s == pytest.approx(7 * 9 + 0.02, abs=0.01)  # nothing is lost
        assert aiter(call).unread_samples == 0

    in_call(scenario, rate=rate)


def test_holes_give_way_while_the_agent_awaits_an_outcome():
    async def scenario(call, wire):
        speech = await call.play(silence(20), 8000, end=True)
        waiting = asyncio.create_task(asyncio.wait_for(speech, 10))
        await eventually(lambda: aiter(call).waiting)
        for i in range(20):  # there is room for seven; the answer must come within 5 s on a busy machine too
            call.feed(hole(i))
            held = [event for event in aiter(call).events if isinstance(event, Audio)]
            assert sum(len(event.samples) for event in held) <= MAX_UNREAD_S * 8000
        call.feed(played(speech.name))
        assert (await waiting).played
        assert (await anext(call)).kind == "unread"

    in_call(scenario)


def test_more_than_twenty_seconds_of_audio_a_second_wait_in_the_socket(monkeypatch):
    monkeypatch.setattr(flow, "MAX_AUDIO_S", 20)

    async def scenario(call, wire):
        await anext(call)
        for i in range(3):
            call.feed(hole(i))
        assert not wire.paused
        call.feed(hole(3))
        assert wire.paused
        await eventually(lambda: not wire.paused)  # it is read on when the second is over

    in_call(scenario)


def test_what_comes_behind_a_pause_waits_as_messages_and_is_heard_in_order():
    async def scenario(call, wire):
        await anext(call)
        for i in range(500):  # as of a library that has read them already
            call.feed(hole(i))
            assert aiter(call).unread_samples <= (MAX_UNREAD_S + 10) * 8000
        assert wire.paused
        positions = []
        while len(positions) < 999:
            event = await anext(call)
            if isinstance(event, Audio):
                positions.append(event.position_ms)
            assert aiter(call).unread_samples <= (MAX_UNREAD_S + 10) * 8000
        assert positions == sorted(positions)
        waiting = asyncio.create_task(anext(call))
        await asyncio.sleep(0)
        assert not wire.paused
        call.feed(hole(500))
        assert isinstance(await waiting, Audio)

    in_call(scenario)


def test_what_waits_as_messages_is_taken_when_the_connection_ends():
    async def scenario(call, wire):
        n = 0
        while not wire.paused:
            call.feed(media(n))
            n += 1
        while len(aiter(call).events) > 10:
            await anext(call)
        for i in range(n, n + 50):
            call.feed(media(i))
        call.lost()
        return n + 50, [event async for event in call]

    n, events = in_call(scenario)
    assert [event.position_ms for event in events if isinstance(event, Audio)][-1] == 20.0 * (n - 1)
    assert isinstance(events[-1], Stopped)


def test_more_than_may_wait_gives_way_when_the_connection_ends():
    async def scenario(call, wire):
        for i in range(500):
            call.feed(hole(i))
        call.lost()
        assert aiter(call).unread_samples <= (MAX_UNREAD_S + 10) * 8000
        return [event async for event in call]

    events = in_call(scenario)
    assert [event.kind for event in events if isinstance(event, Warned)] == ["unread"]
    assert isinstance(events[-1], Stopped)


def test_messages_that_mean_nothing_to_the_agent_pause_nothing():
    async def scenario(call, wire):
        await anext(call)
        waiting = asyncio.create_task(anext(call))
        await asyncio.sleep(0)
        other = media(0, bytes(30_000)).replace('"inbound"', '"outbound"')
        for _ in range(2 * MAX_UNREAD_BYTES // len(other)):
            call.feed(other)
        assert not wire.paused
        assert (await waiting).kind == "track"
        call.feed(media(0))
        assert isinstance(await anext(call), Audio)

    in_call(scenario)


def unread():
    return json.loads(TOTALS.snapshot())[0].get("voiceband_unread_total", 0)


def test_while_the_agent_awaits_an_outcome_the_oldest_events_give_way_and_it_is_told():
    before = unread()

    async def scenario(call, wire):
        speech = await call.play(silence(20), 8000, end=True)
        waiting = asyncio.create_task(asyncio.wait_for(speech, 10))
        await eventually(lambda: aiter(call).waiting)
        for i in range(MAX_UNREAD + 500):
            call.feed(media(i))
        assert not wire.paused
        call.feed(played(speech.name))
        assert (await waiting).played
        first = await anext(call)
        assert isinstance(first, Warned)
        assert first.kind == "unread"
        call.lost()
        rest = [e async for e in call]
        audio = [e for e in rest if isinstance(e, Audio)]
        assert len(audio) <= MAX_UNREAD
        # All that is missing is counted, the start included; what is left is the latest, without a hole.
        assert first.reason.startswith(f"dropped {MAX_UNREAD + 501 - len(audio)} events")
        assert unread() - before == MAX_UNREAD + 501 - len(audio)
        assert [e.position_ms for e in audio] == [20.0 * i for i in range(MAX_UNREAD + 500)][-len(audio) :]

    in_call(scenario)


def test_to_await_an_outcome_reads_a_paused_socket():
    async def scenario(call, wire):
        speech = await call.play(silence(20), 8000, end=True)
        n = 0
        while not wire.paused:
            call.feed(media(n))
            n += 1
        waiting = asyncio.create_task(asyncio.wait_for(speech, 10))
        await eventually(lambda: not wire.paused)
        call.feed(played(speech.name))
        assert (await waiting).played

    in_call(scenario)


def test_an_agent_that_waits_for_room_goes_on_hearing():
    async def scenario(call, wire):
        await call.play(silence(1000), 8000, end=True)
        n = 0
        while not wire.paused:
            call.feed(media(n))
            n += 1
        waiting = asyncio.create_task(call.play(silence(1000), 8000, end=True))
        await eventually(lambda: not wire.paused)
        call.feed(media(n))
        assert not wire.paused
        assert (await anext(call)).kind == "unread"
        await call.interrupt()
        assert (await (await waiting)).reason == "cleared"

    in_call(scenario, max_queued_ms=1000)


def test_messages_that_were_read_count_no_more_while_others_wait():
    async def scenario(call, wire):
        for i in range(6):
            call.feed(media(i))
        for i in range(6, 6 + 2 * MAX_UNREAD_BYTES // 40_000):
            call.feed(media(i, bytes(30_000)))
            await anext(call)
            assert not wire.paused
        assert len(aiter(call).events) > 6

    in_call(scenario)
