"""Where the samples lie in a file that we read ourselves: all of the WAV family, AU, CAF, and raw audio.

RIFF       "RIFF" size "WAVE" { id size bytes, padded to two } ; RIFX: numbers with the most significant byte first
RF64, BW64 as RIFF, with "ds64" first, which holds the sizes that do not fit into 32 bits
AU         ".snd" offset size encoding rate channels ... samples
CAF        "caff" version flags { id size bytes } ; "desc" says what the samples are, "data" has four bytes before them

Recorders that could not go back leave sizes of 0 or near 2^31 and 2^32; then the samples go to the end of the file.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from voiceband.sound.codes import FLOAT_BYTES, G711, PCM_BYTES, Codes
from voiceband.sound.errors import FileError
from voiceband.sound.headers import MAX_CHUNKS, OPEN_END

if TYPE_CHECKING:
    from voiceband.formats import AudioFormat

PCM, FLOAT, ALAW, ULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
LIBRARY_TAGS = (0x02, 0x11, 0x14, 0x31, 0x40)
"""Codecs in WAV that libsndfile decodes: MS ADPCM, IMA ADPCM, G.723, GSM 6.10, G.721."""
TAGS = {
    0x17: "Dialogic ADPCM",
    0x22: "TrueSpeech",
    0x42: "G.723.1",
    0x45: "G.726",
    0x50: "MPEG layer 2",
    0x55: "MP3",
    0x64: "G.726",
    0x65: "G.722",
    0x83: "G.729",
    0xFF: "AAC",
    0x161: "Windows Media",
    0x28F: "G.722",
}
AU_KINDS = {
    1: G711["ULAW"],
    2: Codes("PCM_S8", 1),
    3: Codes("PCM_16", 2, True),
    4: Codes("PCM_24", 3, True),
    5: Codes("PCM_32", 4, True),
    6: Codes("FLOAT", 4, True),
    7: Codes("DOUBLE", 8, True),
    27: G711["ALAW"],
}


CAF_INTEGERS = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24", 32: "PCM_32"}
CAF_FLOATS = {32: "FLOAT", 64: "DOUBLE"}


class Layout(NamedTuple):
    """Where the samples are, and what they are.

    Attributes
    ----------
    kind : str
        Of the file, for people.
    rate, channels : int
        Of the samples.
    codes : Codes or None
        How they are stored; None for a codec that libsndfile decodes.
    spans : tuple of (int, int)
        Where they are: positions and lengths, in bytes.
    stated : int or None
        How many bytes there should be; None if the file does not say.
    behind : int
        Bytes after the samples that are nothing known: sound, perhaps, if `stated` is too small.
    """

    kind: str
    rate: int
    channels: int
    codes: Codes | None
    spans: tuple[tuple[int, int], ...]
    stated: int | None
    behind: int = 0

    @property
    def there(self) -> int:
        """How many bytes of samples there are."""
        return sum(size for _, size in self.spans)


def size_of(file: BinaryIO) -> int:
    """Return the length of a file."""
    return os.fstat(file.fileno()).st_size


def raw_layout(file: BinaryIO, audio_format: AudioFormat, channels: int, byteorder: str) -> Layout:
    """Return the layout of a file of nothing but samples."""
    codes = {"audio/x-mulaw": G711["ULAW"], "audio/x-alaw": G711["ALAW"]}.get(audio_format.mime)
    if codes is None:
        codes = Codes("PCM_16", 2, byteorder == "big")
    kind = f"raw {audio_format.mime}"
    return Layout(kind, audio_format.sample_rate, channels, codes, ((0, size_of(file)),), None)


def au_layout(file: BinaryIO) -> Layout | None:
    """Return the layout of an AU file; None if libsndfile is to look at it."""
    offset, stated, encoding, rate, channels = struct.unpack(">5I", _exactly(file, 24)[4:])
    if encoding not in AU_KINDS:
        return None
    there = max(0, size_of(file) - offset)
    open_end = stated == 0xFFFFFFFF or (stated == 0 and there > 0)
    return Layout(
        "AU",
        *_checked("AU", rate, channels),
        AU_KINDS[encoding],
        ((offset, there if open_end else min(stated, there)),),
        None if open_end else stated,
    )


def caf_layout(file: BinaryIO) -> Layout | None:
    """Return the layout of a CAF file; None if libsndfile is to look at it."""
    at, described = 8, b""
    end = size_of(file)
    for _ in range(MAX_CHUNKS):
        file.seek(min(at, end))
        head = file.read(12)
        if len(head) < 12:
            break
        name, (length,) = head[:4], struct.unpack(">q", head[4:])
        at += 12
        if name == b"desc":
            described = file.read(32)
        elif name == b"data":
            return _caf_described(described, at + 4, end, length - 4)
        at += max(0, length)
    return None


def _caf_described(described: bytes, at: int, end: int, stated: int) -> Layout | None:
    if len(described) < 32:
        return None
    rate, kind, flags, _, _, channels, bits = struct.unpack(">d4s5I", described)
    codes = {b"ulaw": G711["ULAW"], b"alaw": G711["ALAW"]}.get(kind)
    if kind == b"lpcm":
        subtype = (CAF_FLOATS if flags & 1 else CAF_INTEGERS).get(bits)
        codes = None if subtype is None else Codes(subtype, bits // 8, not flags & 2)
    if codes is None or not 0 < rate < 2**31:
        return None
    there = max(0, end - at)
    open_end = stated < 0
    return Layout(
        "CAF",
        *_checked("CAF", round(rate), channels),
        codes,
        ((at, there if open_end else min(stated, there)),),
        None if open_end else stated,
    )


def wav_layout(file: BinaryIO) -> Layout:
    """Return the layout of a file of the WAV family.

    Raises
    ------
    FileError
        If it is damaged, or in a codec that nothing here decodes.
    """
    return _Wav(file).layout()


class _Wav:
    """Walks through the chunks of a WAV file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = size_of(file)
        head = _exactly(file, 12)
        self._kind = {b"RIFX": "RIFX"}.get(head[:4], "WAV") if head[:4] in (b"RIFF", b"RIFX") else head[:4].decode()
        self._order = ">" if head[:4] == b"RIFX" else "<"
        self._fmt: bytes | None = None
        self._wide: int | None = None  # the length of the samples by "ds64"
        self._spans: list[tuple[int, int]] = []
        self._stated: int | None = 0
        self._behind = 0

    def layout(self) -> Layout:
        at = 12
        for _ in range(MAX_CHUNKS):
            self._file.seek(min(at, self._size))
            head = self._file.read(8)
            if len(head) < 8:
                break
            name, (length,) = head[:4], struct.unpack(f"{self._order}I", head[4:])
            if not _is_name(name):
                if self._spans and not self._named(at - 1):  # there, a chunk lacks its padding
                    self._behind = self._size - at
                break
            at += 8
            if name == b"data":
                length = self._data(at, length)
            elif name == b"fmt ":
                self._fmt = self._file.read(min(length, 64))
            elif name == b"ds64" and length >= 24:
                sizes = self._file.read(24)
                if len(sizes) == 24:  # else the file is cut within it
                    (self._wide,) = struct.unpack("<Q", sizes[8:16])
            at += length
            if length % 2 and not (name != b"data" and self._named(at) and not self._named(at + 1)):
                at += 1
        if not self._spans and at >= self._size - 8:
            raise FileError("the file is cut short: it ends before its samples")
        if self._fmt is None or len(self._fmt) < 16:
            raise FileError("the WAV file is damaged: it does not say what its samples are (no fmt chunk)")
        if not self._spans:
            raise FileError("the WAV file is damaged: it holds no samples (no data chunk)")
        return self._described()

    def _data(self, at: int, length: int) -> int:
        """Take in a chunk of samples; return its length."""
        there = max(0, self._size - at)
        if length == 0xFFFFFFFF and self._wide is not None:
            length = self._wide
        open_end = OPEN_END <= length <= 0xFFFFFFFF and (length > there or length == 0xFFFFFFFF)
        if length == 0 and there and not self._named(at):  # what a killed recorder leaves
            open_end = True
        if open_end:
            self._stated = None
            self._spans.append((at, there))
            return there
        if self._stated is not None:
            self._stated += length
        self._spans.append((at, min(length, there)))
        return length

    def _named(self, at: int) -> bool:
        """Return whether a chunk, or the end of the file, is at a place."""
        if at >= self._size:
            return at <= self._size + 1
        self._file.seek(at)
        head = self._file.read(8)
        return (
            len(head) == 8 and _is_name(head[:4]) and struct.unpack(f"{self._order}I", head[4:])[0] <= self._size - at
        )

    def _described(self) -> Layout:
        assert self._fmt is not None
        tag, channels, rate, _, align, bits = struct.unpack(f"{self._order}HHIIHH", self._fmt[:16])
        if tag == EXTENSIBLE and len(self._fmt) >= 26:
            (tag,) = struct.unpack(f"{self._order}H", self._fmt[24:26])
        rate, channels = _checked("WAV", rate, channels)
        width = -(-bits // 8) or align // channels  # some write 0 bits
        codes: Codes | None = None
        if tag in (ALAW, ULAW):
            codes = G711["ALAW" if tag == ALAW else "ULAW"]
        elif tag in (PCM, FLOAT):
            subtype = (PCM_BYTES if tag == PCM else FLOAT_BYTES).get(width)
            if subtype is None:
                raise FileError(f"WAV with samples of {bits} bits cannot be read")
            codes = Codes(subtype, width, self._order == ">")
        elif tag not in LIBRARY_TAGS:
            name = f"the codec {TAGS[tag]}" if tag in TAGS else f"a codec of number {tag:#06x}"
            raise FileError(f"WAV with {name} cannot be decoded here: convert it to PCM with another program first")
        return Layout(self._kind, rate, channels, codes, tuple(self._spans), self._stated, self._behind)


def _checked(kind: str, rate: int, channels: int) -> tuple[int, int]:
    if not 0 < rate < 2**31:
        raise FileError(f"the {kind} file is damaged: it states a sample rate of {rate} Hz")
    if not 0 < channels <= 1024:
        raise FileError(f"the {kind} file is damaged: it states {channels} channels")
    return rate, channels


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(32 <= sign < 127 for sign in name)


def _exactly(file: BinaryIO, n: int) -> bytes:
    file.seek(0)
    data = file.read(n)
    if len(data) < n:
        raise FileError("the file is cut short: it ends before its samples")
    return data
