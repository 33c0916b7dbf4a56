"""What goes wrong with a sound file."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class FileError(Exception):
    """A file that cannot be read or written; the text says which, and why."""


class CutError(FileError):
    """A file that is cut short; the text says how long it is, and how long it should be."""


class UnsaidError(FileError):
    """Raw audio whose format nothing names; the text says how to name it.

    Parameters
    ----------
    what : str
        What is known of the file; a remedy follows.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} name its format with --format, as audio/x-mulaw;rate=8000")
        self.what = what


class DiskFullError(FileError):
    """A file that cannot be written because there is no room: the next one cannot be either."""


class SoundWarning(UserWarning):
    """A file that was read and is odd, such as an Ogg stream that has lost its end; the text says which, and how."""


def left_over(n: int) -> str:
    """Return in words that `n` bytes are left over."""
    return "1 byte is left over" if n == 1 else f"{n} bytes are left over"


@contextlib.contextmanager
def told(doing: str = "write") -> Iterator[None]:
    """Turn the system's errors in reading or writing into ours."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise (DiskFullError if full else FileError)(f"cannot {doing}: {error.strerror}") from None
