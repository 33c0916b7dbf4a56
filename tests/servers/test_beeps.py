"""Waiting for an answering machine's beep."""

import asyncio

import pytest

import voiceband
from _support.messages import media
from _support.tone_signals import pcm, silence, tone
from _support.wires import in_call

MACHINE = pcm(silence(0.5), tone(1000, 0.5), silence(0.5))


def feed(call, x):
    for i in range(len(x) // 160):
        call.feed(media(i, voiceband.ulaw_encode(x[160 * i :][:160])))


def test_it_ends_with_the_beep_and_a_later_one_knows_it():
    async def scenario(call, wire):
        waiting = asyncio.create_task(call.after_beep())
        await asyncio.sleep(0)
        feed(call, MACHINE)
        beep = await waiting
        assert (beep.kind, beep.name) == ("beep", "1000")
        assert abs(beep.end_ms - 1000) <= 15
        assert await call.after_beep(timeout_s=0) == beep

    in_call(scenario, tones=True)


def test_no_beep_in_time_and_none_before_the_end():
    async def scenario(call, wire):
        assert await call.after_beep(timeout_s=0.01) is None
        waiting = asyncio.create_task(call.after_beep())
        await asyncio.sleep(0)
        call.lost("gone")
        assert await waiting is None

    in_call(scenario, tones=True)


def test_without_the_option_it_says_so():
    async def scenario(call, wire):
        with pytest.raises(RuntimeError, match="tones=True"):
            await call.after_beep()

    in_call(scenario)
