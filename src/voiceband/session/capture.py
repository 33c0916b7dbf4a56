"""Captures both directions of a call's wire as JSON lines, and replays them into the same events and samples.

    {"time": 12.34, "way": "received", "text": "..."}
    {"time": 12.36, "way": "sent", "text": "...", "utterance": "reply-7"}

Extra headers, custom parameters and what looks like a phone number are left out unless asked for. Lines that were sent
have what the texts themselves do not say: the utterance of audio and of its last checkpoint, at a clear the ledger.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from voiceband.dsp.base64 import base64_decode
from voiceband.session.checkpoints import Waiting
from voiceband.session.ledger import Utterance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Self, TextIO

    from voiceband.session.events import SessionEvent
    from voiceband.session.session import Session

REDACTED = "[redacted]"
_PHONE = re.compile(r"(?<![\w.-])\+?\d[\d ()./-]{5,18}\d(?![\w.-])")
_SECRET = ("extra_headers", "extraHeaders", "customParameters", "custom_parameters", "accountId", "account_id")
_KEPT = (
    *("event", "payload", "timestamp", "sequenceNumber", "chunk", "streamId", "stream_id", "callId", "callUUID"),
    *("name", "encoding", "contentType", "sampleRate", "track", "digit"),
)


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
        self._file: TextIO = Path(path).open("w", encoding="utf-8", buffering=1)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def received(self, message: object, now: float) -> None:
        """Note a message from the far end; called by the session."""
        text = message
        if isinstance(text, (bytes, bytearray, memoryview)):
            text = bytes(text).decode("utf-8", "backslashreplace")
        self._write({"time": now, "way": "received", "text": self._clean(str(text))})

    def sent(self, texts: list[str], now: float, notes: list[dict[str, Any]]) -> None:
        """Note texts that go out, each with what it does not say itself; called by the session."""
        for text, note in zip(texts, notes, strict=True):
            self._write({"time": now, "way": "sent", "text": self._clean(text), **note})

    def round_trip(self, seconds: float) -> None:
        """Note a round trip that the driver measured; called by the session."""
        self._write({"way": "round_trip", "seconds": seconds})

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")

    def _clean(self, text: str) -> str:
        if not self.redact:
            return text
        try:
            raw = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
            return _PHONE.sub(REDACTED, text)
        cleaned = _redacted(raw)
        return text if cleaned == raw else msgspec.json.encode(cleaned).decode()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _redacted(value: Any, key: str = "") -> Any:
    if key in _SECRET:
        return REDACTED if value else value
    if isinstance(value, dict):
        return {k: _redacted(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_redacted(v, key) for v in value]
    if isinstance(value, str) and key not in _KEPT:
        return _PHONE.sub(REDACTED, value)
    return value


def replay(lines: Iterable[str] | str | Path, session: Session) -> Iterator[tuple[float, SessionEvent]]:
    """Run a capture through a fresh session.

    Parameters
    ----------
    lines : iterable of str, or path-like
        The capture, or where it is.
    session : Session
        With the options of the one that was captured; nothing has happened to it yet.

    Yields
    ------
    time, event : float, SessionEvent
        What the captured session told its agent. Its agent's own calls (`drain`, `mute`, changed stages) are not in a
        capture, and neither is what came of them.
    """
    if isinstance(lines, (str, Path)):
        lines = Path(lines).read_text(encoding="utf-8").splitlines()
    spoken: dict[str, Utterance] = {}
    for line in lines:
        entry = json.loads(line)
        if entry["way"] == "round_trip":
            session.round_trip(entry["seconds"])
            continue
        now = entry["time"]
        if entry["way"] == "received":
            for event in session.receive(entry["text"], now):
                yield now, event
        else:
            _sent(session, entry, spoken)


def _sent(session: Session, entry: dict[str, Any], spoken: dict[str, Utterance]) -> None:
    """Bring the ledger to where it was when a text left."""
    out = session._out
    raw = json.loads(entry["text"])
    now = entry["time"]
    if out is None:
        return
    if raw["event"] == "playAudio":
        name = entry["utterance"]
        utterance = spoken.get(name)
        if utterance is None or utterance.interrupted:
            utterance = spoken[name] = Utterance(name)
            utterance._ms = 1000 / out.wire.sample_rate
        n = len(base64_decode(raw["media"]["payload"])) // out.wire.sample_bytes
        if not utterance.sent:
            out.ledger.begin(utterance, now)
        utterance.sent += n
        utterance.queued = max(utterance.queued, utterance.sent)
        out.clock.sent(n, now)
        session._count.sent([entry["text"]])
    elif raw["event"] == "checkpoint":
        kind = entry["kind"]
        if kind == "end" and entry["utterance"] in spoken:
            spoken[entry["utterance"]].ended = True
        waiting = Waiting(raw["name"], kind, out.clock.position, entry["timeout_s"], None)
        if kind != "probe":
            out.clock.expect(raw["name"])
        out.checkpoints.add(waiting)
        out.checkpoints.sent(waiting, now, out.clock.ends_by())
        session._deadline = out.checkpoints.next_deadline
    elif raw["event"] == "clearAudio":
        for name, queued, content_ms in entry["ledger"]:
            utterance = spoken.get(name)
            if utterance is None or utterance.interrupted:
                utterance = spoken[name] = Utterance(name)
                utterance._ms = 1000 / out.wire.sample_rate
            utterance.queued, utterance.content_ms = queued, content_ms
            if not utterance.sent:
                out.pacer.queue.append(utterance)
        session.interrupt(entry["at"])
        session.poll(now)
