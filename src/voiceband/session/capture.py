"""Captures a call as JSON lines, for `replay`.

    {"time": 12.34, "way": "received", "text": "..."}
    {"time": 12.35, "way": "call", "call": "play", "n": 480, "item": "int16", "rate": 24000, ...}
    {"time": 12.36, "way": "call", "call": "poll"}
    {"time": 12.36, "way": "sent", "text": "...", "utterance": "reply-7"}

Both directions of the wire are there for reading, and what the agent and its driver did to the session for replaying:
of speech its length only, since nothing that a session tells depends on how it sounds. Extra headers, custom
parameters, pressed keys and what looks like a phone number are left out unless asked for.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from voiceband.session.redaction import LONGEST_READ, REDACTED, may_have_phone_number, redact

if TYPE_CHECKING:
    import os
    from types import TracebackType
    from typing import Self, TextIO

    from voiceband.session.outbound.given import PieceFormat

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


class Capture:
    """Writes a capture; give it to one `Session` as ``capture=``.

    Parameters
    ----------
    path : path-like
        Of the JSON lines; an older file is replaced.
    redact : bool, optional
        Whether to leave out what may be personal.

    Examples
    --------
    >>> from voiceband.session import Session, replay
    >>> with Capture("call.jsonl") as capture:
    ...     events = Session(capture=capture).close("the caller hung up")
    >>> list(replay("call.jsonl", Session())) == [(0.0, event) for event in events]
    True
    """

    def __init__(self, path: str | os.PathLike[str], *, redact: bool = True) -> None:
        self.redact = redact
        self._now = 0.0
        self._unread: float = LONGEST_READ  # characters that may still be read
        self._names: dict[str, str] = {}  # those of ours that may be phone numbers, and what is written for them
        self._file: TextIO = Path(path).open("w", encoding="utf-8", buffering=1)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def received(self, message: object, now: float) -> None:
        """Note a message from the far end; called by the session."""
        self.at(now)
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
        self.at(now)
        for text, note in zip(texts, notes, strict=True):
            self._write({"way": "sent", "text": self._clean(text), **note})

    def at(self, now: float) -> None:
        """Note what time it is; called by the session."""
        now = float(now)
        self._unread = min(LONGEST_READ, self._unread + max(0.0, now - self._now) * LONGEST_READ)
        self._now = now

    def called(self, call: str, **details: Any) -> None:
        """Note what the agent or its driver did; called by the session."""
        self._write({"way": "call", "call": call, **details})

    def played(self, spoken: str, name: str | None, given: PieceFormat | None, n: int, end: bool) -> None:
        """Note a piece that `Session.play` took, and of which utterance; called by the session."""
        details: dict[str, Any] = {"utterance": spoken, "name": name, "end": end, "n": n if given else 0}
        if given is not None:
            details |= {"item": given.item, "rate": given.rate or None}
        self.called("play", **details)

    def ended(self, spoken: str) -> None:
        """Note that an utterance was ended by its own `end`; called by the session."""
        self.called("end", utterance=spoken)

    def _write(self, line: dict[str, Any]) -> None:
        if line.get("timeout_s") == math.inf:
            line["timeout_s"] = None  # JSON has no word for it
        if self.redact:
            for key in ("name", "utterance"):
                if isinstance(line.get(key), str):
                    line[key] = self._our_name(line[key])
            if "ledger" in line:
                line["ledger"] = [[self._our_name(name), *rest] for name, *rest in line["ledger"]]
            if line.get("reason") is not None:
                line["reason"] = self._text(line["reason"])
            if "digits" in line:
                line["digits"] = "0" * len(line["digits"])
        if not self._file.closed:  # a capture may end before its call
            self._file.write(json.dumps({"time": self._now, **line}) + "\n")

    def _text(self, text: str) -> str:
        """Return a text without phone numbers; `REDACTED` where too much was read in the last second already."""
        if not may_have_phone_number(text):
            return text
        if len(text) > self._unread:
            return REDACTED
        self._unread -= len(text)
        return redact(text)

    def _our_name(self, name: str) -> str:
        """Return a name that we gave, or what stands for it throughout: answers must still find what they answer."""
        if not may_have_phone_number(name):
            return name
        if name not in self._names:
            self._names[name] = name if redact(name) == name else f"[redacted-{len(self._names) + 1}]"
        return self._names[name]

    def _clean(self, text: str) -> str:
        if not self.redact:
            return text
        bom = _BOM if text.startswith(_BOM) else ""
        try:
            raw = msgspec.json.decode(text[len(bom) :])
            cleaned = self._redacted(raw)
            same = cleaned == raw and not _says_twice(text[len(bom) :])
            return text if same else bom + msgspec.json.encode(cleaned).decode()
        except (ValueError, RecursionError):
            # Without its structure nobody can say what of it is personal. It is refused by a replay as it was here.
            return REDACTED

    def _redacted(self, value: Any, key: str = "") -> Any:
        if key.lower().replace("_", "") in _SECRET:
            return REDACTED if value else value
        if isinstance(value, dict):
            return {self._text(k): self._redacted(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self._redacted(v, key) for v in value]
        if key in _KEPT or isinstance(value, bool):
            return value
        if key in _KEYS and isinstance(value, (str, int)):
            return _DIGIT.sub("0", str(value))
        if key == "name" and isinstance(value, str):
            return self._names.get(value) or self._text(value)  # ours were given before they came or went
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, (int, float)) and abs(value) >= _SHORTEST_NUMBER:
            return REDACTED
        return value

    def close(self) -> None:
        """Close the file; the session goes on without it."""
        self._file.close()


def _says_twice(text: str) -> bool:
    """Whether a key comes twice in an object: only the last of them was looked at."""
    twice = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal twice
        twice |= len(pairs) != len({key for key, _ in pairs})

    json.loads(text, object_pairs_hook=look)
    return twice
