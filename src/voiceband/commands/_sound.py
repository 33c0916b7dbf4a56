"""What the commands that turn one sound file into another share."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from voiceband._whole_files import replacing
from voiceband.batch import Pipeline, PipelineStream
from voiceband.commands._arguments import Option
from voiceband.commands._console import progress, put_json, refuse, say
from voiceband.formats import AudioFormat
from voiceband.sound.errors import CutError, DiskFullError, FileError, told
from voiceband.sound.names import RAW, WRITABLE
from voiceband.sound.sink import Sink
from voiceband.sound.source import SoundSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voiceband.sound.codes import Channels

LONG_S = 60.0
"""Files from this length on get a progress bar."""
SUBTYPES = {"pcm16": "PCM_16", "pcm24": "PCM_24", "float": "FLOAT", "ulaw": "ULAW", "alaw": "ALAW"}
Encoding = Literal["pcm16", "pcm24", "float", "ulaw", "alaw"]

FORMAT = Option(
    "--format", metavar="MIME", help="What INPUT holds if it is raw audio, such as audio/x-mulaw;rate=8000."
)
FROM_RATE = Option(metavar="HZ", low=1, high=192_000, help="Sample rate of INPUT if it is raw by name.")
ALLOW_CUT = Option("--allow-cut", help="Accept a truncated file, and use what it holds.")
TO = Option(metavar="SUFFIX", help="Output format: wav, flac, mp3, ogg, ulaw and so on; default: by OUTPUT's name.")
ENCODING = Option(
    "--encoding", metavar="KIND", help="Sample encoding: pcm16, pcm24 or float; in WAV also ulaw or alaw."
)
JSON = Option("--json", help="Print the result as JSON.")


def format_of(text: str | None) -> AudioFormat | None:
    """Return the format that --format names."""
    for parameter in (text or "").split(";")[1:]:
        if parameter.partition("=")[0].strip().lower() not in ("", "rate"):
            refuse(
                f"--format {text}: only a rate can follow the name: raw audio has one channel, and L16 is little-endian"
            )
    try:
        return None if text is None else AudioFormat.parse(text)
    except ValueError as error:
        refuse(f"--format {text}: {error}")


@contextlib.contextmanager
def reading(source: Path, form: str | None, rate: int | None, *, allow_cut: bool) -> Iterator[SoundSource]:
    """Open INPUT, and name it in whatever is wrong with it while the block runs."""
    if form is not None and rate is not None:
        refuse("--format and --from-rate exclude each other: --format names the rate too")
    audio_format = format_of(form)
    try:
        with SoundSource(source, format=audio_format, rate=rate, allow_cut=allow_cut) as file:
            if rate is not None and not file.kind.startswith("raw "):
                refuse(f"{source}: the file is {file.kind}, which states its rate: leave --from-rate out")
            yield file
    except CutError as error:
        refuse(f"{source}: {error}; --allow-cut takes what there is")
    except (FileError, ValueError) as error:
        refuse(f"{source}: {error}")


def suffix_of(target: Path, to: str | None) -> str:
    """Return the suffix that says what to write; a WAV goes to standard output."""
    given = f".{to.lower().removeprefix('.')}" if to else target.suffix.lower() if str(target) != "-" else ".wav"
    if given not in WRITABLE:
        named = f"--to {to}" if to else f"{target}: {given or 'a name without suffix'}"
        refuse(f"{named} cannot be written; choose one of {', '.join(WRITABLE)}")
    return given


def subtype_of(suffix: str, encoding: Encoding | None) -> str:
    """Return how samples are stored in a file, in libsndfile's words."""
    if encoding is None:
        return "PCM_16"
    fitting = {".wav": tuple(SUBTYPES), ".flac": ("pcm16", "pcm24")}.get(suffix, ())
    if encoding not in fitting:
        what = f"{suffix} holds {' or '.join(fitting)}" if fitting else f"{suffix} has an encoding of its own"
        refuse(f"--encoding {encoding}: {what}")
    return SUBTYPES[encoding]


def check_paths(source: Path, target: Path, *, as_json: bool) -> None:
    """Refuse what cannot be written, before anything is read."""
    if str(target) == "-":
        if as_json:
            refuse("--json and OUTPUT - exclude each other: both go to standard output")
        return
    if target.is_dir():
        refuse(f"{target} is a folder; name a file")
    if not target.parent.is_dir():
        refuse(f"{target}: there is no folder {target.parent}")
    if target.exists() and source.exists() and target.samefile(source):
        refuse(f"{target} is INPUT itself; name another file")


def transform(
    file: SoundSource,
    pipeline: Pipeline,
    source: Path,
    target: Path,
    suffix: str,
    subtype: str,
    *,
    as_json: bool,
    watch: Callable[[Channels, Channels], object] = lambda _before, _after: None,
) -> None:
    """Put a file through a pipeline into another, whole or not at all; print what is odd about it.

    Parameters
    ----------
    file : SoundSource
        What is read.
    pipeline : Pipeline
        What is done.
    source, target : Path
        Names of both.
    suffix, subtype : str
        What is written.
    as_json : bool
        Whether to print what was done.
    watch : callable, optional
        Gets each block and what became of it; all of the second together are in time with all of the first.
    """
    stream = pipeline.stream(file.rate, channels=file.channels, dtype=file.dtype)
    frames = 0
    with _output(target) as part:
        sink = Sink(part, suffix, stream.spec.rate, stream.spec.channels, subtype)
        try:
            for before, after in _blocks(file, stream, source.name):
                sink.write(after)
                watch(before, after)
                frames += len(after[0])
            if not frames:
                refuse(f"{source} holds no sound; nothing was written")
            sink.close()
        finally:
            sink.abandon()
    clipped = stream.clipped + sink.clipped
    loud = (
        "1 sample was too loud and is clipped" if clipped == 1 else f"{clipped} samples were too loud and are clipped"
    )
    notes = [*file.notes, *([loud] if clipped else [])]
    for note in notes:
        say(f"{source}: {note}")
    if as_json:
        put_json({
            "input": str(source),
            "output": str(target),
            "seconds": round(frames / stream.spec.rate, 6),
            "frames": frames,
            "rate": stream.spec.rate,
            "channels": stream.spec.channels,
            "was": {"kind": file.kind, "encoding": file.subtype, "rate": file.rate, "frames": file.frames},
            "clipped": clipped,
            "notes": notes,
        })  # fmt: skip


def _blocks(file: SoundSource, stream: PipelineStream, name: str) -> Iterator[tuple[Channels, Channels]]:
    """Yield what is read and what becomes of it, with a bar for long files."""
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(progress()) if file.duration_s >= LONG_S else None
        task = None if bar is None else bar.add_task(name, total=file.frames)
        for before in file.blocks():
            yield before, stream.run(before)
            if bar is not None and task is not None:
                bar.advance(task, len(before[0]))
    yield [np.empty(0, file.dtype)] * file.channels, stream.finish()


@contextlib.contextmanager
def _output(target: Path) -> Iterator[Path]:
    """Yield where to write; it becomes the target, or goes to standard output, when the block ends well."""
    if str(target) != "-":
        try:
            with told(), replacing([target]) as (part,):
                yield part
        except DiskFullError as error:
            refuse(f"{target}: {error}; make room and run it again")
        return
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder, "output")
        yield part
        with part.open("rb") as done:
            shutil.copyfileobj(done, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def raw_rate(suffix: str) -> int | None:
    """Return the sample rate that the name of raw audio says."""
    return RAW[suffix].sample_rate if suffix in RAW else None
