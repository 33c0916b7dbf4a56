"""A memory of nonces that several processes share: one file of fixed size.

A file, rather than a process that all would ask: nothing has to be started, watched or waited for, a worker that is
replaced leaves what it knew to the next, and a lock whose holder dies is released by the system.

    header    magic, number of buckets
    bucket    16 slots of (time, digest); the digest says which bucket, and the oldest slot gives way
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import sys
import threading
import time
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from voiceband._checks import check_integer, check_number

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_HEADER = struct.Struct("<8sQ")
_SLOT = struct.Struct("<d16s")
_MAGIC = b"vbnonce1"
_SLOTS = 16
_BUCKET_BYTES = _SLOTS * _SLOT.size
LOCK_S = 0.05
"""How long to wait for the others: they need microseconds, but one may have been stopped in the middle."""
OPEN_S = 5.0
"""How long to wait for them when the file is opened: no request waits then, and a worker would fail."""


class NonceFile:
    """Remembers nonces for all processes that open the same file; see `NonceCache` for what it is for.

    Objects may be shared between threads, and pickle as the path, to be given to other processes.

    Parameters
    ----------
    path : path-like
        The file; made if it is not there, for this user only. Whoever can write to it can let replays in.
    max_size : int, optional
        About how many nonces are remembered; the file takes 48 bytes for each. The same in all processes.
    max_age_s : float, optional
        Seconds that a nonce is remembered.
    clock : callable, optional
        Gives the time in seconds; the same in all processes.

    Raises
    ------
    OSError
        If the file cannot be opened.
    TypeError, ValueError
        As `NonceCache`, and if the file is something else, or of another `max_size`.
    """

    def __init__(
        self,
        path: str | Path,
        max_size: int = 100_000,
        max_age_s: float = 3600.0,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path)
        self._max_size = check_integer("max_size", max_size, 1)
        self._max_age_s = check_number("max_age_s", max_age_s, 0, unit="s", above=True)
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets = -(-self._max_size // (_SLOTS // 2))  # half full, few buckets overflow
        size = _HEADER.size + self._buckets * _BUCKET_BYTES
        header = _HEADER.pack(_MAGIC, self._buckets)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            with locked(file, OPEN_S) as mine:
                if not mine:
                    raise BlockingIOError(f"{self.path} is locked by another process")
                if os.fstat(file).st_size == 0:
                    os.ftruncate(file, size)
                    os.write(file, header)
            wrong = os.fstat(file).st_size != size
            self._map = mmap.mmap(file, 0)
            if wrong or self._map[: len(header)] != header:
                raise ValueError(f"{self.path} is no file of nonces, or one of another max_size than {self._max_size}")
        except BaseException:
            os.close(file)
            raise
        self._file = file
        _OPEN.add(self)

    def add(self, nonce: str) -> bool:
        """Remember a nonce; return whether it is new. False also where the file stays locked by another process."""
        digest = hashlib.blake2b(nonce.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        start = _HEADER.size + int.from_bytes(digest[:8], "little") % self._buckets * _BUCKET_BYTES
        with self._lock, locked(self._file) as mine:
            if not mine:
                return False
            now = self._clock()
            slots = [*_SLOT.iter_unpack(self._map[start : start + _BUCKET_BYTES])]
            if any(known == digest and at > now - self._max_age_s for at, known in slots):
                return False
            oldest = min(range(_SLOTS), key=lambda i: slots[i][0])
            _SLOT.pack_into(self._map, start + oldest * _SLOT.size, now, digest)
            return True

    def _after_fork(self) -> None:
        """Open the file again: a lock belongs to the opening, which a child would share with its parent."""
        self._lock = threading.Lock()
        if self._file >= 0:
            os.close(self._file)
            self._file = os.open(self.path, os.O_RDWR)

    def close(self) -> None:
        """Close the file, which stays."""
        with self._lock:
            if self._file >= 0:
                self._map.close()
                os.close(self._file)
                self._file = -1

    def __del__(self) -> None:
        if getattr(self, "_file", -1) >= 0:
            self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return NonceFile, (self.path, self._max_size, self._max_age_s)

    def __repr__(self) -> str:
        return f"NonceFile({str(self.path)!r})"


_OPEN: weakref.WeakSet[NonceFile] = weakref.WeakSet()


def _all_after_fork() -> None:
    for nonces in list(_OPEN):
        nonces._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_all_after_fork)


@contextmanager
def locked(file: int, wait_s: float = LOCK_S) -> Iterator[bool]:
    """Give whether the file was locked in time; it is released at the end."""
    until = time.monotonic() + wait_s
    while not (mine := _try_lock(file)) and time.monotonic() < until:
        time.sleep(0.001)
    try:
        yield mine
    finally:
        if mine:
            _unlock(file)


if sys.platform == "win32":

    def _try_lock(file: int) -> bool:
        os.lseek(file, 0, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:

    def _try_lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
