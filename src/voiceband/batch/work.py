"""One file through a pipeline: whole and under its final name, or not there at all."""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from voiceband._whole_files import replacing
from voiceband.batch.pipeline import Pipeline
from voiceband.batch.stages import Decode
from voiceband.batch.tone_watch import ChannelTone
from voiceband.formats import AudioFormat
from voiceband.sound.echoes import EchoSpan
from voiceband.sound.errors import DiskFullError, FileError, told
from voiceband.sound.names import WRITABLE
from voiceband.sound.sink import Sink, linear
from voiceband.sound.source import SoundSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voiceband.batch.pipeline import PipelineStream
    from voiceband.batch.stages import Spec
    from voiceband.sound.codes import Channels


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
    raw_rate : int or None
        Rate of inputs that are raw by their names, Hz; None for what the names say.
    raw_format : AudioFormat or None
        Of raw inputs whose names do not say what they are.
    allow_cut : bool
        Whether to take what there is of files that are cut short.
    run : str
        Marks the unfinished files of this batch.
    settings : str
        Whatever else than its content an output depends on.
    """

    source: str
    target: str
    pipeline: Pipeline
    raw_rate: int | None
    raw_format: AudioFormat | None
    allow_cut: bool
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
    output : str
        Path of the output below the target folder, before channels are split.
    key : str
        Of the content that the outputs, which are there, were made from; empty if they are not.
    unsaid : bool
        Whether its name does not say what it is, so that the batch has to.
    """

    name: str
    size: int
    modified: int
    output: str = ""
    key: str = ""
    unsaid: bool = False

    def becomes(self, output: str) -> bool:
        """Return whether an output has the name that this file's has, or that of one of its channels."""
        if output == self.output:
            return True
        before, behind = _around_channel(self.output)
        return output.startswith(before) and output.endswith(behind)


def _around_channel(output: str) -> tuple[str, str]:
    """Return what stands before and behind a channel's number in the name of its output."""
    stem, suffix = os.path.splitext(output)  # noqa: PTH122 - a million of them
    return f"{stem}.ch", suffix


class FileOutcome(msgspec.Struct, frozen=True):
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
    tones : tuple of ChannelTone
        What a `Tones` stage has heard; nothing where the outputs were there.
    echoes : tuple of EchoSpan
        What an `Echoes` stage has heard, likewise.
    """

    job: Job
    state: str
    reason: str = ""
    key: str = ""
    seconds: float = 0.0
    outputs: tuple[tuple[str, int], ...] = ()
    tones: tuple[ChannelTone, ...] = ()
    echoes: tuple[EchoSpan, ...] = ()


def never() -> bool:
    """Tell that nobody wants the work to stop."""
    return False


def do(work: Work, job: Job, stopping: Callable[[], bool] = never) -> FileOutcome:
    """Process one file of a batch. A bad file is an outcome, no error."""
    path = Path(work.source, job.name)
    try:
        if stopping():
            raise StoppedError
        key = content_key(path, work.settings)
        if key == job.key:
            return FileOutcome(job, "same", key=key)
        target = Path(work.target, job.output)
        with told():
            target.parent.mkdir(parents=True, exist_ok=True)
        result = process_file(
            work.pipeline,
            path,
            target,
            raw_rate=work.raw_rate,
            raw_format=work.raw_format if job.unsaid else None,
            allow_cut=work.allow_cut,
            run=work.run,
            stopping=stopping,
        )
        outputs = tuple((p.relative_to(work.target).as_posix(), p.stat().st_size) for p in result.paths)
        return FileOutcome(job, "done", result.note, key, result.seconds, outputs, result.tones, result.echoes)
    except StoppedError:
        return FileOutcome(job, "stopped")
    except DiskFullError as error:
        return FileOutcome(job, "full", str(error))
    except (FileError, ValueError) as error:
        return FileOutcome(job, "bad", str(error))
    except Exception as error:  # whatever it is, it must not end the batch
        return FileOutcome(job, "bad", f"{type(error).__name__}: {error}")


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
        What is odd about it: cut short, nothing but silence, samples clipped. Usually empty.
    tones : tuple of ChannelTone
        What a `Tones` stage has heard.
    echoes : tuple of EchoSpan
        What an `Echoes` stage has heard.
    """

    paths: list[Path]
    seconds: float
    note: str
    tones: tuple[ChannelTone, ...] = ()
    echoes: tuple[EchoSpan, ...] = ()


