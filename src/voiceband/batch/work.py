"""One file through a pipeline: whole and under its final name, or not there at all."""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from voiceband.batch.files import CONTAINERS, RAW, DiskFullError, FileError, Sink, linear, opened, raw_decode, told
from voiceband.batch.pipeline import Pipeline
from voiceband.batch.stages import Decode
from voiceband.batch.whole import check_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voiceband.batch.files import Source
    from voiceband.batch.pipeline import PipelineStream
    from voiceband.batch.stages import Spec
    from voiceband.batch.streams import Channels

PART = ".voiceband-part"


class StoppedError(Exception):
    """The work was asked to stop."""


class Work(msgspec.Struct, frozen=True):
    """What to do with every file of a batch; it goes to the workers.

    Attributes
    ----------
    source, target : str
        Folders.
    pipeline : Pipeline
        The stages.
    suffix : str
        Of the outputs: .flac, .wav, or one of raw audio.
    raw_rate : int
        Rate of raw inputs, Hz.
    run : str
        Marks the unfinished files of this batch.
    settings : str
        Whatever else than its content an output depends on.
    """

    source: str
    target: str
    pipeline: Pipeline
    suffix: str
    raw_rate: int
    run: str
    settings: str


class Job(msgspec.Struct, frozen=True, gc=False):
    """One file of a batch.

    Attributes
    ----------
    name : str
        Path below the source folder.
    size : int
        Bytes.
    modified : int
        Time of its last change, ns.
    key : str
        Of the content that the outputs, which are there, were made from; empty if they are not.
    """

    name: str
    size: int
    modified: int
    key: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one file.

    Attributes
    ----------
    job : Job
        The file.
    state : str
        "done", "same" (its outputs were there), "bad", "full" (the disk is), or "stopped".
    reason : str
        Why it is bad, or what is odd about it.
    key : str
        Of its content.
    seconds : float
        Of audio.
    outputs : tuple of (str, int)
        Paths below the target folder, and bytes.
    """

    job: Job
    state: str
    reason: str = ""
    key: str = ""
    seconds: float = 0.0
    outputs: tuple[tuple[str, int], ...] = ()


def never() -> bool:
    """Tell that nobody wants the work to stop."""
    return False


def do(work: Work, job: Job, stopping: Callable[[], bool] = never) -> Outcome:
    """Process one file of a batch. A bad file is an outcome, no error."""
    path = Path(work.source, job.name)
    try:
        if stopping():
            raise StoppedError
        key = content_key(path, work.settings)
        if key == job.key:
            return Outcome(job, "same", key=key)
        target = Path(work.target, job.name)
        with told():
            target.parent.mkdir(parents=True, exist_ok=True)
        result = process_file(
            work.pipeline,
            path,
            target.with_suffix(work.suffix),
            raw_rate=work.raw_rate,
            run=work.run,
            stopping=stopping,
        )
        outputs = tuple((p.relative_to(work.target).as_posix(), p.stat().st_size) for p in result.paths)
        return Outcome(job, "done", result.note, key, result.seconds, outputs)
    except StoppedError:
        return Outcome(job, "stopped")
    except DiskFullError as error:
        return Outcome(job, "full", str(error))
    except (FileError, ValueError) as error:
        return Outcome(job, "bad", str(error))
    except Exception as error:  # whatever it is, it must not end the batch
        return Outcome(job, "bad", f"{type(error).__name__}: {error}")


def content_key(path: Path, settings: str) -> str:
    """Return a name for a file's content under some settings; FileError if it cannot be read."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(settings.encode(), digest_size=16))
    except OSError as error:
        raise FileError(f"cannot read: {error.strerror}") from None
    return digest.hexdigest()


class Result(msgspec.Struct, frozen=True):
    """What `process_file` has done.

    Attributes
    ----------
    paths : list of Path
        What it wrote.
    seconds : float
        Of audio read.
    note : str
        What is odd about it: nothing but silence, samples clipped. Usually empty.
    """

    paths: list[Path]
    seconds: float
    note: str


