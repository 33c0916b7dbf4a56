"""A folder of recordings into another: what there is to do, what was done before, and who does it."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from voiceband import __version__
from voiceband._checks import check_integer
from voiceband._processes import cores
from voiceband.batch.cluster import on_cluster
from voiceband.batch.files import CONTAINERS, RAW, READABLE, FileError
from voiceband.batch.journal import Journal
from voiceband.batch.local import in_processes
from voiceband.batch.work import PART, Job, Outcome, Work

if TYPE_CHECKING:
    from collections.abc import Generator

    from voiceband.batch.pipeline import Pipeline


class Batch:
    """All sound files below a folder through a pipeline, into another folder.

    Every output has its input's path, with the suffix of the outputs. It gets its name when it is whole. What is done
    is kept in a journal in the target folder, so that the same batch begun again goes on where it stopped, and does
    again only what has changed: contents of files, pipeline, rates, or the version of this package.

    Parameters
    ----------
    source : path
        Folder to read: files that are sound by their names, in it and in the folders below; those whose names begin
        with a dot are left out.
    target : path
        Folder to write; made when it is not there. It may lie in `source`, but not be it, nor hold it.
    pipeline : Pipeline
        What to do with each. It cannot begin with `Decode`: names say what is raw.
    suffix : str, optional
        Of the outputs: .flac, .wav, or one of raw audio, see `process_file`.
    raw_rate : int, optional
        Rate of raw inputs, Hz.

    Raises
    ------
    FileError
        If `source` cannot be read, `target` cannot be written, or another batch writes there now.
    ValueError
        If `pipeline` or `suffix` will not do.

    Notes
    -----
    Closing it (it is a context manager) lets another batch have `target`.

    Examples
    --------
    >>> import tempfile
    >>> from voiceband.batch import Denoise, Pipeline
    >>> source, target = tempfile.mkdtemp(), tempfile.mkdtemp()
    >>> _ = Path(source, "call.ulaw").write_bytes(bytes(1600))
    >>> with Batch(source, target, Pipeline(Denoise(85))) as batch:
    ...     [outcome.state for outcome in batch.run(workers=1)]
    ['done']
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        pipeline: Pipeline,
        *,
        suffix: str = ".flac",
        raw_rate: int = 8000,
    ) -> None:
        if pipeline.decodes:
            raise ValueError("pipeline must not begin with Decode: the names of the files say what is raw")
        if suffix.lower() not in (*CONTAINERS, *RAW):
            raise ValueError(f"suffix must be one of {', '.join((*CONTAINERS, *RAW))}, not {suffix!r}")
        self._source, self._target = Path(source).resolve(), Path(target).resolve()
        if not self._source.is_dir():
            raise FileError(f"{source} is {'a file' if self._source.exists() else 'not there'}: it must be a folder")
        if self._source == self._target:
            raise FileError("input and output are the same folder")
        if self._target in self._source.parents:  # an output could have the name of an input
            raise FileError("the input folder must not lie in the output folder")
        settings = f"{__version__} {pipeline!r} {suffix} {raw_rate}"
        self._bad: list[Outcome] = []
        self._n_other = 0
        jobs = self._scan()
        try:
            self._target.mkdir(parents=True, exist_ok=True)
            self._journal = Journal(self._target)
        except OSError as error:
            raise FileError(f"cannot write {target}: {error.strerror}") from None
        self._work = Work(
            str(self._source), str(self._target), pipeline, suffix, raw_rate, f"{uuid.uuid4().hex[:8]}-", settings
        )
        self._same: list[Outcome] = []
        self._jobs: list[Job] = []
        for job in jobs:
            known = self._journal.done(job, settings)
            if known is None:
                self._jobs.append(job)
            elif (known.source, known.size, known.modified) == (self._work.source, job.size, job.modified):
                self._same.append(Outcome(job, "same", key=known.key))
            else:  # a worker looks whether the content has changed too
                self._jobs.append(Job(job.name, job.size, job.modified, known.key))

    @property
    def n_files(self) -> int:
        """How many sound files there are."""
        return len(self._jobs) + len(self._same) + len(self._bad)

    @property
    def n_other(self) -> int:
        """How many files are no sound by their names."""
        return self._n_other

    @property
    def n_bytes(self) -> int:
        """Their sizes together."""
        return sum(job.size for job in self._jobs) + sum(o.job.size for o in (*self._same, *self._bad))

    def run(self, *, workers: int | None = None, scheduler: str | None = None) -> Generator[Outcome]:
        """Do what is to be done.

        Parameters
        ----------
        workers : int, optional
            Processes to use, 1 for this one alone; as many as there are cores by default. Programs that use more than
            one need the ``if __name__ == "__main__":`` that `multiprocessing` needs.
        scheduler : str, optional
            Address of a Dask scheduler, as "tcp://10.0.0.1:8786", whose workers do it then. They must see both folders
            at the same paths. Needs ``voiceband[dask]``.

        Yields
        ------
        outcome : Outcome
            One for every file, in the order in which they end; bad files are outcomes, too. After one whose state is
            "full" those that are left are "stopped".

        Raises
        ------
        FileError
            If the journal cannot be written, processes cannot be started, the scheduler cannot be reached or is lost,
            or the extra is missing. `DiskFullError`, a kind of it, if there is no room for the journal.
        TypeError, ValueError
            If `workers` is no integer, or below 1.

        Notes
        -----
        Closing the generator, or an exception in its consumer, stops the workers within a block of audio.
        """
        if workers is not None:
            workers = check_integer("workers", workers, 1)
        yield from self._bad
        yield from self._same
        if scheduler is not None:
            outcomes = on_cluster(self._work, self._jobs, scheduler)
        else:
            outcomes = in_processes(self._work, self._jobs, min(workers or cores(), max(1, len(self._jobs))))
        try:
            for outcome in outcomes:
                if outcome.state in ("done", "same"):
                    self._journal.add(outcome, self._work.settings, self._work.source)
                yield outcome
        finally:
            outcomes.close()
            self._sweep()

    def close(self) -> None:
        """Give the target folder free."""
        self._journal.close()

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _scan(self) -> list[Job]:
        """Find the files, in order of their names; the bad are kept apart."""
        jobs = []

        def unreadable(error: OSError) -> None:
            name = Path(error.filename).relative_to(self._source).as_posix()
            if name == ".":
                raise FileError(f"cannot read {self._source}: {error.strerror}")
            self._bad.append(Outcome(Job(f"{name}/", 0, 0), "bad", f"cannot read the folder: {error.strerror}"))

        for folder, folders, files in os.walk(self._source, onerror=unreadable):
            here = Path(folder)
            folders[:] = sorted(f for f in folders if not f.startswith(".") and here / f != self._target)
            for file in sorted(files):
                path = here / file
                if path.suffix.lower() not in READABLE or file.startswith("."):
                    self._n_other += not file.startswith(".")
                    continue
                name = path.relative_to(self._source).as_posix()
                try:
                    name.encode()
                    stat = path.stat()
                except UnicodeEncodeError:
                    self._bad.append(Outcome(Job(ascii(name), 0, 0), "bad", "its name is no valid text"))
                    continue
                except OSError as error:
                    self._bad.append(Outcome(Job(name, 0, 0), "bad", f"cannot read: {error.strerror}"))
                    continue
                if not path.is_file():  # opening a pipe would wait for ever
                    self._bad.append(Outcome(Job(name, 0, 0), "bad", "it is no regular file"))
                    continue
                jobs.append(Job(name, stat.st_size, stat.st_mtime_ns))
        stems = Counter(os.path.splitext(job.name)[0] for job in jobs)  # noqa: PTH122 - a million of them
        clear = []
        for job in jobs:
            stem = os.path.splitext(job.name)[0]  # noqa: PTH122
            if stems[stem] == 1:
                clear.append(job)
            else:
                self._bad.append(Outcome(job, "bad", f"{stems[stem]} files differ by suffix only: rename one"))
        return clear

    def _sweep(self) -> None:
        """Remove what workers that were killed have left unfinished."""
        for folder in {(self._target / job.name).parent for job in self._jobs}:
            for part in folder.glob(f".*{PART}") if folder.is_dir() else ():
                part.unlink(missing_ok=True)
