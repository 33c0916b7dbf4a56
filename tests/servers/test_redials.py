"""A server that takes no more calls, beside other servers in other threads: their calls wait on."""

import asyncio
import threading

import pytest

from _support.drivers import eventually
from _support.messages import start
from _support.wires import Wire
from voiceband.servers import CallHandle, joining
from voiceband.servers.context import running


@pytest.fixture(autouse=True)
def nobody_waits():
    yield
    assert not joining.waiting_places


def waiting(call_id, redials):
    """Return a call whose connection has just been lost."""
    wire = Wire()
    call = CallHandle(wire, redials=redials, rejoin_s=600)
    wire.feed(start(call_id=call_id))
    wire.lost("connection lost")
    return call


def test_calls_of_other_threads_end_in_their_own():
    redials, ended_in, lost = joining.Redials(), [], threading.Event()

    async def other():
        call = waiting("there", redials)
        asked = call.lost

        def note(reason=None):
            ended_in.append(threading.get_ident())
            asked(reason)

        call.lost = note
        async with running(call):
            lost.set()
            await eventually(lambda: call.ended)

    thread = threading.Thread(target=asyncio.run, args=(other(),))

    async def main():
        thread.start()
        call = waiting("here", redials)
        async with running(call):
            assert await asyncio.to_thread(lost.wait, 10)
            redials.end()
            assert call.ended  # at once
        await asyncio.to_thread(thread.join, 10)

    asyncio.run(main())
    assert ended_in
    assert set(ended_in) == {thread.ident}


def test_others_may_begin_and_cease_to_wait_meanwhile(monkeypatch):
    redials = joining.Redials()

    async def main():
        first, other = waiting("first", redials), waiting("other", joining.Redials())
        place = next(place for place in joining.waiting_places if place.redials is redials)

        class Another:
            """A place of another thread, which comes when it is asked whose it is."""

            @property
            def redials(self):
                joining.waiting_places.symmetric_difference_update({late})
                return None

        late, others = object(), [Another() for _ in range(5)]
        joining.waiting_places.update(others)
        try:
            redials.end()
        finally:
            joining.waiting_places.difference_update([*others, late])
        assert first.ended
        assert place not in joining.waiting_places
        assert not other.ended
        other.end()

    asyncio.run(main())
