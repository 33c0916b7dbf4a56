"""What a file is by its first bytes, and how many frames it should have by those of its headers that state it."""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")
MAX_CHUNKS = 1000
OPEN_END = 0x7FFFF000
"""From here on a size of 32 bits means that its writer did not know it."""
UNKNOWN = 1 << 62
"""The same for one of 64 bits."""


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

    WAV, AU and CAF are not asked about: `layout` reads them.
    """
    read = {"AIFF": _aiff, "W64": _w64, "SPHERE": _sphere, "VOC": _voc}.get(kind)
    if read is None:
        return None
    with contextlib.suppress(struct.error, ValueError, ZeroDivisionError, IndexError):
        file.seek(0)
        return read(file)
    return None


def stated_bytes(file: BinaryIO, kind: str) -> tuple[int, int] | None:
    """Return how many bytes of sound there are and should be; None where the headers do not say, or cannot be read.

    Unlike frames, bytes show a cut in any codec.
    """
    with contextlib.suppress(struct.error, ValueError):
        size = file.seek(0, 2)
        chunks: Iterator[tuple[bytes, int, int]] = iter(())
        if kind == "AU":
            file.seek(4)
            chunks = iter([(b"", *struct.unpack(">II", file.read(8)))])
        elif kind == "AIFF":
            chunks = (chunk for chunk in _chunks(file, 12, ">I", 4) if chunk[0] == b"SSND")
        elif kind == "W64":
            chunks = (chunk for chunk in _chunks(file, 40, "<Q", 16, overlap=24, even=8) if chunk[0][:4] == b"data")
        elif kind == "CAF":  # what is behind the samples says where packets begin: all of it is needed
            chunks = _chunks(file, 8, ">q", 4, even=1)
        there = stated = 0
        for _, at, length in chunks:
            if 0 < length < UNKNOWN and not OPEN_END <= length <= 0xFFFFFFFF:
                there += min(length, max(0, size - at))
                stated += length
        return (there, stated) if stated else None
    return None


def flac_length(file: BinaryIO) -> tuple[int | None, bytes]:
    """Return how many frames a FLAC file states, if it does, and its first bytes without that."""
    file.seek(0)
    head = file.read(26)
    form, stated = divmod(int.from_bytes(head[18:26], "big"), 2**36)
    return stated or None, head[:18] + (form * 2**36).to_bytes(8, "big")


def has_end(file: BinaryIO) -> bool:
    """Return whether an Ogg file has the last page of its stream, and all of it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 0x20000))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :] if b"OggS" in tail else b""
    segments = page[27 : 27 + page[26]] if len(page) > 26 else b""
    return len(page) > 26 and bool(page[5] & 4) and len(page) >= 27 + page[26] + sum(segments)


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
            return length // align if length < UNKNOWN else None
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
    channels = 1
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(4)
        if len(head) < 4 or head[0] == 0:
            return frames or None
        length = int.from_bytes(head[1:4], "little")
        if head[0] == 1:
            frames += (length - 2) // channels
            channels = 1
        elif head[0] == 8:  # is about the block behind it
            channels = file.read(4)[3] + 1
        elif head[0] == 9:
            bits, channels = file.read(6)[4:6]
            frames += (length - 12) // (bits // 8 * channels)
        at += 4 + length
    return None
