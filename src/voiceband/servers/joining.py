"""A call whose socket is lost, and the connection that it goes on with when the carrier dials again.

The calls of a process are kept by the paths that they came to and their ids. A new connection's start message says
which call it is of: when that call's socket is gone, or has been silent for a while, the connection is joined to it;
otherwise it is one more stream of the call, with a handle of its own.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from voiceband._checks import check_number
from voiceband.protocol import ProtocolError, Start, parse
from voiceband.servers.call_log import printable
from voiceband.session import Stopped

if TYPE_CHECKING:
    from voiceband.api import AsyncPlivoClient
    from voiceband.servers.alarm import IdleWatch
    from voiceband.servers.inbox import Inbox
    from voiceband.servers.link import Link, LinkedCall
    from voiceband.servers.pump import Pump

MAX_REJOIN_S = 3600.0
SILENT_S = 1.0
"""How long a socket must have been silent for another of the same call to take its place: a stream brings 50 messages a
second, and a carrier that has lost a connection may dial again before this end has learnt of the loss."""
MAX_WAITING = 1000
"""Calls of a process that wait for another connection; of more than that, the one that had lasted least is given up."""
MAX_BEFORE_START = 50
"""Messages after which no start message is expected any more."""
log = logging.getLogger("voiceband.calls")
places_by_call: dict[tuple[str, str], list[Place]] = {}
"""The calls of this process, by the paths that they came to and their ids."""
_changing = threading.Lock()
"""Held where they are looked up and changed: other threads have calls of the same ids."""
waiting_places: set[Place] = set()
"""Those that wait for another connection."""


class Redials:
    """Redials of the carrier, as the calls of one server see them: they wait for one while it can reach this process.

    Attributes
    ----------
    expected : bool
        Whether it can. If not, a call whose connection is lost ends at once, and is not hung up: another process may
        have it.
    """

    def __init__(self) -> None:
        self.expected = True

    def end(self) -> None:
        """Expect none any more; calls that wait for one end now."""
        self.expected = False
        for place in waiting_places.copy():  # other threads have calls there too
            if place.redials is self:
                place.wait_no_more()


class Place:
    """One call's place among the calls of the process.

    Parameters
    ----------
    call, inbox, pump, idle
        The call, and those of its parts that go on with another connection.
    rejoin_s : float
        How long it waits for another connection once its socket is lost; 0 for not at all.
    redials : Redials
        Whether one can come.
    api : AsyncPlivoClient or None
        Hangs up when nobody comes.
    """

    def __init__(
        self,
        call: LinkedCall,
        inbox: Inbox,
        pump: Pump,
        idle: IdleWatch,
        rejoin_s: float,
        redials: Redials,
        api: AsyncPlivoClient | None,
    ) -> None:
        self.redials = redials
        self._rejoin_s = check_rejoin(rejoin_s)
        self._call = call
        self._inbox = inbox
        self._pump = pump
        self._idle = idle
        self._api = api
        self._loop = asyncio.get_running_loop()
        self._id: str | None = None
        self._key = ("", "")
        self._seen = 0
        self._began_at = self._lasted_s = 0.0
        self._waiting: asyncio.TimerHandle | None = None
        self._hanging_up: asyncio.Task[None] | None = None

    def receive(self, message: str | bytes) -> None:
        """Take a message that may be the start: another call may be the one that it belongs to."""
        call, link, feed = self._call, self._call.link, self._inbox.feed
        if call.ended:  # before it had begun; it has left, and takes nobody's place
            return
        self._seen += 1
        call_id = _call_id_of(message)
        if call_id is None:
            if self._seen >= MAX_BEFORE_START:
                link.feed = feed
            feed(message)
            return
        self._key = link.path, call_id
        first = _silent(self._key, self._loop)
        if first is not None:
            first._join(link, message)
            call.lost("the call goes on where it began: the carrier has connected again")
            return
        self._id = call_id
        self._began_at = self._loop.time()
        with _changing:
            places_by_call.setdefault(self._key, []).append(self)
        link.feed = feed
        feed(message)

    def wait(self, reason: str | None) -> bool:
        """Wait for another connection, if the call is to; False if it is not."""
        if self._waiting is not None:  # both what sends and what reads may say that the socket is gone
            return True
        if not (self._rejoin_s and self.redials.expected) or self._id is None or self._call.session.stopped:
            return False
        self._lasted_s = self._loop.time() - self._began_at
        waiting = (
            {place for place in waiting_places.copy() if place._loop is self._loop}
            if len(waiting_places) >= MAX_WAITING
            else set()
        )
        if len(waiting) >= MAX_WAITING:
            least = min(waiting, key=lambda place: place._lasted_s)
            if least._lasted_s > self._lasted_s:
                return False
            least._give_up()
        waiting_places.add(self)
        self._suspend()
        self._waiting = self._loop.call_later(self._rejoin_s, self._nobody_came, reason)
        log.info(
            "call %s: its connection is lost (%s); it waits %g s for another",
            printable(self._id), printable(reason or "no reason given"), self._rejoin_s,
        )  # fmt: skip
        return True

    def wait_no_more(self) -> None:
        """End the call if it waits; in the thread of its own event loop, whatever thread this is."""
        if self._loop is asyncio._get_running_loop():
            self._end_waiting()
            return
        with suppress(RuntimeError):  # that loop is closed
            self._loop.call_soon_threadsafe(self._end_waiting)

    def leave(self) -> None:
        """Note that the call has ended."""
        self._stop_waiting()
        if self._id is not None:
            with _changing:
                places = places_by_call[self._key]
                places.remove(self)
                if not places:
                    del places_by_call[self._key]
            self._id = None

    async def hung_up(self) -> None:
        """Wait until the call has been hung up, if it is being."""
        if self._hanging_up is not None:
            await self._hanging_up

    def _silent_s(self) -> float:
        if self._waiting is not None:
            return math.inf
        return self._inbox.silent_s()

    def _join(self, link: Link, message: str | bytes) -> None:
        assert self._id is not None
        if self._waiting is not None:
            self._stop_waiting()
        else:
            self._suspend()
        log.info("call %s: connected again", printable(self._id))
        self._resume(link, message)

    def _suspend(self) -> None:
        """Send nothing until `_resume`: there is no socket."""
        self._pump.suspend()
        self._idle.stop()

    def _resume(self, link: Link, message: str | bytes) -> None:
        """Go on with a socket that has brought this start message."""
        call, inbox = self._call, self._inbox
        inbox.finish_backlog()
        before, call.link = call.link, link
        before.close(1000, "the carrier has connected again")
        link.owner, link.feed = call, inbox.feed
        self._idle.start()
        try:
            events = call.session.close("the carrier has connected again")
        except Exception as error:
            call.fail(error)
            return
        inbox.take([event for event in events if not isinstance(event, Stopped)])
        inbox.feed(message)
        self._pump.resume()

    def _end_waiting(self) -> None:
        if self._waiting is not None:
            self._stop_waiting()
            self._call.lost("its connection is lost, and no other can come here")

    def _stop_waiting(self) -> None:
        waiting_places.discard(self)
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._nobody_came(f"more than {MAX_WAITING} calls wait for another connection")

    def _nobody_came(self, reason: str | None) -> None:
        self._stop_waiting()
        call_id = self._id
        assert call_id is not None
        self._call.lost(reason)
        if self._api is not None and self._key not in places_by_call:
            self._hanging_up = self._loop.create_task(_hangup(self._api, call_id))


def check_rejoin(rejoin_s: float) -> float:
    """Return a time to wait for another connection; TypeError or ValueError for anything else."""
    return check_number("rejoin_s", rejoin_s, 0, MAX_REJOIN_S, unit="s")


def check_redials(redials: Redials | None) -> Redials:
    """Return `redials`, or new ones for None; TypeError for anything else."""
    if redials is None:
        return Redials()
    if not isinstance(redials, Redials):
        raise TypeError(f"redials must be a Redials or None, not {redials!r}")
    return redials


async def _hangup(api: AsyncPlivoClient, call_id: str) -> None:
    try:
        await api.hangup(call_id)
    except Exception as error:  # the agent is at its end, so nobody else can be told
        log.warning("call %s: it could not be hung up: %s", printable(call_id), printable(str(error)))
    else:
        log.info("call %s: hung up, for its connection did not come back", printable(call_id))


def _call_id_of(message: str | bytes) -> str | None:
    """Return the call that a start message names; None for any other message."""
    try:
        event = parse(message)
    except ProtocolError:
        return None
    return event.call_id if isinstance(event, Start) else None


def _silent(key: tuple[str, str], loop: asyncio.AbstractEventLoop) -> Place | None:
    """Return the place of the call that a new connection goes on with, if there is one: the longest silent."""
    with _changing:
        here = [place for place in places_by_call.get(key, ()) if place._loop is loop]
    # A stream that was stopped is silent because it is over.
    places = [place for place in here if place._silent_s() >= SILENT_S and not place._call.session.stopped]
    return max(places, key=lambda place: place._silent_s(), default=None)
