"""Look at a file before it is read: one that is empty, cut or not what it is called would give sound that is wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

from voiceband.batch.files import FileError

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = {b"RIFF": "WAV", b"RF64": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg", b"FORM": "AIFF", b"caff": "CAF"}
UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF)  # from writers that could not go back to fill it in
MAX_CHUNKS = 1000


def check_whole(path: Path, *, raw: bool) -> None:
    """Raise FileError if a file is empty, cut short, cannot be read, or is in a container where `raw` says it is none.

    FLAC and the other formats are checked by their decoder.
    """
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if not head:
                raise FileError("the file is empty")
            if raw:
                if head[:4] in MAGIC:
                    raise FileError(f"the file is {MAGIC[head[:4]]}, not the raw audio that it is taken for")
            elif head[:4] == b"RIFF" and head[8:] == b"WAVE":
                _check_wav(file)
    except OSError as error:
        raise FileError(f"cannot read: {error.strerror}") from None


def _check_wav(file: BinaryIO) -> None:
    """Compare the length of the samples with the file's."""
    size = os.fstat(file.fileno()).st_size
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            raise FileError("the file is cut short: it ends before its samples")
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"data":
            there = size - file.tell()
            if length > there and length not in UNKNOWN_SIZES:
                raise FileError(f"the file is cut short: it holds {there} bytes of samples and should hold {length}")
            return
        file.seek(length + length % 2, os.SEEK_CUR)
