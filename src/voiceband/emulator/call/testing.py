"""What the pytest fixture `plivo_call` gives: a function that calls an agent, wherever the agent is.

agent                            runs                            clock
"ws://...", "http://..."         on real sockets                 real
the same, with app=              in an ASGI application here     real, or virtual if asked for
async def agent(call)            on a `CallHandle` here          virtual, or real if asked for
def agent(session, event, now)   on a `Session` here             virtual
"""

from __future__ import annotations

import asyncio
import builtins
import functools
import inspect
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from voiceband._checks import check_number
from voiceband.emulator.call.place import Placement, target_of
from voiceband.emulator.call.placed import PlacedCall
from voiceband.emulator.caller.ready import READY, ready_script
from voiceband.emulator.caller.script import Script
from voiceband.emulator.caller.script_file import load_scripts
from voiceband.emulator.run.agents import SessionAgent
from voiceband.emulator.run.clock import run_virtually
from voiceband.emulator.run.inside import Inside, application, handled
from voiceband.emulator.run.real import run_call
from voiceband.emulator.run.virtual import VirtualCall
from voiceband.session import Session

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path
    from typing import Unpack

    from voiceband.emulator.call.options import CallerOptions
    from voiceband.session import SessionOptions

HERE = "ws://agent.test/"
"""Where an agent seems to be that has no address."""
CLOCKS = ("real", "virtual")


class Caller:
    """Calls agents; it is the fixture ``plivo_call``.

    Parameters
    ----------
    on_call : callable, optional
        Called with every `PlacedCall`, before anything that an agent has raised.

    Examples
    --------
    >>> from voiceband.emulator import HangUp, WaitFor
    >>> from voiceband.session import Started
    >>> async def greeter(call):
    ...     async for event in call:
    ...         if isinstance(event, Started):
    ...             await call.play(np.full(4000, 8000, np.int16), 8000, end=True)
    >>> call = Caller()(greeter, script=[WaitFor("stop"), HangUp()])
    >>> call.findings, call.first_audio < 0.5
    ([], True)
    """

    def __init__(self, on_call: Callable[[PlacedCall], object] | None = None) -> None:
        self._on_call = on_call

    def __call__(self, agent: str | Callable[..., Any], **options: Unpack[CallerOptions]) -> PlacedCall:
        """Call an agent, see the call through, and return it.

        Parameters
        ----------
        agent : str or callable
            ``ws://``, ``wss://``: the agent itself; ``http://``, ``https://``: its answer URL. Or the agent: a
            coroutine function of a `CallHandle`, or a function of (session, event, now).
        app : callable, optional
            An ASGI application that is to answer for every address, without sockets.
        say : str, path-like or ndarray, optional
            What the caller says, sentence by sentence: a sound file, or int16 samples at 8000 Hz; by default the clip
            that ships with voiceband.
        channel : int, optional
            Which channel of the file, from 1 on; by default the mean of all.
        script : str, path-like or sequence of Step, optional
            What the caller does: the name of a ready script, ``"@talk"`` by default; or, without `say`, a YAML file of
            one caller, or steps.
        network, noise, snr_db : optional
            As for `Placement`.
        stream : str, optional
            Attributes of the ``<Stream>`` in front of an agent, as for `target_of`.
        clock : {"real", "virtual"}, optional
            On virtual time a call takes as long as its computing does. That allows for agents that wait for nothing
            but the call and asyncio's timers: no threads, no sockets, no `time.monotonic` of their own.
        seed : int, optional
            Seed for everything that is left to chance, identifiers and the date among them: the same seed gives the
            same transcript, where the clock is virtual.
        timeout_s : float, optional
            After how long the caller hangs up, from 0.1 to a day.
        tls : ssl.SSLContext, optional
            Instead of the system's certificates.
        session : dict, optional
            Options of the `Session` of an agent that is a function.
        profile, auth_token, playout_delay_ms, retries, ...
            For `Carrier`, which has the rest.

        Returns
        -------
        call : PlacedCall
            What became of it.

        Raises
        ------
        ValueError, TypeError
            If one of these is wrong, or they do not go together.
        RuntimeError
            In a coroutine, for an address: its server may be in the very event loop that this would block; `aio` is for
            that. Functions are called in a thread there, and in a notebook addresses are too.
        Exception
            What an agent in this process has raised.
        """
        in_a_loop = _in_a_loop()
        if in_a_loop and isinstance(agent, str) and not hasattr(builtins, "get_ipython"):
            raise RuntimeError(
                "plivo_call must not be called in a coroutine, whose event loop it would block: "
                "write `await plivo_call.aio(...)`"
            )
        job = _Job(agent, **options)
        if in_a_loop:
            with ThreadPoolExecutor(1) as thread:
                thread.submit(job.run).result()
        else:
            job.run()
        return self._over(job)

    async def aio(self, agent: str | Callable[..., Any], **options: Unpack[CallerOptions]) -> PlacedCall:
        """Call an agent from a coroutine: an async test, or a notebook; see `__call__` for everything.

        In real time the call runs in the running event loop, where the agent's server may run too. On virtual time it
        runs in a loop and a thread of its own.
        """
        job = _Job(agent, **options)
        if job.virtual:
            await asyncio.to_thread(job.run)
        else:
            await job.work()
        return self._over(job)

    def _over(self, job: _Job) -> PlacedCall:
        call = PlacedCall(job.placement)
        if self._on_call is not None:
            self._on_call(call)
        if job.inside is not None and job.inside.errors:
            raise job.inside.errors[0]
        return call


