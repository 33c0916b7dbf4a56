"""What is left of an emulated call: call.wav, wire.jsonl and summary.json in one folder."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voiceband.emulator.call.files import write_sound_and_summary
from voiceband.emulator.carrier.log import CallLog, entry_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self, TextIO

    from voiceband.emulator.call.placed import PlacedCall
    from voiceband.emulator.carrier.log import Entry

FILES = ("call.wav", "wire.jsonl", "summary.json")
ATTEMPT = "attempt.jsonl"
"""What happens before the agent is connected; then it becomes ``wire.jsonl``."""


class CallRecord:
    """Records a phone call while it runs.

    Parameters
    ----------
    folder : path-like
        Made when the record is opened; files of an earlier call are replaced when this one has connected. If it never
        does, they are kept, and ``attempt.jsonl`` has what happened.
    on_entry : callable, optional
        Called with every entry too.

    Attributes
    ----------
    log : CallLog
        For the `Carrier`. Whatever happens, ``wire.jsonl`` is good up to its last entry.
    extra : dict
        What else the summary is to have.

    Notes
    -----
    A context manager: it opens and closes ``wire.jsonl``, and raises OSError if that cannot be. `write` makes the other
    two files of a call that is over. Once the disk is full nothing more is written, and `check` and `write` raise
    OSError.
    """

    def __init__(self, folder: str | Path, *, on_entry: Callable[[Entry], object] | None = None) -> None:
        self.folder = Path(folder)
        self.log = CallLog(on_entry=self._see)
        self.extra: dict[str, Any] = {}
        self._on_entry = on_entry
        self._wire: TextIO | None = None
        self._failed: OSError | None = None
        self._earlier = False  # an earlier call's files are here

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._earlier = any((self.folder / name).exists() for name in FILES)
        # Line by line, so that no crash takes more than what happens after it.
        self._wire = (self.folder / ATTEMPT).open("w", encoding="utf-8", buffering=1)
        return self

    @property
    def kept(self) -> tuple[str, str]:
        """What the files here are of, and where they are."""
        if self._earlier:
            return "kept", f"the recording of an earlier call in {self.folder}; this attempt is in {ATTEMPT} there"
        return "recorded in", str(self.folder)

    def _replace(self) -> None:
        """Let the files be of this call."""
        self._earlier = False
        if (self.folder / ATTEMPT).exists():
            for name in FILES:
                (self.folder / name).unlink(missing_ok=True)
            (self.folder / ATTEMPT).rename(self.folder / "wire.jsonl")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        if not self._earlier:
            self._replace()

    def _see(self, entry: Entry) -> None:
        if self._wire is not None:
            try:
                if self.log.entries and self.log.entries[-1] is entry:  # what the log keeps, no more
                    self._wire.write(entry_line(entry))
            except OSError as error:
                self._fail(error)  # not raised: whoever logs something has not caused it
            if entry.name == "start" and entry.way == "sent" and (self.folder / ATTEMPT).exists():
                self._replace()
        if self._on_entry is not None:
            self._on_entry(entry)

    def _fail(self, error: OSError) -> None:
        """Keep whole lines of what was written, and write no more."""
        wire, self._wire, self._failed = self._wire, None, error
        assert wire is not None
        with contextlib.suppress(OSError):
            wire.close()
        error.filename = str(self.folder)
        path = self.folder / (ATTEMPT if (self.folder / ATTEMPT).exists() else "wire.jsonl")
        with contextlib.suppress(OSError), path.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)

    def check(self) -> None:
        """Raise OSError if something could not be written."""
        if self._failed is not None:
            raise self._failed

    def write(self, call: PlacedCall) -> dict[str, Any]:
        """Write call.wav (left: the caller, right: what the caller heard) and summary.json; return the summary.

        Nothing is written of a call that never connected, where the files of an earlier one are.
        """
        self.check()
        summary = {**call.summary(), **self.extra}
        if self._earlier:
            return summary
        self._replace()
        write_sound_and_summary(self.folder, call.recording(), summary)
        return summary
