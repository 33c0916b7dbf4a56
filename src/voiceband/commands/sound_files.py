"""What the commands that turn one sound file into another share: opening, refusing, progress, all or nothing."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress

BLOCK = 1 << 16  # frames
LONG_S = 60.0  # files from this length on get a progress bar
FORMATS = {".wav": "WAV", ".flac": "FLAC"}
EXACT_INT16 = {"PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW"}  # subtypes that int16 holds as they are


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
    except (_RefusedError, OSError, RuntimeError, ValueError) as error:  # libsndfile's own error is a RuntimeError
        text = str(error).replace(str(part), str(target))
        doing = "" if isinstance(error, _RefusedError) else f"cannot {command} {source}: "
        print(f"voiceband {command}: {doing}{text}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(2) from None
    finally:
        part.unlink(missing_ok=True)


def soundfile() -> Any:
    """Return the soundfile module, or refuse with the extra that brings it."""
    try:
        import soundfile  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        refuse("WAV and FLAC files need soundfile; pip install 'voiceband[cli]' brings it")
    return soundfile


def open_sound(path: Path, stack: ExitStack) -> Any:
    """Open anything that libsndfile reads."""
    try:
        return stack.enter_context(soundfile().SoundFile(path))
    except soundfile().LibsndfileError as error:
        refuse(f"cannot read {path}: {error}")


def work_dtype(subtype: str) -> str:
    """Return in which type samples of a file's subtype are worked on: int16 where that holds them exactly."""
    return "int16" if subtype in EXACT_INT16 else "float32"


def create_sound(part: Path, target: Path, rate: int, channels: int, subtype: str, stack: ExitStack) -> Any:
    """Create a file in the format that the name of `target` says, and in the subtype if that format can hold it."""
    kind = FORMATS[target.suffix.lower()]
    if subtype in ("FLOAT", "DOUBLE") and kind == "FLAC":
        subtype = "PCM_24"
    elif not soundfile().check_format(kind, subtype):
        subtype = "PCM_16"
    try:
        return stack.enter_context(soundfile().SoundFile(part, "w", rate, channels, subtype, format=kind))
    except (OSError, RuntimeError) as error:  # libsndfile's own error is a RuntimeError
        refuse(f"cannot write {target}: {error}")


def progress_bar(name: str, frames: int, rate: int, stack: ExitStack) -> Callable[[int], None]:
    """Show a bar for a long file on a terminal; the function returned tells it of frames done."""
    console = Console(stderr=True)
    hidden = frames < LONG_S * rate or not console.is_terminal
    progress = stack.enter_context(Progress(console=console, transient=True, disable=hidden))
    task = progress.add_task(name, total=frames)
    return lambda done: progress.advance(task, done)
