"""What the carrier makes of an agent's messages.

What it cannot use is a `RefusedMessageError` that says why. What documents and real programs disagree about is a doubt:
the observed profile does as the programs expect, the documented one refuses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from voiceband._values import read_int
from voiceband.dsp.base64 import base64_decode
from voiceband.emulator.carrier.wav_bytes import read_wav_bytes
from voiceband.formats import PLIVO_FORMATS, AudioFormat, Encoding

if TYPE_CHECKING:
    from collections.abc import Mapping

DIGITS = frozenset("0123456789*#ABCD")
COMMANDS = ("playAudio", "checkpoint", "clearAudio", "sendDTMF")
PROFILES = ("observed", "documented")
"""What a carrier does with what is doubtful: as real programs rely on, or as the documents say."""
L16_24K = AudioFormat(Encoding.L16, 24000)

Doubts = dict[str, str]
"""What is doubtful about a message: texts by the names of rules, each with the sources that disagree."""


class RefusedMessageError(ValueError):
    """A message that the carrier does not take.

    Parameters
    ----------
    rule : str
        Which of `voiceband.emulator.RULES` it breaks.
    text : str
        What is wrong with it.
    """

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule


class Sound(NamedTuple):
    """The audio of one playAudio: samples as they came, without a file's header, and what they are."""

    payload: bytes
    format: AudioFormat


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


def read_sound(raw: Mapping[str, Any], wire: AudioFormat, doubts: Doubts) -> Sound:
    """Return the audio of a playAudio on a stream of `wire`; what is doubtful about it goes into `doubts`."""
    media = _field(raw, "media")
    if not isinstance(media, dict):
        raise RefusedMessageError("bad-field", "a message that cannot be used: its media is no object")
    mime, rate = media.get("contentType"), media.get("sampleRate")
    usual = mime == wire.mime and rate == wire.sample_rate and rate is not True
    given = wire if usual else _format(mime, rate, wire, doubts)
    try:
        payload = base64_decode(_field(media, "payload"))
    except (ValueError, TypeError) as error:
        raise RefusedMessageError("bad-field", f"a message that cannot be used: {error}") from None
    if mime == "wav" and payload.startswith(b"RIFF"):
        try:
            payload, given = read_wav_bytes(payload)
        except ValueError as error:
            raise RefusedMessageError("wrong-format", f"contentType 'wav': {error}") from None
        _compare(given, wire, doubts)
    if len(payload) % given.sample_bytes:
        raise RefusedMessageError("odd-bytes", f"playAudio of {len(payload)} bytes, which are no whole samples")
    return Sound(payload, given)


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


def check_stream(raw: Mapping[str, Any], stream_id: str, doubts: Doubts) -> None:
    """Refuse what is meant for another stream; a clearAudio that names none is doubtful."""
    given = raw.get("streamId")
    if given == stream_id:
        return
    if given is None and raw["event"] == "clearAudio":
        doubts["wrong-stream-id"] = (
            "clearAudio without streamId: the schema of Plivo's reference requires it, official samples leave it out, "
            "and a socket belongs to one stream"
        )
        return
    raise RefusedMessageError("wrong-stream-id", f"streamId {given!r:.60} is not this stream's")


def _format(mime: object, rate: object, wire: AudioFormat, doubts: Doubts) -> AudioFormat:
    """Return the format that a message names in some other way than the stream does."""
    encoding = _encoding(mime, wire, doubts)
    absent = [name for name, value in (("contentType", mime), ("sampleRate", rate)) if value is None]
    if absent:
        doubts["bad-field"] = (
            f"playAudio without {' and '.join(absent)}: the schema of Plivo's reference requires it, Plivo's Java SDK "
            "leaves out what is null"
        )
    if rate is None:
        hz: int | None = wire.sample_rate if encoding is wire.encoding else 8000
    else:
        hz = read_int(rate)
    if hz is None or hz < 1:
        raise RefusedMessageError(
            "bad-field", f"a message that cannot be used: sampleRate must be a number of Hz, not {rate!r:.60}"
        )
    given = AudioFormat(encoding, hz)
    if given not in PLIVO_FORMATS and given != L16_24K:
        allowed = "8000" if encoding is Encoding.MULAW else "8000 and 16000"
        raise RefusedMessageError("wrong-format", f"playAudio of {given}: there is {encoding.value} at {allowed} only")
    _compare(given, wire, doubts)
    return given


def _encoding(mime: object, wire: AudioFormat, doubts: Doubts) -> Encoding:
    if mime is None:
        return wire.encoding
    if not isinstance(mime, str):
        raise RefusedMessageError(
            "bad-field", f"a message that cannot be used: contentType must be a text, not {mime!r:.60}"
        )
    for encoding in (Encoding.MULAW, Encoding.L16):
        if mime == encoding.value:
            return encoding
        if mime.lower() == encoding.value:
            doubts["wrong-format"] = (
                f"contentType {mime!r}: a MIME type has no case, the list of Plivo's reference has one"
            )
            return encoding
    if mime in ("raw", "wav"):
        doubts["wrong-format"] = (
            f"contentType {mime!r}: Plivo's reference does not have it any more, older documents and Plivo's own "
            "samples do"
        )
        return wire.encoding
    raise RefusedMessageError(
        "wrong-format", f"contentType {mime!r:.60}: it must be audio/x-mulaw or audio/x-l16, to the letter"
    )


def _compare(given: AudioFormat, wire: AudioFormat, doubts: Doubts) -> None:
    """Doubt a format that is not the stream's."""
    if given == L16_24K:
        doubts["wrong-format"] = (
            "playAudio of L16 at 24000 Hz: one page of Plivo's API and a sibling carrier have it, the page of the "
            "Stream element has 8000 and 16000"
        )
    elif given != wire:
        doubts.setdefault(
            "wrong-format",
            f"playAudio of {given} on a stream of {wire}: Plivo's reference says that they must match, two of its "
            "guides send another one",
        )


def _field(raw: Mapping[str, Any], name: str) -> Any:
    if name not in raw:
        raise RefusedMessageError("bad-field", f"a message that cannot be used: it has no {name}")
    return raw[name]
