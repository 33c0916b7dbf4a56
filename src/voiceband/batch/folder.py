"""A folder of recordings into another: what there is to do, what was done before, and who does it."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import voiceband
from voiceband._checks import check_flag, check_integer, check_text
from voiceband._processes import cores
from voiceband._whole_files import PART
from voiceband.batch.cluster import on_cluster
from voiceband.batch.journal import NAME as JOURNAL
from voiceband.batch.journal import Journal
from voiceband.batch.local import in_processes
from voiceband.batch.pipeline import Pipeline
from voiceband.batch.scan import scan
from voiceband.batch.stages import Resample
from voiceband.batch.work import FileOutcome, Job, Work
from voiceband.dsp.resample import Resampler
from voiceband.formats import AudioFormat
from voiceband.sound.errors import FileError
from voiceband.sound.names import WRITABLE

if TYPE_CHECKING:
    from collections.abc import Generator

    from voiceband.batch.scan import LeftAlone

USUAL_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000)
"""Sample rates that recordings have."""

MARK = "batch-"
"""In the names of what a batch has not finished: other programs' unfinished files are theirs."""


class Batch:
    """All sound files below a folder through a pipeline, into another folder.

    Every output has its input's path, with the suffix of the outputs. It gets its name when it is whole. What is done
    is kept in a journal in the target folder, so that the same batch, started again, goes on where it stopped, and does
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
        Of the outputs: .flac, .wav, .mp3, .ogg, .opus, or one of raw audio, see `process_file`.
    raw_rate : int, optional
        Rate of inputs that are raw by their names, Hz; default: what the names say.
    raw_format : AudioFormat or str, optional
        What files hold whose names do not say it (.raw, .pcm, .s16), as "audio/x-mulaw;rate=8000"; default: such files
        are left alone.
    allow_cut : bool, optional
        Take what there is of files that are cut short.
    dry_run : bool, optional
        Find out what there is to do, and write nothing; such a batch cannot be run.

    Raises
    ------
    FileError
        If `source` cannot be read, `target` cannot be written, or another batch writes there now.
    TypeError
        If an argument is of a wrong type.
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
        raw_rate: int | None = None,
        raw_format: AudioFormat | str | None = None,
        allow_cut: bool = False,
        dry_run: bool = False,
    ) -> None:
        if not isinstance(pipeline, Pipeline):
            raise TypeError(f"pipeline must be a Pipeline, not {pipeline!r}")
        check_text("suffix", suffix)
        if raw_rate is not None:
            check_integer("raw_rate", raw_rate, 1)
        allow_cut, dry_run = check_flag("allow_cut", allow_cut), check_flag("dry_run", dry_run)
        if pipeline.decodes:
            raise ValueError("pipeline must not begin with Decode: the names of the files say what is raw")
        suffix = suffix.lower()
        if suffix not in WRITABLE:
            raise ValueError(f"suffix must be one of {', '.join(WRITABLE)}, not {suffix!r}")
        if isinstance(raw_format, str):
            raw_format = AudioFormat.parse(raw_format)
        elif raw_format is not None and not isinstance(raw_format, AudioFormat):
            raise TypeError(f"raw_format must be an AudioFormat or a MIME type, not {raw_format!r}")
        _check_rate(pipeline)
        self._source, self._target = Path(source).resolve(), Path(target).resolve()
        if not self._source.is_dir():
            raise FileError(f"{source} is {'a file' if self._source.exists() else 'not there'}: it must be a folder")
        if self._source == self._target:
            raise FileError("input and output are the same folder")
        if self._target in self._source.parents:  # an output could have the name of an input
            raise FileError("the input folder must not lie in the output folder")
        if self._target.exists() and not self._target.is_dir():
            raise FileError(f"cannot write {target}: it is a file")
        settings = f"{voiceband.__version__} {pipeline!r} {suffix} {raw_rate} {raw_format} {allow_cut}"
        run = f"{MARK}{uuid.uuid4().hex[:8]}-"
        self._work = Work(
            str(self._source), str(self._target), pipeline, raw_rate, raw_format, allow_cut, run, settings
        )
        found = scan(self._source, self._target, suffix, unsaid=raw_format is not None)
        self._bad, self._others = found.bad, found.others
        try:
            if not dry_run:
                self._target.mkdir(parents=True, exist_ok=True)
            self._journal = Journal(self._target, read_only=dry_run)
        except OSError as error:
            raise FileError(f"cannot write {target}: {error.strerror}") from None
        self._same: list[FileOutcome] = []
        self._jobs: list[Job] = []
        for job in found.jobs:
            known = self._journal.done(job, settings)
            if known is None:
                self._jobs.append(job)
            elif (known.source, known.size, known.modified) == (self._work.source, job.size, job.modified):
                self._same.append(FileOutcome(job, "same", key=known.key))
            else:  # a worker looks whether the content has changed too
                self._jobs.append(msgspec.structs.replace(job, key=known.key))

    @property
    def jobs(self) -> list[Job]:
        """What there is to do; of files whose time has changed a worker looks first whether the content has too."""
        return self._jobs

    @property
    def n_files(self) -> int:
        """How many sound files there are."""
        return len(self._jobs) + len(self._same) + len(self._bad)

    @property
    def bad(self) -> list[FileOutcome]:
        """The files that cannot be done, as far as their names and the folders say so."""
        return self._bad

    @property
    def same(self) -> list[FileOutcome]:
        """The files that were done before, and have not changed since."""
        return self._same

    @property
    def left_alone(self) -> list[LeftAlone]:
        """The files and folders that are no input, and why."""
        return self._others

    @property
    def n_bytes(self) -> int:
        """Their sizes together."""
        return sum(job.size for job in self._jobs) + sum(o.job.size for o in (*self._same, *self._bad))

    def run(self, *, workers: int | None = None, scheduler: str | None = None) -> Generator[FileOutcome]:
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
        outcome : FileOutcome
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
        if self._journal.read_only:
            raise RuntimeError("a batch of dry_run=True cannot be run")
        self._sweep(MARK)  # what a batch that was killed has left
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
            self._sweep(self._work.run)

    def _sweep(self, mark: str) -> None:
        """Remove unfinished files with a mark, but not where another batch may be at work."""
        for folder, folders, files in os.walk(self._target):
            folders[:] = [name for name in folders if not Path(folder, name, JOURNAL).exists()]
            for name in fnmatch.filter(files, f".*.{mark}*{PART}"):
                with contextlib.suppress(OSError):  # it is somebody else's, or gone
                    Path(folder, name).unlink()

    def close(self) -> None:
        """Let another batch have the target folder."""
        self._journal.close()

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_rate(pipeline: Pipeline) -> None:
    """Raise ValueError for a rate that no usual recording can be brought to: once, not for each file."""
    for stage in pipeline.stages:
        if isinstance(stage, Resample) and not any(_converts(rate, stage) for rate in USUAL_RATES):
            raise ValueError(
                f"rate {stage.rate} Hz cannot be made of any usual one ({', '.join(map(str, USUAL_RATES))} Hz): choose "
                "one of these"
            )


def _converts(rate: int, stage: Resample) -> bool:
    try:
        Resampler(rate, stage.rate, quality=stage.quality)
    except ValueError:
        return False
    return True