def process_file(
    pipeline: Pipeline,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    raw_rate: int = 8000,
    run: str = "",
    stopping: Callable[[], bool] = never,
) -> Result:
    """Put one file through a pipeline, in constant memory.

    Parameters
    ----------
    pipeline : Pipeline
        What to do. If it begins with `Decode`, the file is bytes of that format, whatever its name.
    source : path
        WAV, FLAC and whatever else libsndfile reads, or raw audio by its name: .ulaw, .mulaw, .ul, .mu, .alaw, .al,
        .l16, .sln.
    target : path
        WAV, FLAC or raw audio by its name; replaced when it is there, once all is written. If the pipeline splits
        channels: one file each, with .ch1, .ch2 and so on before the suffix.
    raw_rate : int, optional
        Rate of raw input, Hz.
    run : str, optional
        Goes into the names of unfinished files.
    stopping : callable, optional
        Asked before every block; StoppedError once it says True.

    Returns
    -------
    result : Result
        What was written.

    Raises
    ------
    FileError
        If a file cannot be read or written, is empty, cut short, or not what its name says. `DiskFullError`, a kind of
        it, if there is no room. Nothing is left behind then.
    ValueError
        If a stage cannot take the file's rate or channels, or a sample is not finite.
    """
    source, target = Path(source), Path(target)
    if target.suffix.lower() not in (*CONTAINERS, *RAW):
        raise FileError(f"cannot write {target.name}: only {', '.join((*CONTAINERS, *RAW))}")
    decode = pipeline.stages[0] if pipeline.decodes else raw_decode(source, raw_rate)
    assert decode is None or isinstance(decode, Decode)
    check_whole(source, raw=decode is not None)
    if decode is not None and not pipeline.decodes:
        pipeline = Pipeline(decode, *pipeline.stages)
    with opened(source, decode) as file:
        if decode is not None:
            stream = pipeline.stream()
        else:
            stream = pipeline.stream(file.rate, channels=file.channels, dtype=file.dtype)
        outputs = _Outputs(target, stream.spec.channels if pipeline.splits else 0, run)
        with outputs.open(stream.spec, linear(file.subtype)):
            silent = _transfer(file, stream, outputs, stopping)
        notes = ["nothing but silence"] if silent else []
        if clipped := stream.clipped + outputs.clipped:
            notes.append(f"{clipped} samples clipped")
        return Result(outputs.paths, file.frames / file.rate, ", ".join(notes))


def _transfer(file: Source, stream: PipelineStream, outputs: _Outputs, stopping: Callable[[], bool]) -> bool:
    """Read, process and write all; return whether every sample written is zero."""
    silent = empty = True
    for parts in file.blocks():
        if stopping():
            raise StoppedError
        empty = False
        done = stream.run(parts)
        silent = silent and not any(part.any() for part in done)
        outputs.write(done)
    if empty:
        raise FileError("the file holds no audio")
    done = stream.finish()
    outputs.write(done)
    return silent and not any(part.any() for part in done)


class _Outputs:
    """The files that one input becomes: one with all channels, or one a channel. All of them, or none."""

    def __init__(self, target: Path, split: int, run: str) -> None:
        if split:
            self.paths = [target.with_name(f"{target.stem}.ch{i + 1}{target.suffix}") for i in range(split)]
        else:
            self.paths = [target]
        # Two machines may be at work on the same file, when one of them was given up too early.
        mark = f"{run}{socket.gethostname()}-{os.getpid()}"
        self._parts = [path.with_name(f".{path.name}.{mark}{PART}") for path in self.paths]
        self._split = bool(split)
        self._sinks: list[Sink] = []

    @contextmanager
    def open(self, spec: Spec, subtype: str) -> Iterator[None]:
        """Write while the block runs; the names are final if it ends well, and nothing is left if it does not."""
        try:
            with ExitStack() as stack:
                channels = 1 if self._split else spec.channels
                for part, path in zip(self._parts, self.paths, strict=True):
                    sink = Sink(part, path.suffix, spec.rate, channels, subtype)
                    stack.callback(sink.abandon)
                    self._sinks.append(sink)
                yield
                for sink in self._sinks:
                    sink.close()
            with told():
                for part, path in zip(self._parts, self.paths, strict=True):
                    part.replace(path)
        finally:
            for part in self._parts:
                part.unlink(missing_ok=True)

    @property
    def clipped(self) -> int:
        """Samples that were too loud for the files' formats."""
        return sum(sink.clipped for sink in self._sinks)

    def write(self, parts: Channels) -> None:
        if not self._split:
            self._sinks[0].write(parts)
        else:
            for sink, part in zip(self._sinks, parts, strict=True):
                sink.write([part])
