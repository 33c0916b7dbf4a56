"""`voiceband denoise`: suppress the noise of a sound file, and show what was done."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from voiceband.batch import Denoise, Pipeline, PipelineStream
from voiceband.batch.files import CONTAINERS, Source, opened
from voiceband.batch.streams import Channels
from voiceband.commands.sound_files import progress_bar, refuse, replacing, writing

PICTURES = (".png", ".svg", ".pdf")


<<<<<<< HEAD
def _blocks(file: Source, stream: PipelineStream) -> Iterator[tuple[Channels, Channels]]:
    """Yield (samples read, samples to write); all of the second together are as many as all of the first."""
    for frames in file.blocks():
        yield frames, stream.run(frames)
    yield [np.empty(0, file.dtype)] * file.channels, stream.finish()
=======
class _Stage:
    """A stream that is late: its first samples, the silence before the input, are dropped."""

    def __init__(self, stream: Denoiser | Resampler, late: int) -> None:
        self._stream = stream
        self._late = late

    def process(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._drop(self._stream.process(x))

    def flush(self) -> NDArray[Any]:
        return self._drop(self._stream.flush())

    def _drop(self, y: NDArray[Any]) -> NDArray[Any]:
        late = min(self._late, len(y))
        self._late -= late
        return y[late:]


class _Channel:
    """One channel: to 8 or 16 kHz where it must be, denoised, and back, in time with the input.

    Samples of int16 that need another rate are float32 on the way, and rounded once, at the end.
    """

    def __init__(self, rate: int, level: float, dtype: str) -> None:
        work = 8000 if rate <= 8000 else 16000
        self._rounded = dtype == "int16" and rate != work
        if self._rounded:
            dtype = "float32"
        denoiser = Denoiser(work, level=level, dtype=dtype)
        self._stages = [_Stage(denoiser, round(denoiser.latency * work))]
        if rate != work:
            there, back = Resampler(rate, work, dtype=dtype), Resampler(work, rate, dtype=dtype)
            self._stages = [_Stage(there, there.delay), *self._stages, _Stage(back, back.delay)]

    def process(self, x: NDArray[Any]) -> NDArray[Any]:
        if self._rounded:
            x = x.astype(np.float32) * np.float32(1 / 32768)
        return self._round(self._run(0, x))

    def flush(self) -> NDArray[Any]:
        tails = [self._run(i + 1, stage.flush()) for i, stage in enumerate(self._stages)]
        return self._round(np.concatenate(tails))

    def _run(self, first: int, x: NDArray[Any]) -> NDArray[Any]:
        for stage in self._stages[first:]:
            x = stage.process(x)
        return x

    def _round(self, y: NDArray[Any]) -> NDArray[Any]:
        return np.clip(np.rint(y * np.float32(32768)), -32768, 32767).astype(np.int16) if self._rounded else y


def _blocks(file: Any, level: float, dtype: str) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield (frames read, frames to write); all of the second together are as many as all of the first."""
    channels = [_Channel(file.samplerate, level, dtype) for _ in range(file.channels)]
    n_read = n_done = 0
    while len(frames := file.read(BLOCK, dtype=dtype, always_2d=True)):
        if not np.isfinite(frames).all():
            at, channel = (int(i) for i in np.argwhere(~np.isfinite(frames))[0])
            raise ValueError(
                f"samples must be finite, but sample {n_read + at} of channel {channel} is {frames[at, channel]}"
            )
        n_read += len(frames)
        done = [c.process(np.ascontiguousarray(frames[:, i])) for i, c in enumerate(channels)]
        n_done += len(done[0])
        yield frames, np.stack(done, axis=1)
    nothing = np.empty((0, file.channels), dtype)
    yield nothing, np.stack([c.flush() for c in channels], axis=1)[: n_read - n_done]
>>>>>>> fix4


def _plotter() -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        refuse("--plot needs matplotlib; pip install 'voiceband[plot]' brings it")
    return Figure


