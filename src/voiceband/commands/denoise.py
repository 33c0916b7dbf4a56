"""`voiceband denoise`: suppress the noise of a sound file, and show what was done."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from voiceband._whole_files import replacing
from voiceband.batch import Denoise, Pipeline
from voiceband.commands import _console
from voiceband.commands._arguments import Argument, Option
from voiceband.commands._sound import (
    ALLOW_CUT,
    ENCODING,
    FORMAT,
    FROM_RATE,
    JSON,
    TO,
    Encoding,
    check_paths,
    reading,
    subtype_of,
    suffix_of,
    transform,
)
from voiceband.sound.codes import Channels

PICTURES = (".png", ".svg", ".pdf")
SILENT_DB = -75.0
"""What is quieter was silence already: how much was taken of it says nothing."""


def denoise(
    source: Annotated[Path, Argument("INPUT", help="Sound file or raw audio; - for standard input.")],
    target: Annotated[
        Path, Argument("OUTPUT", help="File to write, whole or not at all; - for standard output (WAV).")
    ],
    level: Annotated[
        float, Option(metavar="LEVEL", low=60, high=100, help="60 light, 85 balanced, 100 aggressive.")
    ] = 85,
    plot: Annotated[
        Path | None,
        Option(
            metavar="PICTURE",
            help="Draw spectrograms before and after, and the gain (first channel; .png, .svg or .pdf).",
        ),
    ] = None,
    encoding: Annotated[Encoding | None, ENCODING] = None,
    to: Annotated[str | None, TO] = None,
    form: Annotated[str | None, FORMAT] = None,
    from_rate: Annotated[int | None, FROM_RATE] = None,
    allow_cut: Annotated[bool, ALLOW_CUT] = False,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Suppress the noise in a sound file, channel by channel.

    Reads and writes what voiceband convert does, at the input's rate and aligned with it. Rates other than 8000 and
    16000 Hz are denoised at 16000 Hz (at 8000 Hz if they are lower), so nothing above 8 kHz remains.

    Exit code 0: done. 2: refused, and nothing is written. 130: Ctrl-C.
    """
    suffix = suffix_of(target, to)
    subtype = subtype_of(suffix, encoding)
    check_paths(source, target, as_json=as_json)
    figure = None if plot is None else _figure(plot)
    seen: list[tuple[NDArray[Any], NDArray[Any]]] = []

    def watch(before: Channels, after: Channels) -> None:
        if figure is not None:
            seen.append((before[0], after[0]))

    with reading(source, form, from_rate, allow_cut=allow_cut) as file:
        transform(file, Pipeline(Denoise(level)), source, target, suffix, subtype, as_json=as_json, watch=watch)
    if figure is not None and plot is not None:
        scale = 1 / 32768 if file.dtype == "int16" else 1.0
        x, y = (np.concatenate(parts) * scale for parts in zip(*seen, strict=True))
        _draw(figure, x, y, file.rate, f"{source.name}, level {level:g}")
        with replacing([plot]) as (part,):
            figure.savefig(part, dpi=120, format=plot.suffix.lower().removeprefix("."))
    return _console.DONE


def _figure(plot: Path) -> Any:
    """Return an empty figure, and refuse what could not be drawn, before anything is done."""
    if plot.suffix.lower() not in PICTURES:
        _console.refuse(f"--plot {plot}: choose one of {', '.join(PICTURES)}")
    if not plot.absolute().parent.is_dir():
        _console.refuse(f"--plot {plot}: there is no folder {plot.parent}")
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        _console.refuse("--plot needs matplotlib; pip install 'voiceband[plot]' brings it")
    return Figure(figsize=(11, 8), layout="constrained")


def _draw(figure: Any, before: NDArray[Any], after: NDArray[Any], rate: int, title: str) -> None:
    """Draw both spectrograms, and over time how much was taken away."""
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 2))
    for axes, x, name in zip(panels, (before, after), ("before", "after"), strict=False):
        t, db = _spectrogram(x, rate)
        mesh = axes.pcolormesh(
            t, np.linspace(0, rate / 2000, len(db)), db, vmin=-100, vmax=-20, shading="nearest", rasterized=True
        )
        axes.set_ylabel(f"{name}, kHz")
    figure.colorbar(mesh, ax=list(panels[:2]), label="dBFS", aspect=40)
    panels[0].set_title(title)
    t, gain_db = gain(before, after, rate)
    panels[2].plot(t, gain_db, linewidth=0.8)
    panels[2].set_ylim(-45, 5)
    panels[2].set_ylabel("gain, dB")
    panels[2].set_xlabel("s")
    panels[2].grid(visible=True, alpha=0.3)


def gain(before: NDArray[Any], after: NDArray[Any], rate: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return times, and the change of the level in dB; NaN where there was silence already."""
    t, was_db = _spectrogram(before, rate)
    _, is_db = _spectrogram(after, rate)
    was, now = (10 * np.log10(np.sum(10 ** (db / 10), axis=0)) for db in (was_db, is_db))
    return t, np.where(was < SILENT_DB, np.nan, now - was)


def _spectrogram(x: NDArray[Any], rate: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return times in seconds and levels in dB, at most 2000 columns of 32 ms."""
    n = round(0.032 * rate)
    x = np.pad(x.astype(np.float64), (0, max(0, n - len(x))))
    hop = max(n // 2, len(x) // 2000)
    frames = np.lib.stride_tricks.sliding_window_view(x, n)[::hop] * np.hanning(n)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2 / np.sum(np.hanning(n)) ** 2 * 4
    return np.arange(len(frames)) * hop / rate, 10 * np.log10(power.T + 1e-12)