class _Job:
    """One call, checked and ready to be run once."""

    def __init__(
        self,
        agent: str | Callable[..., Any],
        *,
        app: Callable[..., Any] | None = None,
        say: Any = None,
        channel: int | None = None,
        script: Any = None,
        network: str | Path | None = None,
        noise: str | Path | None = None,
        snr_db: float = 20.0,
        stream: str | None = None,
        clock: str | None = None,
        seed: int | None = None,
        timeout_s: float = 300.0,
        tls: ssl.SSLContext | None = None,
        session: SessionOptions | None = None,
        **carrier_options: Any,
    ) -> None:
        if clock not in (None, *CLOCKS):
            raise ValueError(f"clock must be one of {', '.join(CLOCKS)}, not {clock!r}")
        check_number("timeout_s", timeout_s, 0.1, 86_400.0)
        self.inside: Inside | None = None
        attributes = "" if stream is None else stream
        if isinstance(agent, str):
            if session is not None:
                raise ValueError(f"session must not be given for {agent}, whose agent makes its own")
            if clock == "virtual" and app is None:
                raise ValueError(f"clock must be real for {agent}, whose agent has a clock of its own")
            target = target_of(agent, attributes)
            if app is not None:
                self.inside = Inside(application(app))
        else:
            if not callable(agent) or app is not None:
                raise TypeError(f"agent must be an address, or a function without an app, not {agent!r}")
            if clock == "real" and not _is_async(agent):
                raise ValueError("clock must be virtual for an agent that is a function on a Session")
            target = target_of(HERE, attributes)
            if _is_async(agent):
                self.inside = Inside(handled(agent, **(session or {})))
            clock = clock or "virtual"
        caller = _script(say, channel, script)
        self.virtual = clock == "virtual"
        self.placement = Placement(
            target,
            caller.steps,
            about=caller.about,
            network=network,
            noise=noise,
            snr_db=snr_db,
            seed=seed,
            **carrier_options,
        )
        self._agent, self._app, self._tls, self._session = agent, app, tls, session or {}
        self._timeout_s = timeout_s

    def run(self) -> None:
        """See the call through, in an event loop of its own if it needs one."""
        if not isinstance(self._agent, str) and self.inside is None:
            _run_on_session(self.placement, self._agent, self._session, self._timeout_s)
        else:
            (run_virtually if self.virtual else asyncio.run)(self.work())

    async def work(self) -> None:
        """See the call through, in the running event loop."""
        await _run(self.placement, self.inside, self._app, self._tls, self._timeout_s)


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _run(placement: Placement, inside: Inside | None, app: Any, tls: Any, timeout_s: float) -> None:
    import httpx

    options: dict[str, Any] = {"on_tick": placement.tick, "tls": tls, "max_s": timeout_s}
    if placement.delayed:
        options["network"] = placement.networks
    if inside is not None:
        options["connect"] = inside.dial
    if app is not None:
        options["transport"] = httpx.ASGITransport(app)
    await run_call(placement.carrier, **options)


def _run_on_session(placement: Placement, act: Callable[..., Any], options: SessionOptions, timeout_s: float) -> None:
    """Run an agent that is a plain function; there are neither tasks nor an event loop."""

    def connect(_upgrade: object) -> SessionAgent:
        return SessionAgent(Session(**options), act)

    networks: dict[str, Any] = {"network": placement.networks} if placement.delayed else {}
    virtual = VirtualCall(placement.carrier, connect, on_tick=placement.tick, **networks)
    virtual.run(timeout_s)
    placement.carrier.hang_up(virtual.now)
    virtual.run(virtual.now + 1)


def _script(say: Any, channel: int | None, script: Any) -> Script:
    """Return the caller that `say` and `script` make."""
    if script is None or (isinstance(script, str) and script in READY):
        return ready_script(script or "@talk", say, channel=channel)
    if say is not None or channel is not None:
        given = f"say {say!r:.60}" if say is not None else f"channel {channel!r}"
        raise ValueError(f"{given} and script exclude each other: a script says what the caller says")
    if isinstance(script, (list, tuple)):
        return Script(script)
    if not isinstance(script, (str, os.PathLike)):
        raise TypeError(f"script must be a ready script's name, a YAML file or a list of steps, not {script!r:.60}")
    callers = load_scripts(script)
    if len(callers) != 1:
        raise ValueError(f"script must have one caller, not {len(callers)}, as {script} has")
    return callers[0]


def _is_async(agent: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine: a function, a partial, or an object with such a call."""
    plain = agent.func if isinstance(agent, functools.partial) else agent
    return inspect.iscoroutinefunction(plain) or inspect.iscoroutinefunction(getattr(plain, "__call__", None))  # noqa: B004
