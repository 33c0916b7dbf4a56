"""Talk in whole calls: what a script says of its words, and what an agent's socket says of it."""

import asyncio
import time

import pytest

from _support.desk import tone
from _support.threaded import agents
from voiceband.emulator import BargeIn, Caller, HangUp, Pause, Say, WaitFor, measure
from voiceband.session import Audio, Started


async def talker(call, *, stops):
    async for event in call:
        if isinstance(event, Started):
            await call.play(tone(4000), 8000, end=True)
        elif stops and isinstance(event, Audio) and event.level_dbfs > -30:
            await call.interrupt()


async def stops(call):
    await talker(call, stops=True)


async def talks_on(call):
    await talker(call, stops=False)


class TestScripts:
    """What the script says of its words: only it can tell a cough from a "no"."""

    def test_who_stops_for_a_cough_is_told(self):
        script = [WaitFor("start"), Pause(1.5), Say(tone(300), backchannel=True), Pause(6)]
        call = Caller()(stops, script=script)
        assert [finding.rule for finding in call.errors] == ["stopped-for-noise"]
        assert call.barge_ins == call.turns == []

    def test_who_talks_on_through_a_cough_is_right(self):
        script = [WaitFor("start"), Pause(1), Say(tone(900), backchannel=True), Pause(6)]
        assert Caller()(talks_on, script=script).findings == []

    def test_a_short_word_that_is_meant_to_interrupt_is_judged(self):
        script = [BargeIn(tone(300), after_ms=1000), Pause(0.9), Say(tone(100)), HangUp()]
        assert "no-clear" in [finding.rule for finding in Caller()(talks_on, script=script).findings]

    def test_a_stored_log_knows_it_too(self):
        script = [WaitFor("start"), Pause(1), Say(tone(400), backchannel=True), Pause(6)]
        call = Caller()(talks_on, script=script)
        assert measure(call.stream, call.stream.ended_at).turns == call.turns == []


@pytest.mark.parametrize("blocks", [True, False])
def test_over_a_socket_the_agent_is_asked_whether_it_reads(blocks):
    """What a blocked process has not read waits in its kernel, where nobody sees it; but it answers no ping."""

    async def stalls(call):
        async for event in call:
            if isinstance(event, Started):
                await call.play(tone(500), 8000)
                await asyncio.sleep(0.6)
                await asyncio.sleep(0 if blocks else 1.5)
                time.sleep(1.5 if blocks else 0)
                await call.play(tone(500), 8000, end=True)

    with agents(stalls, "websockets", join_ms=10_000) as url:
        call = Caller()(url, script=[WaitFor("start"), Pause(3)])
    (finding,) = [finding for finding in call.findings if finding.rule == "stalled"]
    assert ("it did not read its socket for" in finding.message) == blocks
    assert ("it read its socket meanwhile" in finding.message) != blocks
