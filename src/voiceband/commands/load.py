"""`voiceband load`: many emulated calls at once, and what their callers hear of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from voiceband._processes import cores
from voiceband.commands import _console
from voiceband.commands._arguments import Argument, Option
from voiceband.commands.load_tables import print_capacity, print_report
from voiceband.formats import PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.load.capacity import Capacity, find_capacity
from voiceband.load.options import LoadOptions, per_second, seconds
from voiceband.load.results import LoadError, LoadReport

if TYPE_CHECKING:
    from voiceband.load.worker import Progress

FORMATS = {"mulaw": PLIVO_MULAW_8K, "l16-8k": PLIVO_L16_8K, "l16-16k": PLIVO_L16_16K}
_SEARCH = "the capacity search"


def load(
    url: Annotated[str, Argument("URL", help="Address of the agent: ws:// or wss://.")],
    calls: Annotated[
        int, Option(metavar="N", help="Number of calls; with --find-capacity, the number to start with.")
    ] = 50,
    ramp: Annotated[str, Option(metavar="RATE", help="How fast calls start: 20/s, 300/m.")] = "20/s",
    hold: Annotated[str, Option(metavar="TIME", help="How long all calls are held: 60s, 5m.")] = "60s",
    echo: Annotated[bool, Option("--echo", help="The agent echoes what it hears, so every silence is a gap.")] = False,
    say: Annotated[str, Option(metavar="FILE", help="What callers say: a sound file; default: a shipped clip.")] = "",
    form: Annotated[str, Option("--format", metavar="NAME", help=f"Stream format: {', '.join(FORMATS)}.")] = "mulaw",
    playout_delay: Annotated[str, Option(metavar="TIME", help="Delay of the caller's player.")] = "250ms",
    processes: Annotated[
        int | None, Option(metavar="N", help="Number of processes that share the calls; default: one per core.")
    ] = None,
    pid: Annotated[int | None, Option(metavar="N", help="Process of the server, to show its CPU and memory.")] = None,
    auth_token_env: Annotated[
        str | None, Option(metavar="NAME", help="Environment variable that holds the token for signing upgrades.")
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print JSON, with a record for each call.")] = False,
    capacity: Annotated[
        bool, Option("--find-capacity", help="Search for the largest number of calls without gaps.", group=_SEARCH)
    ] = False,
    max_calls: Annotated[int, Option(metavar="N", help="Upper bound of the search.", group=_SEARCH)] = 10_000,
    time_limit: Annotated[
        str, Option(metavar="TIME", help="Start no new step after this time.", group=_SEARCH)
    ] = "10m",
) -> int:
    """Place many calls at once, and measure the silence that callers hear inside the agent's speech.

    Measuring starts when all calls are up. Load only your own servers.

    Exit code 0: every call was good, or a capacity was found. 1: calls failed, were lost, stalled or heard nothing, or
    the server could not hold even one. 2: it could not run. 130: Ctrl-C; what was measured until then is shown.
    """
    try:
        from voiceband.load.processes import run_load
        from voiceband.load.usage import Usage

        if form not in FORMATS:
            raise ValueError(f"--format must be one of {', '.join(FORMATS)}, not {form!r}")
        options = LoadOptions(
            url=url,
            calls=calls,
            ramp_per_s=per_second(ramp),
            hold_s=seconds(hold),
            format=FORMATS[form],
            echo=echo,
            playout_delay_ms=seconds(playout_delay) * 1000,
            processes=cores() if processes is None else processes,
            auth_token=None if auth_token_env is None else _console.auth_token(auth_token_env),
            say=say,
        )
        until_s = seconds(time_limit)
        if max_calls < calls:
            raise ValueError(f"--max-calls must be at least --calls, {calls}, not {max_calls}")
        if pid is not None:
            Usage(pid)

        def measure(n: int) -> LoadReport:
            several = msgspec.structs.replace(options, calls=n)
            with _Bar(several) as bar:
                return run_load(several, pid=pid, on_progress=bar.show)

        if capacity:
            found = find_capacity(measure, first=calls, most=max_calls, time_s=until_s)
            _print(as_json, found)
            code = _console.interrupted() if found.limit == "interrupted" else int(not found.held)
        else:
            report = measure(calls)
            _print(as_json, report)
            broken = report.states["good"] < calls or report.silent
            code = _console.interrupted() if report.interrupted else int(bool(broken))
    except (LoadError, ValueError) as error:
        _console.refuse(error)
    return code


def _print(as_json: bool, result: LoadReport | Capacity) -> None:
    if as_json:
        _console.put_json(result.summary())
    elif isinstance(result, LoadReport):
        print_report(result)
    else:
        print_capacity(result)


class _Bar:
    """A progress bar on a terminal: calls that begin, then the time for which they are held."""

    def __init__(self, options: LoadOptions) -> None:
        self._options = options
        self._progress = _console.progress(
            TextColumn("{task.description}"),
            BarColumn(30),
            TextColumn("{task.fields[calls]}"),
            TimeElapsedColumn(),
        )
        self._task = self._progress.add_task("starting", total=1.0, calls="")

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, now: Progress) -> None:
        """Show how far it is."""
        up, failed, lost, held_s, _ = now
        wanted = self._options.calls
        share = held_s / self._options.hold_s if held_s else (up + failed) / wanted
        broken = f", {failed} failed, {lost} lost" if failed or lost else ""
        self._progress.update(
            self._task,
            completed=min(1.0, share),
            description="holding" if held_s else "ramping up",
            calls=f"{up} of {wanted} calls{broken}",
        )
