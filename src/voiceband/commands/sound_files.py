"""What the commands that turn one sound file into another share: opening, refusing, progress, all or nothing."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from voiceband.batch import FileError, PipelineStream
from voiceband.batch.files import Sink, Source
from voiceband.batch.streams import Channels
from voiceband.commands._console import progress, refuse

LONG_S = 60.0  # files from this length on get a progress bar


@contextmanager
def replacing(command: str, source: Path, target: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Yield a path to write to, beside `target`: it becomes `target` when the block ends well, or vanishes."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if target.suffix.lower() not in suffixes:
            refuse(f"cannot write {target.suffix or 'a file without suffix'}: {', '.join(suffixes)} only")
        if not source.is_file():
            refuse(f"{source} is a folder" if source.is_dir() else f"no such file: {source}")
        if target.exists() and target.samefile(source):
            refuse("input and output are the same file")
        if target.is_dir():
            refuse(f"cannot write {target}: it is a folder")
        if not target.parent.is_dir():
            refuse(f"cannot write {target}: no such folder")
        yield part
        part.replace(target)
    except (FileError, OSError, ValueError) as error:
        refuse(f"cannot {command} {source}: {str(error).replace(str(part), str(target))}")
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def writing(part: Path, target: Path, source: Source, stream: PipelineStream) -> Iterator[Callable[[Channels], None]]:
    """Create a file for what a stream gives, in the format that the name of `target` says.

    The samples keep their subtype if the format can hold it.
    """
    sink = Sink(part, target.suffix, stream.spec.rate, stream.spec.channels, source.subtype)
    try:
        yield sink.write
        sink.close()
    finally:
        sink.abandon()


def progress_bar(name: str, frames: int, rate: int, stack: ExitStack) -> Callable[[int], None]:
    """Show a bar for a long file on a terminal; the function returned tells it of frames done."""
    if frames < LONG_S * rate:
        return lambda _done: None
    bar = stack.enter_context(progress())
    task = bar.add_task(name, total=frames)
    return lambda done: bar.advance(task, done)
