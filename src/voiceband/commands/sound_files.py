"""What the commands that turn one sound file into another share: opening, refusing, progress, all or nothing."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.progress import Progress

from voiceband.batch import FileError, PipelineStream
from voiceband.batch.files import Sink, Source
from voiceband.batch.streams import Channels

LONG_S = 60.0  # files from this length on get a progress bar


class _RefusedError(Exception):
    """A command that cannot be done; the text says why."""


def refuse(message: str) -> NoReturn:
    """End the command with one line that says why, and exit code 2."""
    raise _RefusedError(message)


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
    except typer.Exit:  # a RuntimeError, but not one of a file's
        raise
    except (_RefusedError, FileError, OSError, ValueError) as error:
        text = str(error).replace(str(part), str(target))
        doing = "" if isinstance(error, _RefusedError) else f"cannot {command} {source}: "
        print(f"voiceband {command}: {doing}{text}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(2) from None
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
    console = Console(stderr=True)
    hidden = frames < LONG_S * rate or not console.is_terminal
    progress = stack.enter_context(Progress(console=console, transient=True, disable=hidden))
    task = progress.add_task(name, total=frames)
    return lambda done: progress.advance(task, done)
