"""`voiceband batch`: a folder of recordings through a pipeline, on all cores or on a cluster."""

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from voiceband._whole_files import replacing
from voiceband.batch import (
    Batch,
    Conceal,
    Denoise,
    DiskFullError,
    Echoes,
    FileError,
    FileOutcome,
    Mix,
    Normalise,
    Pipeline,
    Resample,
    Split,
    Stage,
    Tones,
)
from voiceband.batch.journal import NAME as JOURNAL
from voiceband.commands import _console
from voiceband.commands._arguments import Argument, Option
from voiceband.commands._sound import ALLOW_CUT, format_of
from voiceband.sound.names import READABLE, UNSAID

MOST_NAMED = 100
"""So many files that were left alone are named; the rest is counted, and in --json and --list-errors."""
Quality = Literal["voice", "wide", "fast"]


def batch(
    source: Annotated[Path, Argument("SOURCE", help="Folder of sound files; subfolders are included.")],
    target: Annotated[Path, Argument("TARGET", help="Output folder; mirrors the input's subfolders.")],
    denoise: Annotated[
        float | None,
        Option(metavar="LEVEL", low=60, high=100, help="Suppress noise: 60 light, 85 balanced, 100 aggressive."),
    ] = None,
    rate: Annotated[int | None, Option(metavar="HZ", help="Output sample rate; default: the input's.")] = None,
    quality: Annotated[Quality, Option(help="Resampling filter.")] = "voice",
    conceal: Annotated[bool, Option("--conceal", help="Fill in lost packets that were recorded as zeros.")] = False,
    normalise: Annotated[
        float | None, Option(metavar="DBFS", low=-60, high=-6, help="Bring speech to this level, for example -23.")
    ] = None,
    tones: Annotated[
        bool, Option("--tones", help="List keys, call progress, fax tones and beeps of each file.")
    ] = False,
    echoes: Annotated[
        bool, Option("--echoes", help="List where channel 1, the caller, brings nothing but channel 2's voice back.")
    ] = False,
    mix: Annotated[bool, Option("--mix", help="Mix all channels into one.")] = False,
    split: Annotated[bool, Option("--split", help="Write one file per channel: .ch1, .ch2 and so on.")] = False,
    channel: Annotated[int | None, Option(metavar="N", low=1, help="Keep only this channel; the first is 1.")] = None,
    to: Annotated[
        str, Option(metavar="SUFFIX", help="Output format: flac, wav, mp3, ogg, ulaw, alaw or l16.")
    ] = "flac",
    from_rate: Annotated[
        int | None, Option(metavar="HZ", low=4000, high=192_000, help="Sample rate of files that are raw by name.")
    ] = None,
    form: Annotated[
        str | None,
        Option(
            "--format", metavar="MIME", help="What .raw, .pcm and .s16 files hold, such as audio/x-mulaw;rate=8000."
        ),
    ] = None,
    allow_cut: Annotated[bool, ALLOW_CUT] = False,
    workers: Annotated[
        int | None, Option(metavar="N", low=1, help="Number of processes; default: one per core.")
    ] = None,
    scheduler: Annotated[
        str | None, Option(metavar="URL", help="Run on this Dask scheduler, such as tcp://10.0.0.1:8786.")
    ] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Show what would be done, and write nothing.")] = False,
    list_errors: Annotated[
        Path | None, Option(metavar="FILE", help="List bad files, and those left alone, in FILE: name, tab, reason.")
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print the result for each file as JSON.")] = False,
) -> int:
    """Process a folder of recordings.

    Run it again to resume: only new and changed files are processed. Bad files do not stop it; they are listed at the
    end, and so are files that were left alone, with the reason.

    Exit code 0: all is well. 1: some files are bad. 2: refused, or the disk is full. 130: Ctrl-C.
    """
    if list_errors is not None:
        _check_list(list_errors)
    with _console.refusing(FileError, ValueError):
        stages = _stages(
            tones=tones,
            echoes=echoes,
            conceal=conceal,
            channel=channel,
            mix=mix,
            split=split,
            denoise=denoise,
            normalise=normalise,
        )
        if rate is not None:
            stages.append(Resample(rate, quality))
        suffix = f".{to.lower().removeprefix('.')}"
        work = Batch(source, target, Pipeline(*stages), suffix=suffix, raw_rate=from_rate, raw_format=format_of(form),
                     allow_cut=allow_cut, dry_run=dry_run)  # fmt: skip
    with work:
        tally = _Tally(work)
        if not work.n_files:
            tally.left_alone()
            _console.refuse(f"there are no sound files below {source}")
        if dry_run:
            return _plan(work, tally, list_errors, as_json)
        code = _run(work, tally, workers, scheduler)
        return _told(tally, code, list_errors, as_json)


def _stages(
    *,
    tones: bool,
    echoes: bool,
    conceal: bool,
    channel: int | None,
    mix: bool,
    split: bool,
    denoise: float | None,
    normalise: float | None,
) -> list[Stage]:
    """Return the stages in the order in which they are of most use."""
    if (channel is not None) + mix + split > 1:
        raise ValueError("--channel, --mix and --split exclude each other: give one of them")
    stages: list[Stage] = [Echoes()] if echoes else []
    if channel is not None:
        stages.append(Split(channel - 1))
    if tones:
        stages.append(Tones())
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
    return stages


class _Tally:
    """What has become of the files so far."""

    def __init__(self, work: Batch) -> None:
        self.work = work
        self.outcomes: list[FileOutcome] = []
        self.hours = 0.0
        self.stopped = ""

    def add(self, outcome: FileOutcome) -> None:
        self.outcomes.append(outcome)
        self.hours += outcome.seconds / 3600
        if outcome.state == "full":
            self.stopped = f"{outcome.reason}; make room and run it again to go on"

    def of(self, state: str) -> list[FileOutcome]:
        """Return the files of a state by their names."""
        return sorted((o for o in self.outcomes if o.state == state), key=lambda o: o.job.name)

    def left_alone(self) -> None:
        """Name what is no input, and why."""
        others = self.work.left_alone
        for name, reason in others[:MOST_NAMED]:
            _console.say(f"left alone: {name}: {reason}")
        if len(others) > MOST_NAMED:
            _console.say(f"left alone: {len(others) - MOST_NAMED} more, which --json and --list-errors name")

    def tell(self, elapsed_s: float, code: int) -> int:
        """Print what became of the files; return the exit code."""
        self.left_alone()
        for title, state in (("odd", "done"), ("bad", "bad")):
            for outcome in self.of(state):
                if outcome.reason:
                    _console.say(f"{title}: {outcome.job.name}: {outcome.reason}")
        for outcome in self.of("done"):
            for channel, tone in outcome.tones:
                end = "the end" if tone.end_ms is None else f"{tone.end_ms / 1000:.2f} s"
                name = " ".join(filter(None, (tone.kind, tone.name)))
                where = f"channel {channel + 1}, {tone.start_ms / 1000:.2f} s to {end}"
                _console.say(f"tone: {outcome.job.name}: {name}, {where}")
            for span in outcome.echoes:
                where = f"{span.start_ms / 1000:.2f} s to {span.end_ms / 1000:.2f} s, {span.lag_ms:.0f} ms late"
                _console.say(f"echo: {outcome.job.name}: channel 2 comes back in channel 1, {where}")
        done, same, bad = (len(self.of(state)) for state in ("done", "same", "bad"))
        length = f"{self.hours:.1f} hours" if self.hours >= 1 else f"{60 * self.hours:.1f} minutes"
        parts = [f"{done} done, {length} of sound in {elapsed_s:.1f} s"]
        parts += [f"{same} done before"] if same else []
        parts += [f"{bad} bad"] if bad else []
        _console.say("; ".join(parts))
        if self.stopped:
            _console.say(f"stopped: {self.stopped}")
            return _console.NOT_RUN
        if code != _console.DONE:
            _console.say("stopped; run it again to go on")
            return code
        return _console.WRONG if bad else _console.DONE

    def summary(self, code: int) -> dict[str, Any]:
        """Return all of it for machines."""
        files = [
            {
                "name": o.job.name,
                "state": o.state,
                "reason": o.reason,
                "seconds": round(o.seconds, 6),
                "tones": [{"channel": channel + 1, **msgspec.structs.asdict(tone)} for channel, tone in o.tones],
                "echoes": [msgspec.structs.asdict(span) for span in o.echoes],
                "outputs": [name for name, _ in o.outputs] or ([o.job.output] if o.state == "planned" else []),
            }
            for o in sorted(self.outcomes, key=lambda o: o.job.name)
        ]
        left = [{"name": name, "reason": reason} for name, reason in self.work.left_alone]
        return {"exit_code": code, "hours": round(self.hours, 6), "files": files, "left_alone": left}


def _check_list(path: Path) -> None:
    """Refuse a name for the list before anything is done: of what cannot be written, or is more than a list."""
    if not path.absolute().parent.is_dir():
        _console.refuse(f"--list-errors {path}: there is no folder {path.parent}")
    if str(path) == "-":
        _console.refuse("--list-errors -: it goes to a file; --json prints the same")
    if path.is_dir():
        _console.refuse(f"--list-errors {path}: it is a folder")
    if path.name == JOURNAL or path.suffix.lower() in (*READABLE, *UNSAID):
        _console.refuse(f"--list-errors {path}: a recording or a batch's journal may have this name; choose another")


def _told(tally: _Tally, code: int, list_errors: Path | None, as_json: bool) -> int:
    if as_json:
        _console.put_json(tally.summary(code))
    if list_errors is not None:
        lines = [f"{o.job.name}\t{o.reason}\n" for o in tally.of("bad")]
        lines += [f"{name}\t{reason}\n" for name, reason in tally.work.left_alone]
        try:
            with replacing([list_errors]) as (part,):
                part.write_text("".join(lines), encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            _console.refuse(f"--list-errors {list_errors}: cannot write: {error.strerror}")
    return code


def _plan(work: Batch, tally: _Tally, list_errors: Path | None, as_json: bool) -> int:
    """Print what would be done."""
    tally.outcomes = [*work.bad, *work.same, *(FileOutcome(job, "planned") for job in work.jobs)]
    tally.left_alone()
    for outcome in tally.of("bad"):
        _console.say(f"bad: {outcome.job.name}: {outcome.reason}")
    if not as_json:
        for job in work.jobs:
            _console.put(f"{job.name} -> {job.output}")
    _console.say(f"{len(work.jobs)} to do, {len(work.same)} done before, {len(work.bad)} bad; nothing was written")
    return _told(tally, _console.WRONG if work.bad else _console.DONE, list_errors, as_json)


class _HoursASecond(ProgressColumn):
    """Hours of audio a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.fields['hours'] / max(task.elapsed or 0.0, 1e-9):.2f} h/s")


def _run(work: Batch, tally: _Tally, workers: int | None, scheduler: str | None) -> int:
    begun = time.monotonic()
    code = _console.DONE
    bar = _console.progress(
        TextColumn("{task.fields[files]} of {task.description} files"),
        *(BarColumn(), _HoursASecond(), TimeRemainingColumn()),
    )
    outcomes = work.run(workers=workers, scheduler=scheduler)
    try:
        with bar, _console.kept_interrupts() as check:
            task = bar.add_task(str(work.n_files), total=work.n_bytes, files=0, hours=0.0)
            for n, outcome in enumerate(outcomes, 1):
                tally.add(outcome)
                bar.update(task, advance=outcome.job.size, files=n, hours=tally.hours)
                check()
    except KeyboardInterrupt:
        code = _console.interrupted()
    except DiskFullError as error:  # for the journal
        tally.stopped = f"{error}; make room and run it again to go on"
    except FileError as error:  # of the scheduler, or of processes
        tally.stopped = str(error)
    finally:
        outcomes.close()
    return tally.tell(time.monotonic() - begun, code)
