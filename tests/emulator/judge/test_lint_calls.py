"""The linter over whole phone calls: on sockets, with an answer URL, and where nobody is reached."""

import asyncio
import contextlib

import pytest
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from _support.broken_agents import BROKEN
from _support.conversation import called_on
from _support.good_agents import GoodAgent, voice
from _support.loopback import run_on_loopback
from voiceband.emulator import (
    Answering,
    CallLog,
    Carrier,
    CarrierStream,
    Retries,
    VirtualCall,
    lint,
    measure,
    run_call,
)
from voiceband.emulator.judge.replay import measure_log
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.markup import Response, Stream, Wait
from voiceband.protocol import PlayAudio

SOCKET_AGENTS = ("BinaryFrames", "MediaInsteadOfPlayAudio", "ClearsElsewhere", "TalksOn", "ClosesAtOnce", "Crashes")


def test_a_refused_connection_is_a_finding():
    log = CallLog()
    log.add(0.0, "event", "refused", None, reason="status 403")
    (finding,) = lint(log)
    assert (finding.rule, finding.message) == ("no-connection", "the agent was not reached: status 403")


async def over_sockets(agent, hang_up_s):
    """Serve the agent on a real socket and call it; its media messages are its clock there too."""

    async def handle(connection):
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                for text in agent(message, 0.0):
                    await connection.send(text)
                if agent.ends == "broken off":
                    connection.transport.abort()
                elif agent.ends is not None:
                    await connection.close()

    spoken = False

    def on_tick(now, carrier):
        nonlocal spoken
        if (stream := carrier.stream) is None:
            return
        if now - stream.started_at >= 0.3 and not spoken:
            spoken = True
            stream.say(voice(2.0))
        if now - stream.started_at >= hang_up_s:
            carrier.hang_up(now)

    async with serve(handle, "127.0.0.1", 0) as server:
        element, options = called_on(agent, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        carrier = Carrier(element, retries=Retries(most=0), **options)
        await run_call(carrier, on_tick=on_tick)
    return carrier


def test_over_real_sockets_the_findings_are_the_same():
    kinds = [GoodAgent, *(kind for kind in BROKEN if kind.__name__ in SOCKET_AGENTS)]

    async def all_at_once():
        return await asyncio.gather(*(over_sockets(kind(), 3.2) for kind in kinds))

    calls = run_on_loopback(all_at_once())
    for kind, call in zip(kinds, calls, strict=True):
        assert [finding.rule for finding in lint(call.log)] == [kind.rule] * (kind.rule is not None), kind
    assert len(kinds) == 1 + len(SOCKET_AGENTS)


@pytest.mark.parametrize(("refusals", "rules"), [(0, []), (2, ["no-connection"]), (9, ["no-connection"])])
def test_the_log_of_a_whole_phone_call_can_be_linted(refusals, rules):
    """Two streams, one after the other, and connections that are refused and tried again."""
    options = {"content_type": PLIVO_MULAW_8K, "stream_timeout": 6, "keep_call_alive": True}
    stream = Stream("wss://agent.example.com/", bidirectional=True, **options)
    answer = Response(stream, stream).to_xml().encode()
    left = [refusals]

    def connect(_action):
        left[0] -= 1
        return None if left[0] >= 0 else Answering(GoodAgent())

    carrier = Carrier("https://agent.example.com/answer", seed=1)
    VirtualCall(carrier, connect, lambda _request: (200, answer)).run(120.0)
    findings = lint(carrier.log)
    assert [finding.rule for finding in findings] == rules
    for finding in findings:
        assert ("the end of the call" in finding.hears) == (refusals == 9), "where it went on, the caller hears no end"
    assert sum(finding.count for finding in findings) == min(refusals, 6)
    if refusals < 3:
        assert len(carrier.streams) == 2
        assert measure_log(carrier.log).as_dict() == measure(carrier.streams[-1]).as_dict()


@pytest.mark.parametrize(("keep", "rules"), [(False, ["no-keep-call-alive"]), (True, [])])
def test_an_answer_that_does_not_keep_the_call_alive_is_a_finding(keep, rules):
    options = {"content_type": PLIVO_MULAW_8K, "stream_timeout": 6, "keep_call_alive": keep}
    answer = Response(Stream("wss://agent.example.com/", bidirectional=True, **options)).to_xml().encode()
    carrier = Carrier("https://agent.example.com/answer", seed=1)
    VirtualCall(carrier, lambda _: Answering(GoodAgent()), lambda _: (200, answer)).run(60.0)
    assert carrier.end_reason == "end of XML"
    assert [finding.rule for finding in lint(carrier.log)] == rules


def test_what_an_agent_cuts_off_is_told_in_ms():
    def closed_at(seconds):
        call = CarrierStream(seed=1)
        call.start(0.0)
        call.receive(PlayAudio(PLIVO_MULAW_8K.encode(voice(2)), PLIVO_MULAW_8K).encode(), 0.0)
        call.end(seconds, "closed by the agent")
        return [(finding.rule, finding.message) for finding in lint(call.log)]

    assert closed_at(2.25) == closed_at(2.2) == []
    assert closed_at(1.25) == [("cut-off", "the agent closed the stream while 1000 ms of its speech were unheard")]
    assert closed_at(0.2) == [
        ("silent-agent", "the agent was not heard in 0.2 s, and closed the stream before 2000 ms of speech sounded")
    ]


def test_an_unreachable_agent_is_a_finding():
    carrier = Carrier(Stream("ws://127.0.0.1:9/"), retries=Retries(most=0), seed=1)
    asyncio.run(run_call(carrier))
    assert [finding.rule for finding in lint(carrier.log)] == ["no-connection"]


@pytest.mark.parametrize(("seconds", "degree"), [(1.0, "note"), (8.0, "error")])
def test_a_caller_who_hangs_up_at_once_says_nothing_about_the_agent(seconds, degree):
    carrier = Carrier(Response(Wait(length=60)), seed=1)
    call = VirtualCall(carrier, lambda _: None)
    call.run(seconds)
    carrier.hang_up(call.now)
    call.run(seconds + 1)
    assert [(finding.rule, finding.degree) for finding in lint(carrier.log)] == [("no-stream", degree)]
