"""`voiceband serve`: an agent behind one port, one process per core."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from voiceband._processes import cores
from voiceband.callbacks import NonceFile, verify_upgrade
from voiceband.commands import _console
from voiceband.commands._arguments import Argument, Option
from voiceband.servers.alarm import check_idle
from voiceband.servers.moderation import MODERATION_MS, check_moderation
from voiceband.servers.serve import pulse
from voiceband.servers.serve.sockets import StartError
from voiceband.servers.serve.supervisor import Supervisor
from voiceband.servers.serve.worker import WorkerOptions
from voiceband.servers.serve.worker_totals import FiguresPort
from voiceband.servers.upgrade import check_upgrade
from voiceband.session import Session


def serve(
    agent: Annotated[str, Argument("AGENT", help="Agent to run: FILE.py:FUNCTION or MODULE:FUNCTION, an async def.")],
    host: Annotated[
        str, Option(metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for all interfaces.")
    ] = "127.0.0.1",
    port: Annotated[int, Option(metavar="N", low=0, high=65535, help="Port to listen on; 0 for any free one.")] = 8080,
    workers: Annotated[
        int | None, Option(metavar="N", low=1, high=256, help="Number of processes; default: one per core.")
    ] = None,
    grace: Annotated[float, Option(metavar="SECONDS", low=0, help="Time for running calls to end at shutdown.")] = 30.0,
    auth_token_env: Annotated[
        str | None,
        Option(
            metavar="NAME", help="Environment variable that holds the auth token, to verify signatures of upgrades."
        ),
    ] = None,
    url: Annotated[
        str | None,
        Option(metavar="URL", help="Public base URL that the carrier signs, when behind a proxy."),
    ] = None,
    path: Annotated[str | None, Option(metavar="/WS", help="Only path that takes calls; all others get 404.")] = None,
    token_ttl: Annotated[
        float | None,
        Option(
            metavar="SECONDS",
            help="Accept one-time tokens up to this age, as the last part of the path, instead of signatures.",
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        Option(metavar="N", low=0, high=65535, help="Port for /metrics, /readyz and /healthz, at the same address."),
    ] = None,
    rate: Annotated[int | None, Option(metavar="HZ", help="Sample rate at which the agent hears and speaks.")] = None,
    denoise: Annotated[
        float | None, Option(metavar="LEVEL", help="Noise suppression of the caller's audio, 60 to 100.")
    ] = None,
    idle_timeout: Annotated[
        float, Option(metavar="SECONDS", help="End a call after this time without a message.")
    ] = 60.0,
    moderation: Annotated[
        float,
        Option(
            metavar="MS",
            help="Interval at which a worker with many calls reads them all, 0 to 100; 0 wakes for each message.",
        ),
    ] = MODERATION_MS,
) -> int:
    """Run an agent for every call that arrives at a port.

    A plain GET is answered with 200, for health checks.

    On SIGTERM, SIGHUP or Ctrl-C it takes no new calls, and ends when the running calls have ended or their grace is
    over; on a second signal it ends at once. On SIGUSR1 it replaces each worker with one that loads the agent again;
    no call is lost.

    Exit code 143, 129, 130: ended by SIGTERM, SIGHUP or Ctrl-C. 2: it could not start.
    """
    options: dict[str, object] = {"idle_timeout_s": idle_timeout, "moderation_ms": moderation}
    for name, value in (("public_base_url", url), ("path", path), ("rate", rate), ("denoise", denoise)):
        if value is not None:
            options[name] = value
    with _console.refusing(StartError), TemporaryDirectory(prefix="voiceband-", ignore_cleanup_errors=True) as folder:
        _check_values(url, path, idle_timeout, rate, denoise, moderation)
        if auth_token_env is not None:
            options["auth_token"] = _console.auth_token(auth_token_env)
            options["nonces"] = NonceFile(Path(folder) / "nonces")  # what one worker has let in, all refuse
        elif url is not None:
            raise StartError("--url is for signatures, which need --auth-token-env NAME too")
        if token_ttl is not None:
            if auth_token_env is None:
                raise StartError("--token-ttl needs the secret of the tokens: --auth-token-env NAME")
            if token_ttl <= 0:
                raise StartError(f"--token-ttl must be more than 0 s, not {token_ttl:g}")
            options["token_ttl_s"] = token_ttl
        n = workers or cores()
        if n > 1:
            options["rejoin_s"] = 0.0  # another worker may get the connection that would be waited for
        figures = metrics_port is not None
        supervisor = Supervisor(WorkerOptions(agent, options, grace, pulse.STILL_S, figures), host, port, n)
        with supervisor, ExitStack() as stack:
            shown = f"[{host}]" if ":" in host else host
            if metrics_port is not None:
                own = FiguresPort(host, metrics_port, supervisor.figures, supervisor.count_ready)
                stack.callback(own.close)
            supervisor.start()
            several = f"{n} workers" if n > 1 else "1 worker"
            _console.put(f"voiceband serve: {agent} on ws://{shown}:{supervisor.port}/, {several}")
            if metrics_port is not None:
                _console.put(f"metrics: http://{shown}:{own.number}/metrics")
            return _console.interrupted(supervisor.watch())


def _check_values(
    url: str | None,
    path: str | None,
    idle_timeout: float,
    rate: int | None,
    denoise: float | None,
    moderation: float,
) -> None:
    """StartError that names the option."""
    names = {
        "public_base_url": "--url",
        "path": "--path",
        "idle_timeout_s": "--idle-timeout",
        "rate": "--rate",
        "denoise": "--denoise",
        "moderation_ms": "--moderation",
    }
    try:
        if url is not None:
            verify_upgrade("/", {}, "any", public_base_url=url)
        check_upgrade(path=path)
        check_idle(idle_timeout)
        check_moderation(moderation)
        Session(rate=rate, denoise=denoise)
    except ValueError as error:
        name, _, rest = str(error).partition(" ")
        raise StartError(f"{names.get(name, name)} {rest}") from None
