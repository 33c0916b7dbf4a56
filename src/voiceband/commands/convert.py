"""`voiceband convert`: change the sample rate of a sound file."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Protocol, cast

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from voiceband import Resampler, ulaw_decode, ulaw_encode

Quality = Literal["voice", "wide", "fast"]
BLOCK = 1 << 16  # frames
LONG_S = 60.0  # files from this length on get a progress bar
RAW_SUFFIXES = {".ulaw", ".mulaw", ".ul", ".mu"}
FORMATS = {".wav": "WAV", ".flac": "FLAC"}
EXACT_INT16 = {"PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW"}  # subtypes that int16 holds as they are


class _Source(Protocol):
    rate: int
    channels: int
    frames: int
    dtype: str
    subtype: str

    def blocks(self) -> Iterator[NDArray[Any]]: ...


class _Sink(Protocol):
    def write(self, frames: NDArray[Any]) -> None: ...


class _RawSource:
    """A file of mu-law codes, one channel."""

    def __init__(self, path: Path, rate: int, stack: ExitStack) -> None:
        self._file = stack.enter_context(path.open("rb"))
        self.rate, self.channels, self.frames = rate, 1, path.stat().st_size
        self.dtype, self.subtype = "int16", "PCM_16"

    def blocks(self) -> Iterator[NDArray[Any]]:
        while data := self._file.read(BLOCK):
            yield ulaw_decode(data)[:, None]


class _RawSink:
    """Writes mu-law codes."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._file = stack.enter_context(path.open("wb"))

    def write(self, frames: NDArray[Any]) -> None:
        self._file.write(ulaw_encode(np.ascontiguousarray(frames[:, 0]).data))


class _SoundSource:
    """Anything that libsndfile reads."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._file = stack.enter_context(_soundfile().SoundFile(path))
        self.rate, self.channels, self.frames = self._file.samplerate, self._file.channels, self._file.frames
        self.subtype = self._file.subtype
        self.dtype = "int16" if self.subtype in EXACT_INT16 else "float32"

    def blocks(self) -> Iterator[NDArray[Any]]:
        while len(frames := self._file.read(BLOCK, dtype=self.dtype, always_2d=True)):
            yield frames


def _soundfile() -> Any:
    try:
        import soundfile  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        _refuse("WAV and FLAC files need soundfile; pip install 'voiceband[cli]' brings it")
    return soundfile


def _refuse(message: str) -> NoReturn:
    print(f"voiceband convert: {message}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(2)


def _sink(path: Path, target: Path, rate: int, source: _Source, stack: ExitStack) -> _Sink:
    """Open `path` in the format that the name of `target` says."""
    if target.suffix.lower() in RAW_SUFFIXES:
        if source.channels != 1:
            _refuse(f"raw mu-law holds one channel, and the input has {source.channels}")
        return _RawSink(path, stack)
    soundfile = _soundfile()
    kind = FORMATS[target.suffix.lower()]
    subtype = source.subtype if soundfile.check_format(kind, source.subtype) else "PCM_16"
    if source.subtype in ("FLOAT", "DOUBLE") and kind == "FLAC":
        subtype = "PCM_24"
    sink: _Sink = stack.enter_context(soundfile.SoundFile(path, "w", rate, source.channels, subtype, format=kind))
    return sink


def _open_source(path: Path, from_rate: int, stack: ExitStack) -> _Source:
    if path.suffix.lower() in RAW_SUFFIXES:
        return _RawSource(path, from_rate, stack)
    soundfile = _soundfile()
    try:
        return _SoundSource(path, stack)
    except soundfile.LibsndfileError as error:
        _refuse(f"cannot read {path}: {error}")


def _resampled(source: _Source, rate: int, quality: Quality) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield (frames read, frames to write), aligned with the input."""
    streams = [Resampler(source.rate, rate, dtype=source.dtype, quality=quality) for _ in range(source.channels)]
    late = streams[0].delay
    for frames in source.blocks():
        columns = [s.process(np.ascontiguousarray(frames[:, c])) for c, s in enumerate(streams)]
        yield len(frames), np.stack([column[late:] for column in columns], axis=1)
        late = max(0, late - len(columns[0]))
    yield 0, np.stack([s.flush()[late:] for s in streams], axis=1)


def convert(
    source: Annotated[Path, typer.Argument(help="WAV, FLAC, or raw mu-law (.ulaw, .mulaw, .ul, .mu)")],
    target: Annotated[Path, typer.Argument(help="WAV, FLAC, or raw mu-law, by its name; replaced when it is there")],
    rate: Annotated[int, typer.Option(help="Sample rate to write, Hz")],
    quality: Annotated[str, typer.Option(help="voice, wide or fast")] = "voice",
    from_rate: Annotated[int, typer.Option(help="Sample rate of raw mu-law input, Hz")] = 8000,
) -> None:
    """Change the sample rate of a sound file, channel by channel.

    The output has ceil(frames * rate / input rate) frames, aligned with the input, and keeps the sample format where
    the file format can hold it. Nothing is left behind when the conversion fails.
    """
    if target.suffix.lower() not in {*FORMATS, *RAW_SUFFIXES}:
        _refuse(f"cannot write {target.suffix or 'a file without suffix'}: .wav, .flac or raw mu-law (.ulaw) only")
    if not source.is_file():
        _refuse(f"no such file: {source}")
    if target.exists() and target.samefile(source):
        _refuse("input and output are the same file")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with ExitStack() as stack:
            opened = _open_source(source, from_rate, stack)
            try:
                Resampler(opened.rate, rate, quality=cast(Quality, quality))
            except ValueError as error:
                _refuse(str(error))
            try:
                sink = _sink(part, target, rate, opened, stack)
            except typer.Exit:
                raise
            except (OSError, RuntimeError) as error:  # libsndfile's own error is a RuntimeError
                _refuse(f"cannot write {target}: {error}")
            console = Console(stderr=True)
            hidden = opened.frames < LONG_S * opened.rate or not console.is_terminal
            progress = stack.enter_context(Progress(console=console, transient=True, disable=hidden))
            task = progress.add_task(source.name, total=opened.frames)
            for n_read, frames in _resampled(opened, rate, cast(Quality, quality)):
                sink.write(frames)
                progress.update(task, advance=n_read)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
