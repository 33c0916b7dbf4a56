"""`voiceband denoise`: suppress the noise of a sound file, and show what was done."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from voiceband.batch import Denoise, Pipeline, PipelineStream
from voiceband.batch.files import CONTAINERS, Source, opened
from voiceband.batch.streams import Channels
from voiceband.commands._arguments import Argument, Option
from voiceband.commands._console import DONE, refuse
from voiceband.commands.sound_files import progress_bar, replacing, writing

PICTURES = (".png", ".svg", ".pdf")


def _blocks(file: Source, stream: PipelineStream) -> Iterator[tuple[Channels, Channels]]:
    """Yield (samples read, samples to write); all of the second together are as many as all of the first."""
    for frames in file.blocks():
        yield frames, stream.run(frames)
    yield [np.empty(0, file.dtype)] * file.channels, stream.finish()


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
    source: Annotated[Path, Argument("INPUT", help="WAV or FLAC, 4000 to 192000 Hz, any number of channels")],
    target: Annotated[Path, Argument("OUTPUT", help="WAV or FLAC, by its name; replaced when it is there")],
    level: Annotated[
        float, Option(metavar="LEVEL", low=60, high=100, help="60 light .. 85 balanced .. 100 aggressive")
    ] = 85,
    plot: Annotated[
        Path | None,
        Option(
            metavar="PICTURE",
            help="Picture (.png, .svg, .pdf) of the first channel: spectrograms before and after, gain over time",
        ),
    ] = None,
) -> int:
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
    return DONE
