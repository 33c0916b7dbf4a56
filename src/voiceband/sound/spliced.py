"""A file with another beginning than its own, for decoders that believe what is stated there."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from typing_extensions import Buffer


class _Spliced(io.RawIOBase):
    def __init__(self, head: bytes, file: BinaryIO, skip: int) -> None:
        self._head, self._file, self._skip = head, file, skip
        self._size = len(head) + max(0, os.fstat(file.fileno()).st_size - skip)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        piece = self._head[self._at : self._at + len(view)]
        if not piece:
            self._file.seek(self._skip + self._at - len(self._head))
            piece = self._file.read(len(view))
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def spliced(head: bytes, file: BinaryIO, skip: int) -> BinaryIO:
    """Return what reads `head`, and then `file` behind its first `skip` bytes."""
    return io.BufferedReader(_Spliced(head, file, skip), 1 << 16)
