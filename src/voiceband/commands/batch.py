"""`voiceband batch`: a folder of recordings through a pipeline, on all cores or on a cluster."""

import time
from pathlib import Path
from typing import Annotated, Literal

from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
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
from voiceband.commands import _console
from voiceband.commands._arguments import Argument, Option


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
                _console.say(f"{title}: {outcome.job.name}: {outcome.reason}")
        counts = self.counts
        parts = [f"{counts['done']} done, {self.hours:.2f} hours in {elapsed_s:.1f} s"]
        if counts["same"]:
            parts.append(f"{counts['same']} done before")
        if counts["bad"]:
            parts.append(f"{counts['bad']} bad")
        _console.say("; ".join(parts))
        if self.stopped:
            _console.say(f"stopped: {self.stopped}")
            return _console.NOT_RUN
        if interrupted:
            _console.say("stopped; begin again to go on")
            return _console.interrupted()
        return _console.WRONG if counts["bad"] else _console.DONE


def _pipeline(
    *, conceal: bool, channel: int | None, mix: bool, split: bool, denoise: float | None, normalise: float | None,
    rate: int | None, quality: Literal["voice", "wide", "fast"],
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
        stages.append(Resample(rate, quality))
    return Pipeline(*stages)


def batch(
    source: Annotated[Path, Argument("SOURCE", help="Folder of WAV, FLAC, raw mu-law, A-law or L16, and others")],
    target: Annotated[Path, Argument("TARGET", help="Output folder; mirrors the input's subfolders")],
    denoise: Annotated[
        float | None, Option(metavar="LEVEL", low=60, high=100, help="60 light .. 85 balanced .. 100 aggressive")
    ] = None,
    rate: Annotated[int | None, Option(metavar="HZ", help="Sample rate to write, Hz")] = None,
    quality: Annotated[Literal["voice", "wide", "fast"], Option(help="Filter of the change of rate")] = "voice",
    conceal: Annotated[bool, Option("--conceal", help="Fill packets that were recorded as zeros")] = False,
    normalise: Annotated[float | None, Option(metavar="DBFS", help="Bring speech to this level, as -23")] = None,
    mix: Annotated[bool, Option("--mix", help="Make one channel of all")] = False,
    split: Annotated[bool, Option("--split", help="Write one file a channel: .ch1, .ch2 and so on")] = False,
    channel: Annotated[int | None, Option(metavar="N", low=1, help="Keep this channel only, from 1 on")] = None,
    to: Annotated[str, Option(metavar="FORMAT", help="What to write: flac, wav, ulaw, alaw or l16")] = "flac",
    from_rate: Annotated[int, Option(metavar="HZ", low=4000, high=192000, help="Sample rate of raw input, Hz")] = 8000,
    workers: Annotated[int | None, Option(metavar="N", low=1, help="Processes; default: one per core")] = None,
    scheduler: Annotated[
        str | None, Option(metavar="URL", help="Dask scheduler to run on, as tcp://10.0.0.1:8786")
    ] = None,
) -> int:
    """Put a folder of recordings through a pipeline.

    Begun again, it goes on where it stopped, and does only what is new or has changed. Bad files are listed at the end
    and stop nothing. Exit code: 0 all is well, 1 some files are bad, 2 refused or the disk is full, 130 Ctrl-C.
    """
    try:
        pipeline = _pipeline(conceal=conceal, channel=channel, mix=mix, split=split, denoise=denoise,
                             normalise=normalise, rate=rate, quality=quality)  # fmt: skip
        work = Batch(source, target, pipeline, suffix=f".{to.lower().removeprefix('.')}", raw_rate=from_rate)
    except (FileError, ValueError) as error:
        _console.refuse(error)
    with work:
        if not work.n_files:
            _console.refuse(f"there are no sound files below {source}")
        return _run(work, workers, scheduler)


def _run(work: Batch, workers: int | None, scheduler: str | None) -> int:
    tally = _Tally()
    begun = time.monotonic()
    interrupted = False
    bar = _console.progress(
        TextColumn("{task.fields[files]} of {task.description} files"),
        *(BarColumn(), _HoursASecond(), TimeRemainingColumn()),
    )
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
    if work.n_other:
        _console.say(f"{work.n_other} files that are no sound by their names were left alone")
    return tally.report(time.monotonic() - begun, interrupted=interrupted)
