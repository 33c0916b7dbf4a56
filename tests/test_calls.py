"""The call handle without a socket: a link that keeps what it is given, and messages by hand."""

import asyncio
import base64
import json

import httpx
import numpy as np
import pytest

from drivers import eventually
from voiceband.api import ApiError, AsyncPlivoClient
from voiceband.integrations import call as call_module
from voiceband.integrations import link as link_module
from voiceband.integrations import sending as sending_module
from voiceband.integrations.call import MAX_UNREAD, CallEndedError, CallHandle
from voiceband.integrations.context import running
from voiceband.integrations.link import Link, TaskLink
from voiceband.session import Audio, Capture, Dtmf, QueueFullError, Session, Started, Stopped, Warned

START = json.dumps({"event": "start", "start": {"streamId": "s", "callId": "c-1"}})


def silence(ms):
    return np.zeros(ms * 8, np.int16)


def media(i, payload=b"\xff" * 160):
    body = {"track": "inbound", "timestamp": str(20 * i), "chunk": i + 1, "payload": base64.b64encode(payload).decode()}
    return json.dumps({"event": "media", "streamId": "s", "media": body})


def played(name):
    return json.dumps({"event": "playedStream", "streamId": "s", "name": name})


class Wire(Link):
    """Keeps what was sent; `stuck` bytes wait."""

    def __init__(self):
        self.texts = []
        self.stuck = 0
        self.closed = None

    def send(self, text):
        self.texts.append(json.loads(text))

    def backlog(self):
        return self.stuck

    def close(self, code, reason):
        self.closed = self.closed or (code, reason)

    async def wait_closed(self):
        assert self.closed

    @property
    def names(self):
        return [t["event"] for t in self.texts]

    @property
    def sent_ms(self):
        return sum(len(base64.b64decode(t["media"]["payload"])) / 8 for t in self.texts if t["event"] == "playAudio")


def in_call(scenario, start=True, **options):
    """Run `scenario(call, wire)` in a call; return its result. No task may stay."""

    async def main():
        wire = Wire()
        async with asyncio.timeout(20):
            call = CallHandle(wire, **options)
            async with running(call):
                if start:
                    call.feed(START)
                result = await scenario(call, wire)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert wire.closed
        return result

    return asyncio.run(main())


# ---- events


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
        assert n * 160_000 * 4 / 3 < call_module.MAX_UNREAD_BYTES + 2**20

    in_call(scenario)


