"""Sound files, block by block: WAV, FLAC and whatever else libsndfile reads, and raw G.711 and L16.

A block is a list with an array a channel, of the type in which the file's samples are worked on.
"""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from voiceband.batch.stages import Decode
from voiceband.dsp.l16 import to_int16
from voiceband.formats import AudioFormat, Encoding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from voiceband.batch.streams import Channels

BLOCK = 1 << 16  # frames
CONTAINERS = {".wav": "WAV", ".flac": "FLAC"}
RAW = {
    **dict.fromkeys((".ulaw", ".mulaw", ".ul", ".mu"), Encoding.MULAW),
    **dict.fromkeys((".alaw", ".al"), Encoding.ALAW),
    **dict.fromkeys((".l16", ".sln"), Encoding.L16),
}
READABLE = (
    *(*CONTAINERS, *RAW, ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64"),
    *(".ogg", ".oga", ".opus", ".mp3", ".sph", ".voc"),
)
EXACT_INT16 = ("PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW")  # subtypes that int16 holds as they are


class FileError(Exception):
    """A file that cannot be read or written; the text says which, and why."""


class DiskFullError(FileError):
    """A file that cannot be written because there is no room: the next one cannot be either."""


class Source(Protocol):
    """A file that is being read."""

    rate: int
    channels: int
    frames: int
    dtype: str
    subtype: str

    def blocks(self) -> Iterator[Channels]:
        """Yield all of it."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class ByteSource:
    """A file of nothing but codes, for a pipeline that decodes them itself."""

    dtype, subtype = "uint8", "PCM_16"

    def __init__(self, path: Path, decode: Decode) -> None:
        self._file = path.open("rb")
        self._frame = decode.format.sample_bytes * decode.channels
        self.rate, self.channels = decode.format.sample_rate, decode.channels
        self.frames = os.fstat(self._file.fileno()).st_size // self._frame

    def blocks(self) -> Iterator[Channels]:
        """Yield all of it."""
        while data := self._file.read(BLOCK * self._frame):
            yield [np.frombuffer(data, np.uint8)]

    def close(self) -> None:
        """Close it."""
        self._file.close()


def _check_finite(channels: Channels, at: int) -> None:
    """Refuse what no stage can take, by its place in the file."""
    for i, samples in enumerate(channels):
        bad = np.flatnonzero(~np.isfinite(samples))
        if len(bad):
            raise FileError(f"samples must be finite, but sample {at + bad[0]} of channel {i} is {samples[bad[0]]}")


class SoundSource:
    """Anything that libsndfile reads."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = soundfile().SoundFile(path)
        except soundfile().LibsndfileError as error:
            raise FileError(f"cannot read: {_reason(error)}") from None
        self.rate, self.channels, self.frames = self._file.samplerate, self._file.channels, self._file.frames
        self.subtype = self._file.subtype
        self.dtype = "int16" if self.subtype in EXACT_INT16 else "float32"

    def blocks(self) -> Iterator[Channels]:
        """Yield all of it."""
        at = 0
        try:
            while len(frames := self._file.read(BLOCK, dtype=self.dtype, always_2d=True)):
                channels = [frames[:, 0]] if self.channels == 1 else list(np.ascontiguousarray(frames.T))
                if self.dtype == "float32":
                    _check_finite(channels, at)
                at += len(frames)
                yield channels
        except soundfile().LibsndfileError as error:
            raise FileError(f"the file is damaged: {_reason(error)}") from None

    def close(self) -> None:
        """Close it."""
        self._file.close()


@contextmanager
def opened(path: Path, decode: Decode | None) -> Iterator[Source]:
    """Open a file to read: bytes for `decode`, or whatever libsndfile finds in it."""
    try:
        source: Source = ByteSource(path, decode) if decode is not None else SoundSource(path)
    except OSError as error:
        raise FileError(f"cannot read: {error.strerror}") from None
    try:
        yield source
    finally:
        source.close()


def raw_decode(path: Path, rate: int) -> Decode | None:
    """Return what decodes a file that is raw audio by its name."""
    encoding = RAW.get(path.suffix.lower())
    return Decode(AudioFormat(encoding, rate)) if encoding is not None else None


class _Disk:
    """What libsndfile writes to. It cannot pass errors on, nor does it always notice them: they are kept here."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data) if self.error is None else 0
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
        Of the name that the file will have; it says the format.
    rate, channels : int
        Of the samples.
    subtype : str
        Of the samples in libsndfile's words, if the format can hold it; else what is next to it.

    Attributes
    ----------
    clipped : int
        Float samples beyond full scale, where the format holds whole numbers.

    Raises
    ------
    FileError
        If the file cannot be written, or its format cannot hold the samples.
    """

    def __init__(self, path: Path, suffix: str, rate: int, channels: int, subtype: str) -> None:
        self._encoding = RAW.get(suffix.lower())
        self._sound: Any = None
        if self._encoding is not None and channels != 1:
            raise FileError(f"raw {suffix} holds one channel, and there are {channels}")
        self._form = AudioFormat(self._encoding, rate) if self._encoding is not None else None
        # Not in the main thread: a Ctrl-C that is raised in libsndfile's callbacks gets lost, and spoils the file.
        main = threading.current_thread() is threading.main_thread()
        self._thread = ThreadPoolExecutor(1) if main and self._form is None else None
        self._call(int)  # starts the thread while there is nothing yet that an interrupted start would leave behind
        self._closed = False
        self.clipped = 0
        self._whole = self._form is not None or _held(CONTAINERS[suffix.lower()], subtype) not in ("FLOAT", "DOUBLE")
        with told():
            self._disk = _Disk(path)
        if self._form is None:
            kind = CONTAINERS[suffix.lower()]
            try:
                self._call(self._create, rate, channels, _held(kind, subtype), kind)
            except (RuntimeError, ValueError, TypeError) as error:  # the first is libsndfile's own
                self.close()  # says so if it is the disk
                raise FileError(f"{kind} cannot hold {channels} channels at {rate} Hz: {_reason(error)}") from None
            except BaseException:
                self.abandon()
                raise

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments) if self._thread is None else self._thread.submit(function, *arguments).result()

    def _create(self, rate: int, channels: int, subtype: str, kind: str) -> None:
        self._sound = soundfile().SoundFile(self._disk, "w", rate, channels, subtype, format=kind)

    def _end(self) -> None:
        if self._sound is not None:
            self._sound.close()

    def write(self, parts: Channels) -> None:
        """Append a block."""
        if self._whole and parts[0].dtype == np.float32:
            self.clipped += sum(int(np.count_nonzero(np.abs(part) > 1.0)) for part in parts)
        if self._form is not None:
            pcm = parts[0]
            self._disk.write(self._form.encode(pcm if pcm.dtype == np.int16 else to_int16(pcm)))
        else:
            try:
                self._call(self._sound.write, parts[0] if len(parts) == 1 else np.stack(parts, axis=1))
            except (RuntimeError, AssertionError):  # a short write, by the error below
                if self._disk.error is None:
                    raise
        with told():
            self._disk.check()

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


@contextmanager
def told() -> Iterator[None]:
    """Turn the system's errors in writing into ours."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise (DiskFullError if full else FileError)(f"cannot write: {error.strerror}") from None


def linear(subtype: str) -> str:
    """Return the linear subtype that holds what a file of some subtype decodes to."""
    return subtype if subtype in ("PCM_24", "PCM_32", "FLOAT", "DOUBLE") else "PCM_16"


def _held(kind: str, subtype: str) -> str:
    if kind == "FLAC" and subtype in ("FLOAT", "DOUBLE", "PCM_32"):
        return "PCM_24"
    return subtype if soundfile().check_format(kind, subtype) else "PCM_16"


def _reason(error: Exception) -> str:
    """Return libsndfile's words without its prefix, which holds the path."""
    return str(getattr(error, "error_string", error)).rstrip(".")


def soundfile() -> Any:
    """Return the soundfile module, or say which extra brings it."""
    try:
        import soundfile  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise FileError("WAV and FLAC files need soundfile; pip install 'voiceband[batch]' brings it") from None
    return soundfile
