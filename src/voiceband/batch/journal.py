"""What a batch has done, one line a file, in the folder that it writes to."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import msgspec

from voiceband.sound.errors import FileError, told

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

    from voiceband.batch.work import FileOutcome, Job

NAME = ".voiceband-batch.jsonl"


class JournalEntry(msgspec.Struct, frozen=True, gc=False):
    """One file that is done.

    Attributes
    ----------
    name : str
        Path below the source folder.
    size, modified : int
        Of the input: bytes, and ns.
    key : str
        Of its content and the settings.
    settings : str
        Of the batch.
    outputs : tuple of (str, int)
        Paths below the target folder, and bytes.
    source : str
        Folder that the input lay below.
    """

    name: str
    size: int
    modified: int
    key: str
    settings: str
    outputs: tuple[tuple[str, int], ...]
    source: str = ""


class Journal:
    """The journal of a folder; while it is open, no other batch can open it.

    Parameters
    ----------
    folder : Path
        Where it is.

    read_only : bool, optional
        Look at it only; it need not be there, and others may have it open.

    Raises
    ------
    OSError
        If it cannot be written.
    FileError
        If another batch has it open.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self._folder = folder
        self._encode = msgspec.json.Encoder().encode
        self.read_only = read_only
        self._file: FileIO | None = None
        self._entries: dict[str, JournalEntry] = {}
        self._owners: dict[str, str] = {}  # whose output a file is: that of the last one that wrote it
        if not read_only:
            self._file = (folder / NAME).open("ab", buffering=0)  # a line is there, or there is an error
        try:
            if self._file is not None:
                _lock(self._file)
            self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        """Read the last entry of each file. A line that was cut by a crash, or is strange, is as if not there."""
        decode = msgspec.json.Decoder(JournalEntry).decode
        line = b"\n"
        path = self._folder / NAME
        if self.read_only and not path.exists():
            return
        with path.open("rb") as lines:
            for line in lines:
                try:
                    entry = decode(line)
                except msgspec.DecodeError:
                    continue
                self._keep(entry)
        if self._file is not None and not line.endswith(b"\n"):
            self._file.write(b"\n")

    def _keep(self, entry: JournalEntry) -> None:
        """Remember an entry, and forget those whose outputs it has replaced."""
        self._entries[entry.name] = entry
        for output, _ in entry.outputs:
            before = self._entries.get(self._owners.get(output, entry.name))
            if before is not None and before.name != entry.name and output in dict(before.outputs):
                del self._entries[before.name]
            self._owners[output] = entry.name

    def done(self, job: Job, settings: str) -> JournalEntry | None:
        """Return the entry of a file whose outputs are there, made with the same settings, and have its names."""
        entry = self._entries.get(job.name)
        if entry is None or entry.settings != settings:
            return None
        for name, size in entry.outputs:
            if not job.becomes(name):
                return None
            try:
                if os.stat(self._folder / name).st_size != size:  # noqa: PTH116 - a million of them
                    return None
            except OSError:
                return None
        return entry

    def add(self, outcome: FileOutcome, settings: str, source: str) -> None:
        """Append a file that is done, or was and has a new time; FileError if that cannot be written."""
        job = outcome.job
        known = self._entries.get(job.name)
        outputs = known.outputs if outcome.state == "same" and known is not None else outcome.outputs
        entry = JournalEntry(job.name, job.size, job.modified, outcome.key, settings, outputs, source)
        self._keep(entry)
        line = self._encode(entry) + b"\n"
        assert self._file is not None
        with told():
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Let others open it."""
        if self._file is not None:
            self._file.close()


def _lock(file: FileIO) -> None:
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows: two batches into one folder do work twice, but no harm
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileError("another batch is writing there") from None
    except OSError:  # a file system without locks
        return
