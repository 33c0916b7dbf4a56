"""Every argument of a call's methods, given what it cannot be: the error names it, and the call is as it was."""

import asyncio
import math
import re

import pytest

from _support.drivers import DRIVERS
from _support.messages import media
from _support.wires import Wire, in_call, silence
from voiceband.api import PlivoClient
from voiceband.servers import CallHandle
from voiceband.session import Session

WRONG = {
    "a number": [object(), "1", b"1", [], True, None, math.nan, -1.0, 10**400],
    "a text": [object(), 1, b"text", [], True],
    "a flag": [object(), 1, 0, "yes", None, []],
    "a code": [object(), "1000", 1000.0, None, True, 999, 1004, 1005, 1006, 1015, 2000, 2999, 5000],
    "audio": [object(), None, 1.5, "text", bytes(160)],
    "a rate": [object(), "8000", 8000.5, True, 0, -1],
    "keys": [object(), 1, None, b"1", "x"],
}
METHODS = {
    "play data": ("audio", lambda call, odd: call.play(odd, 8000, end=True)),
    "play rate": ("a rate", lambda call, odd: call.play(silence(20), odd)),
    "play format": ([*WRONG["a text"], "nothing"], lambda call, odd: call.play(bytes(160), format=odd)),
    "play name": ([*WRONG["a text"], "", "voiceband-1"], lambda call, odd: call.play(silence(20), 8000, name=odd)),
    "play end": ("a flag", lambda call, odd: call.play(silence(20), 8000, end=odd)),
    "checkpoint name": ([*WRONG["a text"], None, ""], lambda call, odd: call.checkpoint(odd)),
    "checkpoint timeout_s": ("a number", lambda call, odd: call.checkpoint("name", timeout_s=odd)),
    "drain hangup_after_drain": ("a flag", lambda call, odd: call.drain(hangup_after_drain=odd)),
    "after_beep timeout_s": ("a number", lambda call, odd: call.after_beep(timeout_s=odd)),
    "send_dtmf digits": ("keys", lambda call, odd: call.send_dtmf(odd)),
    "far ms": ("a number", lambda call, odd: call.far(odd)),
    "end code": ("a code", lambda call, odd: call.end(odd)),
    "end reason": ([*WRONG["a text"], None], lambda call, odd: call.end(1000, odd)),
}
MADE = {
    "link": [object(), None],
    "session": [object(), "", Session],
    "api": [object(), PlivoClient("MA", "t"), AssertionError],
    "redials": [object(), True, "nonsense"],
    "idle_timeout_s": [object(), "1", True, 0, -1, math.nan],
    "rejoin_s": [object(), "1", True, None, -1, math.nan],
}


def cases():
    for method, (kinds, ask) in METHODS.items():
        for odd in WRONG[kinds] if isinstance(kinds, str) else kinds:
            yield pytest.param(method, ask, odd, id=f"{method} {type(odd).__name__} {str(odd)[:9]}")


@pytest.mark.parametrize(("method", "ask", "odd"), [*cases()])
def test_an_argument_that_cannot_be_is_named_and_nothing_happens(method, ask, odd):
    async def scenario(call, wire):
        async def asked(call):
            outcome = ask(call, odd)
            if asyncio.iscoroutine(outcome):
                await asyncio.wait_for(outcome, 5)

        def state():
            return call.ended, call.session.stats, call.session.stopped, call.session.hangup_due, len(wire.texts)

        before = state()
        with pytest.raises((TypeError, ValueError)) as raised:
            await asked(call)
        assert re.search(rf"\b{method.split()[1]} must ", str(raised.value)), raised.value
        assert state() == before
        call.feed(media(0, bytes(160)))  # the call goes on
        assert (await call.play(silence(20), 8000, end=True)).name == "utterance-1"
        assert wire.names == ["playAudio", "checkpoint"]

    in_call(scenario, tones=True, far=True)


@pytest.mark.parametrize(("name", "odd"), [(name, odd) for name in MADE for odd in MADE[name]])
def test_no_call_is_made_of_what_cannot_be(name, odd):
    async def main():
        wire = Wire()
        with pytest.raises((TypeError, ValueError), match=rf"^{name} must be "):
            CallHandle(**{"link": wire, name: odd})
        assert "feed" not in vars(wire)

    asyncio.run(main())


def test_a_reason_that_no_close_frame_can_carry_still_ends_the_call():
    async def scenario(call, wire):
        call.end(1000, "half of \ud83d")
        assert call.ended
        assert wire.closed == (1000, "half of ?")

    in_call(scenario)


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1014, 3000, 4999])
def test_a_code_that_may_be_sent_is_sent(code):
    async def scenario(call, wire):
        call.end(code)
        assert wire.closed == (code, "")

    in_call(scenario)


@pytest.mark.parametrize("odd", MADE["redials"])
@pytest.mark.parametrize("driver", DRIVERS)
def test_no_server_is_started_with_redials_that_cannot_be(driver, odd):
    async def agent(call):
        """Come to an end."""

    async def main():
        with pytest.raises(TypeError, match=re.escape(f"redials must be a Redials or None, not {odd!r}")):
            await DRIVERS[driver].serve(agent, redials=odd)

    asyncio.run(main())
