"""`voiceband convert`: change the sample rate of a sound file."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, cast

import numpy as np
import typer
from numpy.typing import NDArray

from voiceband import Resampler, to_int16, ulaw_decode, ulaw_encode
from voiceband.commands.sound_files import (
    BLOCK,
    FORMATS,
    create_sound,
    open_sound,
    progress_bar,
    refuse,
    replacing,
    work_dtype,
)

Quality = Literal["voice", "wide", "fast"]
RAW_SUFFIXES = (".ulaw", ".mulaw", ".ul", ".mu")


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
        samples = np.ascontiguousarray(frames[:, 0])
        self._file.write(ulaw_encode(samples if samples.dtype == np.int16 else to_int16(samples)))


class _SoundSource:
    """Anything that libsndfile reads."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._file = open_sound(path, stack)
        self.rate, self.channels, self.frames = self._file.samplerate, self._file.channels, self._file.frames
        self.subtype = self._file.subtype
        self.dtype = work_dtype(self.subtype)

    def blocks(self) -> Iterator[NDArray[Any]]:
        while len(frames := self._file.read(BLOCK, dtype=self.dtype, always_2d=True)):
            yield frames


def _sink(part: Path, target: Path, rate: int, source: _Source, stack: ExitStack) -> _Sink:
    """Open `part` in the format that the name of `target` says."""
    if target.suffix.lower() not in RAW_SUFFIXES:
        sink: _Sink = create_sound(part, target, rate, source.channels, source.subtype, stack)
        return sink
    if source.channels != 1:
        refuse(f"raw mu-law holds one channel, and the input has {source.channels}")
    try:
        return _RawSink(part, stack)
    except OSError as error:
        refuse(f"cannot write {target}: {error}")


def _resampled(source: _Source, rate: int, quality: Quality) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield (frames read, frames to write), aligned with the input."""
    streams = [Resampler(source.rate, rate, dtype=source.dtype, quality=quality) for _ in range(source.channels)]
    late = streams[0].delay
    for frames in source.blocks():
        columns = [s.process(np.ascontiguousarray(frames[:, c])) for c, s in enumerate(streams)]
        yield len(frames), np.stack([column[late:] for column in columns], axis=1)
        late = max(0, late - len(columns[0]))
    yield 0, np.stack([s.flush()[late:] for s in streams], axis=1)
    clipped = sum(s.clipped for s in streams)
    if clipped:
        print(f"voiceband convert: {clipped} samples were too loud for 16 bit and are clipped", file=sys.stderr)  # noqa: T201


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
    with replacing("convert", source, target, (*FORMATS, *RAW_SUFFIXES)) as part, ExitStack() as stack:
        raw = source.suffix.lower() in RAW_SUFFIXES
        opened: _Source = _RawSource(source, from_rate, stack) if raw else _SoundSource(source, stack)
        try:
            Resampler(opened.rate, rate, quality=cast(Quality, quality))
        except ValueError as error:
            refuse(str(error))
        sink = _sink(part, target, rate, opened, stack)
        advance = progress_bar(source.name, opened.frames, opened.rate, stack)
        for n_read, frames in _resampled(opened, rate, cast(Quality, quality)):
            sink.write(frames)
            advance(n_read)
