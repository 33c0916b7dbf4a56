"""What the carrier itself plays to the caller: texts and files, as samples at 16 kHz."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from voiceband._checks import check_text
from voiceband.dsp.resample import resample
from voiceband.sound.errors import FileError
from voiceband.sound.mono import read_mono

if TYPE_CHECKING:
    from voiceband.emulator.carrier.carrier_stream import CarrierStream

Reader = Callable[[str, str | None], NDArray[np.int16]]
"""Reads a text aloud in a language: int16 at 16 kHz, or a RuntimeError."""
RATE = 16000
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_CLIP_S = 600.0
ESPEAKS = ("espeak-ng", "espeak")
"""The programs that `espeak` looks for; the first that is installed reads."""
_CHARS_PER_S = 15.0
_SYLLABLE_S = 0.2


def murmur(text: str, _language: str | None = None) -> NDArray[np.int16]:
    """Stand in for speech: soft tones in the rhythm of syllables, as long as reading the text aloud would take.

    Parameters
    ----------
    text : str
        15 characters of it last a second, and all of it at most ten minutes.

    Returns
    -------
    pcm : ndarray, int16
        At 16 kHz; the same for the same text.
    """
    n = round(min(max(len(text) / _CHARS_PER_S, _SYLLABLE_S), MAX_CLIP_S) * RATE)
    t = np.arange(n) / RATE
    syllable = (t / _SYLLABLE_S).astype(int)
    pitch = 140 + 20 * np.array([ord(c) % 5 for c in text or " "])[syllable % max(len(text), 1)]
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    envelope = np.sin(np.pi * (t / _SYLLABLE_S % 1)) ** 2
    voiced = sum(np.sin(k * phase) / k for k in range(1, 8))
    return np.asarray(2500 * envelope * voiced).astype(np.int16)


def espeak(text: str, language: str | None = None, *, program: str | None = None) -> NDArray[np.int16]:
    """Read a text aloud by the program ``espeak-ng`` or ``espeak``.

    Parameters
    ----------
    text : str
        The words to read.
    language : str, optional
        Voice of the program, such as ``"en-GB"``.
    program : str, optional
        Name or path of the program, for one of the two in particular; default: ``espeak-ng`` where it is installed,
        else ``espeak``.

    Returns
    -------
    pcm : ndarray, int16
        At 16 kHz.

    Raises
    ------
    RuntimeError
        If the program is not installed, or fails.
    """
    check_text("text", text)
    if language is not None:
        check_text("language", language)
    found = next(filter(None, map(shutil.which, [program] if program else ESPEAKS)), None)
    if found is None:
        raise RuntimeError(f"{program} is not installed" if program else "neither espeak-ng nor espeak is installed")
    command = [found, "--stdout", "--stdin", *(["-v", language.lower()] if language else [])]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=30, check=True)
        return read_sound(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise RuntimeError(f"{found} cannot read the text: {error}") from None


def ringback() -> NDArray[np.int16]:
    """Return one period of the tone that a caller hears while somebody else is rung: 2 s of it, and 4 s of silence."""
    t = np.arange(2 * RATE) / RATE
    tone = 3000 * (np.sin(2 * np.pi * 440 * t) + np.sin(2 * np.pi * 480 * t))
    return np.concatenate([tone, np.zeros(4 * RATE)]).astype(np.int16)


def beep() -> NDArray[np.int16]:
    """Return the tone after which a message is recorded: half a second of 1000 Hz."""
    return (6000 * np.sin(2 * np.pi * 1000 * np.arange(RATE // 2) / RATE)).astype(np.int16)


def read_sound(data: bytes) -> NDArray[np.int16]:
    """Read a sound file; of one that is cut short, what there is.

    Returns
    -------
    pcm : ndarray, int16
        At 16 kHz, all channels mixed into one.

    Raises
    ------
    ValueError
        If it cannot be read, or lasts longer than ten minutes.
    """
    try:
        pcm, rate = read_mono(io.BytesIO(data), max_s=MAX_CLIP_S, allow_cut=True)
    except FileError as error:
        raise ValueError(f"a sound file that cannot be read: {error}") from None
    if not 1000 <= rate <= 384_000:
        raise ValueError(f"a sound file of {rate} Hz cannot be played")
    return resample(pcm, rate, RATE)


class AnnouncerHost(Protocol):
    """What an `Announcer` needs of its `Carrier`."""

    def note(self, name: str, now: float, /, **detail: Any) -> None:
        """Put it into the log."""

    def problem(self, text: str, now: float, purpose: str | None = None, **detail: Any) -> None:
        """Put it into the log as something wrong."""

    def open_streams(self) -> list[CarrierStream]:
        """Return the streams that hear what is played too."""


class Announcer:
    """What the carrier plays to the caller of one phone call, and to the streams that hear it too.

    Parameters
    ----------
    reader : callable
        Reads texts.
    host : AnnouncerHost
        The phone call.

    Attributes
    ----------
    played : list of (float, ndarray)
        When, and the samples at 16 kHz.
    """

    def __init__(self, reader: Reader, host: AnnouncerHost) -> None:
        self.played: list[tuple[float, NDArray[np.int16]]] = []
        self._reader, self._host = reader, host

    def read(self, text: str, language: str | None, now: float) -> NDArray[np.int16]:
        """Read a text, or stand in for it where it cannot be read."""
        try:
            return self._reader(text, language)
        except RuntimeError as error:
            self._host.problem(f"a text cannot be read aloud: {error}", now)
            return murmur(text)

    def play(self, pcm: NDArray[np.int16], now: float) -> None:
        """Play samples at 16 kHz to the caller."""
        self.played.append((now, pcm))
        for stream in self._host.open_streams():
            stream.announce(resample(pcm, RATE, stream.format.sample_rate), now)
        self._host.note("announcement", now, ms=round(len(pcm) / RATE * 1000, 3))

    def stop(self, now: float) -> None:
        """End what is being played."""
        if self.played:
            since, pcm = self.played[-1]
            self.played[-1] = since, pcm[: max(0, round((now - since) * RATE))]
        for stream in self._host.open_streams():
            stream.silence(now)

    def join(self, stream: CarrierStream, now: float) -> None:
        """Let a stream that begins in the middle of an announcement carry the rest of it."""
        if self.played:
            since, pcm = self.played[-1]
            rest = pcm[round((now - since) * RATE) :]
            if len(rest):
                stream.announce(resample(rest, RATE, stream.format.sample_rate), now)
