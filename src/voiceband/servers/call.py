"""`CallHandle`: one live call in asyncio, whatever carries its messages. The drivers put it on a socket.

    socket -> Inbox.feed -> Session.receive -> queue of events -> async for
    play, interrupt, checkpoint, drain -> Session.poll -> Pump -> Link.send -> socket

All of it runs in one thread's event loop. There is no task here: what is due is sent from where it became due, or by
the alarm that is set for `Session.next_poll`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Literal

from voiceband._checks import check_flag, check_number, check_text
from voiceband.servers.alarm import Alarm, IdleWatch
from voiceband.servers.awaited import Mark, Pending, Speech, dropped
from voiceband.servers.call_log import CallLogger, printable
from voiceband.servers.errors import CallEndedError
from voiceband.servers.inbox import Inbox
from voiceband.servers.joining import Place, Redials, check_redials
from voiceband.servers.link import END_CODES, Link
from voiceband.servers.options import check_api, check_code, session_of
from voiceband.servers.pump import Pump
from voiceband.session import Drained, QueueFullError, Stopped

if TYPE_CHECKING:
    from typing import Any, Unpack

    from voiceband.api import AsyncPlivoClient
    from voiceband.formats import AudioFormat
    from voiceband.session import Far, Greeting, Heard, Session, SessionEvent, SessionOptions, Tone

REJOIN_S = 10.0
"""How long a call waits for another connection by default, as other agents on this wire do."""
AFTER_STOP_S = 5.0
"""How long the peer has for closing the socket after its stop message."""
log = logging.getLogger("voiceband.calls")


class CallHandle:
    """One live call: iterate over its events, speak, interrupt, hang up.

    Parameters
    ----------
    link : Link
        The socket.
    session : Session, optional
        Of this call only; without, one is made from `session_options`.
    api : AsyncPlivoClient, optional
        Ends the call in `hangup`.
    idle_timeout_s : float or None, optional
        After how many seconds without a message the call ends. A stream brings 50 messages a second.
    rejoin_s : float, optional
        How long the call waits when its connection is lost: when it breaks off, or is closed as one that goes away. If
        the carrier dials again, the call goes on with that connection: events, queue and what was heard. If it does
        not, the call ends, and `api` hangs up. 0 ends the call with its connection.
    redials : Redials, optional
        Whether the carrier can reach this process again; one for all calls of a server, which `serve` ends when it
        takes no more calls.
    **session_options
        For `Session`.

    Attributes
    ----------
    session : Session
        For all that needs no socket: `stats`, `heard`, `mute`. What it sends must be told to this handle by `flush`.
    link : Link
        The socket, with the library's own object; another one after the carrier has dialled again.
    ended : bool
        Whether the call has ended. The iteration goes on until its last event.
    feed : callable
        Takes a message from the socket; nothing raises.

    Notes
    -----
    An agent that does not read its events loses nothing: beyond a minute of audio the socket is left unread. While it
    awaits something of the call, whose messages would stay in the socket then, the oldest events are dropped instead; a
    `Warned` event of kind "unread" says how many.
    """

    def __init__(
        self,
        link: Link,
        session: Session | None = None,
        *,
        api: AsyncPlivoClient | None = None,
        idle_timeout_s: float | None = 60.0,
        rejoin_s: float = REJOIN_S,
        redials: Redials | None = None,
        **session_options: Unpack[SessionOptions],
    ) -> None:
        if not isinstance(link, Link):
            raise TypeError(f"link must be a Link, not {link!r}")
        redials = check_redials(redials)
        check_api(api)
        self.session = session_of(session, session_options)
        self.link = link
        self.ended = False
        self._api = api
        self._error: Exception | None = None  # of the user's code in the session
        self._loop = loop = asyncio.get_running_loop()
        self._pending = Pending(loop)
        self._turns = self._pending.turns
        self._alarm = Alarm(loop, link.timers)
        self._inbox = Inbox(self, loop, self._alarm, self._settle)
        self._pump = Pump(self, self._alarm, self._inbox, self._turns)
        self._alarm.ring = self._pump.run
        self._log = CallLogger(self._inbox.seen)
        self._idle = IdleWatch(loop, idle_timeout_s, self._inbox.silent_s, self.end)
        self._place = Place(self, self._inbox, self._pump, self._idle, rejoin_s, redials, api)
        self._idle.start()
        self.feed = self._inbox.feed
        link.owner = self
        link.feed = self._place.receive

    # ---- for drivers

    def link_lost(self, link: Link, reason: str | None, code: int | None) -> None:
        """Note that a socket is gone: the call ends if it was closed for good, or else waits for another one."""
        if self.ended or link is not self.link:
            return
        if code in END_CODES or not self._place.wait(reason):
            self.lost(reason)

    def count(self, n_bytes: int) -> None:
        """Note that the socket has brought something that is no message: a ping, or a piece of one."""
        self._inbox.count(n_bytes)

    def fail(self, error: Exception) -> None:
        """End the call for an error of the user's own code."""
        self._error = error
        self.end(1011, "internal error")

    def reraise(self) -> None:
        """Raise the error that has ended the call, if one has, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def lost(self, reason: str | None = None) -> None:
        """Come to the end, whether or not there is a socket; everything that is awaited comes to its own."""
        if not self.ended:
            self._inbox.finish_backlog()
        if self.ended:  # perhaps by what was in there
            return
        self.ended = True
        self._inbox.close()
        self._stop_timers()
        self._place.leave()
        owner = self.link.owner
        try:
            if owner is self or owner.session is not self.session:
                self._inbox.take(self.session.close(reason))
            else:  # the call that goes on has been given the same session
                self._inbox.take([Stopped(reason)])
        except Exception as error:
            self._error = self._error or error
        self._log.end(reason, self._alarm.clock())
        self._pending.close()
        self._inbox.wake.soon()
        if owner is self:
            self.link.resume()

    def end(self, code: int = 1000, reason: str = "") -> None:
        """End the call from this side, as the agent sees it at once, and begin to close the socket.

        Raises
        ------
        TypeError, ValueError
            If `code` is not a close code of WebSocket that may be sent, or `reason` not a text; nothing ends.
        """
        code = check_code(code)
        check_text("reason", reason)
        self.lost(reason or None)
        if self.link.owner is self:
            self.link.close(code, reason.encode(errors="replace")[:123].decode(errors="ignore"))

    async def wait_ended(self, link: Link) -> None:
        """After `end`, wait until nothing of the call runs any more, nor of the connection that it began on."""
        for one in {link, self.link}:
            await (one.wait_closed() if one.owner is self else one.wait_lost())
        await self._place.hung_up()

    # ---- for agents

    def __aiter__(self) -> AsyncIterator[SessionEvent]:
        return self._inbox

    def __anext__(self) -> Coroutine[Any, Any, SessionEvent]:
        """Return the next event; the iteration ends with the call."""
        return self._inbox.__anext__()

    async def wait(self, future: asyncio.Future[Any]) -> Any:
        """Await a future of this call; to be cancelled is the waiting's end only."""
        return await self._inbox.wait(future)

    async def play(
        self,
        data: Any,
        rate: int | None = None,
        *,
        format: AudioFormat | str | None = None,  # noqa: A002
        name: str | None = None,
        end: bool = False,
    ) -> Speech:
        """Speak; wait while more than `Session`'s `max_queued_ms` is queued, in the order of the calls.

        Pieces that follow one another are one utterance, of any size, see `Session.play`. It ends with `end`, with a
        piece of another name, with `Speech.end` or `drain`, or when the player has been dry for `Session`'s `join_ms`.

        Parameters
        ----------
        data, rate, format, name, end : optional
            As for `Session.play`.

        Returns
        -------
        speech : Speech
            The utterance, the same for all of its pieces; await it to know what the caller heard. What waited for room
            at an interruption is dropped: its outcome is "cleared".

        Raises
        ------
        TypeError, ValueError
            As `Session.play`.
        QueueFullError
            If `data` alone is longer than `max_queued_ms`.
        CallEndedError
            If the call has ended.
        """
        if self._turns.queue:
            return await self._play_in_turn(data, rate, format, name, end)
        try:
            return self._play(data, rate, format, name, end)
        except QueueFullError:
            if not self.session.queued_ms:
                raise
            return await self._play_in_turn(data, rate, format, name, end)

    async def interrupt(self) -> Heard:
        """Stop speaking at once, as `Session.interrupt` does, and say how much the caller has heard."""
        now = self._alarm.clock()
        heard = self.session.interrupt(now)
        self._pending.interrupt()
        self._pump.run(now)
        return heard

    def far(self, ms: float = 20.0) -> Far:
        """Return what sounds at the caller's ear in the last `ms`, as `Session.far` does."""
        return self.session.far(self._alarm.clock(), ms)

    def checkpoint(self, name: str, *, timeout_s: float = 30.0) -> Mark:
        """Ask the far end to say when all that was sent so far has been played; await the result for its `Outcome`.

        RuntimeError before the stream has started, `CallEndedError` after the call; otherwise as `Session.checkpoint`.
        """
        self._check()
        self.session.checkpoint(name, timeout_s=timeout_s)
        mark = Mark(self, name)
        self._pending.outcomes.add(mark)
        self._pump.run(self._alarm.clock())
        return mark

    async def drain(self, *, hangup_after_drain: bool = False) -> Drained | None:
        """Wait until all that was said has been heard, and then hang up if asked for.

        Returns the session's `Drained`, or None if an interruption or the end of the call came first: what was to be
        heard was not, and nobody hangs up.

        Raises
        ------
        TypeError
            If `hangup_after_drain` is not a bool.
        CallEndedError
            If the call has ended.
        """
        self._check()
        hangup_after_drain = check_flag("hangup_after_drain", hangup_after_drain)
        drained = self._pending.drains.add()
        try:
            self.session.drain()
            self._pump.run(self._alarm.clock())
            outcome: Drained | None = await self.wait(drained)
        finally:
            drained.cancel()
        if outcome is not None and hangup_after_drain:
            await self.hangup()
        return outcome

    @property
    def greeting(self) -> Greeting:
        """What answered the call, as far as it has been heard; see `Session.greeting`."""
        return self.session.greeting

    async def after_beep(self, *, timeout_s: float = 30.0) -> Tone | None:
        """Wait until an answering machine's beep has ended: what is played then is recorded.

        Parameters
        ----------
        timeout_s : float, optional
            How long to wait.

        Returns
        -------
        beep : Tone or None
            The last beep if one has ended already, else the next; None if none has come in time, or the call ended.

        Raises
        ------
        RuntimeError
            If the session was not made with ``tones=True``.
        TypeError, ValueError
            If `timeout_s` is not a number from 0 to 3600.
        CallEndedError
            If the call has ended.
        """
        timeout_s = check_number("timeout_s", timeout_s, 0, 3600)
        self._check()
        if not self.session.tones:
            raise RuntimeError("a session hears beeps with tones=True: give it to serve, CallHandle or Session")
        return await self._pending.beep(self, timeout_s)

    async def hangup(self) -> Literal["ended", "over", "closed"]:
        """End the call.

        Returns
        -------
        how : {"ended", "over", "closed"}
            "ended" by the API, which has cut the caller's line; "over" if it was so already. "closed" without an `api`
            or before the stream has started: only the socket was closed. The carrier goes on with its XML then, with
            ``keepCallAlive="true"`` from the element behind the stream; the call ends when that does.

        Raises
        ------
        ApiError, ApiConnectionError
            If the API refuses or does not answer; the socket is closed nevertheless.
        """
        call_id = self.session.call_id
        if self._api is None or call_id is None:
            self.end(1000, "hung up")
            log.info(
                "call %s: the socket is closed; with keepCallAlive the carrier goes on with the call",
                printable(call_id),
            )
            return "closed"
        try:
            return "ended" if await self._api.hangup(call_id) else "over"
        finally:
            self.end(1000, "hung up")

    async def send_dtmf(self, digits: str) -> None:
        """Press keys on the caller's line; ValueError for anything but ``0-9*#A-D``."""
        self._check()
        self.session.send_dtmf(digits)
        self._pump.run(self._alarm.clock())

    def flush(self) -> None:
        """Send what is due, after using `session` itself."""
        if not self.ended:
            self._pump.run(self._alarm.clock())

    # ---- speaking

    def _play(self, data: Any, rate: Any, format: Any, name: Any, end: bool) -> Speech:  # noqa: A002
        session = self.session
        try:
            utterance = session.play(data, rate, format=format, name=name, end=end)
        except RuntimeError:
            if session.stopped:
                self._check()
            raise
        speech: Speech | None = utterance.note
        if speech is None:
            speech = utterance.note = Speech(self, utterance)
            self._pending.outcomes.add(speech)
        now = self._alarm.clock()
        due = session.next_poll
        if due <= now:
            self._pump.run(now)
        elif due < self._alarm.at:
            self._alarm.set(due, now)
        return speech

    async def _play_in_turn(self, data: Any, rate: Any, format: Any, name: Any, end: bool) -> Speech:  # noqa: A002
        with self._turns.waiting() as turn, self._inbox.reading():
            while not turn.interrupted:
                self._check()
                if self._turns.queue[0] is turn:
                    try:
                        return self._play(data, rate, format, name, end)
                    except QueueFullError:
                        if not self.session.queued_ms:
                            raise
                await turn.wait()
        return dropped(self, name)

    def _check(self) -> None:
        if self.ended or self.session.stopped:
            raise CallEndedError(self)

    # ---- events

    def _settle(self, event: SessionEvent) -> None:
        """Settle what an event settles; audio settles nothing."""
        self._log.note(event)
        if isinstance(event, Stopped):
            self._inbox.deaf = True
        self._pending.note(event)
        if isinstance(event, Drained) and event.hangup:
            self._loop.call_soon(self.end, 1000, "hung up")
        elif isinstance(event, Stopped) and not self.ended:
            self._stop_timers()
            self._idle.end_after(AFTER_STOP_S, "the stream has stopped")

    def _stop_timers(self) -> None:
        self._alarm.stop()
        self._idle.stop()


Agent = Callable[[CallHandle], Awaitable[object]]
"""What runs a call: ``async def agent(call: CallHandle) -> None``."""
