"""What a synthesiser gives in pieces comes out whole: called by the emulator, with nothing to be found."""

import numpy as np
import pytest

from voiceband.emulator.caller.steps import Pause, WaitFor
from voiceband.session import Started

T = np.arange(48_000) / 24_000
SPEECH = (8000 * np.sin(2 * np.pi * 300 * T)).astype(np.int16)  # 2 s at 24 kHz, no pause in it


def agent_of(size, *, as_bytes):
    async def agent(call):
        async for event in call:
            if not isinstance(event, Started):
                continue
            data = SPEECH.tobytes() if as_bytes else SPEECH
            for at in range(0, len(data), size):
                if as_bytes:
                    await call.play(data[at : at + size], format="pcm_24000")
                else:
                    await call.play(data[at : at + size], 24_000)
            await call.drain(hangup_after_drain=True)

    return agent


@pytest.mark.parametrize("as_bytes", [False, True], ids=["samples", "bytes"])
@pytest.mark.parametrize("size", [480, 1200, 1697, 4063, 100])
def test_pieces_of_any_size_are_heard_as_one(plivo_call, size, as_bytes):
    call = plivo_call(agent_of(size, as_bytes=as_bytes), script=[WaitFor("stop")])
    window = call.rate // 200
    heard = np.abs(call.heard[: len(call.heard) // window * window].astype(int)).reshape(-1, window).max(axis=1) > 1500
    first, last = np.flatnonzero(heard)[[0, -1]]
    assert (last - first + 1) * 0.005 == pytest.approx(2.0, abs=0.03)
    assert heard[first : last + 1].all()
    assert call.gaps == []
    assert call.findings == []
    # Until the lead is ahead each frame leaves at once; then there are several to a message.
    assert sum(entry.name == "playAudio" for entry in call.log) <= 30
    assert sum(entry.name == "checkpoint" for entry in call.log) <= 3


def test_an_answer_that_is_cut_off_stays_silent_while_its_model_still_sends(plivo_call):
    """A realtime model hears of the interruption late: until then it sends more of the answer."""

    async def agent(call):
        async for event in call:
            if isinstance(event, Started):
                await call.play(SPEECH, 24_000, name="item-1")
                await call.interrupt()
                for at in range(0, len(SPEECH), 480):
                    await call.play(SPEECH[at : at + 480], 24_000, name="item-1")
                await call.play(SPEECH[:24_000], 24_000, name="item-2", end=True)

    call = plivo_call(agent, script=[Pause(4)])
    loud = np.abs(call.heard.astype(int)) > 1500
    assert np.count_nonzero(np.add.reduceat(loud, np.arange(0, len(loud), call.rate // 100))) * 0.01 < 1.5
    assert sum(entry.name == "clearAudio" for entry in call.log) == 1
