"""`Sink`: the one writer of sound files."""

from __future__ import annotations

import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband.dsp.l16 import to_int16
from voiceband.formats import AudioFormat
from voiceband.sound.codes import EXACT_INT16
from voiceband.sound.errors import FileError, told
from voiceband.sound.library import soundfile
from voiceband.sound.names import CONTAINERS, RAW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from voiceband.sound.codes import Channels

BLOCK = 1 << 14
"""Frames written at once: libsndfile's lossy encoders want little at a time."""
MOST_CHANNELS = {".mp3": 2}
MOST_BYTES = {".wav": 2**32 - 2**20}
"""What sizes of 32 bits can state, with room for a header."""
RATES = {
    ".mp3": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    ".opus": (8000, 12000, 16000, 24000, 48000),
}
"""What encoders take, in Hz."""
LOSSY = {".mp3": "MPEG_LAYER_III", ".ogg": "VORBIS", ".opus": "OPUS"}
ROUNDED = ("FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_III")
"""Kinds of samples that can be beyond full scale, or are never exact."""


class _Disk:
    """What libsndfile writes to. It cannot pass errors on, nor does it always notice them: they are kept here."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self.error: OSError | None = None
        self.written = 0

    def write(self, data: Any) -> int:
        try:
            n = self._file.write(data) if self.error is None else 0
            self.written += n
            return n
        except OSError as error:
            self.error = error
            return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:  # a seek writes what is buffered
            return self._file.seek(offset, whence) if self.error is None else 0
        except OSError as error:
            self.error = error
            return 0

    def tell(self) -> int:
        return self.seek(0, os.SEEK_CUR)

    def read(self, size: int) -> bytes:
        return self._file.read(size) if self.error is None else b""

    def close(self) -> None:
        """Close the file, unwritten bytes or not, and raise the first error there was."""
        try:
            self._file.close()
        except OSError as error:
            self.error = self.error or error
        self.check()

    def check(self) -> None:
        if self.error is not None:
            raise self.error


class Sink:
    """A file that is being written; a raw one holds one channel.

    Parameters
    ----------
    path : Path
        Where to write.
    suffix : str
        Of the name that the file will have, one of `names.WRITABLE`; it says the format.
    rate, channels : int
        Of the samples.
    subtype : str, optional
        Of the samples in libsndfile's words, if the format can hold it; else what is next to it. MP3, Ogg and raw audio
        have their own.

    Attributes
    ----------
    clipped : int
        Float samples beyond full scale, where the format holds whole numbers.

    Raises
    ------
    FileError
        If the file cannot be written, or its format cannot hold the samples.
    """

    def __init__(self, path: Path, suffix: str, rate: int, channels: int, subtype: str = "PCM_16") -> None:
        suffix = suffix.lower()
        raw = RAW.get(suffix)
        if raw is not None and channels != 1:
            raise FileError(f"raw {suffix} holds one channel, and there are {channels}")
        self.clipped = 0
        self._suffix = suffix
        self._closed = False
        self._sound: Any = None
        self._form = None if raw is None else AudioFormat(raw.encoding, rate)
        self._subtype = "PCM_16" if raw is not None else held(suffix, subtype)
        # Not in the main thread: a Ctrl-C that is raised in libsndfile's callbacks gets lost, and spoils the file.
        main = threading.current_thread() is threading.main_thread()
        self._thread = ThreadPoolExecutor(1) if main and raw is None else None
        self._call(int)  # starts the thread while there is nothing yet that an interrupted start would leave behind
        with told():
            self._disk = _Disk(path)
        if raw is None:
            kind = CONTAINERS[suffix]
            try:
                self._call(self._create, rate, channels, kind)
            except (RuntimeError, ValueError, TypeError):  # the first is libsndfile's own
                self.close()  # says so if it is the disk
                raise FileError(_misfit(suffix, rate, channels)) from None
            except BaseException:
                self.abandon()
                raise

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments) if self._thread is None else self._thread.submit(function, *arguments).result()

    def _create(self, rate: int, channels: int, kind: str) -> None:
        self._sound = soundfile(kind).SoundFile(self._disk, "w", rate, channels, self._subtype, format=kind)

    def _end(self) -> None:
        if self._sound is not None:
            self._sound.close()

    def write(self, parts: Channels) -> None:
        """Append a block."""
        if parts[0].dtype == np.float32 and self._subtype not in ROUNDED:
            self.clipped += sum(int(np.count_nonzero(np.abs(part) > 1.0)) for part in parts)
            if self._subtype in EXACT_INT16:
                parts = [to_int16(part) for part in parts]
        if self._form is not None:
            self._disk.write(self._form.encode(parts[0]))
        else:
            try:
                for first in range(0, len(parts[0]), BLOCK):
                    some = [part[first : first + BLOCK] for part in parts]
                    self._call(self._sound.write, some[0] if len(some) == 1 else np.stack(some, axis=1))
            except (RuntimeError, AssertionError):  # a short write, by the error below
                if self._disk.error is None:
                    raise
        with told():
            self._disk.check()
        if self._disk.written > MOST_BYTES.get(self._suffix, math.inf):
            raise FileError(f"{self._suffix} cannot hold more than 4 GiB: write .flac, or cut it into several")

    def abandon(self) -> None:
        """Close the file, whole or not."""
        with suppress(FileError, RuntimeError):
            self.close()

    def close(self) -> None:
        """Write the end; the file is whole if this returns. The second time does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._call(self._end)  # after whatever an interrupted call has left under way
        except RuntimeError:
            if self._disk.error is None:
                raise
        finally:
            if self._thread is not None:
                self._thread.shutdown()
            with told():
                self._disk.close()


def _misfit(suffix: str, rate: int, channels: int) -> str:
    """Return why a file of some name cannot hold samples, and which it could."""
    if rate not in RATES.get(suffix, (rate,)):
        return f"{suffix} cannot hold {rate} Hz: choose one of {', '.join(map(str, RATES[suffix]))} with --rate"
    most = MOST_CHANNELS.get(suffix)
    return f"{suffix} cannot hold {channels} channels at {rate} Hz" + (f": it takes {most} at the most" if most else "")


def held(suffix: str, subtype: str) -> str:
    """Return the kind of samples that a file of some name has for samples of some kind, or what is next to it."""
    if suffix in LOSSY:
        return LOSSY[suffix]
    if suffix == ".flac":
        return "PCM_24" if subtype in ("FLOAT", "DOUBLE", "PCM_32", "PCM_24") else "PCM_16"
    return subtype if soundfile("WAV").check_format(CONTAINERS[suffix], subtype) else "PCM_16"


def linear(subtype: str) -> str:
    """Return the linear kind of samples that holds what a file of some kind decodes to."""
    return subtype if subtype in ("PCM_24", "PCM_32", "FLOAT", "DOUBLE") else "PCM_16"
