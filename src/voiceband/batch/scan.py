"""Find the sound files below a folder, and name their outputs."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from voiceband._whole_files import MAX_NAME_BYTES
from voiceband.batch.journal import NAME as JOURNAL
from voiceband.batch.work import FileOutcome, Job
from voiceband.sound.errors import FileError
from voiceband.sound.names import READABLE, UNSAID


class LeftAlone(NamedTuple):
    """A file or folder that is no input of a batch: its path below the source folder, and why."""

    name: str
    reason: str


class Found(NamedTuple):
    """What lies below a folder: what can be done, what is bad, and what a batch leaves alone."""

    jobs: list[Job]
    bad: list[FileOutcome]
    others: list[LeftAlone]


def scan(source: Path, target: Path, suffix: str, *, unsaid: bool) -> Found:
    """Find the sound files below a folder, in order of their names.

    Parameters
    ----------
    source, target : Path
        Folders, resolved. Output folders of batches that lie in `source` are left alone.
    suffix : str
        Of the outputs.
    unsaid : bool
        Whether files are taken whose names say that they are raw, but not what they hold.

    Raises
    ------
    FileError
        If `source` cannot be read.
    """
    found = Found([], [], [])

    def unreadable(error: OSError) -> None:
        name = Path(error.filename).relative_to(source).as_posix()
        if name == ".":
            raise FileError(f"cannot read {source}: {error.strerror}")
        found.bad.append(FileOutcome(Job(f"{name}/", 0, 0), "bad", f"cannot read the folder: {error.strerror}"))

    for folder, folders, files in os.walk(source, onerror=unreadable):
        here = Path(folder)
        for name in list(folders):
            # False where it cannot be looked at, unlike Path.exists.
            if here / name == target or os.path.exists(here / name / JOURNAL):  # noqa: PTH110
                below = (here / name).relative_to(source).as_posix()
                found.others.append(LeftAlone(f"{below}/", "it is the output folder of a batch"))
                folders.remove(name)
            elif name.startswith(".") or (here / name).is_symlink():
                below = (here / name).relative_to(source).as_posix()
                reason = "it is hidden" if name.startswith(".") else "it is a link to a folder"
                found.others.append(LeftAlone(f"{below}/", reason))
                folders.remove(name)
        folders.sort()
        for file in sorted(files):
            _look(found, source, here / file, unsaid)
    return Found(_named(found, suffix), found.bad, found.others)


def _look(found: Found, source: Path, path: Path, unsaid: bool) -> None:
    """Sort a file."""
    name = path.relative_to(source).as_posix()
    suffix = path.suffix.lower()
    try:
        name.encode()
    except UnicodeEncodeError:
        found.bad.append(FileOutcome(Job(ascii(name), 0, 0), "bad", "its name is no valid text: rename it"))
        return
    if path.name.startswith("."):
        found.others.append(LeftAlone(name, "it is hidden"))
        return
    if suffix in UNSAID and not unsaid:
        reason = f"{suffix} does not say what it holds; --format names it, as audio/x-mulaw;rate=8000"
        found.others.append(LeftAlone(name, reason))
        return
    if suffix not in (*READABLE, *UNSAID):
        found.others.append(LeftAlone(name, "its name is not that of a sound file"))
        return
    try:
        stat = path.stat()
    except OSError as error:
        found.bad.append(FileOutcome(Job(name, 0, 0), "bad", f"cannot read: {error.strerror}"))
        return
    if not path.is_file():  # opening a pipe would wait for ever
        found.bad.append(FileOutcome(Job(name, 0, 0), "bad", "it is no regular file"))
        return
    found.jobs.append(Job(name, stat.st_size, stat.st_mtime_ns, unsaid=suffix in UNSAID))


def _named(found: Found, suffix: str) -> list[Job]:
    """Return the jobs with the names of their outputs; inputs that differ by their suffix only keep it."""
    stems = Counter(os.path.splitext(job.name)[0] for job in found.jobs)  # noqa: PTH122 - a million of them
    outputs = {}
    for job in found.jobs:
        stem = os.path.splitext(job.name)[0]  # noqa: PTH122
        outputs[job.name] = (job.name if stems[stem] > 1 else stem) + suffix
    taken = Counter(outputs.values())
    jobs = []
    for job in found.jobs:
        output = outputs[job.name]
        length = len(os.fsencode(output.rpartition("/")[2]))
        if taken[output] > 1:
            reason = f"{taken[output]} files would have the output {output}: rename one"
        elif length > MAX_NAME_BYTES:
            reason = f"the name of its output would have {length} bytes, and names have {MAX_NAME_BYTES}: rename it"
        else:
            jobs.append(Job(job.name, job.size, job.modified, output, unsaid=job.unsaid))
            continue
        found.bad.append(FileOutcome(job, "bad", reason))
    return jobs
