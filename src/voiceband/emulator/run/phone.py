"""Runs a `Carrier` in real time: its requests by httpx, its streams on WebSockets."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

try:
    import httpx
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"the emulator's requests need {_error.name}; pip install 'voiceband[emulator]' brings it", name=_error.name
    ) from None

from voiceband.emulator.carrier.actions import CloseStream, HttpRequest, OpenStream, SendText
from voiceband.emulator.carrier.announcements import MAX_FILE_BYTES
from voiceband.emulator.run.clock import clock_of
from voiceband.emulator.run.driver import TICK_S
from voiceband.emulator.run.sockets import RefusedError, dial

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Coroutine

    from voiceband.emulator.carrier.actions import Action
    from voiceband.emulator.carrier.carrier import Carrier
    from voiceband.emulator.network.network import Network
    from voiceband.emulator.run.sockets import Socket

    Dial = Callable[..., Awaitable[Socket]]

HTTP_TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = MAX_FILE_BYTES


async def run(
    carrier: Carrier,
    *,
    on_tick: Callable[[float], None] = lambda _now: None,
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
        Called with the time after every turn of the loop, at least every 20 ms; the place for a script to act.
    tls : ssl.SSLContext, optional
        For ``https://`` and ``wss://``, instead of the system's certificates.
    network : callable, optional
        Called for each connection to an agent; returns the `Network` that delays its messages, on top of the real one.
    max_s : float, optional
        The caller hangs up after so many seconds.
    connect : callable, optional
        What connects to agents, with the parameters of `sockets.dial`; `inside.Inside.dial` needs no sockets.
    transport : httpx.AsyncBaseTransport, optional
        What requests go through instead of the network.

    Notes
    -----
    How it went is in the carrier: `Carrier.end_reason`, `Carrier.problems` and `Carrier.log`. When this is cancelled
    the caller hangs up, and the sockets are closed. Requests on their way at the end have ten seconds to be answered.
    """
    verify = True if tls is None else tls
    async with httpx.AsyncClient(timeout=HTTP_TIMEOUT_S, verify=verify, transport=transport) as http:
        await _Runner(carrier, http, tls, network, connect).run(on_tick, max_s)


class _Runner:
    def __init__(
        self,
        carrier: Carrier,
        http: httpx.AsyncClient,
        tls: ssl.SSLContext | None,
        network: Callable[[], Network] | None,
        connect: Dial,
    ) -> None:
        self.carrier = carrier
        self.http = http
        self.tls = tls
        self.network = network
        self.connect = connect
        self.loop = asyncio.get_running_loop()
        self.clock = clock_of(self.loop)
        # Of one phone call there is one clock, whatever the networks of its connections delay.
        self.shown = (lambda seconds: seconds) if network is None else network().carrier_time
        self.wake = asyncio.Event()
        self.due = -math.inf  # when the loop's next turn comes by itself
        self.sockets: dict[int, Socket] = {}
        self.dialling: dict[int, asyncio.Task[None]] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    def now(self) -> float:
        """Return the carrier's time; sockets have the plain one."""
        return self.shown(self.clock())

    async def run(self, on_tick: Callable[[float], None], max_s: float) -> None:
        carrier = self.carrier
        start = self.now()
        carrier.start(start)
        try:
            while not carrier.done:
                self.wake.clear()
                now = self.now()
                for action in carrier.poll(now):
                    self.do(action)
                on_tick(now)
                for number, socket in self.sockets.items():
                    carrier.backed_up(number, socket.backlog_s(self.clock()), now)
                if now - start >= max_s:
                    carrier.hang_up(now)
                await self.rest()
        finally:
            now = self.now()
            carrier.hang_up(now)
            for action in carrier.poll(now):
                if not isinstance(action, HttpRequest):  # which would come too late
                    self.do(action)
            for socket in list(self.sockets.values()):
                self.spawn(socket.close())
            for task in self.dialling.values():
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    async def rest(self) -> None:
        """Wait until something is due, or has happened that makes it due."""
        now = self.now()
        self.due = min(self.carrier.next_poll, now + TICK_S)
        alarm = self.loop.call_later(max(0.0, self.due - now), self.wake.set)
        try:
            await self.wake.wait()
        finally:
            alarm.cancel()

    def heard(self) -> None:
        """Wake the loop if what the carrier was told cannot wait for its next turn."""
        if self.carrier.next_poll < self.due:
            self.wake.set()

    def do(self, action: Action) -> None:
        if isinstance(action, SendText):
            # The other side may have closed just now; then there is nobody to tell.
            if (socket := self.sockets.get(action.id)) is not None:
                socket.send(action.text, self.clock())
        elif isinstance(action, HttpRequest):
            self.spawn(self.ask(action))
        elif isinstance(action, OpenStream):
            self.dialling[action.id] = self.spawn(self.open(action))
        elif isinstance(action, CloseStream):
            if (task := self.dialling.pop(action.id, None)) is not None:
                task.cancel()
            if (closing := self.sockets.pop(action.id, None)) is not None:
                self.spawn(closing.close())

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def ask(self, request: HttpRequest) -> None:
        """Send one request; its whole answer must come in time, and be of a size."""
        try:
            async with asyncio.timeout(HTTP_TIMEOUT_S):
                status, body = await self.exchange(request)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError) as error:
            reason = str(error) or type(error).__name__
            self.carrier.unanswered(request.id, f"{request.url}: {reason}", self.now())
        else:
            self.carrier.answered(request.id, status, body, self.now())
        self.wake.set()

    async def exchange(self, request: HttpRequest) -> tuple[int, bytes]:
        body = bytearray()
        content = request.body or None
        async with self.http.stream(request.method, request.url, content=content, headers=request.headers) as answer:
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise ValueError(f"its answer is longer than {MAX_ANSWER_BYTES} bytes")
            return answer.status_code, bytes(body)

    async def open(self, action: OpenStream) -> None:
        """Dial an agent; the carrier hears of the outcome, unless it has given up meanwhile."""
        number = action.id

        def received(message: str | bytes, _now: float) -> None:
            self.carrier.received(number, message, self.now())
            self.heard()

        def ended() -> None:
            if (socket := self.sockets.pop(number, None)) is not None:
                now = self.now()
                self.carrier.closed(number, now, proper=socket.proper, code=socket.code, reason=socket.reason)
                self.spawn(socket.close())
                self.wake.set()

        network = self.network() if self.network is not None else None
        try:
            socket = await self.connect(
                action.url, received, ended, headers=action.headers, tls=self.tls, network=network
            )
        except RefusedError as error:
            self.carrier.refused(number, str(error), self.now())
        else:
            # No await since the connection was made: nothing can have arrived before the carrier knows of it.
            self.sockets[number] = socket
            self.carrier.opened(number, self.now())
        finally:
            self.dialling.pop(number, None)
        self.wake.set()
