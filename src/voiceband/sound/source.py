"""`SoundSource`: the one reader of sound files. The content tells what a file is, and its name what raw audio is."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

import numpy as np

from voiceband.formats import AudioFormat
from voiceband.sound.codes import EXACT_INT16, Channels
from voiceband.sound.errors import CutError, FileError, UnsaidError, left_over, told
from voiceband.sound.headers import flac_length, has_end, kind_of, stated_bytes, stated_frames
from voiceband.sound.layout import Layout, au_layout, caf_layout, raw_layout, wav_layout
from voiceband.sound.library import quiet, soundfile
from voiceband.sound.mp3 import mp3_frames
from voiceband.sound.names import UNSAID, raw_format
from voiceband.sound.spliced import spliced

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from numpy.typing import NDArray

BLOCK = 1 << 16
"""Frames of a block, at the most."""
PIECE = 1 << 10
"""Frames that libsndfile decodes at once: what lies before damage is given out up to there."""
MP3_SLACK = 2 * 1152
"""Frames that may be missing where all bytes are there: decoders differ in what they take for an encoder's delay."""
HUGE = 8.0
"""Float samples beyond this are no loud sound, but of another scale."""


class SoundSource:
    """A sound file that is being read, block by block.

    Parameters
    ----------
    source : path-like or binary file
        WAV in all its kinds, FLAC, MP3, Ogg, Opus, AU, AIFF, W64, CAF, VOC, SPHERE, whatever their names are; raw audio
        by its name (.ulaw, .ul, .mu, .mulaw, .pcmu; .alaw, .al, .pcma; .sln, .slin, .l16; .sln16), of one channel.
        "-" is standard input.
    format : AudioFormat or str, optional
        What a file of nothing but samples holds, as "audio/x-mulaw;rate=8000", whatever its name is.
    channels : int, optional
        How many are interleaved in such a file.
    byteorder : {"little", "big"}, optional
        Of L16 in such a file.
    rate : int, optional
        Sample rate of a file that is raw by its name, Hz; default: 8000, or what the name says.
    allow_cut : bool, optional
        Take what there is of a file that is cut short or damaged, and note it.
    max_s : float, optional
        The longest that is read, seconds.

    Attributes
    ----------
    rate, channels : int
        Of the samples.
    frames : int
        How many there are, as far as that can be known before they are decoded.
    dtype : {"int16", "float32"}
        Of what `blocks` gives: int16 where that holds the samples as they are.
    subtype : str
        How the file stores them, in libsndfile's words: "PCM_16", "ULAW", "VORBIS".
    kind : str
        Of the file, for people: "WAV", "FLAC", "raw audio/x-mulaw".
    notes : list of str
        What is odd about it; complete when all of it has been read.

    Raises
    ------
    FileError
        If it cannot be read, is not sound, does not say what it holds, or is longer than `max_s`. `CutError`, a kind of
        it, if it is cut short. Where only the decoder finds that out, `blocks` raises it.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | BinaryIO,
        *,
        format: AudioFormat | str | None = None,  # noqa: A002 - as everywhere
        channels: int = 1,
        byteorder: Literal["little", "big"] = "little",
        rate: int | None = None,
        allow_cut: bool = False,
        max_s: float = math.inf,
    ) -> None:
        self.notes: list[str] = []
        self._allow_cut, self._max_s = allow_cut, max_s
        self._library: Any = None
        self._layout: Layout | None = None
        self._slack = 0
        self._stack = contextlib.ExitStack()
        try:
            self._file = self._stack.enter_context(_opened(source))
            with told("read"):
                name = Path(source) if isinstance(source, (str, os.PathLike)) else Path()
                self._open(name, format, channels, byteorder, rate)
            if self.duration_s > max_s:
                raise FileError(f"it must not be longer than {max_s:g} s, not {self.duration_s:.0f} s")
        except BaseException:
            self.close()
            raise

    def _open(
        self, path: Path, given: AudioFormat | str | None, channels: int, byteorder: str, rate: int | None
    ) -> None:
        head = self._file.read(64)
        if not head:
            raise FileError("the file is empty")
        kind = kind_of(head)
        if given is not None and kind not in ("", "MP3"):
            raise FileError(f"the file is {kind}, not raw audio: leave its format out")
        audio_format = given if given is not None else raw_format(path, rate)
        if isinstance(audio_format, str):
            audio_format = AudioFormat.parse(audio_format)
        if audio_format is not None and (given is not None or kind in ("", "MP3")):
            # Two bytes of mu-law can look like MP3.
            self._lay_out(raw_layout(self._file, audio_format, channels, byteorder))
        elif kind == "WAV":
            layout = wav_layout(self._file)
            if layout.codes is None:
                self._check_bytes(layout)
                self._open_library(layout.kind, None)
            else:
                self._lay_out(layout)
        elif kind == "AU" and (au := au_layout(self._file)) is not None:
            self._lay_out(au)
        elif kind == "CAF" and (caf := caf_layout(self._file)) is not None:
            self._lay_out(caf)
        elif kind:
            self._open_library(kind, stated_frames(self._file, kind))
        else:
            raise _unknown(path, head)

    def _lay_out(self, layout: Layout) -> None:
        """Read it ourselves."""
        codes = layout.codes
        assert codes is not None
        self._layout = layout
        self.kind, self.rate, self.channels, self.subtype = layout.kind, layout.rate, layout.channels, codes.subtype
        self.dtype: str = codes.dtype
        frame = codes.size * layout.channels
        self.frames = layout.there // frame
        self._check_bytes(layout)
        if layout.stated is None and layout.kind.startswith("raw") and layout.there % frame:
            left = layout.there % frame
            self._cut(f"the file ends inside a frame: {left_over(left)}, and a frame has {frame}")

    def _check_bytes(self, layout: Layout) -> None:
        if layout.behind:
            self.notes.append(
                f"the header states {layout.stated} bytes of sound, and {layout.behind} bytes that are no chunk "
                "follow: they are left out"
            )
        if layout.stated is not None and layout.there < layout.stated:
            if layout.codes is None:
                self._cut(_short_bytes(layout.there, layout.stated))
            else:
                frame = layout.codes.size * layout.channels
                self._cut(_short(layout.there // frame, layout.stated // frame, layout.rate))

    def _open_library(self, kind: str, stated: int | None) -> None:
        """Let libsndfile read it; `stated` is how many frames there should be, where it cannot be trusted with that."""
        module = soundfile(kind)
        self._whole = kind == "Ogg" and has_end(self._file)
        amount = stated_bytes(self._file, kind)
        given, known = self._for_library(kind)
        try:
            with self._quiet(kind):
                self._library = module.SoundFile(given, closefd=False)
        except (module.LibsndfileError, RuntimeError, TypeError, ValueError):
            raise FileError(f"the {kind} file is damaged, or in a codec that cannot be decoded here") from None
        # After each read of what it can seek in, soundfile seeks to where it is: lossy decoders lose their state then.
        self._library.seekable = lambda: False
        self.kind, self.subtype = kind, self._library.subtype
        self.rate, self.channels = self._library.samplerate, self._library.channels
        self.dtype = "int16" if self.subtype in EXACT_INT16 else "float32"
        there = self._library.frames if 0 <= self._library.frames < 2**48 else 0
        if known is not None:
            self.frames, self._stated = known
        else:
            self.frames, self._stated = there, None if kind == "Ogg" else there
        if stated is not None and there < stated:
            self._cut(_short(there, stated, self.rate))
        elif amount is not None and amount[0] < amount[1]:
            self._cut(_short_bytes(*amount))

    def _for_library(self, kind: str) -> tuple[Any, tuple[int, int | None] | None]:
        """Return what libsndfile is to read, and if it would believe what is stated: how much there is, and stated."""
        if kind == "FLAC":
            stated, head = flac_length(self._file)
            return spliced(head, self._file, len(head)), (stated or 0, stated)
        mp3 = mp3_frames(self._file) if kind == "MP3" else None
        if mp3 is not None:
            self._slack = 0 if mp3.short else MP3_SLACK
            if mp3.stated is None or mp3.samples > mp3.stated + MP3_SLACK:
                return spliced(mp3.head, self._file, mp3.first), (mp3.samples, mp3.stated)
        os.lseek(self._file.fileno(), 0, os.SEEK_SET)  # past the buffer: libsndfile begins where the system is
        return self._file.fileno(), None

    def _quiet(self, kind: str) -> contextlib.AbstractContextManager[None]:
        return quiet() if kind == "MP3" else contextlib.nullcontext()

    def _cut(self, text: str) -> None:
        """Refuse a file that is cut short, or note it."""
        if not self._allow_cut:
            raise CutError(text)
        self.notes.append(text)

    @property
    def duration_s(self) -> float:
        """How long it is, as far as that can be known before it is decoded."""
        return self.frames / self.rate

    def blocks(self) -> Iterator[Channels]:
        """Yield all of it: blocks with an array a channel.

        Raises
        ------
        CutError
            If there is less of it than it states, and `allow_cut` does not allow that.
        FileError
            If it is damaged, a sample is not finite, or it is longer than `max_s`, which its header does not say.
        """
        at, peak = 0, 0.0
        for channels in self._decoded() if self._library is not None else self._laid_out():
            if self.dtype == "float32":
                _check_finite(channels, at)
                peak = max(peak, *(float(np.abs(samples).max()) for samples in channels))
            at += len(channels[0])
            if at > self._max_s * self.rate:
                raise FileError(f"it must not be longer than {self._max_s:g} s, and it does not end there")
            yield channels
        if peak > HUGE:
            self.notes.append(
                f"float samples reach {peak:.0f}, but full scale is 1: it seems that they were not scaled"
            )

    def read(self) -> NDArray[Any]:
        """Return all of it, of the shape (channels, n); the errors are those of `blocks`."""
        blocks = list(self.blocks())
        if not blocks:
            return np.empty((self.channels, 0), self.dtype)
        return np.stack([np.concatenate(parts) for parts in zip(*blocks, strict=True)])

    def _laid_out(self) -> Iterator[Channels]:
        layout = cast(Layout, self._layout)
        assert layout.codes is not None
        frame = layout.codes.size * layout.channels
        pending = b""
        for place, size in layout.spans:
            self._file.seek(place)
            left = size
            while left:
                with told("read"):
                    data = self._file.read(min(left, BLOCK * frame - len(pending)))
                if not data:
                    self._cut("the file became shorter while it was read")
                    break
                left -= len(data)
                data = pending + data
                whole = len(data) - len(data) % frame
                pending = data[whole:]
                if whole:
                    pcm = layout.codes.decode(data[:whole])
                    yield (
                        [pcm]
                        if layout.channels == 1
                        else list(np.ascontiguousarray(pcm.reshape(-1, layout.channels).T))
                    )

    def _decoded(self) -> Iterator[Channels]:
        done = 0
        damaged = False
        while not damaged:
            pieces: list[NDArray[Any]] = []
            while len(pieces) * PIECE < BLOCK:
                # Up to what is stated first: what lies behind that may be no sound, and takes its piece along.
                left = (self._stated or 0) - done
                try:
                    with self._quiet(self.kind):
                        piece = self._library.read(min(left, PIECE) if left > 0 else PIECE, self.dtype, always_2d=True)
                except (soundfile().LibsndfileError, RuntimeError):
                    damaged = True
                    break
                if not len(piece):
                    break
                pieces.append(piece)
                done += len(piece)
            if not pieces:
                break
            frames = np.concatenate(pieces)
            yield [frames[:, 0]] if self.channels == 1 else list(np.ascontiguousarray(frames.T))
        self._check_length(done, damaged=damaged)

    def _check_length(self, done: int, *, damaged: bool) -> None:
        """Say whether all was there, once all has been decoded."""
        if damaged and done >= self.frames and done != self._stated:  # no sound may follow it
            raise FileError(f"the {self.kind} file is damaged")
        should = max(self.frames, self._stated or 0)
        if done < should - self._slack:
            self._cut(_short(done, should, self.rate))
        elif self._stated is not None and done > self._stated + self._slack:
            self.notes.append(
                f"the header states {self._stated / self.rate:.2f} s of sound, and {done / self.rate:.2f} s are "
                "there: all of it is taken"
            )
        elif self._stated is None and not self._whole:
            how = "has lost its end" if self.kind == "Ogg" else "does not state its length"
            self.notes.append(f"the {self.kind} file {how}: {done / self.rate:.2f} s could be decoded")
        self.frames = done

    def close(self) -> None:
        """Close it."""
        if self._library is not None:
            self._library.close()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def _opened(source: str | os.PathLike[str] | BinaryIO) -> Iterator[BinaryIO]:
    """Open a file; standard input and the like become one, since headers are looked at twice."""
    if not isinstance(source, (str, os.PathLike)) or str(source) == "-":
        stream = sys.stdin.buffer if isinstance(source, (str, os.PathLike)) else source
        with tempfile.TemporaryFile() as file:
            with told("read standard input"):
                shutil.copyfileobj(stream, file)
                file.flush()
            # Read by another object: one that can write too goes back to where it was when it is closed, and fails
            # where libsndfile has left the file somewhere else.
            with open(file.fileno(), "rb", closefd=False) as reader:
                reader.seek(0)
                yield reader
        return
    path = Path(source)
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise FileError("it is a folder" if path.is_dir() else "it is no regular file; - reads standard input")
        opened = path.open("rb")
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read: {getattr(error, 'strerror', None) or error}") from None
    with opened:
        yield opened


def _unknown(path: Path, head: bytes) -> FileError:
    suffix = path.suffix.lower()
    if suffix in UNSAID:
        return UnsaidError(f"{suffix} does not say what it holds:")
    for magic in (b"RIFF", b".snd", b"fLaC", b"OggS"):
        if (at := head.find(magic)) > 0:
            return FileError(f"there are {at} bytes before its header: remove them")
    return UnsaidError(f"it is not a sound file that can be read: it begins with {head[:8]!r}; if it is raw audio,")


def _short(there: int, stated: int, rate: int) -> str:
    digits = next((n for n in (2, 3) if f"{there / rate:.{n}f}" != f"{stated / rate:.{n}f}"), 5)
    return (
        f"the file is cut short: it holds {there / rate:.{digits}f} s of sound and should hold "
        f"{stated / rate:.{digits}f} s"
    )


def _short_bytes(there: int, stated: int) -> str:
    return f"the file is cut short: it holds {there} of {stated} bytes of sound"


def _check_finite(channels: Channels, at: int) -> None:
    """Refuse what no stage can take, by its place in the file."""
    for number, samples in enumerate(channels, 1):
        bad = np.flatnonzero(~np.isfinite(samples))
        if len(bad):
            raise FileError(
                f"samples must be finite, but sample {at + bad[0] + 1} of channel {number} is {samples[bad[0]]}"
            )
