"""What an agent says in a call, and what becomes of it: a link that keeps what it is given, and messages by hand."""

import asyncio

import pytest

from _support.drivers import eventually
from _support.messages import played
from _support.wires import START, in_call, silence
from voiceband.servers import CallEndedError, pump
from voiceband.session import QueueFullError

# ---- outcomes


def test_an_utterance_says_when_it_was_played():
    async def scenario(call, wire):
        speech = await call.play(silence(100), 8000, name="hello")
        assert await call.play(silence(100), 8000, end=True) is speech
        assert wire.names.count("checkpoint") == 1
        assert speech.outcome is None
        waiting = [asyncio.create_task(asyncio.wait_for(speech, 5)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # the end of that waiting, and of nothing else
        await asyncio.sleep(0)
        call.feed(played("hello"))
        assert {(await w).heard_ms for w in waiting[1:]} == {200.0}
        assert (await speech) is speech.outcome
        assert speech.outcome.played
        assert speech.outcome.reason is None
        assert waiting[0].cancelled()

    in_call(scenario)


def test_an_interruption_clears_what_is_open_and_what_waits_for_room():
    async def scenario(call, wire):
        speech = await call.play(silence(1000), 8000, name="a", end=True)
        late = [asyncio.create_task(call.play(silence(1000), 8000, name=n, end=True)) for n in "bc"]
        await asyncio.sleep(0)
        drain = asyncio.create_task(call.drain())
        mark = call.checkpoint("mark")
        await asyncio.sleep(0)
        heard = await call.interrupt()
        assert heard["a"].unsent_ms > 0
        assert wire.names[-1] == "clearAudio"
        assert [(await s).reason for s in (speech, mark, *[await t for t in late])] == ["cleared"] * 4
        assert await drain is None
        await call.play(silence(20), 8000, end=True)
        assert wire.names[-2:] == ["playAudio", "checkpoint"]

    in_call(scenario, max_queued_ms=1000)


def test_late_pieces_of_what_was_interrupted_are_dropped_until_it_ends():
    async def scenario(call, wire):
        speech = await call.play(silence(1000), 8000, name="a")
        await call.interrupt()
        count = len(wire.texts)
        assert await call.play(silence(20), 8000, name="a") is speech
        assert (await speech).reason == "cleared"
        assert call.session.stats.late_pieces == 1
        assert len(wire.texts) == count
        speech.end()
        again = await call.play(silence(20), 8000, name="a", end=True)
        assert again is not speech
        assert wire.names[-2:] == ["playAudio", "checkpoint"]

    in_call(scenario)


def test_a_checkpoint_can_be_awaited_or_kept():
    async def scenario(call, wire):
        await call.play(silence(20), 8000, end=True)
        mark = call.checkpoint("half")
        assert wire.texts[-1] == {"event": "checkpoint", "streamId": "s", "name": "half"}
        call.feed(played("half"))
        assert (await mark).played
        assert (await mark).heard_ms == 0.0
        lost = call.checkpoint("lost")
        call.feed('{"event":"stop","streamId":"s"}')
        assert (await lost).reason == "closed"
        with pytest.raises(CallEndedError):
            call.checkpoint("late")

    in_call(scenario)


def test_a_checkpoint_before_the_start_is_refused():
    async def scenario(call, wire):
        with pytest.raises(RuntimeError, match="started"):
            call.checkpoint("early")
        early = await call.play(silence(20), 8000, end=True)
        call.feed(START)
        await eventually(lambda: wire.names == ["playAudio", "checkpoint"])
        call.feed(played(early.name))
        assert (await early).played

    in_call(scenario, start=False)


def test_a_checkpoint_that_is_not_answered_in_time():
    async def scenario(call, wire):
        assert (await call.checkpoint("never", timeout_s=0.03)).reason == "timeout"

    in_call(scenario)


def test_an_answer_for_later_speech_is_one_for_earlier_speech_too():
    async def scenario(call, wire):
        first = await call.play(silence(20), 8000, end=True)
        second = await call.play(silence(20), 8000, end=True)
        call.feed(played(second.name))
        assert first.outcome.played
        assert second.outcome.played

    in_call(scenario)


def test_a_second_start_closes_what_the_first_stream_was_to_answer():
    async def scenario(call, wire):
        sent = await call.play(silence(20), 8000, end=True)
        queued = await call.play(silence(800), 8000, end=True)
        call.feed(START.replace('"s"', '"s2"'))
        assert sent.outcome.reason == "closed"
        assert queued.outcome is None
        await eventually(lambda: wire.names[-1] == "checkpoint" and wire.texts[-1]["name"] == queued.name)
        assert wire.texts[-1]["streamId"] == "s2"
        call.feed(played(queued.name))
        assert (await queued).played

    in_call(scenario)


def test_open_outcomes_are_bounded():
    async def scenario(call, wire):
        speeches = [await call.play(silence(20), 8000, end=True) for _ in range(300)]
        reasons = [s.outcome and s.outcome.reason for s in speeches]
        assert reasons == ["timeout"] * 44 + [None] * 256

    in_call(scenario, lead_ms=None)


# ---- speaking


def test_play_waits_for_room_and_keeps_the_order():
    async def scenario(call, wire):
        order = []

        async def say(name, ms):
            speech = await call.play(silence(ms), 8000, name=name, end=True)
            order.append(name)
            return speech

        await say("a", 1000)
        tasks = [asyncio.create_task(say(n, ms)) for n, ms in (("b", 1000), ("c", 500), ("d", 20))]
        await asyncio.sleep(0.01)
        assert order == ["a"]
        tasks[1].cancel()  # gives its place to the next
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == ["a", "b", "d"]
        assert wire.sent_ms >= 1000  # b had to wait until all of a was sent
        with pytest.raises(QueueFullError):
            await call.play(silence(1020), 8000, end=True)

    in_call(scenario, max_queued_ms=1000)


def test_speech_goes_out_in_time_and_at_its_pace():
    async def scenario(call, wire):
        begin = asyncio.get_running_loop().time()
        speech = await call.play(silence(800), 8000, end=True)
        assert 400 <= wire.sent_ms <= 640  # the lead at once, and a message at most
        await eventually(lambda: wire.names[-1] == "checkpoint" and wire.texts[-1]["name"] == speech.name)
        assert asyncio.get_running_loop().time() - begin > 0.15
        assert wire.sent_ms == 800

    in_call(scenario)


def test_a_peer_that_takes_nothing_is_sent_nothing_and_given_up_in_time(monkeypatch):
    monkeypatch.setattr(pump, "STALL_TIMEOUT_S", 0.1)

    async def scenario(call, wire):
        wire.stuck = 2**20
        await call.play(silence(20), 8000, end=True)
        n = len(wire.texts)
        await call.play(silence(20), 8000, end=True)
        await call.interrupt()
        assert len(wire.texts) == n
        wire.stuck = 0
        await eventually(lambda: wire.names[-1] == "clearAudio")
        wire.stuck = 2**20
        speech = await call.play(silence(20), 8000, end=True)
        assert (await speech).reason == "closed"
        assert wire.closed == (1008, "the peer has taken nothing for 0.1 s")

    in_call(scenario)


def test_bad_audio_is_refused_and_changes_nothing():
    async def scenario(call, wire):
        for bad in ({"data": b"x"}, {"data": silence(20), "rate": 7}, {"data": silence(20), "name": "voiceband-x"}):
            with pytest.raises((TypeError, ValueError)):
                await call.play(**bad)
        assert wire.texts == []
        await call.send_dtmf("1")
        with pytest.raises(ValueError):
            await call.send_dtmf("x")
        assert wire.names == ["sendDTMF"]
        call.session.send_dtmf("2")
        call.flush()
        assert len(wire.texts) == 2

    in_call(scenario)


def test_drain_waits_for_the_last_word_and_hangs_up():
    async def scenario(call, wire):
        speech = await call.play(silence(20), 8000, end=True)
        drain = asyncio.create_task(call.drain(hangup_after_drain=True))
        await asyncio.sleep(0)
        assert not drain.done()
        call.feed(played(speech.name))
        assert (await drain).by_clock is False
        assert wire.closed == (1000, "hung up")
        with pytest.raises(CallEndedError):
            await call.drain()

    in_call(scenario)


def test_a_cancelled_drain_hangs_nobody_up():
    async def scenario(call, wire):
        speech = await call.play(silence(20), 8000, end=True)
        drain = asyncio.create_task(call.drain(hangup_after_drain=True))
        await asyncio.sleep(0)
        drain.cancel()
        await asyncio.gather(drain, return_exceptions=True)
        call.feed(played(speech.name))
        assert speech.outcome.played
        assert not call.ended

    in_call(scenario)
