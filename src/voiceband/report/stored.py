"""What lies in a call's folder: its log, its recording, and what is odd about them.

call.wav     left: the caller, right: what the caller heard
wire.jsonl   a log of the emulator, or the capture of a session
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from voiceband.emulator.carrier.log import CallLog
from voiceband.report.captured import as_log, is_capture
from voiceband.report.errors import ReportError
from voiceband.report.page_sound import Recording, read
from voiceband.sound.headers import kind_of
from voiceband.sound.names import READABLE, UNSAID

if TYPE_CHECKING:
    from pathlib import Path

    from voiceband.formats import AudioFormat

SOUND, WIRE, SUMMARY = "call.wav", "wire.jsonl", "summary.json"
MAX_WIRE_BYTES = 1 << 30
NAMES_SHOWN = 5


class Stored(NamedTuple):
    """A call that was stored. Of `log` and `sound` at least one is there.

    Attributes
    ----------
    name : str
        Of the folder or file.
    log : CallLog or None
        What happened.
    sound : Recording or None
        Two channels: the caller, and what the caller heard.
    captured : bool
        Whether the log was seen from the agent's end.
    timed_out : list of str
        Steps of a scripted caller that did not happen.
    notes : list of str
        What a reader should know of the files.
    """

    name: str
    log: CallLog | None
    sound: Recording | None
    captured: bool
    timed_out: list[str]
    notes: list[str]


def open_call(path: Path, audio_format: AudioFormat | str | None = None) -> Stored | Recording:
    """Return the call that is stored at a path, or the recording that is none.

    Parameters
    ----------
    path : Path
        A folder, a log, or a sound file. ``call.wav`` and ``wire.jsonl`` that lie side by side belong together.
    audio_format : AudioFormat or str, optional
        What a file of nothing but samples holds.

    Raises
    ------
    ReportError
        If there is nothing to report on; the text says what is wrong.
    """
    try:
        if str(path) == "-":
            return _heard(path, "standard input", audio_format)
        if path.is_dir():
            return _open_folder(path)
        if not path.exists():
            raise ReportError(f"no such file or folder: {path}")
        if path.suffix.lower() in (".jsonl", ".ndjson", ".json"):
            return _call(path.name, path, _beside(path, WIRE, SOUND))
        if audio_format is None and path.suffix.lower() not in (*READABLE, *UNSAID) and not _is_sound(path):
            kinds = "a folder, a sound file such as call.wav, nor a log such as wire.jsonl"
            raise ReportError(f"{path} is neither {kinds}")
        wire = _beside(path, SOUND, WIRE)
        if wire is not None:
            return _call(path.name, wire, path)
        return _heard(path, path.name, audio_format)
    except OSError as error:
        raise ReportError(f"{error.filename or path} cannot be read: {error.strerror}") from None


def _heard(path: Path, name: str, audio_format: AudioFormat | str | None) -> Stored | Recording:
    sound = read(path, audio_format)
    return Stored(name, None, sound, False, [], []) if len(sound.pcm) == 2 else sound


def _is_sound(path: Path) -> bool:
    """Return whether a file begins as one that holds sound, whatever its name is."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return bool(kind_of(file.read(64)))


def _open_folder(folder: Path) -> Stored:
    wire, sound = folder / WIRE, folder / SOUND
    if wire.is_file() or sound.is_file():
        name = folder.resolve().name
        return _call(name, wire if wire.is_file() else None, sound if sound.is_file() else None)
    inner = sorted(p.parent.name for p in folder.glob(f"*/{WIRE}"))
    if inner:
        more = f" and {len(inner) - NAMES_SHOWN} more" if len(inner) > NAMES_SHOWN else ""
        raise ReportError(f"{folder} holds several calls, name one of them: {', '.join(inner[:NAMES_SHOWN])}{more}")
    raise ReportError(f"{folder} holds no call: there is neither {WIRE} nor {SOUND} in it")


def _beside(path: Path, own: str, other: str) -> Path | None:
    """Return the other file of a call, if this one has its usual name."""
    neighbour = path.with_name(other)
    return neighbour if path.name == own and neighbour.is_file() else None


def _call(name: str, wire: Path | None, sound: Path | None) -> Stored:
    notes: list[str] = []
    log, captured = (None, False) if wire is None else _read_log(wire, notes)
    recording = None
    if sound is not None:
        try:
            recording = read(sound)
            if len(recording.pcm) != 2:
                raise ReportError(f"{sound} must have two channels, caller and agent, not {len(recording.pcm)}")
        except ReportError as error:
            if log is None:
                raise
            recording = None
            notes.append(f"The recording was not used: {error}.")
    return Stored(name, log, recording, captured, _timed_out((wire or sound).parent / SUMMARY), notes)  # type: ignore[union-attr]


def _read_log(path: Path, notes: list[str]) -> tuple[CallLog, bool]:
    if path.stat().st_size > MAX_WIRE_BYTES:
        raise ReportError(f"{path} is {path.stat().st_size >> 20} MB long: logs go up to {MAX_WIRE_BYTES >> 20} MB")
    lines = path.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
        notes.append("The log breaks off in the middle of its last line, as after a crash; that line was left out.")
    if not any(line.strip() for line in lines):
        raise ReportError(f"{path} holds nothing: there is no line in it")
    captured = is_capture(lines[0])
    try:
        log = as_log(lines) if captured else CallLog.read(lines)
    except ValueError as error:
        raise ReportError(f"{path}: {error}") from None
    if not len(log):
        raise ReportError(f"{path} holds no message of a call")
    last_s = 0.0
    for number, entry in enumerate(log, 1):
        if not last_s <= entry.at_s < float("inf"):
            raise ReportError(f"{path}: line {number} is out of the order of time: {entry.at_s} s after {last_s} s")
        last_s = entry.at_s
    return log, captured


def _timed_out(path: Path) -> list[str]:
    """Return what the summary has and the log has not; a summary is not needed."""
    try:
        steps = json.loads(path.read_text(encoding="utf-8"))["timed_out"]
        return [f"step {step['step']} ({step['what']})" for step in steps]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
