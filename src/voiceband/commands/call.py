"""`voiceband call`: the carrier calls an agent, and says what its caller heard and what is wrong with it."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from voiceband.commands.placing import Desk, complain, print_summary, run, why_none
from voiceband.commands.reports import as_json, write_junit
from voiceband.emulator.call.place import target_of, turns_of
from voiceband.emulator.caller.script import Script
from voiceband.emulator.caller.script_file import load_scripts

LINES = {
    "phone call": "the phone rings",
    "connected": "the agent has accepted the stream",
    "refused": "the agent has not",
    "speech ends": "the caller has spoken",
    "timed out": "the caller gives up a step of the script",
    "clearAudio": "the agent clears its audio",
    "degraded": "the agent reads too slowly",
    "closed": "the agent has closed the connection",
    "problem": "something is wrong",
    "call over": "the call is over",
}
PATIENCE_S = 6.0
"""How long the caller waits for an answer: longer than the linter does before it calls an agent silent."""
CLEAN, FOUND, NO_CALL, INTERRUPTED = 0, 1, 2, 130


def call(
    url: Annotated[str, typer.Argument(help="ws:// or wss:// of the agent, or http:// or https:// of its answer URL.")],
    say: Annotated[str | None, typer.Option(help="What the caller says: a mono 16-bit WAV file, or @caller.")] = None,
    script: Annotated[Path | None, typer.Option(help="What the caller does, or several callers do: YAML.")] = None,
    network: Annotated[
        str | None, typer.Option(help="clean, jittery, bursty, stalls, mobile, slow-reader, odd-sizes, skew, or a CSV.")
    ] = None,
    noise: Annotated[str | None, typer.Option(help="On the caller's line: white, street, hum, or a WAV file.")] = None,
    snr: Annotated[float, typer.Option(help="How many dB the noise is below the caller's speech.")] = 20.0,
    stream: Annotated[str, typer.Option(help="Attributes of the Stream element: 'noiseCancellation=true ...'.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for call.wav, wire.jsonl and summary.json.")] = Path("call"),
    timeout: Annotated[float, typer.Option(help="After how many seconds the caller hangs up.")] = 300.0,
    seed: Annotated[int, typer.Option(help="Of all that is left to chance.")] = 0,
    auth_token: Annotated[
        str | None, typer.Option(help="Signs the requests.", envvar="PLIVO_AUTH_TOKEN", show_envvar=True)
    ] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates to trust, PEM, instead of the system's.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the summaries as JSON.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit report: one test for each rule.")] = None,
) -> None:
    """Call an agent as the carrier would, and say what its caller heard.

    Exit code 0: nothing is wrong; 1: there are findings; 2: no call came about.
    """
    console = Console(stderr=True)
    options: dict[str, Any] = {"network": network, "noise": noise, "snr_db": snr, "seed": seed}
    if auth_token is not None:
        options["auth_token"] = auth_token
    desks: list[Desk] = []
    try:
        desks = _desks(url, say, script, stream, out, timeout, console, options)
        tls = None if ca_file is None else _trust(ca_file)
        run(desks, console, tls=tls, max_s=timeout)
    except KeyboardInterrupt:
        complain(console, "call", f"interrupted; what there is of the call is in {out}")
        code = INTERRUPTED
    except (ValueError, OSError) as error:
        complain(console, "call", error)
        raise typer.Exit(NO_CALL) from None
    else:
        code = max(_verdict(desk, console) for desk in desks)
    # Of a caller whose turn had not come when this was interrupted there is nothing.
    desks = [desk for desk in desks if desk.call is not None]
    if json_:
        typer.echo(json.dumps(as_json(desks, code), indent=2))
    if junit is not None:
        try:
            write_junit(junit, desks)
        except OSError as error:
            complain(console, "call", f"junit: {error}")
            raise typer.Exit(NO_CALL) from None
    raise typer.Exit(code)


def _verdict(desk: Desk, console: Console) -> int:
    """Say what a call came to; return its exit code."""
    assert desk.call is not None
    print_summary(console, desk)
    if not desk.call.connected:
        complain(console, "call", f"{desk.name + ': ' if desk.name else ''}no call: {why_none(desk.call)}")
        return NO_CALL
    return FOUND if desk.call.findings else CLEAN


def _desks(
    url: str,
    say: str | None,
    script: Path | None,
    stream: str,
    out: Path,
    timeout: float,
    console: Console,
    options: dict[str, Any],
) -> list[Desk]:
    if say is not None and script is not None:
        raise ValueError(f"--say {say} and --script {script} exclude each other: a script says what the caller says")
    if not 0 < timeout <= 86_400:
        raise ValueError(f"--timeout must be more than 0 and at most 86400 s, not {timeout:g}")
    target = target_of(url, stream)
    scripts = [Script(turns_of(say, patience_s=PATIENCE_S))] if script is None else load_scripts(script)
    if len(scripts) == 1:
        return [Desk("", out, console, LINES, target, scripts[0].steps, **options)]
    seed = options.pop("seed")
    return [
        Desk(one.name, out / _file_name(one.name, number), console, LINES, target, one.steps,
             start_s=one.start_s, seed=seed + number, **options)
        for number, one in enumerate(scripts)
    ]  # fmt: skip


def _file_name(name: str, number: int) -> str:
    """Return a caller's folder; its number keeps apart what differs in other signs only."""
    plain = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in name[:40])
    return f"{number + 1}-{plain}"


def _trust(path: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"--ca-file {path} cannot be used: {error}") from None