def test_messages_that_mean_nothing_to_the_agent_pause_nothing():
    async def scenario(call, wire):
        await anext(call)
        waiting = asyncio.create_task(anext(call))
        await asyncio.sleep(0)
        other = media(0, bytes(30_000)).replace('"inbound"', '"outbound"')
        for _ in range(2 * call_module.MAX_UNREAD_BYTES // len(other)):
            call.feed(other)
        assert not wire.paused
        call.feed(media(0))
        assert isinstance(await waiting, Audio)

    in_call(scenario)


def test_while_the_agent_awaits_an_outcome_the_oldest_events_give_way_and_it_is_told():
    async def scenario(call, wire):
        speech = await call.play(silence(20), 8000)
        waiting = asyncio.create_task(asyncio.wait_for(speech, 10))
        await eventually(lambda: call._waiting)
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
        assert first.reason.startswith(f"{MAX_UNREAD + 501 - len(audio)} events")
        assert [e.position_ms for e in audio] == [20.0 * i for i in range(MAX_UNREAD + 500)][-len(audio) :]

    in_call(scenario)


def test_to_await_an_outcome_reads_a_paused_socket():
    async def scenario(call, wire):
        speech = await call.play(silence(20), 8000)
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
        await call.play(silence(1000), 8000)
        n = 0
        while not wire.paused:
            call.feed(media(n))
            n += 1
        waiting = asyncio.create_task(call.play(silence(1000), 8000))
        await eventually(lambda: not wire.paused)
        call.feed(media(n))
        assert not wire.paused
        assert (await anext(call)).kind == "unread"
        await call.interrupt()
        assert (await (await waiting)).reason == "cleared"

    in_call(scenario, max_queued_ms=1000)


# ---- outcomes


def test_an_utterance_says_when_it_was_played():
    async def scenario(call, wire):
        speech = await call.play(silence(100), 8000, name="hello", end=False)
        assert await call.play(silence(100), 8000, utterance=speech) is speech
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
        speech = await call.play(silence(1000), 8000, name="a")
        late = [asyncio.create_task(call.play(silence(1000), 8000, name=n)) for n in "bc"]
        await asyncio.sleep(0)
        drain = asyncio.create_task(call.drain())
        mark = call.checkpoint("mark")
        await asyncio.sleep(0)
        heard = await call.interrupt()
        assert heard["a"].unsent_ms > 0
        assert wire.names[-1] == "clearAudio"
        assert [(await s).reason for s in (speech, mark, *[await t for t in late])] == ["cleared"] * 4
        assert await drain is None
        # What goes on with an interrupted utterance is ignored; what is new is said.
        count = len(wire.texts)
        assert await call.play(silence(20), 8000, utterance=speech, end=False) is speech
        assert await call.play(silence(20), 8000, utterance=await late[0], end=False) is await late[0]
        assert len(wire.texts) == count
        await call.play(silence(20), 8000)
        assert wire.names[-2:] == ["playAudio", "checkpoint"]

    in_call(scenario, max_queued_ms=1000)


def test_a_checkpoint_can_be_awaited_or_kept():
    async def scenario(call, wire):
        await call.play(silence(20), 8000)
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
        early = await call.play(silence(20), 8000)
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
        first = await call.play(silence(20), 8000)
        second = await call.play(silence(20), 8000)
        call.feed(played(second.name))
        assert first.outcome.played
        assert second.outcome.played

    in_call(scenario)


def test_a_second_start_closes_what_the_first_stream_was_to_answer():
    async def scenario(call, wire):
        sent = await call.play(silence(20), 8000)
        queued = await call.play(silence(800), 8000)
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
        speeches = [await call.play(silence(20), 8000) for _ in range(300)]
        reasons = [s.outcome and s.outcome.reason for s in speeches]
        assert reasons == ["timeout"] * 44 + [None] * 256

    in_call(scenario, lead_ms=None)


# ---- speaking


def test_play_waits_for_room_and_keeps_the_order():
    async def scenario(call, wire):
        order = []

        async def say(name, ms):
            speech = await call.play(silence(ms), 8000, name=name)
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
            await call.play(silence(1020), 8000)

    in_call(scenario, max_queued_ms=1000)


def test_speech_goes_out_in_time_and_at_its_pace():
    async def scenario(call, wire):
        begin = asyncio.get_running_loop().time()
        speech = await call.play(silence(600), 8000)
        assert 400 <= wire.sent_ms <= 440  # the lead, at once
        await eventually(lambda: wire.names[-1] == "checkpoint" and wire.texts[-1]["name"] == speech.name)
        assert asyncio.get_running_loop().time() - begin > 0.15
        assert wire.sent_ms == 600

    in_call(scenario)


def test_a_peer_that_takes_nothing_is_sent_nothing_and_given_up_in_time(monkeypatch):
    monkeypatch.setattr(sending_module, "STALL_TIMEOUT_S", 0.1)

    async def scenario(call, wire):
        wire.stuck = 2**20
        await call.play(silence(20), 8000)
        n = len(wire.texts)
        await call.play(silence(20), 8000)
        await call.interrupt()
        assert len(wire.texts) == n
        wire.stuck = 0
        await eventually(lambda: wire.names[-1] == "clearAudio")
        wire.stuck = 2**20
        speech = await call.play(silence(20), 8000)
        assert (await speech).reason == "closed"
        assert wire.closed == (1008, "the peer has taken nothing for 0.1 s")

    in_call(scenario)


def test_bad_audio_is_refused_and_changes_nothing():
    async def scenario(call, wire):
        for bad in ({"data": b"x"}, {"data": silence(20), "rate": 7}, {"data": silence(20), "name": "voiceband-x"}):
            with pytest.raises(ValueError):
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
        speech = await call.play(silence(20), 8000)
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
        speech = await call.play(silence(20), 8000)
        drain = asyncio.create_task(call.drain(hangup_after_drain=True))
        await asyncio.sleep(0)
        drain.cancel()
        await asyncio.gather(drain, return_exceptions=True)
        call.feed(played(speech.name))
        assert speech.outcome.played
        assert not call.ended

    in_call(scenario)


# ---- ends


def client(status):
    answer = httpx.MockTransport(lambda request: requests.append(request) or httpx.Response(status, json={}))
    requests = []
    return AsyncPlivoClient("MA", "secret", client=httpx.AsyncClient(transport=answer)), requests


@pytest.mark.parametrize(("status", "how"), [(204, "ended"), (404, "over")])
def test_hangup_ends_the_call_by_the_api(status, how):
    async def scenario(call, wire):
        call._api, requests = client(status)
        assert await call.hangup() == how
        assert [(r.method, r.url.path.rstrip("/").rsplit("/", 1)[1]) for r in requests] == [("DELETE", "c-1")]

    in_call(scenario)


def test_an_api_that_refuses_surfaces_and_the_socket_is_closed():
    async def scenario(call, wire):
        call._api, _ = client(500)
        with pytest.raises(ApiError):
            await call.hangup()
        assert wire.closed == (1000, "hung up")
        assert isinstance([e async for e in call][-1], Stopped)

    in_call(scenario)


def test_hangup_without_credentials_says_what_it_means(caplog):
    async def scenario(call, wire):
        assert await call.hangup() == "closed"
        assert call.ended

    with caplog.at_level("INFO", "voiceband.calls"):
        in_call(scenario)
    assert "c-1" in caplog.text
    assert "keepCallAlive" in caplog.text


def test_an_ended_call_is_the_agents_end_and_no_error():
    async def scenario(call, wire):
        call.lost()
        await call.play(silence(20), 8000)

    async def main():
        wire = Wire()
        other = CallHandle(Wire())
        other.lost()
        call = CallHandle(wire)
        async with running(call):
            await scenario(call, wire)
        assert wire.closed == (1000, "")
        call = CallHandle(wire := Wire())
        with pytest.raises(CallEndedError):
            async with running(call):
                await scenario(other, wire)
        assert wire.closed == (1011, "internal error")

    asyncio.run(main())


@pytest.mark.parametrize("while_", ["receiving", "sending", "closing"])
def test_an_error_of_the_users_code_in_the_session_ends_the_call_and_surfaces(while_):
    class Broken(Session):
        """Stands for one with code of the user's own in it."""

        __slots__ = ()

        def receive(self, message, now):
            if while_ == "receiving" and "media" in message:
                raise OSError("disk full")
            return super().receive(message, now)

        def poll(self, now):
            texts = super().poll(now)
            if while_ == "sending" and texts:
                raise OSError("disk full")
            return texts

        def close(self, reason=None):
            events = super().close(reason)
            if while_ == "closing":
                raise OSError("disk full")
            return events

    async def scenario(call, wire):
        if while_ == "receiving":
            call.feed(media(0))
        if while_ == "sending":
            await call.play(silence(20), 8000)
        if while_ == "closing":
            call.lost()
        assert call.ended
        assert call.session.stopped
        async for _ in call:
            pass

    wire = Wire()

    async def main():
        call = CallHandle(wire, Broken())
        async with running(call):
            call.feed(START)
            await scenario(call, wire)

    with pytest.raises(OSError, match="disk full"):
        asyncio.run(main())
    assert wire.closed


@pytest.mark.parametrize("method", ["received", "sent"])
def test_a_capture_that_fails_is_told_and_the_call_goes_on(method, tmp_path):
    class Full(Capture):
        """Stands for a capture whose disk is full."""

    def fail(self, *args):
        raise OSError("disk full")

    setattr(Full, method, fail)

    async def main(capture):
        call = CallHandle(wire := Wire(), Session(capture=capture))
        async with running(call):
            call.feed(START)
            await call.play(silence(20), 8000)
            call.feed(media(0))
            call.feed(media(1))
            call.lost()
            kinds = [getattr(event, "kind", type(event).__name__) async for event in call]
        return kinds, wire.names

    with Full(tmp_path / "wire.jsonl") as capture:
        kinds, names = asyncio.run(main(capture))
    assert kinds.count("capture") == 1
    assert kinds.count("Audio") == 2
    assert "playAudio" in names


def test_a_silent_peer_is_given_up_and_a_paused_one_is_not_silent():
    async def scenario(call, wire):
        wire.pause()
        await asyncio.sleep(0.08)
        assert not call.ended
        wire.resume()
        await eventually(lambda: call.ended)
        assert wire.closed == (1001, "no message for 0.02 s")

    in_call(scenario, idle_timeout_s=0.02)


@pytest.mark.parametrize("bad", [0, -1, True, "5", float("nan"), float("inf")])
def test_idle_timeouts_that_are_none(bad):
    with pytest.raises(ValueError, match="idle_timeout_s"):
        in_call(lambda call, wire: asyncio.sleep(0), idle_timeout_s=bad)


def test_a_session_is_given_whole_or_by_its_options():
    with pytest.raises(ValueError, match="rate must be given to session"):
        in_call(lambda call, wire: asyncio.sleep(0), session=Session(), rate=8000)


def test_a_reason_is_cut_to_what_a_close_frame_holds():
    async def scenario(call, wire):
        call.end(1000, "é" * 100)
        assert wire.closed == (1000, "é" * 61)

    in_call(scenario)


# ---- links whose library sends by coroutines


def test_a_task_link_keeps_the_order_across_a_stall():
    async def main():
        sent, gate = [], asyncio.Event()

        async def send(text):
            await gate.wait()
            sent.append(text)

        async def close(code, reason):
            sent.append((code, reason))

        link = TaskLink(send, close)
        gate.set()
        link.send("a")
        assert (sent, link.backlog()) == (["a"], 0)  # at once, and no task was needed
        gate.clear()
        for text in ("b", "cc", "ddd"):
            link.send(text)
        await asyncio.sleep(0)
        assert (sent, link.backlog()) == (["a"], 6)
        gate.set()
        await eventually(lambda: not link.backlog())
        link.send("e")
        gate.clear()
        link.send("f")
        link.close(1000, "bye")
        link.send("never")
        gate.set()
        await link.wait_closed()
        assert sent == ["a", "b", "cc", "ddd", "e", "f", (1000, "bye")]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


@pytest.mark.parametrize("when", ["at once", "later", "closing"])
def test_a_task_link_tells_of_a_peer_that_is_gone(when):
    async def main():
        reasons = []

        async def send(text):
            if when == "later":
                await asyncio.sleep(0)
            raise ConnectionResetError("gone")

        async def close(code, reason):
            raise ConnectionResetError("gone")

        link = TaskLink(send, close)
        link.broken = reasons.append
        if when != "closing":
            link.send("a")
            link.send("b")
        link.close(1000, "")
        await link.wait_closed()
        assert set(reasons) == {"nothing can be sent: gone"}
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_task_link_closes_in_bounded_time(monkeypatch, cancelled):
    monkeypatch.setattr(link_module, "CLOSE_TIMEOUT_S", 60.0 if cancelled else 0.05)

    async def main():
        async def never(*_):
            await asyncio.get_running_loop().create_future()

        link = TaskLink(never, never)
        link.send("a")
        link.send("b")
        link.close(1000, "")
        closing = asyncio.create_task(link.wait_closed())
        await asyncio.sleep(0)
        if cancelled:
            closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        assert closing.cancelled() == cancelled
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_messages_that_were_read_count_no_more_while_others_wait():
    async def scenario(call, wire):
        for i in range(6):
            call.feed(media(i))
        for i in range(6, 6 + 2 * call_module.MAX_UNREAD_BYTES // 100_000):
            call.feed(media(i, bytes(75_000)))
            await anext(call)
            assert not wire.paused
        assert len(call._events) > 6

    in_call(scenario)


def test_after_the_stop_nothing_more_comes_and_the_socket_is_closed(monkeypatch):
    monkeypatch.setattr(call_module, "AFTER_STOP_S", 0.05)

    async def scenario(call, wire):
        call.feed('{"event":"stop","streamId":"s"}')
        call.feed(media(0))
        call.feed(START)
        assert [type(e) async for e in call] == [Started, Stopped]
        assert wire.closed == (1000, "the stream has stopped")

    in_call(scenario, idle_timeout_s=None)


@pytest.mark.parametrize("other", [None, ZeroDivisionError("the agent's own")])
def test_the_end_of_a_call_in_several_tasks_is_one_end(other):
    async def scenario():
        wire = Wire()
        call = CallHandle(wire)

        async def speak():
            while True:
                await call.play(silence(20), 8000)
                await asyncio.sleep(0)

        async def end():
            call.lost()
            if other is not None:
                raise other

        async with running(call):
            call.feed(START)
            async with asyncio.TaskGroup() as group:
                for work in (speak, speak, end):
                    group.create_task(work())
        return wire

    if other is None:
        assert asyncio.run(scenario()).closed == (1000, "")
    else:
        with pytest.raises(ExceptionGroup) as caught:
            asyncio.run(scenario())
        assert other in caught.value.exceptions


def test_a_cancellation_that_nobody_asked_for_is_the_agents_error():
    async def scenario():
        wire = Wire()

        async def call():
            async with running(CallHandle(wire)):
                child = asyncio.create_task(asyncio.sleep(10))
                child.cancel()
                await child

        with pytest.raises(RuntimeError, match="nobody has cancelled it"):
            await call()
        assert wire.closed[0] == 1011

    asyncio.run(scenario())
