"""`voiceband denoise`: suppress the noise of a sound file, and show what was done."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from voiceband import Denoiser

BLOCK = 1 << 16  # frames
LONG_S = 60.0  # files from this length on get a progress bar
FORMATS = {".wav": "WAV", ".flac": "FLAC"}
EXACT_INT16 = {"PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW"}  # subtypes that int16 holds as they are


def _refuse(message: str) -> NoReturn:
    print(f"voiceband denoise: {message}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(2)


def _soundfile() -> Any:
    try:
        import soundfile  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        _refuse("WAV and FLAC files need soundfile; pip install 'voiceband[cli]' brings it")
    return soundfile


class _Channel:
    """One channel: to 8 or 16 kHz where it must be, denoised, and back, in time with the input."""

    def __init__(self, rate: int, level: float, dtype: str) -> None:
        work = 8000 if rate <= 8000 else 16000
        denoiser = Denoiser(work, level=level, dtype=dtype)
        # Each stage with the samples that it is late by, at its own output's rate; they are dropped.
        self._stages: list[list[Any]] = [[denoiser, round(denoiser.latency * work)]]
        if rate != work:
            from voiceband.dsp.resample import Resampler

            there, back = Resampler(rate, work, dtype=dtype), Resampler(work, rate, dtype=dtype)
            self._stages = [[there, there.delay], *self._stages, [back, back.delay]]

    def process(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._run(0, x)

    def flush(self) -> NDArray[Any]:
        tails = []
        for i, stage in enumerate(self._stages):
            tail = self._drop(stage, stage[0].flush())
            tails.append(self._run(i + 1, tail))
        return np.concatenate(tails)

    def _run(self, first: int, x: NDArray[Any]) -> NDArray[Any]:
        for stage in self._stages[first:]:
            x = self._drop(stage, stage[0].process(x))
        return x

    @staticmethod
    def _drop(stage: list[Any], y: NDArray[Any]) -> NDArray[Any]:
        late = min(stage[1], len(y))
        stage[1] -= late
        return y[late:]


def _blocks(file: Any, level: float, dtype: str) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield (frames read, frames to write); all of the second together are as many as all of the first."""
    channels = [_Channel(file.samplerate, level, dtype) for _ in range(file.channels)]
    n_read = n_done = 0
    while len(frames := file.read(BLOCK, dtype=dtype, always_2d=True)):
        n_read += len(frames)
        done = [c.process(np.ascontiguousarray(frames[:, i])) for i, c in enumerate(channels)]
        n_done += len(done[0])
        yield frames, np.stack(done, axis=1)
    yield frames, np.stack([c.flush() for c in channels], axis=1)[: n_read - n_done]


def _plotter() -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        _refuse("--plot needs matplotlib; pip install 'voiceband[plot]' brings it")
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
    source: Annotated[Path, typer.Argument(help="WAV or FLAC, any rate, any number of channels")],
    target: Annotated[Path, typer.Argument(help="WAV or FLAC, by its name; replaced when it is there")],
    level: Annotated[float, typer.Option(min=60, max=100, help="60 light .. 85 balanced .. 100 aggressive")] = 85,
    plot: Annotated[
        Path | None, typer.Option(help="Picture of the first channel: spectrograms before and after, gain over time")
    ] = None,
) -> None:
    """Suppress the noise of a sound file, channel by channel.

    The output has as many frames as the input, in time with it. Rates other than 8000 and 16000 Hz are denoised at
    16000 Hz (8000 Hz when lower than that), so nothing above 8 kHz is left. Nothing is left behind on failure.
    """
    if target.suffix.lower() not in FORMATS:
        _refuse(f"cannot write {target.suffix or 'a file without suffix'}: .wav or .flac only")
    if not source.is_file():
        _refuse(f"no such file: {source}")
    if target.exists() and target.samefile(source):
        _refuse("input and output are the same file")
    soundfile = _soundfile()
    figure = _plotter()(figsize=(11, 8), layout="constrained") if plot is not None else None
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    seen: list[tuple[NDArray[Any], NDArray[Any]]] = []
    try:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(soundfile.SoundFile(source))
            except soundfile.LibsndfileError as error:
                _refuse(f"cannot read {source}: {error}")
            kind = FORMATS[target.suffix.lower()]
            subtype = file.subtype if soundfile.check_format(kind, file.subtype) else "PCM_16"
            if file.subtype in ("FLOAT", "DOUBLE") and kind == "FLAC":
                subtype = "PCM_24"
            dtype = "int16" if file.subtype in EXACT_INT16 else "float32"
            try:
                _Channel(file.samplerate, level, dtype)
            except ValueError as error:
                _refuse(f"cannot denoise {source}: {error}")
            try:
                sink = stack.enter_context(
                    soundfile.SoundFile(part, "w", file.samplerate, file.channels, subtype, format=kind)
                )
            except (OSError, RuntimeError) as error:  # libsndfile's own error is a RuntimeError
                _refuse(f"cannot write {target}: {error}")
            console = Console(stderr=True)
            hidden = file.frames < LONG_S * file.samplerate or not console.is_terminal
            progress = stack.enter_context(Progress(console=console, transient=True, disable=hidden))
            task = progress.add_task(source.name, total=file.frames)
            try:
                for before, after in _blocks(file, level, dtype):
                    sink.write(after)
                    if figure is not None:
                        seen.append((before[:, 0], after[:, 0]))
                    progress.update(task, advance=len(before))
            except ValueError as error:
                _refuse(f"cannot denoise {source}: {error}")
            rate = file.samplerate
        if figure is not None and plot is not None:
            scale = 1 / 32768 if dtype == "int16" else 1.0
            before, after = (np.concatenate(parts) * scale for parts in zip(*seen, strict=True))
            try:
                _plot(figure, plot, before, after, rate, f"{source.name}, level {level:g}")
            except (OSError, ValueError) as error:
                _refuse(f"cannot write {plot}: {error}")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
