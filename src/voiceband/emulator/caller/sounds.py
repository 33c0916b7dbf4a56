"""Sounds for callers: WAV files, and the clip that ships with the package."""

from __future__ import annotations

import wave
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from voiceband.dsp.resample import resample
from voiceband.emulator._html import drawn

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_SECONDS = 60.0
SHIPPED = {"@caller": "caller.wav"}
"""Names that stand for clips of the package."""


def shipped(name: str) -> Any:
    """Return where a shipped clip such as ``@caller`` is; ValueError lists what there is."""
    if name not in SHIPPED:
        raise ValueError(f"{name!r} is no shipped clip: there is {', '.join(SHIPPED)}")
    return resources.files("voiceband") / "data" / SHIPPED[name]


class Clip(NamedTuple):
    """Samples, and their rate in Hz; None for the rate of the call that they are for."""

    pcm: NDArray[np.int16]
    rate: int | None

    def at(self, rate: int) -> NDArray[np.int16]:
        """Return the samples at `rate`."""
        return self.pcm if self.rate is None else resample(self.pcm, self.rate, rate)

    def _repr_html_(self) -> str | None:
        """Show it in a notebook; as plain text without what ``voiceband[report]`` brings."""
        return drawn("clip_html", self.pcm, self.rate)


def load_wav(path: Any, max_s: float = MAX_SECONDS) -> Clip:
    """Load a mono 16-bit WAV file.

    Parameters
    ----------
    path : pathlib.Path or Traversable
        The file.
    max_s : float, optional
        The longest that is read.

    Returns
    -------
    clip : Clip
        What it holds.

    Raises
    ------
    ValueError
        If the file cannot be opened, is no such WAV file, or is longer than `max_s`.
    """
    try:
        with path.open("rb") as raw, wave.open(raw) as file:
            rate, channels, bits = file.getframerate(), file.getnchannels(), 8 * file.getsampwidth()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} is no WAV file that can be read: {str(error) or 'it ends too soon'}") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if (channels, bits) != (1, 16):
        raise ValueError(f"{path} must have 1 channel of 16 bit, not {channels} of {bits} bit")
    if len(data) > 2 * rate * max_s:
        raise ValueError(f"{path} must not be longer than {max_s:g} s, not {len(data) / 2 / rate:.0f} s")
    return Clip(np.frombuffer(data, "<i2").astype(np.int16), rate)


def read_wav(path: Any, rate: int) -> NDArray[np.int16]:
    """Return what `load_wav` loads, at `rate` Hz."""
    return load_wav(path).at(rate)
