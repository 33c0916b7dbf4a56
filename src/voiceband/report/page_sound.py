"""Sound of a report: files to samples at a telephone's rate, and samples to what a browser plays."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from voiceband.batch import Mix, Pipeline, Resample
from voiceband.dsp.l16 import to_int16
from voiceband.report.errors import ReportError
from voiceband.sound.errors import FileError
from voiceband.sound.library import soundfile
from voiceband.sound.source import SoundSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from voiceband.formats import AudioFormat

MAX_S = 4 * 3600
"""Longer recordings are no single call, and no page that a browser likes to open."""
LOSSLESS_BYTES = 9_000_000
"""All players of a page together are lossless up to this, and MP3 beyond; base64 makes a third more of it."""
BLOCK = 1 << 14
"""Frames encoded at once: libsndfile's lossy encoders want little at a time."""


class Recording(NamedTuple):
    """A sound file: int16 samples of shape (1 or 2, n) at 8000 or 16000 Hz, what it was, and whether it was mixed."""

    pcm: NDArray[np.int16]
    rate: int
    was: str
    mixed: bool


class PlayerSource(NamedTuple):
    """Sound for an ``<audio>`` element."""

    uri: str
    lossless: bool


def listening_rate(rate: int) -> int:
    """Return the rate of the players: what a telephone can have of it."""
    return 8000 if rate <= 8000 else 16000


def read(path: Path, audio_format: AudioFormat | str | None = None) -> Recording:
    """Read a sound file; what there is of one that was cut is worth a look.

    Parameters
    ----------
    path : Path
        The file; one that is raw by its name is of one channel.
    audio_format : AudioFormat or str, optional
        What a file of nothing but samples holds.

    Raises
    ------
    ReportError
        If it cannot be read, is damaged, holds nothing, or is longer than four hours.
    """
    try:
        with SoundSource(path, format=audio_format, allow_cut=True, max_s=MAX_S) as source:
            rate = listening_rate(source.rate)
            mixed = source.channels > 2  # no call has more than two sides
            pipeline = Pipeline(Mix(), Resample(rate)) if mixed else Pipeline(Resample(rate))
            stream = pipeline.stream(source.rate, channels=source.channels, dtype=source.dtype)
            pieces = [_int16(stream.run(frames)) for frames in source.blocks()]
            pieces.append(_int16(stream.finish()))
            kind = source.kind if source.kind.startswith("raw") else source.subtype
            was = f"{source.rate} Hz, {source.channels} channel{'s' * (source.channels > 1)}, {kind}"
            was = "; ".join([was, *source.notes])
    except (FileError, ValueError) as error:
        raise ReportError(f"{path}: {error}") from None
    pcm = np.concatenate(pieces, axis=1)
    if not pcm.shape[1]:
        raise ReportError(f"{path} holds no audio")
    return Recording(pcm, rate, was, mixed)


def _int16(channels: Sequence[NDArray[Any]]) -> NDArray[np.int16]:
    return np.stack([x if x.dtype == np.int16 else to_int16(x) for x in channels])


def players(tracks: Sequence[NDArray[np.int16]], rate: int, budget: int = LOSSLESS_BYTES) -> list[PlayerSource]:
    """Return a player for each track: FLAC if all of them fit into `budget` bytes, else MP3.

    Raises
    ------
    ReportError
        If soundfile is missing.
    """
    with ThreadPoolExecutor() as threads:  # libsndfile lets go of the interpreter
        exact = list(threads.map(lambda track: encode(track, rate, "FLAC", "PCM_16"), tracks))
        if sum(map(len, exact)) <= budget:
            return [PlayerSource(_uri("audio/flac", data), True) for data in exact]
        small = threads.map(lambda track: encode(track, rate, "MP3", "MPEG_LAYER_III"), tracks)
        return [PlayerSource(_uri("audio/mpeg", data), False) for data in small]


def encode(pcm: NDArray[np.int16], rate: int, kind: str, subtype: str) -> bytes:
    """Return samples as a sound file of one channel."""
    try:
        module = soundfile(kind)
    except FileError:
        raise ReportError("sound in a report needs soundfile; pip install 'voiceband[report]' brings it") from None
    file = io.BytesIO()
    with module.SoundFile(file, "w", rate, 1, format=kind, subtype=subtype) as sound:
        for first in range(0, len(pcm), BLOCK):
            sound.write(pcm[first : first + BLOCK])
    return file.getvalue()


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
