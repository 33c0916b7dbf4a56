"""Sounds for callers: files, and the clips that ship with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from voiceband.dsp.resample import resample
from voiceband.emulator._html import drawn
from voiceband.emulator.caller.backchannels import RATE as MADE_RATE
from voiceband.emulator.caller.backchannels import beep, cough, mhm
from voiceband.sound.errors import FileError, UnsaidError
from voiceband.sound.mono import read_mono

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_SECONDS = 60.0
REMEDY = "make a WAV of it with voiceband convert --format audio/x-mulaw;rate=8000"
SHIPPED = {"@caller": "caller.wav"}
"""Names that stand for clips of the package."""
MADE = {"@beep": beep, "@cough": cough, "@mhm": mhm}
"""Names that stand for sounds that are made here."""


def shipped(name: str) -> Any:
    """Return where a shipped clip such as ``@caller`` is; ValueError lists what there is."""
    if name not in SHIPPED:
        raise ValueError(f"{name!r} is no shipped clip: there is {', '.join([*SHIPPED, *MADE])}")
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


def load_sound(path: Any, max_s: float = MAX_SECONDS, *, channel: int | None = None) -> Clip:
    """Load a sound file; one of its channels, or all of them mixed into one.

    Parameters
    ----------
    path : path-like
        The file, of any kind that `voiceband.sound` reads.
    max_s : float, optional
        The longest that is read.
    channel : int or None, optional
        Which one, from 1 on; None for the mean of all.

    Returns
    -------
    clip : Clip
        What it holds.

    Raises
    ------
    ValueError
        If the file cannot be read, is cut short, holds no sound, is longer than `max_s`, or has no such channel.
    """
    try:
        clip = Clip(*read_mono(path, max_s=max_s, channel=channel))
    except UnsaidError as error:
        raise ValueError(f"{path}: {error.what} {REMEDY}") from None
    except FileError as error:
        raise ValueError(f"{path}: {error}") from None
    if not len(clip.pcm):
        raise ValueError(f"{path} holds no sound")
    return clip


def clip_of(sound: str | Path, *, channel: int | None = None) -> Clip:
    """Load a sound file, or what a name such as ``@caller`` stands for; ValueError if there is neither."""
    if not isinstance(sound, str) or not sound.startswith("@"):
        return load_sound(Path(sound), channel=channel)
    if sound in MADE:
        return Clip(MADE[sound](), MADE_RATE)
    return load_sound(shipped(sound), channel=channel)


def read_at(path: Any, rate: int) -> NDArray[np.int16]:
    """Return what `load_sound` loads, at `rate` Hz."""
    return load_sound(path).at(rate)
