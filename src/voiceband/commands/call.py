"""`voiceband call`: the carrier calls an agent, and says what its caller heard and what is wrong with it."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from voiceband.commands import _console
from voiceband.commands._arguments import Argument, Option
from voiceband.commands.placing import Desk, print_summary, run, why_none
from voiceband.commands.reports import as_json, baseline_of, write_junit
from voiceband.emulator.call.place import target_of
from voiceband.emulator.caller.ready import READY, ready_script
from voiceband.emulator.caller.script_file import load_scripts
from voiceband.emulator.judge.baseline import Compared, check_length, compare, load_baseline
from voiceband.emulator.judge.findings import failing, verdict
from voiceband.markup.values import url as check_url

LINES = {
    "phone call": "the phone rings",
    "connected": "the agent has accepted the stream",
    "refused": "the agent did not accept the stream",
    "speech ends": "the caller has spoken",
    "timed out": "the caller gives up a step of the script",
    "HTTP failure": "a web server has not answered",
    "clearAudio": "the agent clears its audio",
    "degraded": "the agent reads too slowly",
    "closed": "the agent has closed the connection",
    "problem": "something is wrong",
    "call over": "the call is over",
}
WEB = "the web server"


def call(
    target: Annotated[
        str, Argument("URL", help="ws:// or wss:// of the agent, or http:// or https:// of its answer URL.")
    ],
    say: Annotated[str | None, Option(metavar="FILE", help="What the caller says: a sound file, or @caller.")] = None,
    channel: Annotated[
        int | None, Option(metavar="N", low=1, help="Say this channel of the file, from 1 on; default: all, mixed.")
    ] = None,
    script: Annotated[
        str, Option(metavar="NAME", help=f"What the caller does: {', '.join(READY)}, or a YAML file.")
    ] = "@talk",
    network: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="Simulated network: clean, jittery, bursty, stalls, mobile, slow-reader, odd-sizes, skew, or a CSV.",
        ),
    ] = None,
    noise: Annotated[
        str | None, Option(metavar="NAME", help="Noise on the caller's line: white, street, hum, or a sound file.")
    ] = None,
    snr: Annotated[float, Option(metavar="DB", help="How far the noise is below the caller's speech.")] = 20.0,
    stream: Annotated[
        str, Option(metavar="TEXT", help="Attributes of the Stream element, such as 'noiseCancellation=true'.")
    ] = "",
    method: Annotated[Literal["POST", "GET"], Option(help="HTTP method for the answer URL.", group=WEB)] = "POST",
    url: Annotated[
        str | None,
        Option(
            metavar="URL", help="The server's public address, as for serve: XML names it, and it is signed.", group=WEB
        ),
    ] = None,
    stream_url: Annotated[
        str | None, Option(metavar="URL", help="Connect streams to this address, whatever the XML says.", group=WEB)
    ] = None,
    fallback_url: Annotated[
        str | None, Option(metavar="URL", help="Requested when the answer URL fails.", group=WEB)
    ] = None,
    hangup_url: Annotated[str | None, Option(metavar="URL", help="Requested when the call is over.", group=WEB)] = None,
    keys: Annotated[
        str, Option(metavar="KEYS", help="Keys that the caller presses when GetInput asks for them.", group=WEB)
    ] = "1",
    out: Annotated[Path, Option(metavar="FOLDER", help="Folder for call.wav, wire.jsonl and summary.json.")] = Path(
        "call"
    ),
    timeout: Annotated[float, Option(metavar="SECONDS", help="The caller hangs up after this time.")] = 300.0,
    seed: Annotated[
        int | None, Option(metavar="N", help="Seed for everything random; without it each call has its own ids.")
    ] = None,
    profile: Annotated[
        str,
        Option(metavar="NAME", help="Behaviour where documents and programs disagree: observed or documented."),
    ] = "observed",
    auth_token: Annotated[
        str | None, Option(metavar="TOKEN", help="Auth token that signs the requests.", env="PLIVO_AUTH_TOKEN")
    ] = None,
    ca_file: Annotated[
        Path | None, Option(metavar="FILE", help="PEM file of certificates to trust instead of the system's.")
    ] = None,
    calls: Annotated[
        int, Option("-n", "--calls", metavar="N", low=1, high=1000, help="Number of calls, placed one after the other.")
    ] = 1,
    save_baseline: Annotated[
        Path | None, Option(metavar="FILE", help="Write how callers were treated, for --baseline.")
    ] = None,
    baseline: Annotated[
        Path | None, Option(metavar="FILE", help="Fail if answers, interruptions or gaps are worse than in FILE.")
    ] = None,
    strict: Annotated[bool, Option(help="Fail on doubtful findings and notes too.")] = False,
    json_: Annotated[bool, Option("--json", help="Print the summaries as JSON.")] = False,
    junit: Annotated[Path | None, Option(metavar="FILE", help="Write a JUnit report: one test for each rule.")] = None,
) -> int:
    """Call an agent as the carrier would, and report what its caller heard.

    Exit code 0: there are no errors; 1: there are, or with --strict any findings,
    or it is worse than the baseline; 2: there was no call.
    """
    console = _console.screen()
    options: dict[str, Any] = {"network": network, "noise": noise, "snr_db": snr, "seed": seed, "profile": profile}
    options |= {"method": method, "keys": keys}
    if auth_token is not None:
        options["auth_token"] = auth_token
    desks: list[Desk] = []
    compared: list[Compared] = []
    try:
        before = None if baseline is None else load_baseline(baseline)
        if before is not None:
            check_length(before, calls)
        options["public_base_url"] = _address("--url", url, "https", "http", "wss", "ws")
        options["stream_url"] = _address("--stream-url", stream_url, "wss", "ws")
        options["fallback_url"] = _address("--fallback-url", fallback_url)
        options["hangup_url"] = _address("--hangup-url", hangup_url)
        desks = _desks(target, say, channel, script, stream, out, timeout, console, options, calls)
        tls = None if ca_file is None else _trust(ca_file)
        for path in (save_baseline, junit):
            if path is not None:
                _check_writable(path)
        if calls == 1:
            run(desks, console, tls=tls, max_s=timeout)
        for desk in desks if calls > 1 else ():
            run([desk], console, tls=tls, max_s=timeout)
    except KeyboardInterrupt:
        for desk in desks:
            if desk.call is not None:
                print_summary(desk, interrupted=True)
        code = _console.interrupted()
    except ValueError as error:
        _console.refuse(error)
    else:
        code = max(_verdict(desk, strict=strict, short=calls > 1) for desk in desks)
        if code != _console.NOT_RUN and (before is not None or save_baseline is not None):
            now = baseline_of(desks, network=network, noise=noise, snr=snr, stream=stream, profile=profile)
            if save_baseline is not None:
                save_baseline.write_bytes(msgspec.json.format(msgspec.json.encode(now)))
            if before is not None:
                with _console.refusing(ValueError):
                    compared = compare(before, now)
                for one in compared:
                    _console.note(str(one), "red" if one.worse else "green")
                code = max(code, _console.WRONG if any(one.worse for one in compared) else _console.DONE)
    # Of a caller whose turn had not come when this was interrupted there is nothing.
    desks = [desk for desk in desks if desk.call is not None]
    if json_:
        _console.put_json(as_json(desks, code, compared))
    if junit is not None:
        write_junit(junit, desks, compared, strict=strict)
    return code


def _check_writable(path: Path) -> None:
    """Refuse a file that cannot be written before the calls whose outcome it is to hold."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("ab"):
        pass
    if is_new:
        path.unlink()


