"""Files that are whole under their names, or not there: they are written under another name first."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PART = ".voiceband-part"
MAX_NAME_BYTES = 255


def part_of(target: Path, mark: str = "") -> Path:
    """Return the name that a file has while it is written: in the same folder, hidden, no longer than names can be."""
    name = f".{target.name}.{mark}{os.getpid()}{PART}"
    if len(os.fsencode(name)) > MAX_NAME_BYTES:
        digest = hashlib.blake2b(os.fsencode(target.name), digest_size=8).hexdigest()
        name = f".{digest}.{mark}{os.getpid()}{PART}"
    return target.with_name(name)


@contextlib.contextmanager
def replacing(targets: Sequence[Path], mark: str = "") -> Iterator[list[Path]]:
    """Yield paths to write to: they become `targets` when the block ends well, or vanish.

    All of them do, unless the system fails between two renames.

    Parameters
    ----------
    targets : sequence of Path
        What will be there, or is and gets replaced.
    mark : str, optional
        Goes into the names meanwhile.
    """
    parts = [part_of(target, mark) for target in targets]
    try:
        yield parts
        for target in targets:
            if target.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
        for part, target in zip(parts, targets, strict=True):
            part.replace(target)
    finally:
        for part in parts:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
