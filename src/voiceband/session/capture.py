"""Captures a call as JSON lines, and replays them into the same events and samples.

    {"time": 12.34, "way": "received", "text": "..."}
    {"time": 12.35, "way": "call", "call": "play", "n": 480, "dtype": "int16", "rate": 24000, ...}
    {"time": 12.36, "way": "call", "call": "poll"}
    {"time": 12.36, "way": "sent", "text": "...", "utterance": "reply-7"}

Both directions of the wire are there for reading, and what the agent and its driver did to the session for replaying:
of speech its length only, since nothing that a session tells depends on how it sounds. Extra headers, custom
parameters, pressed keys and what looks like a phone number are left out unless asked for.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from voiceband.session.ledger import Utterance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Self, TextIO

    from voiceband.session.events import SessionEvent
    from voiceband.session.session import Session

REDACTED = "[redacted]"
_PHONE = re.compile(r"(?<![\w.-])\+?\d[\d ()./-]{5,18}\d(?![\w.-])")
_SECRET = ("extraheaders", "customparameters", "accountid")
_KEYS = ("digit", "digits", "dtmf")
_KEPT = (
    *("event", "payload", "timestamp", "sequenceNumber", "chunk", "streamId", "stream_id", "callId", "callUUID"),
    *("encoding", "contentType", "sampleRate", "track"),
)
_DIGIT = re.compile(r"[0-9*#A-Da-d]")
_SHORTEST_NUMBER = 1_000_000
"""Numbers from here on may be phone numbers."""
_BOM = "\ufeff"


SETTABLE = ("rate", "denoise", "buffer", "gain_in_db", "gain_out_db", "lead_ms")
"""What of a session can be changed while it runs."""


class Capture:
    """Writes a capture; give it to one `Session` as ``capture=``.

    Parameters
    ----------
    path : path-like
        Of the JSON lines; an older file is replaced.
    redact : bool, optional
        Whether to leave out what may be personal.
    """

    def __init__(self, path: str | Path, *, redact: bool = True) -> None:
        self.redact = redact
        self._now = 0.0
        self._names: dict[str, str] = {}  # of checkpoints and utterances that look like phone numbers
        self._file: TextIO = Path(path).open("w", encoding="utf-8", buffering=1)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def received(self, message: object, now: float) -> None:
        """Note a message from the far end; called by the session."""
        self._now = float(now)
        try:
            text = message if isinstance(message, str) else str(bytes(memoryview(message)), "utf-8")  # type: ignore[arg-type]
        except (TypeError, ValueError, BufferError):
            # No text: it cannot be told from its redaction, nor replayed as what it was.
            self._write({"way": "received", "text": REDACTED})
            return
        text = str.__str__(text)
        clean = self._clean(text)
        line: dict[str, Any] = {"way": "received", "text": clean}
        n = str.__len__(text) if isinstance(message, str) else memoryview(message).nbytes  # type: ignore[arg-type]
        if n != len(clean):
            line["n"] = n
        self._write(line)

    def sent(self, texts: list[str], now: float, notes: list[dict[str, Any]]) -> None:
        """Note texts that go out, each with what it does not say itself; called by the session."""
        self._now = float(now)
        for text, note in zip(texts, notes, strict=True):
            self._write({"way": "sent", "text": self._clean(text), **note})

    def at(self, now: float) -> None:
        """Note what time it is; called by the session."""
        self._now = float(now)

    def called(self, call: str, **details: Any) -> None:
        """Note what the agent or its driver did; called by the session."""
        self._write({"way": "call", "call": call, **details})

    def _write(self, line: dict[str, Any]) -> None:
        if line.get("reason") is not None:
            line["reason"] = str(line["reason"])
        if self.redact:
            for key in ("name", "utterance"):
                if isinstance(line.get(key), str):
                    line[key] = self._name(line[key])
            if "ledger" in line:
                line["ledger"] = [[self._name(name), *rest] for name, *rest in line["ledger"]]
            if line.get("reason") is not None:
                line["reason"] = _PHONE.sub(REDACTED, line["reason"])
            if "digits" in line:
                line["digits"] = "0" * len(line["digits"])
        if not self._file.closed:  # a capture may end before its call
            self._file.write(json.dumps({"time": self._now, **line}) + "\n")

    def _name(self, name: str) -> str:
        """Return a name, or what stands for it throughout: answers must still find what they answer."""
        if not _PHONE.search(name):
            return name
        return self._names.setdefault(name, f"[redacted-{len(self._names) + 1}]")

    def _clean(self, text: str) -> str:
        if not self.redact:
            return text
        bom = _BOM if text.startswith(_BOM) else ""
        try:
            raw = msgspec.json.decode(text[len(bom) :])
            cleaned = self._redacted(raw)
            return text if cleaned == raw else bom + msgspec.json.encode(cleaned).decode()
        except (ValueError, RecursionError):
            # Without its structure nobody can say what of it is personal. It is refused by a replay as it was here.
            return REDACTED

    def _redacted(self, value: Any, key: str = "") -> Any:
        if key.lower().replace("_", "") in _SECRET:
            return REDACTED if value else value
        if isinstance(value, dict):
            return {_PHONE.sub(REDACTED, k): self._redacted(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self._redacted(v, key) for v in value]
        if key in _KEPT or isinstance(value, bool):
            return value
        if key in _KEYS and isinstance(value, (str, int)):
            return _DIGIT.sub("0", str(value))
        if key == "name" and isinstance(value, str):
            return self._name(value)
        if isinstance(value, str):
            return _PHONE.sub(REDACTED, value)
        if isinstance(value, (int, float)) and abs(value) >= _SHORTEST_NUMBER:
            return REDACTED
        return value

    def close(self) -> None:
        """Close the file; the session goes on without it."""
        self._file.close()


def replay(lines: Iterable[str] | str | Path, session: Session) -> Iterator[tuple[float, SessionEvent]]:
    """Run a capture through a fresh session.

    Parameters
    ----------
    lines : iterable of str, or path-like
        The capture, or where it is. A last line that was cut off with its process is left out.
    session : Session
        With the options of the one that was captured; nothing has happened to it yet.

    Yields
    ------
    time, event : float, SessionEvent
        What the captured session told its agent, and when. What was redacted is missing from the events too.

    Raises
    ------
    ValueError
        If a line is not one of a capture's.
    """
    if isinstance(lines, (str, Path)):
        lines = Path(lines).read_text(encoding="utf-8").splitlines(keepends=True)
    spoken: dict[str, Utterance] = {}
    for number, line in enumerate(lines, 1):
        try:
            entry = msgspec.json.decode(line)
            now, way = entry["time"], entry["way"]
            if way == "received":
                counted = session._transport.bytes_in
                events = session.receive(entry["text"], now)
                if session._transport.bytes_in > counted:  # as many as there were before it was redacted
                    session._transport.bytes_in = counted + entry.get("n", len(entry["text"]))
            elif way == "call":
                events = _call(session, entry, spoken)
            elif way == "sent":
                continue  # what `poll` has sent
            else:
                raise ValueError(f"way must be received, call or sent, not {way!r}")
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            if isinstance(error, msgspec.DecodeError) and not line.endswith("\n"):
                return
            raise ValueError(f"line {number} of the capture cannot be replayed: {error}") from error
        for event in events:
            yield now, event


def _call(session: Session, entry: dict[str, Any], spoken: dict[str, Utterance]) -> list[SessionEvent]:
    """Do again what was done to a session; return the events that this gave."""
    call = entry["call"]
    if call == "play":
        _play(session, entry, spoken)
    elif call in ("poll", "interrupt"):
        getattr(session, call)(entry["time"])
    elif call in ("mute", "unmute"):
        getattr(session, call)()
    elif call == "events":
        return session.events()
    elif call == "close":
        return session.close(entry["reason"])
    elif call == "drain":
        session.drain(hangup_after_drain=entry["hangup_after_drain"])
    elif call == "checkpoint":
        session.checkpoint(entry["name"], timeout_s=entry["timeout_s"])
    elif call == "send_dtmf":
        session.send_dtmf(entry["digits"])
    elif call == "round_trip":
        session.round_trip(entry["seconds"])
    elif call == "set" and entry["stage"] in SETTABLE:
        setattr(session, entry["stage"], entry["value"])
    else:
        raise ValueError(f"call must be one of a session's, not {call!r}")
    return []


def _play(session: Session, entry: dict[str, Any], spoken: dict[str, Utterance]) -> None:
    """Queue silence of the same length, rate and format."""
    if entry["late"]:
        utterance = Utterance(entry["name"], session._transport)
        utterance.interrupted = True
        session.play(b"", utterance=utterance)
        return
    data: Any = bytes(entry["n"]) if entry["format"] else np.zeros(entry["n"], entry["dtype"])
    options = {"rate": entry["rate"], "format": entry["format"], "end": entry["end"]}
    if entry["again"]:
        session.play(data, utterance=spoken[entry["name"]], **options)
    else:
        spoken[entry["name"]] = session.play(data, name=entry["name"], **options)