def _verdict(desk: Desk, *, strict: bool, short: bool) -> int:
    """Print the outcome of a call; return its exit code. Of a good call among many one line is enough."""
    assert desk.call is not None
    if short and desk.call.connected and not desk.call.findings:
        answers = ", ".join(f"{ms:.0f} ms" for ms in desk.summary["reply_ms"]) or "none"
        _console.note(f"{desk.name}: {verdict(desk.call.findings)}; replies {answers}")
    else:
        print_summary(desk)
    if not desk.call.connected:
        _console.say(f"{desk.name + ': ' if desk.name else ''}no call: {why_none(desk.call)}")
        return _console.NOT_RUN
    return _console.WRONG if failing(desk.call.findings, strict=strict) else _console.DONE


def _address(option: str, url: str | None, *schemes: str) -> str | None:
    return None if url is None else check_url(option, url, schemes or ("https", "http"))


def _desks(
    url: str,
    say: str | None,
    channel: int | None,
    script: str,
    stream: str,
    out: Path,
    timeout: float,
    console: Any,
    options: dict[str, Any],
    calls: int,
) -> list[Desk]:
    ready = script in READY
    if not ready and (say is not None or channel is not None):
        given = f"--say {say}" if say is not None else f"--channel {channel}"
        raise ValueError(f"{given} and --script {script} exclude each other: a script says what the caller says")
    if not 0 < timeout <= 86_400:
        raise ValueError(f"--timeout must be more than 0 and at most 86400 s, not {timeout:g}")
    target = target_of(url, stream)
    scripts = [ready_script(script, say, channel=channel)] if ready else load_scripts(script)
    if calls > 1:
        if len(scripts) > 1:
            raise ValueError(f"-n {calls} is for one caller, but {script} has {len(scripts)}")
        (one,) = scripts
        size = len(str(calls))
        return [
            Desk(f"call {k + 1}", out / f"{k + 1:0{size}}", console, LINES, target, one.steps,
                 about=one.about, number=k, **options)
            for k in range(calls)
        ]  # fmt: skip
    if len(scripts) == 1:
        return [Desk("", out, console, LINES, target, scripts[0].steps, about=scripts[0].about, **options)]
    return [
        Desk(one.name, out / _file_name(one.name, number), console, LINES, target, one.steps,
             about=one.about, start_s=one.start_s, number=number, **options)
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
