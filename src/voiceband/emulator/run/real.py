"""`run_call`: runs a phone call in an event loop, by its clock: requests by httpx, streams on WebSockets."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

try:
    import httpx
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"the emulator's requests need {_error.name}; pip install 'voiceband[emulator]' brings it", name=_error.name
    ) from None

from voiceband._certificates import trusted
from voiceband.emulator.carrier.actions import HttpRequest, OpenStream
from voiceband.emulator.carrier.announcements import MAX_FILE_BYTES
from voiceband.emulator.run.agent_socket import CLOSE_TIMEOUT_S, UpgradeRefusedError, dial, on_loopback, speaks_plain
from voiceband.emulator.run.clock import clock_of
from voiceband.emulator.run.runner import AgentLink, Runner
from voiceband.emulator.run.unreached import why_unreached

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Coroutine

    from voiceband.emulator.carrier.carrier import Carrier
    from voiceband.emulator.network.network import Network
    from voiceband.emulator.run.agent_socket import AgentConnection

    Dial = Callable[..., Awaitable[AgentConnection]]

_Action = TypeVar("_Action", HttpRequest, OpenStream)

TICK_S = 0.02
LAST_WORDS_S = 12.0
"""How long requests that are on their way when the call is over may still take."""
MAX_ANSWER_BYTES = MAX_FILE_BYTES
PLAIN = {"https": "http", "wss": "ws"}


async def run_call(
    carrier: Carrier,
    *,
    on_tick: Callable[[float, Carrier], object] | None = None,
    tls: ssl.SSLContext | None = None,
    network: Callable[[], Network] | None = None,
    max_s: float = math.inf,
    connect: Dial = dial,
    transport: httpx.AsyncBaseTransport | None = None,
) -> None:
    """Place the phone call, and see it through to its end.

    Parameters
    ----------
    carrier : Carrier
        The call; it is started here.
    on_tick : callable, optional
        Called with (now, carrier) after every turn of the loop, at least every 20 ms; the place for a script to act.
        Where it returns False it has done nothing to the call.
    tls : ssl.SSLContext, optional
        For ``https://`` and ``wss://``, instead of the system's certificates.
    network : callable, optional
        Called for each connection to an agent; returns the `Network` that delays its messages, on top of the real one.
        Where it has clocks that differ, the call runs by the carrier's.
    max_s : float, optional
        The caller hangs up after so many seconds.
    connect : callable, optional
        What connects to agents, with the parameters of `sockets.dial`; `inside.Inside.dial` needs no sockets.
    transport : httpx.AsyncBaseTransport, optional
        What requests go through instead of the network.

    Notes
    -----
    How it went is in the carrier: `Carrier.end_reason`, `Carrier.problems` and `Carrier.log`. When this is cancelled
    the caller hangs up, and the sockets are closed. Requests on their way at the end have twelve seconds to be
    answered. The clock is the machine's, or that of a `VirtualLoop`.
    """
    async with contextlib.AsyncExitStack() as stack:
        await _RealCall(carrier, stack, transport, tls, network, on_tick, connect).run(max_s)


class _RealCall(Runner):
    """The runner on an event loop: what waits for an outcome are tasks."""

    def __init__(
        self,
        carrier: Carrier,
        stack: contextlib.AsyncExitStack,
        transport: httpx.AsyncBaseTransport | None,
        tls: ssl.SSLContext | None,
        network: Callable[[], Network] | None,
        on_tick: Callable[[float, Carrier], object] | None,
        connect: Dial,
    ) -> None:
        super().__init__(carrier, network, on_tick)
        self._stack, self._transport, self._tls, self._connect = stack, transport, tls, connect
        self._http: httpx.AsyncClient | None = None
        self._loop = asyncio.get_running_loop()
        self._clock = clock_of(self._loop)
        # Of one phone call there is one clock, whatever the networks of its connections delay.
        self._shown = (lambda seconds: seconds) if network is None else network().carrier_time
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._begun = self._max_s = math.inf
        self._next_turn = -math.inf
        self._alarm: asyncio.Handle | None = None  # of the next turn
        self._dialling: dict[int, asyncio.Task[None]] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def now(self) -> float:
        """Return the carrier's time; agents have the loop's."""
        return self._shown(self._clock())

    async def run(self, max_s: float) -> None:
        carrier = self.carrier
        self._begun, self._max_s = self.now(), max_s
        carrier.start(self._begun)
        try:
            self._wake()
            await self._over
        finally:
            self._rest()
            now = self.now()
            carrier.hang_up(now)
            for action in carrier.poll(now):
                if not isinstance(action, HttpRequest):  # which would come too late
                    self._do(action, now)
            for link in list(self.links.values()):
                self._drop(link)
            for task in (*self._dialling.values(), *self._asking):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _go_on(self) -> None:
        """Take a turn, and set the alarm for the next; callbacks, since a task for each would cost more than it."""
        self._alarm = None
        if self._over.done():
            return
        carrier, now = self.carrier, self.now()
        try:
            if now - self._begun >= self._max_s:
                carrier.hang_up(now)
            self.touch()
            due = min(self.turn(now), now + TICK_S)
            over = self.over
            if not over and not self.links and now - carrier.ended_at >= LAST_WORDS_S:
                carrier.abandon(now)
                over = True
        except Exception as error:
            self._over.set_exception(error)
            return
        if over:
            self._over.set_result(None)
        elif self._alarm is None:  # nothing has come of the turn that cannot wait
            self._next_turn = due
            self._alarm = self._loop.call_later(max(0.0, due - now), self._go_on)

    def _wake(self) -> None:
        """Take a turn as soon as what runs now is done."""
        if self._next_turn > -math.inf:
            self._rest()
            self._next_turn = -math.inf
        if self._alarm is None:
            self._alarm = self._loop.call_soon(self._go_on)

    def _rest(self) -> None:
        """Take no further turn."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _stir(self, link: AgentLink) -> None:
        """Wake the loop if what has come on a link, or was told to the carrier, cannot wait for the next turn."""
        if link.plan() < self._next_turn or self.carrier.next_poll < self._next_turn:
            self._wake()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _ask(self, request: HttpRequest, now: float) -> None:  # noqa: ARG002
        task = self._spawn(self._exchange(request))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _exchange(self, request: HttpRequest) -> None:
        """Send one request; its whole answer must come in time, and be of a size."""
        try:
            async with asyncio.timeout(request.settings.total_s):
                try:
                    status, body, headers = await self._fetch(request)
                except httpx.ConnectError as error:
                    request = self._plainly(request, error)
                    status, body, headers = await self._fetch(request)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError) as error:
            reason = why_unreached(error)
            connected = not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL))
            self.carrier.unanswered(request.id, f"{request.url}: {reason}", self.now(), connected=connected)
        else:
            self.carrier.answered(request.id, status, body, self.now(), headers)
        self._wake()

    def _plainly(self, action: _Action, error: Exception) -> _Action:
        """Return the same without TLS, where a server on this machine does not know it; else raise the error.

        An agent that writes its addresses from its host's name has them begin with ``https://`` and ``wss://``, which
        is right behind the proxy that it will have, and wrong on its author's desk.
        """
        secure, _, rest = action.url.partition("://")
        if (
            secure not in PLAIN
            or not self.carrier.found(action)
            or not (on_loopback(action.url) and speaks_plain(error))
        ):
            raise error
        plain = f"{PLAIN[secure]}://{rest}"
        text = f"nothing speaks TLS at {_place(action.url)}: it is dialled plainly, which only happens on this machine"
        self.carrier.warn(text, self.now())
        return msgspec.structs.replace(action, url=plain)

    async def _fetch(self, request: HttpRequest) -> tuple[int, bytes, dict[str, str]]:
        body = bytearray()
        settings = request.settings
        if self._http is None:
            tls = self._tls or (trusted() if self._transport is None else True)
            client = httpx.AsyncClient(verify=tls, transport=self._transport)
            self._http = await self._stack.enter_async_context(client)
        async with self._http.stream(
            request.method,
            request.url,
            content=request.body or None,
            headers=request.headers,
            timeout=httpx.Timeout(settings.read_s, connect=settings.connect_s),
        ) as answer:
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise ValueError(f"its answer is longer than {MAX_ANSWER_BYTES} bytes")
            return answer.status_code, bytes(body), {name.lower(): value for name, value in answer.headers.items()}

    def _open(self, action: OpenStream, now: float) -> None:  # noqa: ARG002
        self._dialling[action.id] = self._spawn(self._dial(action))

    async def _dial(self, action: OpenStream) -> None:
        """Dial an agent; the carrier hears of the outcome, unless it has given up meanwhile."""
        number = action.id
        link: AgentLink

        def arrived(message: str | bytes) -> None:
            link.arrived(message, self.now())
            self._stir(link)

        def ended() -> None:
            connection: Any = link.agent
            link.ended(self.now(), proper=connection.proper, code=connection.code, reason=connection.reason)
            self._wake()

        try:
            try:
                connection = await self._connect(action.url, arrived, ended, headers=action.headers, tls=self._tls)
            except UpgradeRefusedError as error:
                plain = self._plainly(action, error)
                connection = await self._connect(plain.url, arrived, ended, headers=plain.headers)
        except UpgradeRefusedError as error:
            self.carrier.connections.refused(number, str(error), self.now())
        else:
            # No await since the connection was made: nothing can have arrived before the carrier knows of it.
            network = self._network() if self._network is not None else None
            self.links[number] = link = AgentLink(number, self.carrier, connection, network, CLOSE_TIMEOUT_S)
            self.carrier.connections.opened(number, self.now())
        finally:
            self._dialling.pop(number, None)
        self._wake()

    def _give_up(self, number: int) -> None:
        if (task := self._dialling.pop(number, None)) is not None:
            task.cancel()

    def _closed(self, link: AgentLink) -> None:
        connection: Any = link.agent
        self._spawn(connection.close())


def _place(url: str) -> str:
    """Return where a server is, without what its address may say of people."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
