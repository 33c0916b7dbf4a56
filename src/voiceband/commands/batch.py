"""`voiceband batch`: a folder of recordings through a pipeline, on all cores or on a cluster."""

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from voiceband.batch import (
    Batch,
    Conceal,
    Denoise,
    DiskFullError,
    FileError,
    Mix,
    Normalise,
    Outcome,
    Pipeline,
    Resample,
    Split,
    Stage,
)


class _HoursASecond(ProgressColumn):
    """Hours of audio a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.fields['hours'] / max(task.elapsed or 0.0, 1e-9):.2f} h/s")


class _Tally:
    """What has become of the files so far."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("done", "same", "bad", "full", "stopped"), 0)
        self.hours = 0.0
        self.bad: list[Outcome] = []
        self.odd: list[Outcome] = []
        self.stopped = ""

    def add(self, outcome: Outcome) -> None:
        self.counts[outcome.state] += 1
        self.hours += outcome.seconds / 3600
        if outcome.state == "bad":
            self.bad.append(outcome)
        elif outcome.state == "full":
            self.stopped = f"{outcome.reason}; make room and begin again to go on"
        elif outcome.reason:
            self.odd.append(outcome)

    def report(self, elapsed_s: float, *, interrupted: bool) -> int:
        """Say it, and return the exit code."""
        for title, outcomes in (("odd", self.odd), ("bad", self.bad)):
            for outcome in sorted(outcomes, key=lambda o: o.job.name):
                _say(f"{title}: {outcome.job.name}: {outcome.reason}")
        counts = self.counts
        parts = [f"{counts['done']} done, {self.hours:.2f} hours in {elapsed_s:.1f} s"]
        if counts["same"]:
            parts.append(f"{counts['same']} done before")
        if counts["bad"]:
            parts.append(f"{counts['bad']} bad")
        _say("; ".join(parts))
        if self.stopped:
            _say(f"stopped: {self.stopped}")
            return 2
        if interrupted:
            _say("stopped; begin again to go on")
            return 130
        return 1 if counts["bad"] else 0


def _say(line: str) -> None:
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)  # names of files can steer a terminal
    print(f"voiceband batch: {line}", file=sys.stderr)  # noqa: T201


def _refuse(reason: object) -> NoReturn:
    _say(str(reason))
    raise typer.Exit(2)


def _interrupt(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """End as Ctrl-C does."""
    raise KeyboardInterrupt


def _pipeline(
    *, conceal: bool, channel: int | None, mix: bool, split: bool, denoise: float | None, normalise: float | None,
    rate: int | None, quality: str,
) -> Pipeline:  # fmt: skip
    """Put the stages in the order in which they are of most use."""
    if (channel is not None) + mix + split > 1:
        raise ValueError("--channel, --mix and --split exclude each other")
    stages: list[Stage] = []
    if channel is not None:
        stages.append(Split(channel - 1))
    if conceal:
        stages.append(Conceal())
    if mix:
        stages.append(Mix())
    if split:
        stages.append(Split())
    if denoise is not None:
        stages.append(Denoise(denoise))
    if normalise is not None:
        stages.append(Normalise(normalise))
    if rate is not None:
        stages.append(Resample(rate, cast(Any, quality)))
    return Pipeline(*stages)


def batch(
    source: Annotated[Path, typer.Argument(help="Folder of WAV, FLAC, raw mu-law, A-law or L16, and others")],
    target: Annotated[Path, typer.Argument(help="Folder for the outputs, with the same folders in it")],
    denoise: Annotated[float | None, typer.Option(help="60 light .. 85 balanced .. 100 aggressive")] = None,
    rate: Annotated[int | None, typer.Option(help="Sample rate to write, Hz")] = None,
    quality: Annotated[str, typer.Option(help="Of the change of rate: voice, wide or fast")] = "voice",
    conceal: Annotated[bool, typer.Option("--conceal", help="Fill packets that were recorded as zeros")] = False,
    normalise: Annotated[float | None, typer.Option(help="Bring speech to this level, dBFS, as -23")] = None,
    mix: Annotated[bool, typer.Option("--mix", help="Make one channel of all")] = False,
    split: Annotated[bool, typer.Option("--split", help="Write one file a channel: .ch1, .ch2 and so on")] = False,
    channel: Annotated[int | None, typer.Option(min=1, help="Keep this channel only, from 1 on")] = None,
    to: Annotated[str, typer.Option(help="Format to write: flac, wav, ulaw, alaw or l16")] = "flac",
    from_rate: Annotated[int, typer.Option(min=4000, max=192000, help="Sample rate of raw input, Hz")] = 8000,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; as many as there are cores by default")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Dask scheduler to run on, as tcp://10.0.0.1:8786")] = None,
) -> None:
    """Put a folder of recordings through a pipeline.

    Begun again, it goes on where it stopped, and does only what is new or has changed. Bad files are listed at the end
    and stop nothing. Exit code: 0 all is well, 1 some files are bad, 2 refused or the disk is full, 130 Ctrl-C.
    """
    try:
        pipeline = _pipeline(conceal=conceal, channel=channel, mix=mix, split=split, denoise=denoise,
                             normalise=normalise, rate=rate, quality=quality)  # fmt: skip
        work = Batch(source, target, pipeline, suffix=f".{to.lower().removeprefix('.')}", raw_rate=from_rate)
    except (FileError, ValueError) as error:
        _refuse(error)
    with work:
        if not work.n_files:
            _refuse(f"there are no sound files below {source}")
        raise typer.Exit(_run(work, workers, scheduler))


def _run(work: Batch, workers: int | None, scheduler: str | None) -> int:
    console = Console(stderr=True)
    tally = _Tally()
    begun = time.monotonic()
    interrupted = False
    bar = Progress(
        TextColumn("{task.fields[files]} of {task.description} files"),
        *(BarColumn(), _HoursASecond(), TimeRemainingColumn()),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    before = signal.signal(signal.SIGTERM, _interrupt)
    outcomes = work.run(workers=workers, scheduler=scheduler)
    try:
        with bar:
            task = bar.add_task(str(work.n_files), total=work.n_bytes, files=0, hours=0.0)
            for n, outcome in enumerate(outcomes, 1):
                tally.add(outcome)
                bar.update(task, advance=outcome.job.size, files=n, hours=tally.hours)
    except KeyboardInterrupt:
        interrupted = True
    except DiskFullError as error:  # for the journal
        tally.stopped = f"{error}; make room and begin again to go on"
    except FileError as error:  # of the scheduler, or of processes
        tally.stopped = str(error)
    finally:
        outcomes.close()
        signal.signal(signal.SIGTERM, before)
    if work.n_other:
        _say(f"{work.n_other} files that are no sound by their names were left alone")
    return tally.report(time.monotonic() - begun, interrupted=interrupted)
