"""What a file is by its first bytes, and how many frames it should have by those of its headers that state it."""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")
MAX_CHUNKS = 1000


def kind_of(head: bytes) -> str:
    """Return what a file is by its first 64 bytes, or "" if they say nothing."""
    name, form = head[:4], head[8:12]
    if name in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return "WAV" if form == b"WAVE" or len(head) < 12 else ""
    if name == b".snd" and len(head) >= 24 and struct.unpack(">I", head[4:8])[0] >= 24:
        return "AU"
    if name == b"FORM":
        return "AIFF" if form in (b"AIFF", b"AIFC") else ""
    if head[:16] == W64:
        return "W64"
    for magic, kind in ((b"fLaC", "FLAC"), (b"OggS", "Ogg"), (b"caff", "CAF"), (b"NIST_1A", "SPHERE"),
                        (b"Creative Voice File", "VOC"), (b"ID3", "MP3")):  # fmt: skip
        if head.startswith(magic):
            return kind
    # Frame sync, then version, layer 3, a bit rate and a sample rate that exist.
    if len(head) >= 4 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2 and head[1] & 0x18 != 8:
        return "MP3" if 0 < head[2] >> 4 < 15 and head[2] & 0x0C != 0x0C else ""
    return ""


def stated_frames(file: BinaryIO, kind: str) -> int | None:
    """Return how many frames a file should have by its headers; None where they do not say, or cannot be read.

    WAV, AU and CAF are not asked about: `layout` reads them. libsndfile takes those of FLAC and MP3 from the same
    headers.
    """
    read = {"AIFF": _aiff, "W64": _w64, "SPHERE": _sphere, "VOC": _voc}.get(kind)
    if read is None:
        return None
    with contextlib.suppress(struct.error, ValueError, ZeroDivisionError, IndexError):
        file.seek(0)
        return read(file)
    return None


def has_end(file: BinaryIO) -> bool:
    """Return whether an Ogg file has the last page of its stream."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 0x20000))
    tail = file.read()
    at = tail.rfind(b"OggS")
    return 0 <= at < len(tail) - 5 and bool(tail[at + 5] & 4)


def has_length(file: BinaryIO) -> bool:
    """Return whether an MP3 file states its length, in a header that most encoders write into the first frame."""
    file.seek(0)
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3":
        start = 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    file.seek(start)
    frame = file.read(2000)
    return any(name in frame for name in (b"Xing", b"Info", b"VBRI"))


def _chunks(
    file: BinaryIO, at: int, head: str, names: int, overlap: int = 0, even: int = 2
) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, place and length of each chunk; its length counts `overlap` bytes of its head too."""
    size = file.seek(0, 2)
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        data = file.read(names + struct.calcsize(head))
        if len(data) < names + struct.calcsize(head):
            return
        length = struct.unpack(head, data[names:])[0] - overlap
        if length < 0:
            return
        yield data[:names], at + len(data), length
        at += len(data) + length + -length % even
        if at > size:
            return


def _aiff(file: BinaryIO) -> int | None:
    for name, at, _ in _chunks(file, 12, ">I", 4):
        if name == b"COMM":
            file.seek(at)
            return int(struct.unpack(">hI", file.read(6))[1])
    return None


def _w64(file: BinaryIO) -> int | None:
    align = 0
    for name, at, length in _chunks(file, 40, "<Q", 16, overlap=24, even=8):
        if name[:4] == b"fmt ":
            file.seek(at + 12)
            (align,) = struct.unpack("<H", file.read(2))
        elif name[:4] == b"data" and align:
            return length // align
    return None


def _sphere(file: BinaryIO) -> int | None:
    for line in file.read(1024).split(b"\n"):
        words = line.split()
        if words[:2] == [b"sample_count", b"-i"]:
            return int(words[2])
    return None


def _voc(file: BinaryIO) -> int | None:
    at = struct.unpack("<H", file.read(26)[20:22])[0]
    frames = 0
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(4)
        if len(head) < 4 or head[0] == 0:
            return frames or None
        length = int.from_bytes(head[1:4], "little")
        if head[0] == 1:
            frames += length - 2
        elif head[0] == 9:
            bits, channels = file.read(6)[4:6]
            frames += (length - 12) // (bits // 8 * channels)
        at += 4 + length
    return None