def _spectrogram(x: NDArray[Any], rate: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return times in seconds and levels in dB, at most 2000 columns of 32 ms."""
    n = round(0.032 * rate)
    x = np.pad(x.astype(np.float64), (0, max(0, n - len(x))))
    hop = max(n // 2, len(x) // 2000)
    frames = np.lib.stride_tricks.sliding_window_view(x, n)[::hop] * np.hanning(n)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2 / np.sum(np.hanning(n)) ** 2 * 4
    return np.arange(len(frames)) * hop / rate, 10 * np.log10(power.T + 1e-12)


def _plot(figure: Any, path: Path, before: NDArray[Any], after: NDArray[Any], rate: int, title: str) -> None:
    """Draw both spectrograms, and over time how much was taken away."""
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 2))
    levels = []
    for axes, x, name in zip(panels, (before, after), ("before", "after"), strict=False):
        t, db = _spectrogram(x, rate)
        levels.append(10 * np.log10(np.sum(10 ** (db / 10), axis=0)))
        mesh = axes.pcolormesh(
            t, np.linspace(0, rate / 2000, len(db)), db, vmin=-100, vmax=-20, shading="nearest", rasterized=True
        )
        axes.set_ylabel(f"{name}, kHz")
        figure.colorbar(mesh, ax=axes, label="dBFS")
    panels[0].set_title(title)
    panels[2].plot(t, levels[1] - levels[0], linewidth=0.8)
    panels[2].set_ylim(-45, 5)
    panels[2].set_ylabel("gain, dB")
    panels[2].set_xlabel("s")
    panels[2].grid(visible=True, alpha=0.3)
    figure.colorbar(mesh, ax=panels[2]).ax.set_visible(False)  # keeps the three panels of one width
    figure.savefig(path, dpi=120)


def denoise(
    source: Annotated[Path, typer.Argument(help="WAV or FLAC, 4000 to 192000 Hz, any number of channels")],
    target: Annotated[Path, typer.Argument(help="WAV or FLAC, by its name; replaced when it is there")],
    level: Annotated[float, typer.Option(min=60, max=100, help="60 light .. 85 balanced .. 100 aggressive")] = 85,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Picture (.png, .svg, .pdf) of the first channel: spectrograms before and after, gain over time"
        ),
    ] = None,
) -> None:
    """Suppress the noise of a sound file, channel by channel.

    The output has as many frames as the input, in time with it. Rates other than 8000 and 16000 Hz are denoised at
    16000 Hz (8000 Hz when lower than that), so nothing above 8 kHz is left. Nothing is left behind on failure.
    """
    seen: list[tuple[NDArray[Any], NDArray[Any]]] = []
    with replacing("denoise", source, target, tuple(CONTAINERS)) as part:
        if plot is not None and plot.suffix.lower() not in PICTURES:
            refuse(f"cannot write {plot}: {', '.join(PICTURES)} only")
        figure = _plotter()(figsize=(11, 8), layout="constrained") if plot is not None else None
        with ExitStack() as stack:
            file = stack.enter_context(opened(source, None))
            stream = Pipeline(Denoise(level)).stream(file.rate, channels=file.channels, dtype=file.dtype)
            write = stack.enter_context(writing(part, target, file, stream))
            advance = progress_bar(source.name, file.frames, file.rate, stack)
            for before, after in _blocks(file, stream):
                write(after)
                if figure is not None:
                    seen.append((before[0], after[0]))
                advance(len(before[0]))
        if figure is not None and plot is not None:
            scale = 1 / 32768 if file.dtype == "int16" else 1.0
            x, y = (np.concatenate(parts) * scale for parts in zip(*seen, strict=True))
            try:
                _plot(figure, plot, x, y, file.rate, f"{source.name}, level {level:g}")
            except (OSError, ValueError) as error:
                refuse(f"cannot write {plot}: {error}")