def process_file(
    pipeline: Pipeline,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    raw_rate: int | None = None,
    raw_format: AudioFormat | None = None,
    allow_cut: bool = False,
    run: str = "",
    stopping: Callable[[], bool] = never,
) -> Result:
    """Put one file through a pipeline, in constant memory.

    Parameters
    ----------
    pipeline : Pipeline
        What to do. If it begins with `Decode`, the file is bytes of that format, whatever its name.
    source : path
        Whatever `SoundSource` reads.
    target : path
        WAV, FLAC, MP3, Ogg or raw audio by its name; replaced when it is there, once all is written. If the pipeline
        splits channels: one file each, with .ch1, .ch2 and so on before the suffix.
    raw_rate : int, optional
        Rate of input that is raw by its name, Hz; default: what the name says.
    raw_format : AudioFormat, optional
        What a file of nothing but samples holds, whatever its name is.
    allow_cut : bool, optional
        Take what there is of a file that is cut short.
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
    target = Path(target)
    if target.suffix.lower() not in WRITABLE:
        raise FileError(f"cannot write {target.name}: only {', '.join(WRITABLE)}")
    raw = pipeline.stages[0] if pipeline.decodes else None
    assert raw is None or isinstance(raw, Decode)
    if raw is not None:  # the file's bytes are decoded as they are read
        pipeline = Pipeline(*pipeline.stages[1:])
        file = SoundSource(source, format=raw.format, channels=raw.channels, byteorder=raw.byteorder)
    else:
        file = SoundSource(source, format=raw_format, rate=raw_rate, allow_cut=allow_cut)
    with file:
        stream = pipeline.stream(file.rate, channels=file.channels, dtype=file.dtype)
        outputs = _Outputs(target, stream.spec.channels if pipeline.splits else 0, run)
        with outputs.open(stream.spec, linear(file.subtype)):
            silent = _transfer(file, stream, outputs, stopping)
        notes = [*file.notes, *(["nothing but silence"] if silent else [])]
        if clipped := stream.clipped + outputs.clipped:
            notes.append("1 sample clipped" if clipped == 1 else f"{clipped} samples clipped")
        heard = tuple(stream.tones), tuple(stream.echoes)
        return Result(outputs.paths, file.frames / file.rate, ", ".join(notes), *heard)


def _transfer(file: SoundSource, stream: PipelineStream, outputs: _Outputs, stopping: Callable[[], bool]) -> bool:
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
        raise FileError(", ".join(["the file holds no sound", *file.notes]))
    done = stream.finish()
    outputs.write(done)
    return silent and not any(part.any() for part in done)


class _Outputs:
    """The files that one input becomes: one with all channels, or one a channel; see `replacing`."""

    def __init__(self, target: Path, split: int, run: str) -> None:
        if split:
            before, behind = _around_channel(target.name)
            self.paths = [target.with_name(f"{before}{i + 1}{behind}") for i in range(split)]
        else:
            self.paths = [target]
        # Two machines may be at work on the same file, when one of them was given up too early.
        self._mark = f"{run}{socket.gethostname()}-"
        self._split = bool(split)
        self._sinks: list[Sink] = []

    @contextmanager
    def open(self, spec: Spec, subtype: str) -> Iterator[None]:
        """Write while the block runs; the names are final if it ends well, and nothing is left if it does not."""
        with told(), replacing(self.paths, self._mark) as parts, ExitStack() as stack:
            channels = 1 if self._split else spec.channels
            for part, path in zip(parts, self.paths, strict=True):
                sink = Sink(part, path.suffix, spec.rate, channels, subtype)
                stack.callback(sink.abandon)
                self._sinks.append(sink)
            yield
            for sink in self._sinks:
                sink.close()

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
