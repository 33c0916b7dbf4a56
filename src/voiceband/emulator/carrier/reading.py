"""What the carrier makes of an agent's messages. What it cannot use is a `RefusedMessageError` that says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from voiceband._values import read_int
from voiceband.dsp.base64 import base64_decode
from voiceband.formats import AudioFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

DIGITS = frozenset("0123456789*#ABCD")
COMMANDS = ("playAudio", "checkpoint", "clearAudio", "sendDTMF")


class RefusedMessageError(ValueError):
    """A message that the carrier does not take.

    Parameters
    ----------
    rule : str
        Which of `voiceband.emulator.judge.findings.RULES` it breaks.
    text : str
        What is wrong with it.
    """

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule


def read_object(message: str) -> dict[str, Any]:
    """Return the object that a message is, whatever it holds."""
    try:
        raw = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RefusedMessageError("invalid-message", f"a message that cannot be used: {error}") from None
    if not isinstance(raw, dict):
        raise RefusedMessageError("invalid-message", "a message that cannot be used: it is no object")
    return raw


def claimed_event(message: str | None) -> str:
    """Return the event that a message claims to be, for the log; "invalid" of one that claims none."""
    try:
        event = read_object(message or "").get("event")
    except RefusedMessageError:
        return "invalid"
    return event[:60] if isinstance(event, str) else "invalid"


def event_name(raw: Mapping[str, Any]) -> str:
    """Return which command it is."""
    event = _field(raw, "event")
    if not isinstance(event, str):
        raise RefusedMessageError("bad-field", f"a message that cannot be used: its event is {event!r:.60}")
    if event not in COMMANDS:
        rule = "media-event" if event == "media" else "unknown-event"
        raise RefusedMessageError(rule, f"event {event[:60]!r}: an agent cannot send it")
    return event


def audio(raw: Mapping[str, Any], wanted: AudioFormat) -> bytes:
    """Return the samples of a playAudio, which must be in the stream's format."""
    media = _field(raw, "media")
    if not isinstance(media, dict):
        raise RefusedMessageError("bad-field", "a message that cannot be used: its media is no object")
    mime, rate = _field(media, "contentType"), _field(media, "sampleRate")
    encoded = _field(media, "payload")
    if mime != wanted.mime or rate != wanted.sample_rate:
        given = _format(mime, rate)
        if given != wanted:
            raise RefusedMessageError("wrong-format", f"playAudio of {given} on a stream of {wanted}")
    try:
        payload = base64_decode(encoded)
    except (ValueError, TypeError) as error:
        raise RefusedMessageError("bad-field", f"a message that cannot be used: {error}") from None
    if len(payload) % wanted.sample_bytes:
        raise RefusedMessageError("odd-bytes", f"playAudio of {len(payload)} bytes, which are no whole samples")
    return payload


def checkpoint_name(raw: Mapping[str, Any]) -> str:
    """Return the name of a checkpoint."""
    name = _field(raw, "name")
    if not isinstance(name, str):
        raise RefusedMessageError(
            "bad-field", f"a message that cannot be used: its name is {name!r:.60}, which is no text"
        )
    return name


def digits(raw: Mapping[str, Any]) -> str:
    """Return the keys of a sendDTMF."""
    keys = _field(raw, "dtmf")
    if not isinstance(keys, str) or not keys or set(keys) - DIGITS:
        raise RefusedMessageError("bad-field", f"sendDTMF of {keys!r:.60}: it takes a text of 0-9*#A-D")
    return keys


def check_stream(raw: Mapping[str, Any], stream_id: str) -> None:
    """Refuse what is meant for another stream."""
    given = raw.get("streamId")
    if given != stream_id:
        raise RefusedMessageError("wrong-stream-id", f"streamId {given!r:.60} is not this stream's")


def _format(mime: Any, rate: Any) -> AudioFormat:
    """Return the format that a message names in some other way than the stream does."""
    hz = read_int(rate)
    if hz is None:
        raise RefusedMessageError(
            "bad-field", f"a message that cannot be used: sampleRate must be a number of Hz, not {rate!r:.60}"
        )
    if not isinstance(mime, str):
        raise RefusedMessageError(
            "bad-field", f"a message that cannot be used: contentType must be a text, not {mime!r:.60}"
        )
    try:
        return AudioFormat.parse(mime, hz)
    except ValueError as error:
        raise RefusedMessageError("wrong-format", f"a message that cannot be used: {error}") from None


def _field(raw: Mapping[str, Any], name: str) -> Any:
    if name not in raw:
        raise RefusedMessageError("bad-field", f"a message that cannot be used: it has no {name}")
    return raw[name]
