"""What an MP3 file holds by its frames, and what it states.

frame   sync 11 bits, version 2, layer 2, no CRC 1, bit rate 4, sample rate 2, padding 1, ..., mode 2, ... and its rest
header  a frame of its own, the first: "Xing" or "Info", flags, frames (flags & 1), bytes (flags & 2); or "VBRI", 10
        bytes more, frames

Decoders believe the header, and without one they guess by the first bit rate: either can be far too little.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

RATES = (44100, 48000, 32000)
KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
KBPS_LOW = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""Of half the sample rates, and of a quarter of them."""
HEADS = {"version 1": 0xFB, "half": 0xF3, "quarter": 0xE3}
"""Second byte of a frame of layer 3, its lowest bit set."""
MAX_JUNK = 1 << 20
"""Bytes between frames, in all, that are searched for the next one."""


def _lengths() -> dict[tuple[int, int], int]:
    """Return how many bytes a frame has by its second and third byte, the lowest bit of each set and cleared."""
    lengths = {}
    for shift, (name, head) in enumerate(HEADS.items()):
        for index, kbps in enumerate(KBPS if name == "version 1" else KBPS_LOW, 1):
            for which, rate in enumerate(RATES):
                n = (72 if shift else 144) * kbps * 1000 // (rate >> shift)
                for padding in (0, 1):
                    lengths[head, index << 4 | which << 2 | padding << 1] = n + padding
    return lengths


LENGTHS = _lengths()


class Mp3(NamedTuple):
    """What was found.

    Attributes
    ----------
    first : int
        Where the first frame with samples begins.
    samples : int
        How many there are for each channel.
    stated : int or None
        How many samples there should be, some of them for the decoder to drop.
    short : bool
        Whether the file has fewer bytes than it states.
    head : bytes
        What to read in place of all before `first`, so that a decoder goes on to the end.
    """

    first: int
    samples: int
    stated: int | None
    short: bool
    head: bytes


def mp3_frames(file: BinaryIO) -> Mp3 | None:
    """Walk through an MP3 file; None if no frame is found."""
    size = file.seek(0, os.SEEK_END)
    places = _frames(file, size)
    first = next(places, None)
    if first is None:
        return None
    frames = 1 + sum(1 for _ in places)
    at, length = first
    frame = _bytes(file, at, length)
    stated: int | None = None
    short = False
    xing = max(frame.find(b"Xing"), frame.find(b"Info"))
    vbri = frame.find(b"VBRI")
    if xing >= 0:
        flags, *fields = struct.unpack(">3I", frame[xing + 4 : xing + 16].ljust(12, b"\0"))
        stated = fields[0] if flags & 1 else None
        short = bool(flags & 2) and size - at < fields[flags & 1]
    elif vbri >= 0:
        (stated,) = struct.unpack(">I", frame[vbri + 14 : vbri + 18].ljust(4, b"\0"))
    if max(xing, vbri) >= 0:
        at, frames = at + length, frames - 1
    each = 1152 if frame[1] | 1 == HEADS["version 1"] else 576
    head = _header(frame, size // min(LENGTHS.values()))
    return Mp3(at, frames * each, None if stated is None else stated * each, short, head)


def _frames(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Yield place and length of each whole frame."""
    at, room = 0, MAX_JUNK
    while at < size:
        head = _bytes(file, at, 10)
        if length := _length(head):
            if at + length > size:
                return
            yield at, length
            at += length
        elif head[:3] == b"ID3":
            at += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False))
        else:
            junk = _bytes(file, at, room)
            found = junk.find(b"\xff", 1)
            while found >= 0 and not _is_certain(file, size, at + found):
                found = junk.find(b"\xff", found + 1)
            if found < 0:
                return
            at, room = at + found, room - found


def _bytes(file: BinaryIO, at: int, n: int) -> bytes:
    file.seek(at)
    return file.read(n)


def _length(head: bytes) -> int:
    """Return how many bytes the frame has that begins so, or 0 if it is none."""
    return LENGTHS.get((head[1] | 1, head[2] & 0xFE), 0) if len(head) >= 4 and head[0] == 0xFF else 0


def _is_certain(file: BinaryIO, size: int, at: int) -> bool:
    """Return whether a frame is at a place, with another one or the end of the file behind it."""
    length = _length(_bytes(file, at, 4))
    return length > 0 and (at + length == size or _length(_bytes(file, at + length, 4)) > 0)


def _header(frame: bytes, frames: int) -> bytes:
    """Make a header for a number of frames of the kind of one, with the highest bit rate, for the room."""
    version, third = frame[1] | 1, frame[2] & 0x0C | 0xE0
    one = frame[3] >> 6 == 3
    if version == HEADS["version 1"]:
        side = 17 if one else 32
    else:
        side = 9 if one else 17
    made = bytes((0xFF, version, third, frame[3])) + bytes(side) + b"Xing" + struct.pack(">II", 1, frames)
    return made.ljust(LENGTHS[version, third], b"\0")
